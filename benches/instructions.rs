//! How many instructions it takes to sniff a hello, to decide a flow, and to give a grant: a count that no other load of
//! the machine changes. It needs valgrind, under which this program starts itself again; without it, it says so.
// A bench stops where it cannot be set up, and prints what it found.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
// The files that are shared with the bench of the whole program have more than is used here.
#![allow(dead_code)]

#[path = "gateway/estate.rs"]
mod estate;
#[path = "gateway/hello.rs"]
mod hello;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Duration;

use clearway::base::{Rate, Target, TubeId, clock};
use clearway::flow::{Plan, Question};
use clearway::sniff::tls;
use clearway::tube::tree::{Layout, Stretch, Tree};
use clearway::tube::{ShareBy, Sharer};
use clearway::{config, daemon};
use hello::{Wish, hello};

/// What is counted: a name, what it is, and how to do it so many times.
type Work = (&'static str, &'static str, fn(u64));

const ALL: [Work; 3] = [
    ("sniff", "the name in a ClientHello of 1 KiB", sniff),
    ("decide", "a clinical name against 100,000 names and 50 rules", decide),
    ("grant", "a grant in a tube where 200 flows wait", grant),
];

/// Enough that what happens once is lost among them.
const TIMES: u64 = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, name, times] = &arguments[..]
        && let Some((_, _, work)) = ALL.iter().find(|(known, ..)| known == name)
    {
        return work(times.parse().unwrap());
    }
    for (name, about, _) in ALL {
        match (count(name, TIMES), count(name, 2 * TIMES)) {
            (Some(once), Some(twice)) => println!("{name:<8} {:>8} instructions   {about}", (twice - once) / TIMES),
            _ => return println!("instructions are not counted: valgrind is missing, or does not run here"),
        }
    }
}

/// The instructions inside [`counted`] when a piece of work is done so many times.
fn count(name: &str, times: u64) -> Option<u64> {
    let said = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted*"])
        .arg(std::env::current_exe().ok()?)
        .args([name, &times.to_string()])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

/// What is set up before is not counted.
#[inline(never)]
fn counted(times: u64, mut once: impl FnMut()) {
    (0..times).for_each(|_| once());
}

fn sniff(times: u64) {
    let bytes = hello(estate::CLINICAL, Wish::Echo);
    assert!(matches!(tls::hello(&bytes), tls::Hello::Client { name: Some(_), .. }));
    counted(times, || {
        black_box(tls::hello(black_box(&bytes)));
    });
}

fn decide(times: u64) {
    let plan = plan();
    let target: Target = format!("{}:443", estate::CLINICAL).parse().unwrap();
    let groups = plan.groups_of(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), None);
    let question = Question { groups: &groups, target: &target, path: None, said: None, at: clock::wall() };
    assert_eq!(plan.judge(&question).rule_id().as_str(), "clinical-always");
    counted(times, || {
        black_box(plan.judge(black_box(&question)));
    });
}

fn plan() -> Plan {
    let dir = tempfile::tempdir().unwrap();
    let file = estate::write(dir.path(), &[]).unwrap();
    daemon::plan(&config::read(&file, clock::wall(), config::Keep::Look).config.unwrap(), 1).unwrap()
}

fn grant(times: u64) {
    const WANT: usize = 16 * 1024;
    let rate = |megabits: u64| Rate::from_bits_per_second(megabits * 1_000_000);
    let stretch = |name, within: Option<&str>, priority, ceiling| Stretch {
        id: TubeId::from(name),
        within: within.map(TubeId::from),
        priority,
        ceiling,
        floor: None,
        share_by: ShareBy::Client,
    };
    let tubes = vec![
        stretch("clinical", None, 0, None),
        stretch("internet", None, 1, rate(60)),
        stretch("social", Some("internet"), 2, rate(30)),
    ];
    let mut now = clock::now();
    let mut tree = Tree::new(now);
    tree.apply(&Layout { link: rate(100), turns: false, tubes }, now);
    for flow in 0..200 {
        let client = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + flow / 10));
        let flow = tree.admit(&TubeId::from("social"), Sharer { client, user: None }).unwrap();
        tree.enqueue(flow, WANT, now);
    }
    counted(times, || {
        // 2 ms at 30 Mbit/s bring one grant of 7,500 bytes.
        now += Duration::from_millis(2);
        let grant = tree.next(now).unwrap();
        tree.enqueue(grant.flow, WANT, now);
    });
}
