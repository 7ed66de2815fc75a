//! The command line.

use std::path::PathBuf;

use crate::carrier::Carrier;
use crate::link::Link;
use crate::scene::{Cut, Name};

/// What somebody wants of this program.
pub enum Ask {
    /// Short versions, those whose names contain a word, as `cargo test` runs them.
    Short(Vec<String>),
    /// The names of the short versions.
    List,
    /// Scenes in full.
    Run(Run),
    /// What readers want of the run in a folder, copied to another.
    Publish(PathBuf, PathBuf),
    /// A part in a world; only the lab asks for that.
    Play(Vec<String>),
    /// How it is used.
    Help,
}

/// Scenes in full.
#[derive(Clone, Debug)]
pub struct Run {
    pub scenes: Vec<Name>,
    pub carriers: Vec<Carrier>,
    pub seeds: Vec<u64>,
    pub controls: Vec<String>,
    pub cut: Cut,
    pub link: Link,
    pub tubes: Option<PathBuf>,
    pub out: Option<PathBuf>,
}

impl Default for Run {
    fn default() -> Self {
        Run {
            scenes: Name::ALL.to_vec(),
            carriers: Carrier::ALL.to_vec(),
            seeds: vec![1],
            controls: vec!["cubic".to_owned()],
            cut: Cut::default(),
            link: Link::default(),
            tubes: None,
            out: None,
        }
    }
}

/// How it is used.
pub const HELP: &str = "\
lab run [OPTIONS]      scenes in full; every option takes a list with commas where that makes sense
  --scene NAME         unloaded steady pages bell crowd surge-down surge-down-alone surge-up surge-up-alone
                       idle reload edge uneven slow single                                    (all)
  --carrier NAME       none htb squid squid-pools clearway                                    (all that are installed)
  --seed N             what chance is drawn from                                              (1)
  --control NAME       how TCP sends: cubic, bbr                                              (cubic)
  --seconds N          how long what counts lasts                                             (30)
  --warm N             how long what comes before it lasts, and does not count; bell's quiet  (10)
  --patience N         how long clinical work is waited for before it counts as failed        (30)
  --down N --up N      the link, in Mbit/s                                                    (50, 20)
  --delay N            propagation one way, in ms                                             (8)
  --fifo N             the queue in front of each way, in ms                                  (150)
  --tubes FILE         [link] and tubes for clearway, in place of the lab's
  --out FOLDER         where report, table, results, time series and pictures go; what results.json there
                       holds is not played again, so a run that was interrupted goes on       (target/lab/DATE)
lab publish --from FOLDER [--to FOLDER]
                       the report and some pictures of a finished run, for readers            (tests/lab/results)
lab [WORD...]          short versions, those whose names contain a word
";

/// Reads the command line.
pub fn read(arguments: &[String]) -> Result<Ask, String> {
    match arguments.first().map(String::as_str) {
        Some("run") => run(&arguments[1..]).map(Ask::Run),
        Some("publish") => publish(&arguments[1..]),
        Some("play") => Ok(Ask::Play(arguments[1..].to_vec())),
        Some("help" | "--help" | "-h") => Ok(Ask::Help),
        _ if arguments.iter().any(|argument| argument == "--list") => Ok(Ask::List),
        _ => Ok(Ask::Short(words(arguments))),
    }
}

/// The words among what `cargo test` may hand to any test program; the options mean nothing here.
fn words(arguments: &[String]) -> Vec<String> {
    const WITH_VALUE: &[&str] = &["--test-threads", "--skip", "--format", "--color", "--logfile"];
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if WITH_VALUE.contains(&argument.as_str()) {
            rest.next();
        } else if !argument.starts_with('-') {
            words.push(argument.clone());
        }
    }
    words
}

/// Where readers find the results.
fn published() -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/results")
}

fn publish(arguments: &[String]) -> Result<Ask, String> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--from", from] => Ok(Ask::Publish(from.into(), published())),
        ["--from", from, "--to", to] => Ok(Ask::Publish(from.into(), to.into())),
        _ => Err("publish wants --from FOLDER; `lab help` says more".to_owned()),
    }
}

fn run(arguments: &[String]) -> Result<Run, String> {
    let mut run = Run::default();
    for pair in arguments.chunks(2) {
        let [option, value] = pair else { return Err(format!("{} wants a value", pair[0])) };
        let number = || value.parse::<f64>().map_err(|_| format!("{option}: {value} is no number"));
        let mbit = || number().map(|rate| (rate * 1e6) as u64);
        match option.as_str() {
            "--scene" => run.scenes = list(value, |word| Name::ALL.into_iter().find(|name| name.text() == word))?,
            "--carrier" => {
                run.carriers = list(value, |word| Carrier::ALL.into_iter().find(|carrier| carrier.name() == word))?;
            }
            "--seed" => run.seeds = list(value, |word| word.parse().ok())?,
            "--control" => run.controls = list(value, |word| Some(word.to_owned()))?,
            "--seconds" => run.cut.counts = number()?,
            "--warm" => run.cut.warm = number()?,
            "--patience" => run.cut.patience = number()?,
            "--down" => run.link.down = mbit()?,
            "--up" => run.link.up = mbit()?,
            "--delay" => run.link.delay_ms = number()?,
            "--fifo" => run.link.fifo_ms = number()?,
            "--tubes" => run.tubes = Some(value.into()),
            "--out" => run.out = Some(value.into()),
            _ => return Err(format!("there is no {option}; `lab help` names what there is")),
        }
    }
    Ok(run)
}

fn list<T>(value: &str, known: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    value.split(',').map(|word| known(word).ok_or_else(|| format!("there is no {word}; see `lab help`"))).collect()
}
