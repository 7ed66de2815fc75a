//! What people read: tables, notes, the machine, and a picture.

mod table;
mod notes;
mod machine;
mod plot;

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::peer::{CLEARWAY, DIRECT};
use crate::run::Results;
use crate::scene::Stage;

/// The whole report, in Markdown.
pub fn text(results: &Results, stage: &Stage, missing: &[String]) -> String {
    let mut parts = vec![
        "# What going through the gateway costs".to_owned(),
        "Medians over the rounds. CPU is the proxy's, user and system. A lower figure is better, but for rates."
            .to_owned(),
        table::figures(results),
    ];
    if results.peers.iter().any(|peer| peer.name != CLEARWAY && peer.name != DIRECT) {
        parts.push("## Clearway over each other".to_owned());
        parts.push("Each round by itself: the median, and in brackets the least and the most.".to_owned());
        parts.push(table::ratios(results));
    }
    parts.push("## Client and origin".to_owned());
    parts.push(
        "What they took for the same work, client + origin, in the same unit; then how busy their core was, and the proxy's."
            .to_owned(),
    );
    parts.push(table::others(results));
    parts.push("## Notes".to_owned());
    parts.push(notes::list(results, stage, missing));
    parts.push("## Machine and peers".to_owned());
    parts.push(machine::facts(results, stage));
    parts.join("\n\n") + "\n"
}

/// Puts everything into a folder.
pub fn write(folder: &Path, results: &Results, text: &str) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("results.json"), serde_json::to_string_pretty(&results.samples)?)?;
    fs::write(folder.join("report.md"), format!("{text}\n![CPU, latency and memory by peer](costs.svg)\n"))?;
    fs::write(folder.join("costs.svg"), plot::draw(results))?;
    Ok(())
}
