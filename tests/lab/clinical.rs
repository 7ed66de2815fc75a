//! Clinical work: look-ups and referrals that come on a clock of their own. A late answer never delays the next question.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::clock;
use crate::script::{Exchange, Kind, Script, Work};
use crate::tally::Tally;
use crate::tunnel::{Asker, Want};
use crate::world::{Server, clinician};

/// Of the runtime's timers.
const STEP: Duration = Duration::from_millis(2);
/// Clinical work is counted apart from staff.
pub const CLINICAL: u32 = 1_000_000;

/// A piece of work before it is done.
#[derive(Clone, Copy, Debug)]
struct Task {
    kind: Kind,
    at: f64,
    want: Want,
}

/// All work of a script, in the order of time. It depends on the seed and the rates, and on nothing that happens.
fn tasks(seed: u64, work: &[Work]) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (part, work) in work.iter().enumerate() {
        for (kind, rate) in [(Kind::LookUp, work.lookups), (Kind::Referral, work.referrals)] {
            if rate == 0.0 {
                continue;
            }
            let mut chance = Chance::new(seed, 100 + 2 * part as u64 + kind as u64);
            let mut at = work.from;
            loop {
                at += chance.gap(rate);
                if at >= work.to {
                    break;
                }
                tasks.push(Task { kind, at, want: want(kind, &mut chance) });
            }
        }
    }
    tasks.sort_by(|one, other| one.at.total_cmp(&other.at));
    tasks
}

/// Sizes and think times such that, on the link with nobody else, half of all work is done in about 71 ms and all but a
/// hundredth in about 176 ms: four round trips, the transfer, and sometimes another referral that is in the way.
fn want(kind: Kind, chance: &mut Chance) -> Want {
    let think = chance.between(500.0, 1_500.0) as u64;
    match kind {
        Kind::LookUp => Want { up: 1_024, think, down: chance.log_normal(30e3, 0.3, 20e3, 60e3) as u64 },
        Kind::Referral => Want { up: chance.log_normal(115e3, 0.35, 100e3, 600e3) as u64, think, down: 400 },
    }
}

/// The mean payload of a piece of work, in bytes, in the direction it loads.
pub fn mean_bytes(kind: Kind) -> f64 {
    let mut chance = Chance::new(1, 99);
    let draws = 10_000;
    let bytes = |want: Want| if kind == Kind::LookUp { want.down } else { want.up };
    (0..draws).map(|_| bytes(want(kind, &mut chance)) as f64).sum::<f64>() / f64::from(draws)
}

/// Does all of a script's clinical work and says how it went.
pub async fn work(script: &Script) -> Vec<Exchange> {
    let tally = Arc::new(Mutex::new(Tally::new()));
    let mut doing = JoinSet::new();
    for (number, task) in tasks(script.seed, &script.clinical).into_iter().enumerate() {
        let due = script.zero + clock::nanos(task.at);
        begin(due).await;
        let number = number as u32;
        let asker = Asker { who: CLINICAL, address: clinician(number), route: script.route, tally: Arc::clone(&tally) };
        doing.spawn(exchange(asker, task, due, Duration::from_secs_f64(script.patience)));
    }
    doing.join_all().await
}

/// Waits until a moment, more precisely than the runtime's timers, which have steps of a millisecond.
async fn begin(due: u64) {
    tokio::time::sleep(clock::until(due).saturating_sub(STEP)).await;
    while clock::now() < due {
        tokio::task::yield_now().await;
    }
}

async fn exchange(asker: Asker, task: Task, due: u64, patience: Duration) -> Exchange {
    let opened = Mutex::new(None);
    let since = || clock::millis(clock::now().saturating_sub(due));
    let asking = async {
        let mut tunnel = asker.open(Server::Clinic).await?;
        *opened.lock().unwrap() = Some(since());
        tunnel.ask(task.want).await
    };
    let failure = match tokio::time::timeout(patience, asking).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("no answer in time".to_owned()),
    };
    let (took, opened_ms) = (since(), *opened.lock().unwrap());
    // What failed at once is no good time.
    let took_ms = if failure.is_some() { patience.as_secs_f64() * 1e3 } else { took };
    Exchange { kind: task.kind, at: task.at, took_ms, opened_ms, bytes: task.want.up + task.want.down, failure }
}
