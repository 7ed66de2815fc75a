//! What was played, where and when.

use std::fmt::Write as _;

use super::page::{Page, each_once};
use super::picture::Place;
use crate::measure::Played;

/// The top of the page.
pub fn head(page: &Page<'_>) -> String {
    let contexts = || page.outcomes.iter().map(|outcome| &outcome.context);
    let mut text = String::from("# The lab's results\n\n");
    let Some(first) = contexts().next() else { return text + "Nothing was played yet.\n" };
    let link = first.link;
    let mbit = |rate: u64| format!("{:.0}", rate as f64 / 1e6);
    let joined = |words: Vec<String>| words.join(", ");
    let seeds = joined(each_once(contexts().map(|context| context.seed.to_string())));
    let machines = each_once(contexts().map(|context| {
        let Played { cores, processor, kernel, .. } = &context.played;
        format!("{cores} cores of {processor}, Linux {kernel}")
    }));
    let dates: Vec<&str> = contexts().map(|context| context.played.at.as_str()).collect();
    let (begun, ended) = (dates.iter().min().unwrap_or(&""), dates.iter().max().unwrap_or(&""));
    let what = match page.place {
        Place::Run => "`tests/lab/README.md`",
        Place::Published => "[The page beside this one](../README.md)",
    };
    let _ = write!(
        text,
        "{what} says what the lab is, what each scene plays and what a column means.\n\n\
         | | |\n| --- | --- |\n\
         | link | {} Mbit/s down, {} up; {:.0} ms of round trip; a drop-tail queue of {:.0} ms in front of each way |\n\
         | seeds | {seeds} |\n| senders | {} |\n\
         | seconds | {:.0} that count after {:.0} that do not; `pages` and `edge` need more; clinical work is waited for {:.0} s |\n\
         | played | {begun} to {ended} |\n| machine | {} |\n\n\
         A ratio is to the unloaded scene with the same carrier, senders and seed: the very same clinical work, alone. It\n\
         is taken with each seed; what stands here is the median over the seeds. Failures and counts are sums. Work that\n\
         failed counts with all the time it was waited for, so latencies where much failed would be longer still.\n",
        mbit(link.down),
        mbit(link.up),
        2.0 * link.delay_ms,
        link.fifo_ms,
        joined(page.controls().into_iter().map(str::to_owned).collect()),
        first.asked,
        first.warm,
        first.patience,
        joined(machines),
    );
    let spilled: Vec<String> = page
        .outcomes
        .iter()
        .filter(|outcome| outcome.spilled > 0)
        .map(|outcome| {
            let context = &outcome.context;
            format!("{} with {}, {}, seed {}", context.scene, context.carrier, context.control, context.seed)
        })
        .collect();
    if !spilled.is_empty() {
        let _ =
            write!(text, "\n**The link's own process was too slow in** {}: those say nothing.\n", spilled.join("; "));
    }
    text
}
