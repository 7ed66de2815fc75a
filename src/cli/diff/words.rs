//! A change as a manager reads it.

use std::fmt::Write as _;

use serde::Serialize;

use super::Changes;
use super::names::Names;
use super::replay::Replay;
use crate::config::Change;

#[derive(Serialize)]
struct Object<'a> {
    rules: &'a Change,
    names: &'a Names,
    replay: &'a Option<Replay>,
}

/// One JSON object.
pub fn json(changes: &Changes) -> String {
    let Changes { rules, names, replay } = changes;
    serde_json::to_string(&Object { rules, names, replay }).unwrap_or_default()
}

/// Text, a part for rules, one for names, one for the log.
pub fn text(changes: &Changes) -> String {
    let mut text = rules(&changes.rules);
    text.push_str(&names(&changes.names));
    if let Some(replayed) = &changes.replay {
        text.push_str(&replay(replayed));
    }
    text.truncate(text.trim_end().len());
    text
}

fn rules(rules: &Change) -> String {
    let mut text = String::from("Rules, lists and the gateway\n");
    if rules.is_none() {
        text.push_str("  as they were\n");
    }
    for (what, told) in rules.lines() {
        let _ = writeln!(text, "  {what:<10} {told}");
    }
    text
}

fn names(names: &Names) -> String {
    let mut text = format!(
        "\nNames and networks ({} judged, {} change)\n",
        grouped(names.judged as u64),
        grouped(names.changed as u64)
    );
    for kind in &names.kinds {
        let when = if kind.when.len() == 3 { String::new() } else { format!(" {}", kind.when.join(" and ")) };
        let _ = writeln!(text, "  {:>9}  {}{when}", grouped(kind.count as u64), kind.new.instead_of(&kind.old));
        let more = if kind.count > kind.names.len() { ", …" } else { "" };
        let _ = writeln!(text, "             {}{more}", kind.names.join(", "));
    }
    if names.protected_count > 0 {
        let _ = writeln!(text, "\nProtected names touched ({})", grouped(names.protected_count as u64));
        for touched in &names.protected {
            let what = if touched.is_protected { "is protected now" } else { "IS NOT PROTECTED ANY MORE" };
            let [old, new] = &touched.categories;
            let _ = writeln!(text, "  {} {what}: category {new} instead of {old}", touched.name);
        }
    }
    text
}

fn replay(replay: &Replay) -> String {
    let mut text = format!(
        "\nThe log ({} flows judged, {} change, of {} clients)\n",
        grouped(replay.flows),
        grouped(replay.changed),
        grouped(replay.clients)
    );
    for kind in &replay.kinds {
        let (flows, clients) = (grouped(kind.flows), grouped(kind.clients));
        let _ = writeln!(text, "  {flows:>9}  {} ({clients} clients)", kind.new.instead_of(&kind.old));
        let names: Vec<_> = kind.names.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
        let _ = writeln!(text, "             {}", names.join(", "));
    }
    if replay.skipped > 0 {
        let _ =
            writeln!(text, "  {:>9}  lines left out: no flow that was judged, or cut short", grouped(replay.skipped));
    }
    text
}

/// A number with a comma for each thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
