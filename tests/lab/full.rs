//! A run in full: every scene with every carrier, interleaved, and all that is written of it.

use std::path::{Path, PathBuf};

use crate::ask::Run;
use crate::carrier::{Carrier, Setup};
use crate::measure::{Context, Outcome, medians, table};
use crate::plot::{course, overview};
use crate::scene::{Name, Play, act};
use crate::script::{Diary, Exchange};

/// Plays all that was asked for; the table goes to standard output, everything to a folder.
pub fn run(run: &Run) {
    let out = run.out.clone().unwrap_or_else(folder);
    std::fs::create_dir_all(&out).unwrap();
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut carriers = run.carriers.clone();
    carriers.retain(|carrier| match carrier.missing() {
        Some(missing) => {
            eprintln!("{} is left out: {missing}", carrier.name());
            false
        }
        None => true,
    });
    let mut scenes = run.scenes.clone();
    // The others are measured against it.
    scenes.retain(|scene| *scene != Name::Unloaded);
    scenes.insert(0, Name::Unloaded);
    for control in &run.controls {
        for seed in &run.seeds {
            for scene in &scenes {
                for carrier in &carriers {
                    let mut outcome = play(run, *scene, *carrier, control, *seed, &out);
                    if let Some(unloaded) = outcomes.iter().find(|one| is_base(one, &outcome)) {
                        outcome.over(unloaded);
                    }
                    eprint!("{}", table(std::slice::from_ref(&outcome)).lines().nth(1).unwrap_or_default());
                    eprintln!();
                    outcomes.push(outcome);
                    write(&out, &outcomes);
                }
            }
        }
    }
    print!("{}", summary(&outcomes));
    println!("\n{}", out.display());
}

/// Whether an outcome is the unloaded scene that another is measured against.
fn is_base(one: &Outcome, other: &Outcome) -> bool {
    let (one, other) = (&one.context, &other.context);
    one.scene == Name::Unloaded.text()
        && (&one.carrier, one.seed, &one.control) == (&other.carrier, other.seed, &other.control)
}

/// Plays one scene with one carrier.
pub fn play(run: &Run, name: Name, carrier: Carrier, control: &str, seed: u64, out: &Path) -> Outcome {
    let dir = out.join(format!("{}-{}-{control}-{seed}", name.text(), carrier.name()));
    std::fs::create_dir_all(&dir).unwrap();
    let scene = name.scene(run.cut, run.link.down, run.link.up);
    let setup = Setup { tubes: run.tubes.clone() };
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
    };
    let outcome = Outcome::count(context, &scene, &seen);
    std::fs::write(dir.join("course.svg"), course(&outcome, &scene, &seen)).unwrap();
    outcome
}

fn write(out: &Path, outcomes: &[Outcome]) {
    std::fs::write(out.join("results.json"), serde_json::to_vec_pretty(outcomes).unwrap()).unwrap();
    std::fs::write(out.join("table.txt"), summary(outcomes)).unwrap();
    std::fs::write(out.join("overview.svg"), overview(&medians(outcomes))).unwrap();
}

/// All outcomes, and below them the medians of several seeds.
fn summary(outcomes: &[Outcome]) -> String {
    let medians = medians(outcomes);
    let each = table(outcomes);
    if medians.len() == outcomes.len() { each } else { format!("{each}\nmedians\n{}", table(&medians)) }
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
