//! Idle connections that wait for the next request. Pure: it holds them, and time is an argument.

use std::hash::Hash;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt as _};

use crate::base::Moment;

/// Idle connections by what they lead to.
#[derive(Debug)]
pub(super) struct Pool<K, C> {
    idle: HashMap<K, Vec<Idle<C>>>,
    count: usize,
    most: usize,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Moment,
}

/// How long a connection may wait. Servers close theirs after 5 s (Apache) to 75 s (nginx); a page's next request
/// comes within seconds, and each one that waits costs a descriptor here and a worker there.
pub(super) const MAX_IDLE: Duration = Duration::from_secs(30);
/// The most that wait for one target: browsers open six, and a hospital's own server, or a parent, is everybody's.
const MAX_EACH: usize = 64;

impl<K: Clone + Eq + Hash, C> Pool<K, C> {
    /// None yet; `most` is how many may wait in all, so that descriptors stay for connections that carry something.
    pub(super) fn new(most: usize) -> Self {
        Pool { idle: HashMap::new(), count: 0, most }
    }

    /// Keeps a connection. Where there are too many, the one that has waited longest is dropped: of this target first,
    /// else of all.
    pub(super) fn put(&mut self, key: K, connection: C, now: Moment) {
        let same = self.idle.get(&key).map_or(0, Vec::len);
        if same >= MAX_EACH {
            self.drop_oldest(&key);
        } else if self.count >= self.most
            && let Some(oldest) = self.oldest()
        {
            self.drop_oldest(&oldest);
        }
        self.idle.entry(key).or_default().push(Idle { connection, since: now });
        self.count += 1;
    }

    /// The connection that was used last and is still usable: the least likely to be closed by the other side.
    /// Unusable ones on the way are dropped.
    pub(super) fn take(&mut self, key: &K, now: Moment, usable: impl Fn(&C) -> bool) -> Option<C> {
        let idle = self.idle.get_mut(key)?;
        let mut found = None;
        while let Some(last) = idle.pop() {
            self.count -= 1;
            if now.duration_since(last.since) < MAX_IDLE && usable(&last.connection) {
                found = Some(last.connection);
                break;
            }
        }
        if idle.is_empty() {
            self.idle.remove(key);
        }
        found
    }

    /// Drops what has waited too long or is no longer usable.
    pub(super) fn expire(&mut self, now: Moment, usable: impl Fn(&C) -> bool) {
        self.idle.retain(|_, idle| {
            idle.retain(|one| now.duration_since(one.since) < MAX_IDLE && usable(&one.connection));
            !idle.is_empty()
        });
        self.count = self.idle.values().map(Vec::len).sum();
    }

    pub(super) fn clear(&mut self) {
        self.idle.clear();
        self.count = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The target whose oldest connection has waited longest. It walks all targets, but only when all places are taken.
    fn oldest(&self) -> Option<K> {
        let since = |idle: &Vec<Idle<C>>| idle.first().map(|one| one.since);
        self.idle.iter().min_by_key(|(_, idle)| since(idle)).map(|(key, _)| key.clone())
    }

    fn drop_oldest(&mut self, key: &K) {
        let Some(idle) = self.idle.get_mut(key) else { return };
        // In order of their return, so the first has waited longest.
        drop(idle.remove(0));
        self.count -= 1;
        if idle.is_empty() {
            self.idle.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    fn filled(each: &[(&'static str, u32)]) -> (Pool<&'static str, u32>, Moment) {
        let start = clock::now();
        let mut pool = Pool::new(2 * MAX_EACH);
        for (second, (key, connection)) in (0u64..).zip(each) {
            pool.put(*key, *connection, start + Duration::from_secs(second));
        }
        (pool, start)
    }

    #[test]
    fn the_last_used_connection_is_taken_first() {
        let (mut pool, start) = filled(&[("a", 1), ("b", 2), ("a", 3)]);
        let taken: Vec<_> = ["a", "a", "a", "b", "b"].iter().map(|key| pool.take(key, start, |_| true)).collect();
        assert_eq!(taken, [Some(3), Some(1), None, Some(2), None]);
        assert_eq!((pool.len(), pool.idle.len()), (0, 0));
    }

    #[test]
    fn an_unusable_connection_is_dropped_on_the_way() {
        let (mut pool, start) = filled(&[("a", 1), ("a", 2), ("a", 3)]);
        assert_eq!(pool.take(&"a", start, |one| *one == 1), Some(1));
        assert_eq!(pool.len(), 0);
    }

    #[test]
    fn a_connection_waits_no_longer_than_the_limit() {
        let (mut pool, start) = filled(&[("a", 1), ("b", 2)]);
        assert_eq!(pool.take(&"a", start + MAX_IDLE, |_| true), None);
        pool.expire(start + MAX_IDLE, |_| true);
        assert_eq!(pool.len(), 1, "b came a second later");
        pool.expire(start + MAX_IDLE, |_| false);
        assert_eq!((pool.len(), pool.idle.len()), (0, 0));
    }

    #[test]
    fn the_oldest_of_a_full_target_gives_way() {
        let (mut pool, start) = filled(&[("a", 0); MAX_EACH]);
        pool.put("a", 9, start + Duration::from_secs(MAX_EACH as u64));
        assert_eq!(pool.len(), MAX_EACH);
        assert_eq!(pool.take(&"a", start + Duration::from_secs(MAX_EACH as u64), |_| true), Some(9));
    }

    #[test]
    fn the_oldest_of_all_gives_way_when_all_places_are_taken() {
        let start = clock::now();
        let mut pool = Pool::new(20);
        for key in 0..=20 {
            pool.put(key, (), start + Duration::from_millis(key as u64));
        }
        assert_eq!(pool.len(), 20);
        assert_eq!(pool.take(&0, start, |()| true), None);
        assert_eq!(pool.take(&1, start, |()| true), Some(()));
    }
}
