//! What a grant costs with 1, 200 and 20,000 flows waiting, ten flows a client, and the memory that flows take.

use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Waker};
use std::time::Duration;

use clearway::base::{Calendar, Direction, Moment, Rate, TubeId, clock};
use clearway::tube::tree::{Layout, Setting, Stretch, Tree};
use clearway::tube::{Limit, Link, Pass, ShareBy, Sharer, Spec, Tube, Tubes};

fn main() {
    memory();
    divan::main();
}

const WANT: usize = 16 * 1024;
const FLOWS: u32 = 20_000;

fn rate(megabits: u64) -> Option<Rate> {
    Rate::from_bits_per_second(megabits * 1_000_000)
}

/// The example's tubes: name, within, priority, ceiling.
fn tubes() -> [(&'static str, Option<&'static str>, u8, Option<Rate>); 3] {
    [("clinical", None, 0, None), ("internet", None, 1, rate(60)), ("social", Some("internet"), 2, rate(30))]
}

/// Ten flows a client.
fn sharer(flow: u32) -> Sharer {
    Sharer { client: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + flow / 10)), user: None }
}

/// The example's tubes on a saturated link, with so many flows waiting in `social`.
fn crowd(flows: u32) -> (Tree, Moment) {
    let tubes = tubes().map(|(name, within, priority, ceiling)| Stretch {
        id: TubeId::from(name),
        within: within.map(TubeId::from),
        priority,
        ceiling,
        floor: None,
        share_by: ShareBy::Client,
    });
    let now = clock::now();
    let mut tree = Tree::new(now);
    tree.apply(&Layout { link: rate(100), turns: false, tubes: tubes.to_vec() }, now);
    for flow in 0..flows {
        if let Some(flow) = tree.admit(&TubeId::from("social"), sharer(flow)) {
            tree.enqueue(flow, WANT, now);
        }
    }
    (tree, now)
}

// Samples long enough that the turns go round all the flows: the first ones alone stay in the cache.
#[divan::bench(args = [1, 200, 20_000], sample_count = 100, sample_size = 2_000)]
fn grant(bencher: divan::Bencher<'_, '_>, flows: u32) {
    let (mut tree, mut now) = crowd(flows);
    bencher.bench_local(move || {
        // 2 ms at 30 Mbit/s bring one grant of 7,500 bytes.
        now += Duration::from_millis(2);
        let grant = tree.next(now);
        assert!(grant.is_some());
        if let Some(grant) = grant {
            tree.enqueue(grant.flow, WANT, now);
        }
        grant
    });
}

#[divan::bench(args = [1, 200, 20_000])]
fn when_the_next_is_due(bencher: divan::Bencher<'_, '_>, flows: u32) {
    let (tree, now) = crowd(flows);
    bencher.bench_local(move || tree.wake_at(now));
}

/// What the governor does every few milliseconds.
#[divan::bench(args = [1, 200, 20_000])]
fn another_rate(bencher: divan::Bencher<'_, '_>, flows: u32) {
    let (mut tree, mut now) = crowd(flows);
    let mut turn = 0;
    bencher.bench_local(move || {
        turn += 1;
        now += Duration::from_micros(10);
        let setting = Setting { rate: rate(90 + turn % 7), behind: Duration::ZERO, turns: None, counts_clear: false };
        tree.govern(&setting, now);
    });
}

/// Measured, not added up: what the process occupies more once so many flows are in the tubes, as relays hold them, and
/// wait both ways.
#[allow(clippy::print_stdout)] // a bench's result
fn memory() {
    let zone = jiff::tz::TimeZone::UTC;
    let calendar = Calendar { zone, bank_holidays: [].into() };
    let both = |rate| Limit { down: rate, up: rate };
    let tubes = tubes().map(|(name, within, priority, ceiling)| Tube {
        id: TubeId::from(name),
        within: within.map(TubeId::from),
        priority,
        ceiling: both(ceiling),
        floor: Limit::default(),
        share_by: ShareBy::Client,
        flows: None,
        egress: None,
        peak: Vec::new(),
    });
    let spec = Spec { link: Link { rate: both(rate(100)), ..Link::default() }, tubes: tubes.to_vec() };
    let tubes = Tubes::new(&spec, &calendar, clock::wall());
    let before = resident();
    let mut passes: Vec<Pass> = Vec::new();
    for flow in 0..FLOWS {
        if let Ok(pass) = tubes.admit(&TubeId::from("social"), sharer(flow)) {
            for direction in Direction::BOTH {
                let _ = pass.poll_take(&mut Context::from_waker(Waker::noop()), direction, WANT);
            }
            passes.push(pass);
        }
    }
    if let (Some(before), Some(after)) = (before, resident()) {
        let each = (after.saturating_sub(before)) * 1024 / u64::from(FLOWS);
        println!("{} flows of {} clients: {each} bytes a flow, both ways, by VmRSS", passes.len(), FLOWS / 10);
    }
}

/// KiB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
