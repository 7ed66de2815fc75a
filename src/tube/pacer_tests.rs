//! Who is woken, and how often.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::Wake;

use super::*;
use crate::base::{Rate, TubeId};
use crate::tube::share::Sharer;
use crate::tube::spec::ShareBy;
use crate::tube::tree::{Layout, Stretch};

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn of_ten_thousand_who_wait_only_those_with_a_grant_are_woken_and_once() {
    let pacer = Pacer::new(clock::now());
    let id = TubeId::from("internet");
    let rate = Rate::from_bits_per_second(40_000_000);
    let tube =
        Stretch { id: id.clone(), within: None, priority: 1, ceiling: None, floor: None, share_by: ShareBy::Client };
    pacer.change(|lane, now| lane.tree.apply(&Layout { link: rate, turns: false, tubes: vec![tube] }, now));
    let mut bells = Vec::new();
    let mut at_once = 0;
    for number in 0..10_000u32 {
        let client = IpAddr::from((number / 10).to_be_bytes());
        let flow = pacer.change(|lane, _| {
            let flow = lane.tree.admit(&id, Sharer { client, user: None }).unwrap();
            lane.seat(flow);
            flow
        });
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let answer = pacer.poll(&mut Context::from_waker(&waker), flow, 10_000);
        at_once += usize::from(answer.is_ready());
        bells.push((flow, bell, answer.is_ready()));
    }
    for _ in 0..50 {
        let due = pacer.turn().0.unwrap();
        while clock::now() < due {
            std::hint::spin_loop();
        }
    }
    let waiting = pacer.look(|tree| tree.waiting(&id));
    let woken = bells.iter().map(|(_, bell, _)| bell.0.load(Ordering::Relaxed)).sum::<usize>();
    assert_eq!(at_once + woken + waiting, 10_000);
    assert!(woken >= 40, "{woken}");
    for (flow, bell, ready) in &bells {
        let granted = pacer.lock().seats[flow.0].granted > 0;
        assert_eq!(bell.0.load(Ordering::Relaxed), usize::from(granted && !ready));
    }
}
