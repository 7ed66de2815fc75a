//! Clinical work: look-ups and referrals that come on a clock of their own. A late answer never delays the next question.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::ask::{Asker, Route, Want};
use super::cast::{CAST, CLINICIAN};
use super::chance::{Chance, whole};
use super::diary::{Diary, Exchange};
use super::origin::Origins;

/// After so long nobody waits any more: it counts as failed, with this as its time.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A piece of clinical work before it is done.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Task {
    at: f64,
    want: Want,
}

/// All work of an act that is this long, in the order of time. It depends on the seed, and on nothing that happens.
fn tasks(seed: u64, length: f64) -> Vec<Task> {
    let look_up = |chance: &mut Chance, think| Want { up: 1_024, think, down: chance.bytes(30e3, 0.3, 20e3, 60e3) };
    let referral = |chance: &mut Chance, think| Want { up: chance.bytes(60e3, 0.35, 40e3, 300e3), think, down: 400 };
    let mut tasks = stream(Chance::new(seed, 100), CAST.lookups, length, look_up);
    tasks.extend(stream(Chance::new(seed, 101), CAST.referrals, length, referral));
    tasks.sort_by(|one, other| one.at.total_cmp(&other.at));
    tasks
}

fn stream(mut chance: Chance, rate: f64, length: f64, want: impl Fn(&mut Chance, u64) -> Want) -> Vec<Task> {
    let mut at = chance.gap(rate);
    let mut tasks = Vec::new();
    while at < length {
        let think = whole(chance.between(500.0, 1_500.0));
        tasks.push(Task { at, want: want(&mut chance, think) });
        at += chance.gap(rate);
    }
    tasks
}

/// Does all clinical work of an act that is this long, and waits for the last answer.
pub async fn work(seed: u64, route: Route, origins: &Arc<Origins>, diary: &Arc<Diary>, length: Duration) {
    let mut doing = JoinSet::new();
    for (number, task) in tasks(seed, length.as_secs_f64()).into_iter().enumerate() {
        sleep_until(Instant::from_std(diary.began() + Duration::from_secs_f64(task.at))).await;
        let asker = Asker { who: CLINICIAN, seat: CAST.desk(number), route, diary: Arc::clone(diary) };
        doing.spawn(exchange(asker, task, Arc::clone(origins)));
    }
    while doing.join_next().await.is_some() {}
}

async fn exchange(asker: Asker, task: Task, origins: Arc<Origins>) {
    let asking = async {
        let mut connection = asker.open(&origins.clinic).await?;
        connection.ask(task.want).await
    };
    let failed = !matches!(tokio::time::timeout(PATIENCE, asking).await, Ok(Ok(())));
    let took = if failed { PATIENCE.as_secs_f64() } else { asker.diary.now() - task.at };
    asker.diary.notes().clinical.push(Exchange { at: task.at, took_ms: took * 1e3, failed });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_act_has_the_same_work_and_then_more() {
        let (short, long) = (tasks(1, 5.0), tasks(1, 20.0));
        assert_eq!(short[..], long[..short.len()]);
        assert!(long.len() > 3 * short.len());
        assert!(long.iter().all(|task| task.at < 20.0));
    }
}
