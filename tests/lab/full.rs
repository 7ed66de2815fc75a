//! A run in full: every scene with every carrier, interleaved.

use std::path::{Path, PathBuf};

use crate::ask::Run;
use crate::carrier::{Carrier, Setup};
use crate::keep::Kept;
use crate::measure::{Context, Outcome, Played, table};
use crate::plot::course;
use crate::report;
use crate::scene::{Name, Play, act};
use crate::script::{Diary, Exchange};

/// Plays all that was asked for and is not there yet; the table goes to standard output, everything to a folder.
pub fn run(run: &Run) -> Result<(), String> {
    let mut kept = Kept::open(run.out.clone().unwrap_or_else(folder))?;
    if let Some(what) = kept.differs(run) {
        return Err(what);
    }
    let carriers = installed(&run.carriers);
    let mut scenes = run.scenes.clone();
    // The others are measured against it.
    scenes.retain(|scene| *scene != Name::Unloaded);
    scenes.insert(0, Name::Unloaded);
    // What is compared is played close together: the machine may do other things in another hour.
    for seed in &run.seeds {
        for control in &run.controls {
            for scene in &scenes {
                for carrier in &carriers {
                    if kept.has(scene.text(), carrier.name(), control, *seed) {
                        continue;
                    }
                    let outcome = play(run, *scene, *carrier, control, *seed, &kept.dir);
                    let line = table(std::slice::from_ref(kept.push(outcome)));
                    eprintln!("{}", line.lines().nth(1).unwrap_or_default());
                }
            }
        }
    }
    kept.write();
    print!("{}", kept.summary());
    println!("\n{}", kept.dir.join("report.md").display());
    Ok(())
}

fn installed(carriers: &[Carrier]) -> Vec<Carrier> {
    let is_there = |carrier: &Carrier| match carrier.missing() {
        Some(missing) => {
            eprintln!("{} is left out: {missing}", carrier.name());
            false
        }
        None => true,
    };
    carriers.iter().copied().filter(is_there).collect()
}

/// Plays one scene with one carrier.
pub fn play(run: &Run, name: Name, carrier: Carrier, control: &str, seed: u64, out: &Path) -> Outcome {
    let dir = out.join(report::folder(name.text(), carrier.name(), control, seed));
    std::fs::create_dir_all(&dir).unwrap();
    let scene = name.scene(run.cut, run.link.down, run.link.up);
    let setup = Setup { tubes: run.tubes.clone(), peak: None };
    let seen = act(&scene, carrier, &setup, &run.link, &Play { seed, control, dir: &dir });
    std::fs::write(dir.join("link.csv"), seen.record.csv(seen.zero)).unwrap();
    std::fs::write(dir.join("clinical.csv"), clinical(&seen.diary)).unwrap();
    if seen.spilled > 0 {
        eprintln!("{}: the link's process was too slow for {} packets; this says nothing", name.text(), seen.spilled);
    }
    let context = Context {
        scene: name.text().to_owned(),
        carrier: carrier.name().to_owned(),
        seed,
        control: control.to_owned(),
        link: run.link,
        warm: scene.from,
        counts: scene.to - scene.from,
        asked: run.cut.counts,
        patience: run.cut.patience,
        played: Played::now(),
    };
    let outcome = Outcome::count(context, &scene, &seen);
    std::fs::write(dir.join("course.svg"), course(&outcome, &scene, &seen)).unwrap();
    outcome
}

/// Clinical work as CSV.
fn clinical(diary: &Diary) -> String {
    let mut text = String::from("due_seconds,kind,opened_ms,took_ms,bytes,failure\n");
    for exchange in &diary.clinical {
        let opened = exchange.opened_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default();
        let failure = exchange.failure.as_deref().unwrap_or_default().replace([',', '\n'], ";");
        let Exchange { at, kind, took_ms, bytes, .. } = exchange;
        text.push_str(&format!("{at:.4},{kind:?},{opened},{took_ms:.2},{bytes},{failure}\n"));
    }
    text
}

fn folder() -> PathBuf {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d-%H%M%S").to_string();
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab").join(now)
}
