//! Carriers side by side.

use super::page::{Page, part, table};
use crate::carrier::Carrier;
use crate::measure::{Outcome, each, page as page_load};

/// Every scene that more than one carrier played.
pub fn compared(page: &Page<'_>) -> String {
    let heads = ["scene", "carrier", "p50", "p99", "x p50", "x p99", "failed", "used d/u", "page load", "queue d/u"];
    let mut text = String::new();
    for control in page.controls() {
        let mut lines = Vec::new();
        for scene in page.scenes() {
            let played = page.medians.iter().filter(|outcome| is(outcome, scene, control));
            let played: Vec<&Outcome> = played.filter(|outcome| outcome.clinical.count > 0).collect();
            if played.len() > 1 {
                lines.extend(played.into_iter().map(line));
            }
        }
        if !lines.is_empty() {
            text.push_str(&format!("With {control} senders:\n\n{}\n", table(&heads, &lines)));
        }
    }
    part("Carriers side by side", &text)
}

fn is(outcome: &Outcome, scene: &str, control: &str) -> bool {
    (outcome.context.scene == scene) & (outcome.context.control == control)
}

fn line(outcome: &Outcome) -> Vec<String> {
    let part = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.2}"));
    let loads = if outcome.pages.count < 2 { "-".to_owned() } else { format!("{} s", page_load(outcome)) };
    vec![
        outcome.context.scene.clone(),
        outcome.context.carrier.clone(),
        format!("{:.0} ms", outcome.clinical.p50),
        format!("{:.0} ms", outcome.clinical.p99),
        part(outcome.ratio.map(|ratio| ratio.p50)),
        part(outcome.ratio.map(|ratio| ratio.p99)),
        format!("{} of {}", outcome.failures, outcome.clinical.count),
        each(outcome.used, |used| format!("{used:.2}")),
        loads,
        each(outcome.queue, |queue| format!("{:.0} ms", queue.mean)),
    ]
}

/// Page loads of Clearway beside those of Squid with delay pools, a line for each scene.
pub fn page_loads(page: &Page<'_>) -> String {
    let mut text = String::new();
    for ours in page.medians.iter().filter(|outcome| outcome.context.carrier == Carrier::Clearway.name()) {
        let context = &ours.context;
        let is_pools = |other: &&Outcome| other.context.carrier == Carrier::SquidPools.name();
        let mut others = page.medians.iter().filter(|other| is(other, &context.scene, &context.control));
        let Some(theirs) = others.find(is_pools).filter(|_| ours.pages.count > 1) else { continue };
        let ratio = match (ours.pages_over_pools, theirs.page_load) {
            (Some(ratio), Some(_)) => format!("{ratio:.2} : 1"),
            (Some(ratio), None) => format!("{ratio:.2} : 1 or less"),
            (None, _) => "not known; the scene is too short".to_owned(),
        };
        text.push_str(&format!(
            "- {}, {} senders: Clearway {} s, Squid with delay pools {} s; **{ratio}** (goal: at most 0.50 : 1). Whole were {} \
             of {} and {} of {}; each reader got {:.2} and {:.2} Mbit/s.\n",
            context.scene,
            context.control,
            page_load(ours),
            page_load(theirs),
            ours.whole_pages,
            ours.pages.count,
            theirs.whole_pages,
            theirs.pages.count,
            ours.reading,
            theirs.reading,
        ));
    }
    let note = "\nA page in the lab is a document of 30 kB and then 20 to 60 parts at once, each of 2 to 200 kB (half of them under\n\
                12), each on a connection of its own with a hello as TLS has it: 0.8 MB on average. Its time is from asking for\n\
                the document to the last byte of the last part. In the median a load that had not ended counts as longer than\n\
                it had taken; `>` says that the median lies beyond what was seen.\n";
    if text.is_empty() { String::new() } else { part("Page loads", &format!("{text}{note}")) }
}
