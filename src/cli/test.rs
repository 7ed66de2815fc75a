//! `clearway test`: runs the policy's own tests through the function that judges live flows.

use super::args::ConfigFile;
use super::{NO, load, write};
use crate::base::clock;

/// Runs every `[[test]]`; a line each, then the count.
pub fn run(config: &ConfigFile) -> u8 {
    let both = load::config(config).and_then(|config| Ok((load::plan(&config)?, config)));
    let (plan, config) = match both {
        Ok(both) => both,
        Err(code) => return code,
    };
    let mut failed = 0;
    for test in &config.tests {
        let tried = plan.try_out(test, clock::wall());
        let (place, target) = (&test.source, &test.target);
        if tried.wrong.is_empty() {
            let (action, tube) = (tried.verdict.action.as_str(), &tried.verdict.tube);
            write::line(&format!("ok    {place}  {target}  {action}, tube {tube}"));
        } else {
            failed += 1;
            write::line(&format!("FAIL  {place}  {target}  {}", tried.wrong.join("; ")));
        }
    }
    write::line(&format!("{} passed, {failed} failed", config.tests.len() - failed));
    if failed == 0 { 0 } else { NO }
}
