//! The table of pages: from a host and a path to the entries that are about it, the longest first.

use foldhash::HashMap;

use super::key::{Reach, Seed};
use super::list::Url;
use crate::base::Host;

/// Hosts, and how paths begin there.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// By the key of the host alone; the paths of each in their order.
    hosts: HashMap<u64, Vec<(Box<str>, u32)>>,
}

impl Pages {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Adds an entry.
    pub fn add(&mut self, seed: &Seed, url: &Url, entry: u32) {
        self.hosts.entry(key(seed, &url.host)).or_default().push((url.path.clone(), entry));
    }

    /// The entries that a page is under, the longest path first, each with that path. Paths begin after the host's `/`.
    pub fn find(&self, seed: &Seed, host: &Host, path: &str) -> Vec<(&str, u32)> {
        if self.hosts.is_empty() {
            return Vec::new();
        }
        let Some(paths) = self.hosts.get(&key(seed, host)) else { return Vec::new() };
        let mut found: Vec<_> = paths.iter().filter(|(front, _)| is_under(path, front)).collect();
        found.sort_by_key(|(front, entry)| (std::cmp::Reverse(front.len()), *entry));
        found.into_iter().map(|(front, entry)| (&**front, *entry)).collect()
    }
}

fn key(seed: &Seed, host: &Host) -> u64 {
    match host {
        Host::Name(name) => seed.key(name.as_str().strip_prefix("www.").unwrap_or(name.as_str()), Reach::Exact),
        Host::Addr(address) => seed.key(&address.to_string(), Reach::Exact),
    }
}

/// Whether a path is what an entry says or lies under it: `news` holds `news`, `news/today` and `news?day=1`.
fn is_under(path: &str, front: &str) -> bool {
    path.strip_prefix(front).is_some_and(|rest| {
        front.is_empty()
            || front.ends_with(['/', '?', '=', '&'])
            || rest.is_empty()
            || rest.starts_with(['/', '?', '#', '&'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_under_paths_that_end_where_a_step_ends() {
        let seed = Seed::new([3; Seed::OCTETS]);
        let mut pages = Pages::default();
        for (entry, (host, path)) in
            (0u32..).zip([("x.example", "a"), ("www.x.example", "a/b/"), ("y.example", ""), ("192.0.2.1", "~a")])
        {
            pages.add(&seed, &Url { host: host.parse().unwrap(), path: path.into() }, entry);
        }
        for (host, path, entries) in [
            ("x.example", "a", &[0][..]),
            ("www.x.example", "a/b/c", &[1, 0]),
            ("x.example", "a?q=1", &[0]),
            ("x.example", "ab", &[]),
            ("m.x.example", "a", &[]),
            ("y.example", "anything", &[2]),
            ("192.0.2.1", "~a/b", &[3]),
        ] {
            let found: Vec<_> =
                pages.find(&seed, &host.parse().unwrap(), path).into_iter().map(|(_, entry)| entry).collect();
            assert_eq!(found, entries, "{host}/{path}");
        }
    }
}
