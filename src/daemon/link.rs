//! What the link's interface has carried.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;

use crate::flow::Carrier;

/// Counters of every interface in the network namespace of the process (proc_net(5)). What sysfs shows may belong to
/// another namespace.
const COUNTERS: &str = "/proc/self/net/dev";

/// Tells, whenever it is asked, what the interface that the plan in force names has received and sent so far.
pub fn wire(carrier: &Arc<Carrier>) -> impl FnMut() -> Option<[u64; 2]> + Send + 'static {
    let carrier = Arc::clone(carrier);
    let mut file = File::open(COUNTERS).ok();
    let mut text = String::new();
    move || {
        let plan = Arc::clone(&carrier.current().plan);
        carried(file.as_mut()?, &mut text, plan.tubes.link.interface.as_deref()?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_received_and_sent_are_read_for_the_interface_and_no_other() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo\n\
                    lo:    1060      10    0    0    0     0          0         0     1061      10    0    0    0\n\
                    eth0:123456789 99 1 2 3 4 5 6 987654321 88 0 0 0 0 0 0\n";
        assert_eq!(counters(text, "eth0"), Some([123_456_789, 987_654_321]));
        assert_eq!(counters(text, "lo"), Some([1060, 1061]));
        assert_eq!(counters(text, "th0"), None);
    }
}
