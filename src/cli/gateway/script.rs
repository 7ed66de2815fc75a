//! The script that `clearway gateway tc` prints: `tc.sh` with the classes and rules of a configuration in it.

use std::fmt::Write as _;

use super::class::{Class, OWN, REST, Road, leaf};
use super::lane::Lanes;
use crate::base::Rate;

/// How it is used, and how it works.
const ABOUT: &str = "
sh FILE           puts this in force; again and again if you like, the state is the same. As root.
sh FILE --undo    takes all of it away, whatever configuration it came from

How packets find their class: nftables writes the class into the packet (meta priority), by the mark it has. HTB takes
it from there without a filter of its own, so no kernel needs the classifiers `fw`, `flower` or `matchall`, which many
are built without, and the mark can come from the connection, so that answers are known too.";
const SCRIPT: &str = include_str!("tc.sh");
/// The number of our queues.
const MAJOR: &str = "c1ea";
/// Where several interfaces towards staff share the link.
const IFB: &str = "clearway-down";

/// A class may send so much of its rate at once: a little more than the gateway gives out at a time, so that HTB does not
/// chop up what was measured out already; and a timer that comes late costs nothing.
const BURST_S: f64 = 0.004;
/// Two full packets.
const LEAST_BURST: f64 = 3_028.0;
/// Classes of one priority take turns of so much of their rate; from one packet to what HTB takes without a complaint.
const TURN_S: f64 = 0.001;
const TURNS: (f64, f64) = (1_514.0, 60_000.0);
/// A queue without fq_codel holds what its class carries in so long; more is delay without use.
const QUEUE_S: f64 = 0.1;
const PACKET: f64 = 1_514.0;
const QUEUES: (f64, f64) = (20.0, 1_000.0);

/// What the script is made from.
pub struct Plan<'a> {
    /// What is told at its top, without the `#`.
    pub head: String,
    /// Who is there.
    pub lanes: &'a Lanes,
    /// The interface of the link, and its way up.
    pub wan: &'a str,
    /// From staff.
    pub up: Road,
    /// The interfaces towards staff, and the way down; none where only what leaves is shaped.
    pub staff: &'a [String],
    /// To staff.
    pub down: Option<Road>,
}

/// The script that takes away what any of them made.
pub fn undo() -> String {
    let head = "# Takes away what a script of `clearway gateway tc` put in force, whatever configuration it came from. As root.";
    let text = SCRIPT.split_once("@CUT@").map_or(SCRIPT, |(text, _)| text);
    text.replace("@HEAD@", head) + "undo\n"
}

/// The script.
pub fn script(plan: &Plan<'_>) -> String {
    let head: Vec<String> =
        plan.head.lines().chain(ABOUT.lines()).map(|line| format!("# {line}").trim_end().to_owned()).collect();
    SCRIPT
        .replace("@CUT@\n", "")
        .replace("@HEAD@", &head.join("\n"))
        .replace("@REST@", &format!("{REST:x}"))
        .replace("@APPLY@", apply(plan).trim_end())
        .replace("@NEEDS@", &needs(plan))
        .replace("@NFT@", rules(plan).trim_end())
}

/// What must be so before anything is touched: what is in force is better than nothing.
fn needs(plan: &Plan<'_>) -> String {
    let all = [&[plan.wan.to_owned()], plan.staff].concat().join(" ");
    let queued = match plan.staff {
        [one] => format!("{} {one}", plan.wan),
        _ => plan.wan.to_owned(),
    };
    format!("there '{all}'\nfree '{queued}'")
}

fn apply(plan: &Plan<'_>) -> String {
    let shared = plan.staff.len() > 1;
    let (queues, leads) = match plan.staff {
        [] => (plan.wan.to_owned(), String::new()),
        [one] => (format!("{} {one}", plan.wan), String::new()),
        several => (format!("{} {IFB}", plan.wan), several.join(" ")),
    };
    let mut text = format!("  keep leading unlead '{leads}'\n  keep ours unroot '{queues}'\n");
    if !shared {
        let _ = writeln!(text, "  if ip link show \"$ifb\" >/dev/null 2>&1; then ip link del \"$ifb\"; fi");
    }
    let _ = write!(text, "\n  # up: from staff into the link\n{}", tree(plan.wan, &plan.up.classes(plan.lanes)));
    let Some(down) = &plan.down else { return text };
    let _ = write!(text, "\n  # down: from the link to staff\n");
    if shared {
        let _ = writeln!(
            text,
            "  ip link show \"$ifb\" >/dev/null 2>&1 || ip link add \"$ifb\" type ifb\n  ip link set \"$ifb\" up"
        );
    }
    let device = if shared { IFB } else { plan.staff.first().map_or("", String::as_str) };
    text += &tree(device, &down.classes(plan.lanes));
    for device in plan.staff.iter().filter(|_| shared) {
        let _ = writeln!(text, "  lead {device}");
    }
    text
}

/// The commands for one interface.
fn tree(device: &str, classes: &[Class]) -> String {
    let parent = |class: &Class| if class.parent == 0 { String::new() } else { format!("{:x}", class.parent) };
    let mut shape: Vec<String> = classes
        .iter()
        .map(|class| match class.parent {
            0 => format!("{MAJOR}:{:x}:root", class.minor),
            parent => format!("{MAJOR}:{:x}:{MAJOR}:{parent:x}", class.minor),
        })
        .collect();
    shape.sort();
    let mut text = format!("  root {device} '{} '\n", shape.join(" "));
    for class in classes {
        let bytes = |seconds: f64| Rate::from_bits_per_second(class.ceil).map_or(0.0, Rate::bytes_per_second) * seconds;
        let burst = bytes(BURST_S).max(LEAST_BURST);
        let turn = bytes(TURN_S).clamp(TURNS.0, TURNS.1);
        let _ = writeln!(
            text,
            "  class {device} '{}' {:x} {} {} {} {burst:.0} {turn:.0}",
            parent(class),
            class.minor,
            class.rate,
            class.ceil,
            class.prio
        );
        if class.leaf {
            let packets = (bytes(QUEUE_S) / PACKET).clamp(QUEUES.0, QUEUES.1);
            let _ = writeln!(text, "  leaf {device} {:x} {packets:.0}", class.minor);
        }
    }
    text
}

/// The rules that write the class into packets.
fn rules(plan: &Plan<'_>) -> String {
    let quoted = |names: &[String]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let wan = plan.wan;
    let marks: Vec<String> = plan.lanes.marked.iter().map(|lane| format!("{:#x}", lane.mark)).collect();
    let map: Vec<String> = plan
        .lanes
        .marked
        .iter()
        .enumerate()
        .map(|(place, lane)| format!("{:#x} : {MAJOR}:{:x}", lane.mark, leaf(plan.lanes, place)))
        .collect();
    let (marks, map) = (marks.join(", "), map.join(", "));
    let marked = |rule: String| if plan.lanes.marked.is_empty() { String::new() } else { rule };
    // After what others do with marks, which is done at the priorities mangle and filter.
    let mut text = String::from(
        "# both lines: the table is taken away if it is there, and made anew, in one step\n\
         table inet clearway_tc\ndelete table inet clearway_tc\ntable inet clearway_tc {\n  \
         # what passes by the gateway; packets of a connection whose mark nobody kept are known by the connection's\n  \
         chain passing {\n    type filter hook forward priority filter + 10; policy accept;\n",
    );
    text += &marked(format!(
        "    oifname \"{wan}\" ct mark 0 meta mark {{ {marks} }} ct mark set meta mark\n    \
         oifname \"{wan}\" meta priority set ct mark map {{ {map} }}\n    \
         oifname \"{wan}\" meta priority set meta mark map {{ {map} }}\n"
    ));
    if !plan.staff.is_empty() {
        let staff = quoted(plan.staff);
        text +=
            &marked(format!("    iifname \"{wan}\" oifname {{ {staff} }} meta priority set ct mark map {{ {map} }}\n"));
        let _ = writeln!(
            text,
            "    # between the Trust's own networks: not the link's, so it waits for nobody\n    \
             iifname != \"{wan}\" oifname {{ {staff} }} meta priority set {MAJOR}:0"
        );
    }
    let _ = writeln!(text, "  }}\n  # what this machine sends itself: measured out already by the gateway");
    let _ = writeln!(text, "  chain own {{\n    type filter hook output priority filter + 10; policy accept;");
    let _ = writeln!(text, "    oifname \"{wan}\" meta priority set {MAJOR}:{OWN:x}");
    text += &marked(format!("    oifname \"{wan}\" meta priority set meta mark map {{ {map} }}\n"));
    if !plan.staff.is_empty() {
        let _ = writeln!(text, "    oifname {{ {} }} meta priority set {MAJOR}:{OWN:x}", quoted(plan.staff));
    }
    text += "  }\n}\n";
    text
}
