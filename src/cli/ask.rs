//! `clearway status`, `reload` and `drain`: talk to a running gateway over the socket in its state directory.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::args::ConfigFile;
use super::{NO, load, write};
use crate::base::Rate;
use crate::portal::client::{self, AskError};
use crate::portal::state::time;
use crate::portal::{
    self, AdmissionView, BeforeView, CertificateView, LinkWayView, RefusedList, RefusedView, Status, TubeView, Tubes,
    UpgradeOutcome, WatchView, WayView,
};

/// Shows how a running gateway does.
pub fn status(config: &ConfigFile, json: bool) -> u8 {
    answered(config, client::status, |(status, tubes)| {
        if json {
            let Tubes { state, link, tubes } = tubes;
            write::line(
                &serde_json::json!({ "status": status, "state": state, "link": link, "tubes": tubes }).to_string(),
            );
        } else {
            write::line(words(&status, &tubes).trim_end());
        }
        0
    })
}

/// Has a running gateway read its configuration again; where its files were put back, to which generation.
pub fn reload(config: &ConfigFile, rollback: Option<u64>) -> u8 {
    answered(
        config,
        |socket| client::reload(socket, rollback),
        |outcome| {
            for problem in &outcome.problems {
                write::note(problem.trim_end());
            }
            let generation = outcome.generation;
            if outcome.applied {
                write::line(&format!("applied: generation {generation} is in force"));
                0
            } else {
                write::line(&format!("refused: generation {generation} stays in force"));
                NO
            }
        },
    )
}

/// Has a running gateway replaced by its program as it is on disk now.
pub fn upgrade(config: &ConfigFile) -> u8 {
    answered(config, client::upgrade, |outcome| {
        let UpgradeOutcome { pid, flows, drain_seconds, problem, .. } = outcome;
        if let Some(problem) = problem {
            write::note(&format!("error: {}", problem.trim_end()));
            write::line("refused: the gateway that ran goes on as if nothing had happened");
            return NO;
        }
        let flows = if flows == 1 { "1 open flow".to_owned() } else { format!("{flows} open flows") };
        write::line(&format!(
            "upgraded: process {pid} has taken over; the one before carries {flows} on, for {} at most",
            span(drain_seconds)
        ));
        0
    })
}

/// Has a running gateway drain and stop.
pub fn drain(config: &ConfigFile) -> u8 {
    answered(config, client::drain, |()| {
        write::line("draining: no new flows; the gateway stops when the open ones have finished");
        0
    })
}

/// The socket of the gateway that a configuration belongs to, or an exit code.
pub(super) fn socket(config: &ConfigFile) -> Result<PathBuf, u8> {
    load::place(config).map(|(dir, _)| dir.join(portal::socket::FILE))
}

/// Asks the gateway that a configuration belongs to: its socket lies in the state directory.
fn answered<T>(
    config: &ConfigFile,
    ask: impl Fn(&std::path::Path) -> Result<T, AskError>,
    tell: impl Fn(T) -> u8,
) -> u8 {
    match socket(config).map(|socket| ask(&socket)) {
        Ok(Ok(answer)) => tell(answer),
        Ok(Err(error)) => {
            write::note(&format!("error: {error}"));
            NO
        }
        Err(code) => code,
    }
}

fn words(status: &Status, Tubes { state, link, tubes }: &Tubes) -> String {
    let mut text = String::new();
    let doing = if status.draining { "draining" } else { "running" };
    let up = span(status.uptime_seconds);
    let Status { name, version, generation, .. } = status;
    let _ = writeln!(text, "{name}: {doing} for {up}, version {version}, generation {generation}");
    let _ = writeln!(text, "{}", [state.text.as_str(), state.others.as_str()].join(" ").trim_end());
    if let Some(reload) = &status.last_reload {
        let problem = reload.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
        let _ = writeln!(text, "last reload {} at {:.0}{problem}", reload.result, reload.time);
    }
    if let Some(BeforeView { pid, version, flows }) = &status.before {
        let _ = writeln!(text, "took over from process {pid}, version {version}, which still carries {flows} flows");
    }
    for listener in &status.listeners {
        let certificate = listener.certificate.as_ref().map(certificate).unwrap_or_default();
        let _ = writeln!(text, "listener {} ({}) on {}{certificate}", listener.name, listener.mode, listener.address);
    }
    let head = ["link", "carries", "given out", "on the wire", "queue"].map(str::to_owned);
    let down = link_row("down", status.link.down, &link.down);
    let up = link_row("up", status.link.up, &link.up);
    let _ = write!(text, "\n{}", table(&[head, down, up]));
    if let Some(took) = link.probe_ms {
        let _ = writeln!(text, "probe answers in {}", time(took));
    }
    let head = ["tube", "flows", "waiting", "connecting", "refused", "down", "up"].map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(tubes.iter().map(|tube| tube_row(tube, tubes))).collect();
    let _ = write!(text, "\n{}", table(&rows));
    let RefusedView { tube_full, process_full } = status.refused;
    if tube_full + process_full > 0 {
        let _ = writeln!(text, "\nrefused: {tube_full} as a tube was full, {process_full} as the gateway was full");
    }
    text + &watching(&status.watching) + &refused_lists(&status.refused_lists)
}

fn certificate(CertificateView { expires, problem }: &CertificateView) -> String {
    let until = expires.map(|at| format!(", certificate until {at:.0}")).unwrap_or_default();
    let problem = problem.as_ref().map(|why| format!("; a newer one is no use: {why}")).unwrap_or_default();
    format!(" by TLS{until}{problem}")
}

/// What rules that only watch would have done.
fn watching(rules: &[WatchView]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let row = |view: &WatchView| [view.rule.clone(), view.flows.to_string(), view.otherwise.to_string()];
    let head = ["rule that watches", "would decide", "otherwise than was decided"].map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(rules.iter().map(row)).collect();
    format!("\n{}", table(&rows))
}

fn refused_lists(lists: &[RefusedList]) -> String {
    let mut text = String::new();
    for RefusedList { category, list, why } in lists {
        let _ = writeln!(text, "\nlist {list} of {category}: {why}; the last good copy stays in force");
    }
    text
}

/// What is not known, or nothing holds it back, is a dash.
fn link_row(name: &str, carries: Option<u64>, way: &LinkWayView) -> [String; 5] {
    let known = |bits: Option<u64>| bits.map_or("-".to_owned(), rate);
    let queue = way.queue_ms.map_or("-".to_owned(), time);
    [name.to_owned(), known(carries), known(way.limit), known(way.used), queue]
}

fn tube_row(tube: &TubeView, tubes: &[TubeView]) -> [String; 7] {
    let AdmissionView { waiting, wait_ms } = tube.admission;
    let waits = wait_ms.filter(|ms| waiting > 0 || *ms >= 0.5);
    let after = waits.map(|ms| format!(", {} each", time(ms))).unwrap_or_default();
    [
        format!("{}{}", "  ".repeat(depth(tube, tubes)), tube.tube),
        tube.flows.to_string(),
        tube.waiting.to_string(),
        format!("{waiting}{after}"),
        (tube.refused.tube_full + tube.refused.process_full).to_string(),
        way(&tube.down),
        way(&tube.up),
    ]
}

/// Rows of cells, each column as wide as it needs; the first is a name, the others are figures.
fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for row in rows {
        let _ = write!(text, "{:<1$}", row[0], width(0));
        for (column, cell) in row.iter().enumerate().skip(1) {
            let _ = write!(text, "  {cell:>0$}", width(column));
        }
        text.push('\n');
    }
    text
}

pub(super) fn depth(tube: &TubeView, tubes: &[TubeView]) -> usize {
    let around = tube.within.as_ref().and_then(|within| tubes.iter().find(|other| other.tube == *within));
    around.map_or(0, |around| 1 + depth(around, tubes))
}

pub(super) fn rate(bits: u64) -> String {
    Rate::from_bits_per_second(bits).map_or("0".to_owned(), round)
}

fn way(way: &WayView) -> String {
    match way.limit {
        Some(limit) => format!("{} of {}", rate(way.used), rate(limit)),
        None => rate(way.used),
    }
}

/// Three figures are enough to see how things are.
fn round(rate: Rate) -> String {
    let bits = rate.bits_per_second();
    let step = 10u64.pow(bits.ilog10().saturating_sub(2));
    Rate::from_bits_per_second(bits / step * step).map_or("0".to_owned(), |rate| rate.to_string())
}

pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::{LinkNow, example};

    fn tube(name: &str, within: Option<&str>, limit: Option<u64>, used: u64) -> TubeView {
        let way = WayView { limit, used, wait_ms: None };
        TubeView { down: way, up: way, flows: 12, ..example::tube(name, within, 1) }
    }

    #[test]
    fn columns_are_as_wide_as_they_need_and_what_is_not_known_is_a_dash() {
        let mut social = tube("social", Some("internet"), Some(10_000_000), 9_700_000);
        social.admission = AdmissionView { waiting: 3, wait_ms: Some(92.0) };
        social.refused = RefusedView { tube_full: 4, process_full: 1 };
        let down = LinkWayView { limit: Some(91_000_000), used: Some(64_210_000), queue_ms: Some(2.25) };
        let mut internet = tube("internet", None, Some(60_000_000), 9_700_000);
        internet.admission.wait_ms = Some(0.01);
        let link = LinkNow { down, up: LinkWayView::default(), probe_ms: Some(12.5) };
        let mut tubes =
            Tubes::new(link, vec![TubeView { priority: 0, ..tube("clinical", None, None, 0) }, internet, social]);
        let mut status = example::status();
        status.link.down = Some(100_000_000);
        status.refused = RefusedView { tube_full: 4, process_full: 2 };
        let told = "\
gw1: running for 4 h 30 min, version 0.1.0, generation 3
Clinical is clear: nothing waits. Social is full and waits 92 ms.

link     carries  given out  on the wire   queue
down  100 Mbit/s  91 Mbit/s  64.2 Mbit/s  2.2 ms
up             -          -            -       -
probe answers in 12 ms

tube      flows  waiting     connecting  refused                     down                       up
clinical     12        0              0        0                        0                        0
internet     12        0              0        0  9.7 Mbit/s of 60 Mbit/s  9.7 Mbit/s of 60 Mbit/s
  social     12        0  3, 92 ms each        5  9.7 Mbit/s of 10 Mbit/s  9.7 Mbit/s of 10 Mbit/s

refused: 4 as a tube was full, 2 as the gateway was full
";
        assert_eq!(words(&status, &tubes), told);
        (tubes.link.probe_ms, status.refused) = (None, RefusedView::default());
        let told = words(&status, &tubes);
        assert!(!told.contains("probe") && !told.contains("refused:"), "{told}");
        status.watching = vec![WatchView { rule: "trial".into(), flows: 1_234, otherwise: 7 }];
        let (category, list) = ("ads".into(), "lists/ads.txt".into());
        status.refused_lists = vec![RefusedList { category, list, why: "it has no entry".into() }];
        let more = "
rule that watches  would decide  otherwise than was decided
trial                      1234                           7

list lists/ads.txt of ads: it has no entry; the last good copy stays in force
";
        assert_eq!(words(&status, &tubes).strip_prefix(&told), Some(more));
    }
}
