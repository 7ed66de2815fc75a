//! Lists that are fetched: each as often as the policy says, aside. What came takes the place of what was there before, and
//! a reload looks at it as at any list that changed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::reload::Cause;
use super::run::Daemon;
use crate::base::{CategoryId, EgressId, clock};
use crate::config::spec::Feed;
use crate::egress::egresses::SYSTEM;
use crate::egress::fetch::{Fetched, Version, fetch};
use crate::flow::Compartment;

/// After a failure a list is asked for again so soon, but never more often than it is refreshed.
const AGAIN: Duration = Duration::from_secs(300);
/// The longest sleep: a clock that is set is noticed within this.
const LOOK: Duration = Duration::from_secs(20);

/// A list among others: its category, its path in the policy, and where it comes from: elsewhere is another try.
type Key = (CategoryId, PathBuf, String);

/// What is known of lists that are fetched.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    /// Why the last try failed, and when the next is due.
    failed: HashMap<Key, (String, Timestamp)>,
}

/// What is kept beside a fetched list.
#[derive(Default, Serialize, Deserialize)]
struct Note {
    url: String,
    /// When its server was last asked with success.
    asked: Timestamp,
    version: Version,
}

impl Feeds {
    /// Forgets what became of the last try for a list, wherever it came from then.
    fn forget(&mut self, feed: &Feed) {
        self.failed.retain(|(category, path, _), _| *category != feed.category || *path != feed.path);
    }

    /// Why the last try to fetch a list failed.
    pub(super) fn failure(&self, category: &CategoryId, path: &Path) -> Option<&str> {
        self.failed.iter().find(|((of, list, _), _)| of == category && list == path).map(|(_, (why, _))| &**why)
    }
}

fn key(feed: &Feed) -> Key {
    (feed.category.clone(), feed.path.clone(), feed.url.clone())
}

impl Daemon {
    /// Fetches lists when they are due, until it is dropped.
    pub(super) async fn fetch_lists(self: Arc<Self>) {
        loop {
            let feeds = self.state().config.feeds.clone();
            let (mut next, mut came) = (clock::wall() + LOOK, false);
            for feed in &feeds {
                if self.due(feed) <= clock::wall() {
                    came |= self.renew_list(feed).await;
                }
                next = next.min(self.due(feed));
            }
            if came {
                self.reload(&Cause::Fetched).await;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::try_from(next.duration_since(clock::wall())).unwrap_or_default()) => {}
                () = self.feeds_changed.notified() => {}
            }
        }
    }

    /// When a list is to be fetched next.
    fn due(&self, feed: &Feed) -> Timestamp {
        let failed = self.feeds().failed.get(&key(feed)).map(|(_, again)| *again);
        failed.unwrap_or_else(|| {
            let note = Note::of(&feed.into).filter(|note| note.url == feed.url && feed.into.exists());
            note.map_or(Timestamp::UNIX_EPOCH, |note| note.asked.saturating_add(feed.refresh).unwrap_or(Timestamp::MAX))
        })
    }

    /// Fetches one; whether there is something new.
    async fn renew_list(self: &Arc<Self>, feed: &Feed) -> bool {
        let (list, url) = (feed.path.display(), &feed.url);
        match self.fetch_list(feed).await {
            Ok(new) => {
                tracing::info!(%list, url, new, "list fetched");
                self.feeds().forget(feed);
                self.describe();
                new
            }
            Err(why) => {
                tracing::error!(%list, url, "list not fetched, the last good one stays in force: {why}");
                let again = clock::wall() + AGAIN.min(feed.refresh);
                self.feeds().forget(feed);
                self.feeds().failed.insert(key(feed), (why, again));
                self.describe();
                false
            }
        }
    }

    async fn fetch_list(&self, feed: &Feed) -> Result<bool, String> {
        let known = Note::of(&feed.into).filter(|note| note.url == feed.url && feed.into.exists()).unwrap_or_default();
        let system = EgressId::from(SYSTEM);
        let way = self.carrier.current().ways.of(Compartment::Rest).clone();
        let egress = feed.egress.as_ref().unwrap_or(&system);
        let aside = feed.into.with_extension("new");
        let text = |error: io::Error| format!("what came cannot be written: {error}");
        fs::create_dir_all(feed.into.parent().unwrap_or(&feed.into)).map_err(text)?;
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&aside).map_err(text)?;
        let from = (&way.origins, &way.egresses, egress);
        let fetched = fetch(from, &feed.url, &known.version, &mut |piece| file.write_all(piece)).await;
        let new = match fetched {
            Ok(Fetched::Same) => None,
            Ok(Fetched::New(version)) => Some(version),
            Err(error) => {
                let _ = fs::remove_file(&aside);
                return Err(error.to_string());
            }
        };
        let note = Note { url: feed.url.clone(), asked: clock::wall(), version: new.clone().unwrap_or(known.version) };
        if new.is_some() {
            file.sync_all().and_then(|()| fs::rename(&aside, &feed.into)).map_err(text)?;
        } else {
            fs::remove_file(&aside).map_err(text)?;
        }
        note.put(&feed.into).map_err(text)?;
        Ok(new.is_some())
    }
}

/// When the server of a list was last asked with success. Reads a small file.
pub(super) fn asked(feed: &Feed) -> Option<Timestamp> {
    Note::of(&feed.into).filter(|note| note.url == feed.url).map(|note| note.asked)
}

/// What was fetched of a list was put back to what it was: it is asked for again when it would have been, and whole.
///
/// # Errors
/// Those of writing that down.
pub fn went_back(fetched: &Path) -> io::Result<()> {
    match Note::of(fetched) {
        Some(note) => Note { asked: clock::wall(), version: Version::default(), ..note }.put(fetched),
        None => Ok(()),
    }
}

impl Note {
    fn of(fetched: &Path) -> Option<Note> {
        serde_json::from_slice(&fs::read(fetched.with_extension("json")).ok()?).ok()
    }

    fn put(&self, fetched: &Path) -> io::Result<()> {
        fs::write(fetched.with_extension("json"), serde_json::to_vec(self)?)
    }
}
