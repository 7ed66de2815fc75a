//! Which goals Clearway meets, and the numbers that they are about.

use super::page::{Page, part, table};
use crate::carrier::Carrier;
use crate::measure::{Goal, Outcome, Surge, each};

fn ratio(number: Option<f64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.2}"))
}

fn ms(number: Option<f64>) -> String {
    number.map_or_else(|| "never".to_owned(), |number| format!("{number:.0} ms"))
}

/// For each scene what was measured and what the goal is; one table for each kind of sender.
pub fn acceptance(page: &Page<'_>) -> String {
    let heads = ["scene", "x p50", "x p99", "failed", "used d/u", "also", "goal", "met"];
    let mut text = String::new();
    for control in page.controls() {
        let lines: Vec<Vec<String>> = page.of(Carrier::Clearway.name(), control).map(line).collect();
        if !lines.is_empty() {
            text.push_str(&format!("With {control} senders:\n\n{}\n", table(&heads, &lines)));
        }
    }
    part("Clearway and its goals", &text)
}

fn line(outcome: &Outcome) -> Vec<String> {
    /// What has a column of its own.
    const SHOWN: [&str; 5] = ["x p50", "x p99", "failed", "used down", "used up"];
    let goals = || Goal::of_scene(&outcome.context.scene);
    let joined = |words: Vec<String>, without: &str| {
        if words.is_empty() { without.to_owned() } else { words.join(", ") }
    };
    let others = goals().filter(|goal| !SHOWN.contains(&goal.what));
    let also = others.map(|goal| format!("{} {}", goal.what, goal.measured(outcome))).collect();
    let missed = goals().filter(|goal| goal.is_met(outcome) == Some(false));
    let missed: Vec<String> = missed.map(|goal| format!("{} {}", goal.what, goal.measured(outcome))).collect();
    let unknown = goals().filter(|goal| goal.is_met(outcome).is_none()).count();
    let met = match (goals().count(), missed.is_empty(), unknown) {
        (0, ..) => "-".to_owned(),
        (_, true, 0) => "yes".to_owned(),
        (all, true, unknown) if all == unknown => "not measured".to_owned(),
        (_, true, _) => "as far as measured".to_owned(),
        _ => format!("**no**: {}", missed.join(", ")),
    };
    vec![
        outcome.context.scene.clone(),
        ratio(outcome.ratio.map(|ratio| ratio.p50)),
        ratio(outcome.ratio.map(|ratio| ratio.p99)),
        format!("{} of {}", outcome.failures, outcome.clinical.count),
        each(outcome.used, |used| format!("{used:.2}")),
        joined(also, "-"),
        joined(goals().map(Goal::text).collect(), "-"),
        met,
    ]
}

/// Surges, beside the same surge without staff.
pub fn surges(page: &Page<'_>) -> String {
    let heads = [
        "scene",
        "carrier",
        "senders",
        "p50",
        "p99",
        "x p50",
        "x p99",
        "x alone p50",
        "x alone p99",
        "served",
        "in 250 ms",
        "95% after",
        "social back after",
    ];
    let lines: Vec<Vec<String>> =
        page.medians.iter().filter_map(|outcome| Some(surge(outcome, outcome.surge?))).collect();
    let note = "In a surge clinical work asks for 80% of one way of the link for 5 s, in lumps: it waits for itself also where \
                nobody else\nis. So each surge is played without staff too, and `x alone` is over that.\n\n";
    if lines.is_empty() { String::new() } else { part("Surges", &format!("{note}{}", table(&heads, &lines))) }
}

fn surge(outcome: &Outcome, surge: Surge) -> Vec<String> {
    let context = &outcome.context;
    let is_alone = context.scene.ends_with("alone");
    vec![
        context.scene.clone(),
        context.carrier.clone(),
        context.control.clone(),
        format!("{:.0} ms", outcome.clinical.p50),
        format!("{:.0} ms", outcome.clinical.p99),
        ratio(outcome.ratio.map(|ratio| ratio.p50)),
        ratio(outcome.ratio.map(|ratio| ratio.p99)),
        ratio(outcome.over_alone.map(|ratio| ratio.p50)),
        ratio(outcome.over_alone.map(|ratio| ratio.p99)),
        format!("{:.2}", surge.served),
        format!("{:.2}", surge.in_time),
        ms(surge.reached_ms),
        if is_alone { "-".to_owned() } else { ms(surge.back_ms) },
    ]
}

/// Reloads and the edges of a peak.
pub fn edges(page: &Page<'_>) -> String {
    let heads = [
        "scene",
        "carrier",
        "senders",
        "edges",
        "work",
        "max",
        "max x p99",
        "steady: the same",
        "unloaded: the same",
        "held d/u",
    ];
    let line = |outcome: &Outcome| {
        let (edges, context) = (outcome.edges?, &outcome.context);
        let find = |scene: &str| page.of(&context.carrier, &context.control).find(|it| it.context.scene == scene);
        let p99 = find("unloaded")?.clinical.p99;
        let max_of = |scene: &str| find(scene).map(|it| it.clinical.max / p99);
        Some(vec![
            context.scene.clone(),
            context.carrier.clone(),
            context.control.clone(),
            edges.edges.to_string(),
            edges.work.to_string(),
            format!("{:.0} ms", edges.max_ms),
            ratio(edges.ratio),
            ratio(max_of("steady")),
            ratio(max_of("unloaded")),
            each(edges.held, |held| format!("{held:.2}")),
        ])
    };
    let lines: Vec<Vec<String>> = page.medians.iter().filter_map(line).collect();
    let note = "The slowest clinical work that was due from half a second before an edge to two seconds after it, over the p99 of\n\
                the unloaded scene. Beside it the slowest of all work in steady and in the unloaded scene, where nothing changes,\n\
                over the same. `held` is what others than clinical used of the link between the first edge, which narrows social\n\
                to half of it, and the second. Only Clearway has files that change and windows; others play the same without.\n\n";
    if lines.is_empty() {
        String::new()
    } else {
        part("Reloads and peaks", &format!("{note}{}", table(&heads, &lines)))
    }
}

/// How the link is shared: without clinical work, with one who takes more, and when it is less than was said.
pub fn shares(page: &Page<'_>) -> String {
    let heads = ["scene", "carrier", "senders", "p50", "p99", "used d/u", "Jain d/u", "greedy"];
    let is_meant = |outcome: &&Outcome| ["steady", "idle", "uneven", "slow"].contains(&outcome.context.scene.as_str());
    let line = |outcome: &Outcome| {
        let clinical = |ms: f64| if outcome.clinical.count == 0 { "-".to_owned() } else { format!("{ms:.0} ms") };
        vec![
            outcome.context.scene.clone(),
            outcome.context.carrier.clone(),
            outcome.context.control.clone(),
            clinical(outcome.clinical.p50),
            clinical(outcome.clinical.p99),
            each(outcome.used, |used| format!("{used:.2}")),
            each(outcome.jain, ratio),
            ratio(outcome.greedy),
        ]
    };
    let lines: Vec<Vec<String>> = page.medians.iter().filter(is_meant).map(line).collect();
    let note = "`idle` has no clinical work: how much may social use? In `uneven` one person loads by 64 connections and 50 by one\n\
                each; `greedy` is what the one got over the mean of the others. In `slow` the link carries half of what the\n\
                carrier was told; `used` is of what it really carries.\n\n";
    if lines.is_empty() {
        String::new()
    } else {
        part("Shares of the link", &format!("{note}{}", table(&heads, &lines)))
    }
}
