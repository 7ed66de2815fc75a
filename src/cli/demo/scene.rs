//! Plays one act in a world of its own: a fresh link, fresh origins, and for the third act a gateway.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::act::{self, Act, Lengths};
use super::ask::Route;
use super::clinical;
use super::diary::Diary;
use super::gateway::{Gateway, GatewayError};
use super::link::Link;
use super::origin::Origins;
use super::staff;

/// Between two looks at the link.
const LOOK: Duration = Duration::from_millis(50);
/// Both lunch hours are drawn from it, so they are the same one.
const SEED: u64 = 1;

/// Why an act could not be played.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// A port of the link or of an origin.
    #[error("cannot open a port on 127.0.0.1: {0}")]
    Port(#[source] io::Error),
    /// The gateway of the third act.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// A thread of this program.
    #[error("a thread broke off")]
    BrokeOff,
}

/// Plays it to its end. What happens is written down; nothing of it is left when this returns.
///
/// # Errors
/// When its world cannot be made.
pub async fn play(act: Act, lengths: Lengths, diary: &Arc<Diary>) -> Result<(), SceneError> {
    let spec = act::link();
    let mut link = Link::new(&spec);
    let origins = Arc::new(Origins::open(&mut link, diary).await.map_err(SceneError::Port)?);
    let gateway = match act {
        Act::With => {
            let origins = Arc::clone(&origins);
            let wire = link.counters();
            let starting = tokio::task::spawn_blocking(move || Gateway::start(&spec, &origins, wire));
            Some(starting.await.map_err(|_| SceneError::BrokeOff)??)
        }
        Act::Unloaded | Act::Without => None,
    };
    let route = gateway.as_ref().map_or(Route::Direct, |gateway| Route::Gateway(gateway.inside.address()));
    diary.begin();
    let staff = (act != Act::Unloaded).then(|| staff::begin(SEED, route, &origins, diary, lengths.warm / 2));
    tokio::select! {
        () = clinical::work(SEED, route, &origins, diary, lengths.asks) => {}
        () = look(&link, diary) => {}
    }
    // Those who wait first, so that nobody's connection breaks under them.
    drop(staff);
    tokio::task::spawn_blocking(move || drop(gateway)).await.map_err(|_| SceneError::BrokeOff)
}

async fn look(link: &Link, diary: &Diary) {
    loop {
        diary.sample(&link.wires());
        tokio::time::sleep(LOOK).await;
    }
}
