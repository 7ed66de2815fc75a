//! Days that have gone by.

use jiff::civil::Date;

use crate::base::Window;
use crate::config::check::policy::RuleDraft;
use crate::config::check::tube;
use crate::config::problem::Problems;
use crate::config::text::{Place, Placed};

/// So many days before the last bank holiday of the list there is still time to write down more.
const SOON: i32 = 60;

/// Warns of bank holidays that have run out or soon will, or were never listed, where a window says it leaves them out.
pub(in crate::config) fn bank_holidays(
    problems: &Problems,
    days: &[Placed<Date>],
    rules: &[RuleDraft],
    tubes: &[tube::Draft],
    today: Date,
) {
    let last = days.iter().max_by_key(|day| day.value);
    // A rule that ends before them asks for no more.
    let outlasts = |draft: &&RuleDraft| {
        let from = last.and_then(|last| last.value.tomorrow().ok()).map_or(today, |next| next.max(today));
        !draft.faulty && !draft.rule.has_lapsed(from)
    };
    let windows = rules.iter().filter(outlasts).flat_map(|draft| draft.rule.when.iter().zip(&draft.when));
    let peaks = tubes.iter().filter(|tube| !tube.faulty).flat_map(|tube| &tube.peaks);
    let mut windows = windows.chain(peaks.map(|(when, _)| (&when.value, &when.place)));
    let Some((window, at)): Option<(&Window, &Place)> = windows.find(|(window, _)| window.spares_bank_holidays())
    else {
        return;
    };
    let hint = "add those that come, as https://www.gov.uk/bank-holidays lists them";
    let Some(Placed { value: last, place }) = last else {
        let message = format!("`{window}` leaves no day out: the policy lists no `bank-holidays`");
        problems.warning(at, message, "add them to the policy: `bank-holidays = [2026-12-25]`");
        return;
    };
    let left = today.until(*last).map_or(0, |span| span.get_days());
    if left < 0 {
        problems.warning(place, format!("the bank holidays ran out on {last}: `{window}` leaves no day out"), hint);
    } else if left <= SOON {
        let message = format!("the bank holidays run out on {last}: then `{window}` leaves no day out");
        problems.warning(place, message, hint);
    }
}
