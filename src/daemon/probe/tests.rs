//! How often a link is asked, and what real echoes tell.

use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};

use super::*;
use crate::tube::Limit;

fn link(down: &str, up: &str) -> Link {
    let rate = |text: &str| text.parse().ok();
    Link { rate: Limit { down: rate(down), up: rate(up) }, ..Link::default() }
}

#[test]
fn a_busy_link_is_asked_often_a_narrow_one_less_and_one_that_rests_seldom() {
    for (down, up, rests, expected) in [
        ("100 Mbit/s", "40 Mbit/s", false, QUICK),
        ("100 Mbit/s", "40 Mbit/s", true, SLOW),
        ("", "", false, QUICK),
        ("100 Mbit/s", "1 Mbit/s", false, QUICK),
        // 2% of 272 kbit/s is ten echoes a second.
        ("100 Mbit/s", "272 kbit/s", false, Duration::from_millis(100)),
        ("272 kbit/s", "", false, Duration::from_millis(100)),
        ("8 kbit/s", "8 kbit/s", false, SLOW),
    ] {
        assert_eq!(every(&link(down, up), rests), expected, "{down} {up} {rests}");
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let denied = refusal(&io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(denied.contains("ping_group_range") && denied.contains("CAP_NET_RAW"), "{denied}");
    assert_eq!(refusal(&io::Error::other("no such family")), "no such family");
}

/// The prober follows what is wanted: one target, another, none; and has ended when it is dropped.
#[test]
fn answers_come_from_whichever_target_is_wanted_now() {
    let [one, other] = ["127.0.0.1", "127.0.0.2"].map(|text| text.parse::<IpAddr>().unwrap());
    if let Err(error) = Pinger::open(one) {
        println!("no echo is tried, for the machine permits none: {error}");
        return;
    }
    let target = Arc::new(Mutex::new(Some(one)));
    let (tell, told) = mpsc::channel();
    let wanted = Arc::clone(&target);
    let every = Duration::from_millis(5);
    let prober = Prober::start(
        move || wanted.lock().unwrap().map(|target| Wanted { target, every }),
        move |target, took| _ = tell.send((target, took)),
    )
    .unwrap();
    let limit = Duration::from_secs(10);
    for _ in 0..20 {
        let (from, took) = told.recv_timeout(limit).unwrap();
        assert!(from == one && took < Duration::from_secs(1), "{from} {took:?}");
    }
    *target.lock().unwrap() = Some(other);
    assert!((0..1_000).any(|_| told.recv_timeout(limit).unwrap().0 == other));
    assert_eq!(told.recv_timeout(limit).unwrap().0, other, "the first is asked no more");
    *target.lock().unwrap() = None;
    let quiet = (0..1_000).any(|_| told.recv_timeout(Duration::from_millis(300)).is_err());
    assert!(quiet, "nothing is wanted");
    drop(prober);
    assert_eq!(told.recv_timeout(limit), Err(RecvTimeoutError::Disconnected));
}
