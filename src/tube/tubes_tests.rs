//! The handle with real tasks and the real clock.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::base::Rate;
use crate::tube::spec::{Limit, Link, Peak, ShareBy};
use jiff::tz::TimeZone;
use tokio::time::sleep;

fn calendar() -> Calendar {
    Calendar { zone: TimeZone::UTC, bank_holidays: [].into() }
}

fn noon() -> Timestamp {
    "2026-11-24T12:30:00Z".parse().unwrap()
}

fn limit(rate: &str) -> Limit {
    let rate: Option<Rate> = Some(rate.parse().unwrap());
    Limit { down: rate, up: rate }
}

fn tube(name: &str, within: Option<&str>, priority: u8, ceiling: Limit) -> Tube {
    Tube {
        id: TubeId::from(name),
        within: within.map(TubeId::from),
        priority,
        ceiling,
        floor: Limit::default(),
        share_by: ShareBy::Client,
        flows: None,
        egress: None,
        peak: Vec::new(),
    }
}

fn spec() -> Spec {
    let mut internet = tube("internet", None, 1, limit("60 Mbit/s"));
    internet.peak = vec![Peak { when: "12:00-14:00".parse().unwrap(), ceiling: limit("20 Mbit/s") }];
    Spec {
        link: Link { rate: limit("100 Mbit/s"), ..Link::default() },
        tubes: vec![
            tube("clinical", None, 0, Limit::default()),
            internet,
            tube("social", Some("internet"), 2, limit("30 Mbit/s")),
        ],
    }
}

fn sharer(number: usize) -> Sharer {
    Sharer { client: IpAddr::from(u32::try_from(number).unwrap().to_be_bytes()), user: None }
}

fn reading(tubes: &Tubes, name: &str) -> Reading {
    tubes.readings(clock::now()).into_iter().find(|reading| reading.tube.as_str() == name).unwrap()
}

/// Tasks that take from a tube for ever, and what they took.
struct Greedy {
    taken: Arc<AtomicUsize>,
    passes: Vec<Arc<Pass>>,
    tasks: tokio::task::JoinSet<()>,
}

fn greedy(tubes: &Tubes, name: &str, flows: usize) -> Greedy {
    let taken = Arc::new(AtomicUsize::new(0));
    let mut greedy = Greedy { taken: Arc::clone(&taken), passes: Vec::new(), tasks: tokio::task::JoinSet::new() };
    for number in 0..flows {
        let pass = Arc::new(tubes.admit(&TubeId::from(name), sharer(number)).unwrap());
        greedy.passes.push(Arc::clone(&pass));
        let taken = Arc::clone(&taken);
        greedy.tasks.spawn(async move {
            loop {
                let grant = pass.take(Direction::Down, 16_384).await;
                taken.fetch_add(grant.bytes, Ordering::Relaxed);
            }
        });
    }
    greedy
}

/// Mbit/s over a time, by what was taken and the time that really passed.
async fn rate(greedy: &Greedy, time: Duration) -> f64 {
    let (from, before) = (clock::now(), greedy.taken.load(Ordering::Relaxed));
    sleep(time).await;
    let bytes = greedy.taken.load(Ordering::Relaxed) - before;
    bytes as f64 * 8e-6 / from.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ceiling_is_held_and_reached_by_16_and_by_200_flows() {
    let tubes = Tubes::new(&spec(), &calendar(), noon());
    let _driver = tubes.drive(|| None).unwrap();
    for flows in [16, 200] {
        let greedy = greedy(&tubes, "internet", flows);
        sleep(Duration::from_millis(100)).await;
        let rate = rate(&greedy, Duration::from_secs(2)).await;
        assert!((19.4..=20.4).contains(&rate), "{flows} flows: {rate}");
        let reading = reading(&tubes, "internet");
        assert_eq!((reading.flows, reading.down.limit), (u32::try_from(flows).unwrap(), Some(20_000_000)));
        assert!((19_000_000..=21_000_000).contains(&reading.down.used), "{reading:?}");
        assert!(reading.waiting as usize >= flows - 10, "{reading:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_ceiling_holds_for_flows_that_are_already_there() {
    let tubes = Tubes::new(&spec(), &calendar(), noon());
    let _driver = tubes.drive(|| None).unwrap();
    let greedy = greedy(&tubes, "internet", 16);
    for (at, expected) in [("2026-11-24T14:00:00Z", 57.0..=61.5), ("2026-11-25T12:00:00Z", 19.0..=20.6)] {
        tubes.apply(&spec(), &calendar(), at.parse().unwrap());
        sleep(Duration::from_millis(50)).await;
        let rate = rate(&greedy, Duration::from_secs(1)).await;
        assert!(expected.contains(&rate), "{at}: {rate}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clear_flows_never_wait_under_a_flood() {
    let tubes = Tubes::new(&spec(), &calendar(), noon());
    let _driver = tubes.drive(|| None).unwrap();
    let flood = greedy(&tubes, "social", 200);
    let clinical = tubes.admit(&TubeId::from("clinical"), sharer(1)).unwrap();
    for _ in 0..200 {
        let grant = clinical.take(Direction::Down, 50_000).await;
        assert_eq!(grant, crate::tube::Grant { bytes: 50_000, waited: Duration::ZERO });
        sleep(Duration::from_millis(4)).await;
    }
    // 80 to 100 Mbit/s of the link are taken; social had the rest, or its trickle.
    let taken = flood.taken.load(Ordering::Relaxed);
    assert!(taken > 10_000, "{taken}");
    assert!(reading(&tubes, "clinical").down.used > 40_000_000);
}

#[tokio::test]
async fn after_a_long_time_of_clear_traffic_alone_nobody_pays_for_it_at_once() {
    let tubes = Tubes::new(&spec(), &calendar(), noon());
    let clinical = tubes.admit(&TubeId::from("clinical"), sharer(1)).unwrap();
    let social = tubes.admit(&TubeId::from("social"), sharer(2)).unwrap();
    for _ in 0..10 {
        // At most 50 of the link's 100 Mbit/s.
        sleep(Duration::from_millis(20)).await;
        clinical.take(Direction::Down, 125_000).await;
    }
    // Nobody drives: only a grant that needs no waiting comes. The first may be the trickle's, the second is the link's.
    for _ in 0..2 {
        let grant = tokio::time::timeout(Duration::from_secs(5), social.take(Direction::Down, 4000)).await.unwrap();
        assert_eq!(grant, crate::tube::Grant { bytes: 4000, waited: Duration::ZERO });
    }
}

#[tokio::test]
async fn moving_reaches_who_waits_and_loses_no_one() {
    let mut slow = spec();
    slow.tubes[2].ceiling = limit("8 kbit/s");
    let tubes = Tubes::new(&slow, &calendar(), noon());
    let _driver = tubes.drive(|| None).unwrap();
    let greedy = greedy(&tubes, "social", 50);
    sleep(Duration::from_millis(50)).await;
    assert!(reading(&tubes, "social").waiting >= 49);
    let before = greedy.taken.load(Ordering::Relaxed);
    greedy.passes[0].move_to(&TubeId::from("clinical")).unwrap();
    assert_eq!(greedy.passes[0].tube().as_str(), "clinical");
    for pass in &greedy.passes[1..] {
        pass.move_to(&TubeId::from("internet")).unwrap();
    }
    assert_eq!(reading(&tubes, "social").flows, 0);
    // Before they run again: a greedy clear flow would never give the thread away.
    drop(greedy.tasks);
    assert_eq!((reading(&tubes, "internet").flows, reading(&tubes, "clinical").flows), (49, 1));
    for pass in &greedy.passes {
        assert!(pass.take(Direction::Down, 1000).await.bytes > 0);
    }
    assert!(greedy.taken.load(Ordering::Relaxed) >= before);
    drop(greedy.passes);
    assert!(tubes.readings(clock::now()).iter().all(|reading| reading.flows == 0 && reading.waiting == 0));
}

#[tokio::test]
async fn a_tube_is_full_with_the_flows_of_those_within_it_and_empties_again() {
    let mut small = spec();
    small.tubes[1].flows = Some(2);
    let tubes = Tubes::new(&small, &calendar(), noon());
    let admit = |name: &str| tubes.admit(&TubeId::from(name), sharer(1));
    let _internet = admit("internet").unwrap();
    let social = admit("social").unwrap();
    let full = Full::Flows { tube: TubeId::from("internet"), flows: 2 };
    for name in ["internet", "social"] {
        assert_eq!(admit(name).unwrap_err(), full);
    }
    assert_eq!(full.fault(), Fault::new(Side::Policy, Reason::TubeFull));
    assert!(admit("clinical").is_ok());
    assert_eq!(admit("nowhere").unwrap_err(), Full::Unknown(TubeId::from("nowhere")));
    drop(social);
    assert!(admit("social").is_ok());
}

#[tokio::test]
async fn a_tube_that_is_gone_stays_for_its_flows_and_for_one_more_generation() {
    let tubes = Tubes::new(&spec(), &calendar(), noon());
    let social = TubeId::from("social");
    let pass = tubes.admit(&social, sharer(1)).unwrap();
    let mut without = spec();
    without.tubes.pop();
    let names = |tubes: &Tubes| {
        tubes.readings(clock::now()).into_iter().map(|reading| reading.tube.to_string()).collect::<Vec<_>>()
    };
    tubes.apply(&without, &calendar(), noon());
    assert_eq!(names(&tubes), ["clinical", "internet", "social"]);
    assert_eq!(reading(&tubes, "social").down.limit, Some(20_000_000));
    // A plan of the generation before may still send flows to it.
    drop(tubes.admit(&social, sharer(2)).unwrap());
    drop(pass);
    assert_eq!(names(&tubes), ["clinical", "internet"]);
    tubes.apply(&without, &calendar(), noon());
    assert_eq!(tubes.admit(&social, sharer(1)).unwrap_err(), Full::Unknown(social.clone()));
    tubes.apply(&spec(), &calendar(), noon());
    assert!(tubes.admit(&social, sharer(1)).is_ok());
}

#[tokio::test]
async fn a_take_that_is_given_up_leaves_its_grant_to_the_next() {
    let tubes = Tubes::new(&spec(), &calendar(), noon());
    let _driver = tubes.drive(|| None).unwrap();
    let pass = tubes.admit(&TubeId::from("social"), sharer(1)).unwrap();
    let mut total = 0;
    let from = clock::now();
    while from.elapsed() < Duration::from_millis(500) {
        if let Ok(grant) = tokio::time::timeout(Duration::from_micros(300), pass.take(Direction::Up, 16_384)).await {
            total += grant.bytes;
        }
    }
    // 20 Mbit/s for half a second, though nearly every wait was given up.
    assert!(total > 1_100_000, "{total}");
}

/// Flows that come, ask, wait, give up, move and go in many threads, while ceilings change: in the end the book is empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_behind_by_a_crowd() {
    let tubes = Tubes::new(&spec(), &calendar(), noon());
    let _driver = tubes.drive(|| None).unwrap();
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..400 {
        let tubes = tubes.clone();
        crowd.spawn(async move {
            let names = ["social", "internet", "clinical"].map(TubeId::from);
            for turn in 0..3 {
                let pass = tubes.admit(&names[(number + turn) % 3], sharer(number / 8)).unwrap();
                let take = pass.take(if number % 2 == 0 { Direction::Down } else { Direction::Up }, 12_000);
                let _ = tokio::time::timeout(Duration::from_millis(20), take).await;
                pass.move_to(&names[(number + turn + 1) % 3]).unwrap();
                let _ = tokio::time::timeout(Duration::from_millis(20), pass.take(Direction::Down, 3000)).await;
            }
        });
    }
    for _ in 0..20 {
        tubes.apply(&spec(), &calendar(), "2026-11-24T15:00:00Z".parse().unwrap());
        tubes.apply(&spec(), &calendar(), noon());
        tokio::task::yield_now().await;
    }
    while let Some(ended) = crowd.join_next().await {
        ended.unwrap();
    }
    assert!(tubes.readings(clock::now()).iter().all(|reading| reading.flows == 0 && reading.waiting == 0));
}
