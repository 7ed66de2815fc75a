//! When a decision may next change without a change of configuration: live flows are judged again then.

use jiff::Timestamp;

use super::decide::Policy;
use super::spec::Rule;
use crate::base::Calendar;

impl Policy {
    /// The first moment after `after` at which a window of a rule opens or closes, or a rule expires. `None` where
    /// nothing of the kind is to come. An expired rule's windows are of no concern.
    pub fn next_edge(&self, after: Timestamp, calendar: &Calendar) -> Option<Timestamp> {
        let today = calendar.local(after).date();
        let current = self.rules.list.iter().filter(|rule| rule.expires.is_none_or(|last| last >= today));
        current.flat_map(|rule| edges(rule, after, calendar)).filter(|edge| *edge > after).min()
    }
}

/// A rule holds through the last day that it names, so it ends at the midnight after.
fn edges(rule: &Rule, after: Timestamp, calendar: &Calendar) -> impl Iterator<Item = Timestamp> {
    let end = rule.expires.and_then(|last| calendar.midnight(last.tomorrow().ok()?));
    rule.when.iter().filter_map(move |window| window.next_edge(after, calendar)).chain(end)
}
