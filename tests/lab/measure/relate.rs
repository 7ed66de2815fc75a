//! Outcomes of one run against each other: with the same seed and senders, so that the very same work is compared.

use super::outcome::{Outcome, Ratio};
use crate::carrier::Carrier;
use crate::scene::Name;

/// Fills in all ratios. The others may have been played before or after.
pub fn relate(outcomes: &mut [Outcome]) {
    let all = outcomes.to_vec();
    for outcome in outcomes {
        let context = &outcome.context;
        let find = |scene: Option<&str>, carrier: &str| {
            all.iter().find(|other| {
                let other = &other.context;
                Some(other.scene.as_str()) == scene
                    && other.carrier == carrier
                    && (other.seed, &other.control) == (context.seed, &context.control)
            })
        };
        let unloaded = find(Some(Name::Unloaded.text()), &context.carrier);
        let scene = Name::ALL.into_iter().find(|name| name.text() == context.scene);
        let alone = find(scene.and_then(Name::alone).map(Name::text), &context.carrier);
        let pools = find(Some(&context.scene), Carrier::SquidPools.name());
        let is_base = context.scene == Name::Unloaded.text();
        outcome.ratio = unloaded.filter(|_| !is_base).and_then(|base| ratio(outcome, base));
        outcome.over_alone = alone.and_then(|base| ratio(outcome, base));
        outcome.pages_over_pools = pools.and_then(|pools| pages(outcome, pools));
        if let Some(edges) = &mut outcome.edges {
            edges.ratio = unloaded.map(|base| edges.max_ms / base.clinical.p99);
        }
    }
}

/// Clinical latency over that of another scene.
pub fn ratio(one: &Outcome, base: &Outcome) -> Option<Ratio> {
    let [one, base] = [&one.clinical, &base.clinical];
    let both = one.count > 0 && base.count > 0;
    both.then(|| Ratio { p50: one.p50 / base.p50, p99: one.p99 / base.p99 })
}

/// The median page load over that of another carrier. Where the other's lies beyond the scene, over the longest that was
/// seen there: then the ratio is less still.
fn pages(one: &Outcome, other: &Outcome) -> Option<f64> {
    let other = other.page_load.or((other.pages.count > 0).then_some(other.pages.max))?;
    Some(one.page_load? / other)
}
