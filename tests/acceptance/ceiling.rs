//! A tube keeps its ceiling with many flows in it, each way, and says truly what it carries.

use std::time::Duration;

use crate::world::load::{Meter, Sink, Tunnel, Way, runtime};
use crate::world::setup::NEWS;
use crate::world::{Setup, World};

const CEILING: f64 = 20_000_000.0;
const FIRST: Duration = Duration::from_secs(1);
const WHOLE: Duration = Duration::from_secs(12);
const WINDOW: Duration = Duration::from_secs(2);

/// Bytes are counted where they arrive: a sender's own count includes what lies in buffers.
#[test]
fn sixteen_tunnels_each_way_stay_within_five_percent_of_the_ceiling() {
    runtime().block_on(async {
        let sink = Sink::start().await;
        let world = World::alone(&Setup::with_ceiling("20 Mbit/s", "20 Mbit/s"));
        let authority = format!("{NEWS}:{}", sink.address.port());
        let down = Meter::new();
        let mut tunnels = Vec::new();
        for seed in 0..32 {
            let way = if seed % 2 == 0 { Way::Down } else { Way::Up };
            tunnels.push(Tunnel::open(world.proxy(), &authority, way, seed, &down).await.unwrap());
        }
        // Both meters began before the first tunnel; the first second begins when all of them move.
        let (first, up_first) = (down.elapsed() + FIRST, sink.meter.elapsed() + FIRST);
        let mut used = [Vec::new(), Vec::new()];
        while down.elapsed() < first + WHOLE {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if down.elapsed() < first + FIRST {
                continue;
            }
            let scrape = tokio::task::block_in_place(|| world.scrape());
            for (direction, used) in ["down", "up"].iter().zip(&mut used) {
                let labels = [("tube", "internet"), ("direction", direction)];
                used.push(scrape.value("clearway_tube_used_bits_per_second", &labels));
                let limit = scrape.value("clearway_tube_limit_bits_per_second", &labels);
                assert!((limit - CEILING).abs() < 1.0, "the limit {direction} is {limit}");
            }
        }
        for (way, meter, first, used) in [("down", &down, first, &used[0]), ("up", &sink.meter, up_first, &used[1])] {
            let windows = meter.windows(first, first + WHOLE, WINDOW);
            for (at, rate) in &windows {
                let share = rate / CEILING;
                assert!((0.95..=1.05).contains(&share), "{way}: {share:.3} of the ceiling in two seconds from {at:?}");
            }
            let counted = meter.rate(first, first + WHOLE);
            let told = used.iter().sum::<f64>() / used.len() as f64;
            println!("{way}: {counted:.0} bit/s counted, {told:.0} told, {} windows", windows.len());
            assert!((told / counted - 1.0).abs() <= 0.05, "{way}: told {told:.0}, counted {counted:.0}");
        }
        for tunnel in &tunnels {
            let moved = if tunnel.seed % 2 == 0 { tunnel.meter.total() } else { u64::MAX };
            assert!(!tunnel.is_over() && moved > 0, "tunnel {} starved", tunnel.seed);
        }
    });
}

#[test]
fn what_one_flow_leaves_another_may_use() {
    runtime().block_on(async {
        let sink = Sink::start().await;
        let world = World::alone(&Setup::with_ceiling("20 Mbit/s", "20 Mbit/s"));
        let authority = format!("{NEWS}:{}", sink.address.port());
        let down = Meter::new();
        let _alone = Tunnel::open(world.proxy(), &authority, Way::Down, 1, &down).await.unwrap();
        // Others are open, but ask for nothing.
        let mut idle = Vec::new();
        for seed in 2..10 {
            idle.push(Tunnel::open(world.proxy(), &authority, Way::Up, seed, &down).await.unwrap());
        }
        for tunnel in idle {
            tunnel.close().await;
        }
        let from = down.elapsed() + FIRST;
        tokio::time::sleep(FIRST + Duration::from_secs(3)).await;
        let rate = down.rate(from, from + Duration::from_secs(3));
        assert!((0.95..=1.05).contains(&(rate / CEILING)), "{rate:.0} bit/s");
    });
}
