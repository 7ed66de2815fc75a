//! A real log, flow by flow, judged by both plans at the moment each flow opened.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::Side;
use super::answer::{Answer, differ};
use crate::cli::logged::Record;
use crate::cli::write;
use crate::flow::{Question, Verdict};

/// What came of a log.
#[derive(Debug, Default, Serialize)]
pub struct Replay {
    /// Flows that were judged.
    pub flows: u64,
    /// Lines that are no record of a flow that was judged: cut short, or of a request without a target.
    pub skipped: u64,
    /// Flows that are answered otherwise.
    pub changed: u64,
    /// Clients of those, or their pseudonyms.
    pub clients: u64,
    /// By what changes, the most frequent first.
    pub kinds: Vec<Kind>,
}

/// Flows that change in the same way.
#[derive(Debug, Serialize)]
pub struct Kind {
    /// The answer before.
    pub old: Answer,
    /// The answer now.
    pub new: Answer,
    /// How many flows.
    pub flows: u64,
    /// Of how many clients.
    pub clients: u64,
    /// The names that most of them went to, and how many each.
    pub names: Vec<(String, u64)>,
}

/// One flow whose answer is another, for who wants to see each.
#[derive(Serialize)]
struct Each<'a> {
    flow: &'a str,
    at: String,
    host: &'a str,
    port: u16,
    old: Answer,
    new: Answer,
}

/// What one thread has counted.
#[derive(Default)]
struct Count {
    flows: u64,
    skipped: u64,
    kinds: BTreeMap<(Answer, Answer), Flows>,
}

#[derive(Default)]
struct Flows {
    count: u64,
    clients: HashSet<String>,
    names: BTreeMap<String, u64>,
}

/// So many names of a kind are told.
const NAMES: usize = 5;
/// Lines that a thread judges before it says how far it is.
const STEP: u64 = 10_000;

impl Replay {
    /// Replays a log on all processors; with `each`, every changed flow is written out as it comes.
    ///
    /// # Errors
    /// Those of reading the log.
    pub fn of(old: &Side, new: &Side, log: &Path, each: bool) -> io::Result<Replay> {
        let mut text = Vec::new();
        File::open(log)?.read_to_end(&mut text)?;
        let done = AtomicU64::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let bar = io::stderr().is_terminal();
        let counts: Vec<Count> = std::thread::scope(|scope| {
            let work: Vec<_> = pieces(&text, threads)
                .into_iter()
                .map(|piece| {
                    let (done, whole) = (&done, text.len());
                    scope.spawn(move || count(old, new, piece, each, &mut |bytes| progress(done, bytes, whole, bar)))
                })
                .collect();
            work.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        if bar {
            write::draw("\r\x1b[K");
        }
        Ok(Replay::sum(counts))
    }

    fn sum(counts: Vec<Count>) -> Replay {
        let (mut replay, mut all) = (Replay::default(), BTreeMap::<(Answer, Answer), Flows>::new());
        for count in counts {
            replay.flows += count.flows;
            replay.skipped += count.skipped;
            for (kind, flows) in count.kinds {
                let known = all.entry(kind).or_default();
                known.count += flows.count;
                known.clients.extend(flows.clients);
                flows.names.into_iter().for_each(|(name, count)| *known.names.entry(name).or_default() += count);
            }
        }
        replay.changed = all.values().map(|flows| flows.count).sum();
        replay.clients = all.values().flat_map(|flows| &flows.clients).collect::<HashSet<_>>().len() as u64;
        let kind = |((old, new), flows): ((Answer, Answer), Flows)| {
            let mut names: Vec<_> = flows.names.into_iter().collect();
            names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            names.truncate(NAMES);
            Kind { old, new, flows: flows.count, clients: flows.clients.len() as u64, names }
        };
        replay.kinds = all.into_iter().map(kind).collect();
        replay.kinds.sort_by_key(|kind| std::cmp::Reverse(kind.flows));
        replay
    }
}

/// A text in so many pieces, each of whole lines.
fn pieces(text: &[u8], count: usize) -> Vec<&[u8]> {
    let mut pieces = Vec::with_capacity(count);
    let mut rest = text;
    for left in (1..=count).rev() {
        let about = rest.len() / left;
        let end = rest[about..].iter().position(|octet| *octet == b'\n').map_or(rest.len(), |at| about + at + 1);
        let (piece, after) = rest.split_at(if left == 1 { rest.len() } else { end });
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn progress(done: &AtomicU64, bytes: u64, whole: usize, bar: bool) {
    let done = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
    if bar {
        let part = usize::try_from(done * 40 / whole.max(1) as u64).unwrap_or(40).min(40);
        let (full, rest) = ("█".repeat(part), "░".repeat(40 - part));
        write::draw(&format!("\r  judging the log  {full}{rest}  {:>3}%", part * 100 / 40));
    }
}

fn count(old: &Side, new: &Side, text: &[u8], each: bool, tell: &mut dyn FnMut(u64)) -> Count {
    let mut count = Count::default();
    let (mut lines, mut bytes) = (0u64, 0u64);
    for line in text.split(|octet| *octet == b'\n') {
        bytes += line.len() as u64 + 1;
        lines += 1;
        if lines % STEP == 0 {
            tell(std::mem::take(&mut bytes));
        }
        if line.is_empty() {
            continue;
        }
        match std::str::from_utf8(line).ok().and_then(|line| serde_json::from_str::<Record<'_>>(line).ok()) {
            Some(record) => count.judge(old, new, &record, each),
            None => count.skipped += 1,
        }
    }
    tell(bytes);
    count
}

impl Count {
    fn judge(&mut self, old: &Side, new: &Side, record: &Record<'_>, each: bool) {
        let Some((target, said, at)) = record.asked() else {
            self.skipped += 1;
            return;
        };
        let answer = |side: &Side| -> Verdict {
            // A pseudonym is in no group: who it was, the log does not say.
            let client = record.client.parse::<IpAddr>().ok();
            let groups = side.plan.groups_of(client, record.user);
            side.plan.judge(&Question { groups: &groups, target: &target, path: None, said: said.as_ref(), at })
        };
        self.flows += 1;
        let (before, now) = (answer(old), answer(new));
        if !differ(&before, &now) {
            return;
        }
        let (before, now) = (Answer::of(&before), Answer::of(&now));
        if each {
            let at = new.config.calendar.local(at).strftime("%Y-%m-%d %H:%M:%S").to_string();
            let (host, port) = (record.host.unwrap_or_default(), target.port);
            let told = Each { flow: record.flow, at, host, port, old: before.clone(), new: now.clone() };
            write::line(&serde_json::to_string(&told).unwrap_or_default());
        }
        let flows = self.kinds.entry((before, now)).or_default();
        flows.count += 1;
        if !flows.clients.contains(record.client) {
            flows.clients.insert(record.client.to_owned());
        }
        match flows.names.get_mut(record.host.unwrap_or_default()) {
            Some(count) => *count += 1,
            None => {
                flows.names.insert(record.host.unwrap_or_default().to_owned(), 1);
            }
        }
    }
}
