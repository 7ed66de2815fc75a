//! What a tube and the link tell of themselves while passes use them.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::sleep;

use super::*;
use crate::base::Calendar;
use crate::tube::{Limit, Link, LinkReading, Reading, ShareBy, Sharer, Spec, Tube};

fn limit(rate: &str) -> Limit {
    let rate: Option<Rate> = Some(rate.parse().unwrap());
    Limit { down: rate, up: rate }
}

fn tube(name: &str, priority: u8, ceiling: Limit) -> Tube {
    Tube {
        id: TubeId::from(name),
        within: None,
        priority,
        floor: Limit::default(),
        ceiling,
        share_by: ShareBy::Client,
        flows: None,
        egress: None,
        peak: Vec::new(),
    }
}

fn tubes(link: Limit) -> Tubes {
    let calendar = Calendar { zone: TimeZone::UTC, bank_holidays: [].into() };
    let spec = Spec {
        link: Link { rate: link, adapt: true, ..Link::default() },
        tubes: vec![
            tube("clinical", 0, Limit::default()),
            tube("internet", 1, limit("10 Mbit/s")),
            tube("social", 2, limit("1 Mbit/s")),
        ],
    };
    Tubes::new(&spec, &calendar, Timestamp::UNIX_EPOCH)
}

fn admit(tubes: &Tubes, name: &str, who: u8) -> Pass {
    tubes.admit(&TubeId::from(name), Sharer { client: IpAddr::from([10, 0, 0, who]), user: None }).unwrap()
}

fn reading(tubes: &Tubes, name: &str) -> Reading {
    tubes.readings(clock::now()).into_iter().find(|reading| reading.tube.as_str() == name).unwrap()
}

/// Takes what the tube has at once, so that the next has to wait.
async fn empty(tubes: &Tubes, name: &str) -> Pass {
    let pass = admit(tubes, name, 9);
    while tokio::time::timeout(Duration::ZERO, pass.take(Direction::Down, 65_536)).await.is_ok() {}
    pass
}

#[tokio::test]
async fn connections_that_wait_to_be_made_are_counted_for_as_long_as_they_do() {
    let tubes = tubes(limit("100 Mbit/s"));
    // Nobody drives, so that who waits goes on waiting.
    let _greedy = empty(&tubes, "social").await;
    let passes = [1, 2, 3].map(|who| admit(&tubes, "social", who));
    let mut opening: Vec<_> = passes.iter().map(|pass| Box::pin(pass.open())).collect();
    for opening in &mut opening {
        assert!(tokio::time::timeout(Duration::ZERO, opening).await.is_err());
    }
    let waiting = |name| reading(&tubes, name).opening;
    assert_eq!((waiting("social"), waiting("internet")), (3, 0));
    passes[0].move_to(&TubeId::from("internet")).unwrap();
    assert_eq!((waiting("social"), waiting("internet")), (2, 1), "they move with their flow");
    drop(opening.pop());
    assert_eq!(waiting("social"), 1, "who gives up waits no more");
    drop(opening);
    assert_eq!((waiting("social"), waiting("internet")), (0, 0));
    assert_eq!(reading(&tubes, "social").opened_after, None, "none was let through");
}

#[tokio::test]
async fn how_long_a_connection_waited_is_told_by_its_opening_and_its_tube() {
    let tubes = tubes(limit("100 Mbit/s"));
    let _driver = tubes.drive(|| None).unwrap();
    assert_eq!(admit(&tubes, "clinical", 1).open().await.waited, Duration::ZERO);
    assert_eq!(reading(&tubes, "clinical").opened_after, None, "clinical has nothing to wait for");
    let _greedy = empty(&tubes, "social").await;
    let opening = admit(&tubes, "social", 1).open().await;
    // What it brings takes 28 ms of the tube's rate.
    assert!(opening.waited > Duration::from_millis(5), "{opening:?}");
    let told = reading(&tubes, "social").opened_after.unwrap();
    assert!(told.abs_diff(opening.waited) <= opening.waited / 4, "{told:?} for {opening:?}");
}

#[tokio::test]
async fn the_wait_of_what_was_granted_is_told_each_way() {
    let tubes = tubes(limit("100 Mbit/s"));
    let _driver = tubes.drive(|| None).unwrap();
    let (social, clinical) = (admit(&tubes, "social", 1), admit(&tubes, "clinical", 1));
    let mut waits = Vec::new();
    for _ in 0..15 {
        waits.push(social.take(Direction::Down, 2_500).await.waited);
        clinical.take(Direction::Down, 2_500).await;
    }
    waits.sort();
    let told = reading(&tubes, "social");
    let median = told.down.wait.unwrap();
    assert!(median.abs_diff(waits[7]) <= waits[7] / 4, "{median:?} of {waits:?}");
    assert_eq!(told.up.wait, None);
    assert_eq!(reading(&tubes, "clinical").down.wait, None, "it never had to ask");
}

#[test]
fn the_link_tells_what_is_given_out_and_what_stands_in_front_of_it() {
    let tubes = tubes(limit("100 Mbit/s"));
    let whole = LinkReading { queue: Some(Duration::ZERO), limit: Some(100_000_000), used: None };
    assert_eq!(tubes.link_readings(clock::now()), [whole, whole], "before anybody looked");
    tubes.look(None);
    tubes.look(None);
    for way in tubes.link_readings(clock::now()) {
        assert!(way.limit.unwrap() < 98_000_000 && way.used.is_none(), "{way:?}");
    }
    // Round trips that take longer than they ever did: a queue stands somewhere, downwards as far as anybody knows.
    let far = IpAddr::from([192, 0, 2, 1]);
    tubes.round_trip(far, Duration::from_millis(10));
    for _ in 0..4 {
        tubes.round_trip(far, Duration::from_millis(30));
    }
    tubes.look(None);
    let [down, _] = tubes.link_readings(clock::now());
    assert_eq!(down.queue, Some(Duration::from_millis(20)));
    assert!(down.limit.unwrap() < 70_000_000, "{down:?}");
}

#[tokio::test]
async fn what_the_interface_carried_is_told_where_it_is_counted() {
    let tubes = tubes(limit("100 Mbit/s"));
    tubes.look(Some([5_000_000, 7_000]));
    tubes.look(Some([5_125_000, 8_000]));
    sleep(Duration::from_millis(100)).await;
    let [down, up] = tubes.link_readings(clock::now());
    assert_eq!((down.used, up.used), (Some(1_000_000), Some(8_000)));
}

#[test]
fn a_link_without_a_rate_has_no_limit_and_no_queue_to_act_on() {
    let tubes = tubes(Limit::default());
    tubes.look(None);
    assert_eq!(tubes.link_readings(clock::now()), [LinkReading::default(); 2]);
}

#[tokio::test]
async fn a_clear_question_goes_at_once_and_a_clear_upload_in_its_turn() {
    let tubes = tubes(limit("8 Mbit/s"));
    let _driver = tubes.drive(|| None).unwrap();
    let pictures = admit(&tubes, "clinical", 1);
    let (began, mut sent) = (clock::now(), 0);
    while sent < 208_000 {
        sent += pictures.take(Direction::Up, 65_536).await.bytes;
        // In the middle of it, and with nothing left for anybody.
        let question = admit(&tubes, "clinical", 2);
        assert_eq!(question.take(Direction::Up, 1).await, Grant { bytes: 1, waited: Duration::ZERO });
    }
    // A megabyte a second, but for its own question of 8 KiB and the few milliseconds that may stand on the wire.
    assert!(began.elapsed() >= Duration::from_millis(190), "{:?}", began.elapsed());
    assert!(reading(&tubes, "clinical").up.wait.is_some(), "who waits for its turn is told");
    assert_eq!(reading(&tubes, "clinical").down.wait, None);
}

#[test]
fn a_question_is_what_comes_first_after_a_pause_however_it_is_cut() {
    let question = Question::default();
    let at = Duration::from_millis;
    let cuts = [(0, 517), (16, 3_000), (17, 60_000), (40, 1_448), (60, 1)];
    assert_eq!(cuts.map(|(ms, want)| question.part(want, at(ms))), [517, 3_000, QUESTION - 3_517, 0, 0]);
    question.waits(true, at(60));
    assert_eq!(question.part(1_000, at(5_000)), 0, "a wait is no pause");
    question.waits(false, at(5_001));
    assert_eq!(question.part(1_000, at(5_090)), 0);
    assert_eq!(question.part(1_000, at(5_102)), 1_000);
}
