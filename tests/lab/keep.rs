//! The folder of a run: what was played is kept there after every scene, so that a run that was interrupted goes on.

use std::path::{Path, PathBuf};

use crate::ask::Run;
use crate::carrier::Carrier;
use crate::measure::{Context, Outcome, build, medians, relate, table};
use crate::plot::overview;
use crate::report::{self, Place};

/// All outcomes, one after the other.
const RESULTS: &str = "results.json";

/// A folder and what is in it.
pub struct Kept {
    pub dir: PathBuf,
    pub outcomes: Vec<Outcome>,
}

impl Kept {
    /// Opens a folder; what a run had played there before is there again.
    pub fn open(dir: PathBuf) -> Result<Kept, String> {
        std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let outcomes = match std::fs::read(dir.join(RESULTS)) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| format!("{} is of another lab: {error}", dir.join(RESULTS).display()))?,
            Err(_) => Vec::new(),
        };
        Ok(Kept { dir, outcomes })
    }

    /// Says what of it was played otherwise than this run plays; those would be no comparison.
    pub fn differs(&self, run: &Run) -> Option<String> {
        let other = |outcome: &&Outcome| {
            let context = &outcome.context;
            (context.link, context.warm, context.patience) != (run.link, run.cut.warm, run.cut.patience)
                || (context.asked - run.cut.counts).abs() > 1e-9
                || (context.carrier == Carrier::Clearway.name() && context.played.build != build())
        };
        let found = self.outcomes.iter().find(other)?;
        let Context { scene, carrier, .. } = &found.context;
        Some(format!(
            "{} holds {scene} with {carrier}, of another link, other seconds or another build; take another --out",
            self.dir.display()
        ))
    }

    /// Whether this was played.
    pub fn has(&self, scene: &str, carrier: &str, control: &str, seed: u64) -> bool {
        self.outcomes.iter().any(|outcome| {
            let Context { scene: s, carrier: c, control: t, seed: n, .. } = &outcome.context;
            (s.as_str(), c.as_str(), t.as_str(), *n) == (scene, carrier, control, seed)
        })
    }

    /// Keeps one more; gives it back with its ratios.
    pub fn push(&mut self, outcome: Outcome) -> &Outcome {
        self.outcomes.push(outcome);
        self.write();
        &self.outcomes[self.outcomes.len() - 1]
    }

    /// Writes all that is made of the outcomes.
    pub fn write(&mut self) {
        relate(&mut self.outcomes);
        let medians = medians(&self.outcomes);
        let write = |name: &str, text: &str| {
            // Whole or not at all: it may be ended at any moment.
            let fresh = self.dir.join(format!("{name}.new"));
            std::fs::write(&fresh, text).unwrap();
            std::fs::rename(fresh, self.dir.join(name)).unwrap();
        };
        write(RESULTS, &serde_json::to_string_pretty(&self.outcomes).unwrap());
        write("table.txt", &self.summary());
        write("overview.svg", &overview(&medians));
        write("report.md", &report::write(&self.outcomes, Place::Run));
    }

    /// All outcomes, and below them the medians of several seeds.
    pub fn summary(&self) -> String {
        let medians = medians(&self.outcomes);
        let each = table(&self.outcomes);
        if medians.len() == self.outcomes.len() { each } else { format!("{each}\nmedians\n{}", table(&medians)) }
    }
}

/// Copies what readers want of a finished run to where it is published.
pub fn publish(from: &Path, to: &Path) -> Result<(), String> {
    let kept = Kept::open(from.to_owned())?;
    if kept.outcomes.is_empty() {
        return Err(format!("{} holds no results", from.display()));
    }
    let said = |what: &Path, error: std::io::Error| format!("{}: {error}", what.display());
    std::fs::create_dir_all(to).map_err(|error| said(to, error))?;
    // Of the run before.
    for entry in std::fs::read_dir(to).map_err(|error| said(to, error))?.flatten() {
        if entry.path().extension().is_some_and(|ext| ext == "svg") {
            std::fs::remove_file(entry.path()).map_err(|error| said(&entry.path(), error))?;
        }
    }
    let mut bytes = 0;
    for picture in report::pictures(&kept.outcomes) {
        let (at, there) = (from.join(picture.link(Place::Run)), to.join(picture.link(Place::Published)));
        bytes += std::fs::copy(&at, there).map_err(|error| said(&at, error))?;
    }
    let text = report::write(&kept.outcomes, Place::Published);
    let page = to.join("report.md");
    std::fs::write(&page, &text).map_err(|error| said(&page, error))?;
    println!("{}: {} kB in all", page.display(), (bytes + text.len() as u64) / 1000);
    Ok(())
}
