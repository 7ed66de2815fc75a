//! What a grant costs with 1, 200 and 20,000 flows waiting, ten flows a client.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use clearway::base::clock;
use clearway::base::{Moment, Rate, TubeId};
use clearway::tube::tree::{Layout, Stretch, Tree};
use clearway::tube::{ShareBy, Sharer};

fn main() {
    divan::main();
}

const WANT: usize = 16 * 1024;

/// The example's tubes on a saturated link, with so many flows waiting in `social`.
fn crowd(flows: u32) -> (Tree, Moment) {
    let rate = |megabits: u64| Rate::from_bits_per_second(megabits * 1_000_000);
    let stretch = |name: &str, within: Option<&str>, priority, ceiling| Stretch {
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
    let now = clock::now();
    let mut tree = Tree::new(now);
    tree.apply(&Layout { link: rate(100), tubes }, now);
    for flow in 0..flows {
        let client = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + flow / 10));
        if let Some(flow) = tree.admit(&TubeId::from("social"), Sharer { client, user: None }) {
            tree.enqueue(flow, WANT, now);
        }
    }
    (tree, now)
}

#[divan::bench(args = [1, 200, 20_000])]
fn grant(bencher: divan::Bencher<'_, '_>, flows: u32) {
    let (mut tree, mut now) = crowd(flows);
    bencher.bench_local(move || {
        // 2 ms at 30 Mbit/s bring one grant of 7,500 bytes.
        now += Duration::from_millis(2);
        let grant = tree.next(now);
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
