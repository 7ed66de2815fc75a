//! Keeps an eye on the link: what its interface has carried, every few milliseconds.

use std::fs::File;
use std::io::{Read, Seek};
use std::time::Duration;

use crate::flow::Carrier;

/// How often the link is looked at: what a queue may grow by before anybody notices.
const LOOK: Duration = Duration::from_millis(4);

/// Counters of every interface in the network namespace of the process (proc_net(5)). What sysfs shows may belong to
/// another namespace.
const COUNTERS: &str = "/proc/self/net/dev";

/// Looks at the link until it is dropped.
pub async fn keep(carrier: &Carrier) {
    let mut file = File::open(COUNTERS).ok();
    let mut text = String::new();
    let mut bell = tokio::time::interval(LOOK);
    bell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        bell.tick().await;
        let plan = carrier.current().plan;
        let interface = plan.tubes.link.interface.as_deref();
        let wire = interface.and_then(|name| carried(file.as_mut()?, &mut text, name));
        carrier.tubes.look(wire);
    }
}

fn carried(file: &mut File, text: &mut String, interface: &str) -> Option<[u64; 2]> {
    text.clear();
    file.rewind().ok()?;
    file.read_to_string(text).ok()?;
    counters(text, interface)
}

/// Bytes received and sent by an interface: after its name the first column is bytes received, the ninth bytes sent.
fn counters(text: &str, interface: &str) -> Option<[u64; 2]> {
    let line = text.lines().find_map(|line| {
        let (name, rest) = line.split_once(':')?;
        (name.trim() == interface).then_some(rest)
    })?;
    let mut columns = line.split_ascii_whitespace();
    let received = columns.next()?.parse().ok()?;
    Some([received, columns.nth(7)?.parse().ok()?])
}
