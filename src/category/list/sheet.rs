//! What a reader fills, and the list that it becomes.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::notice::{Notice, Trouble};
use super::{Format, Places};
use crate::base::{CategoryId, Cidr, Host, Name, Source};
use crate::category::Pattern;
use crate::category::guard::{Guard, Watched, Why};
use crate::category::key::{Reach, Seed};
use crate::category::segment::number;
use crate::category::wild::Wild;

/// A list that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The file or folder, as the policy names it.
    pub path: Arc<Path>,
    /// Every file that was looked into.
    pub files: Vec<Arc<Path>>,
    /// How it is written.
    pub format: Format,
    /// Where each entry stands.
    pub places: Arc<Places>,
    /// Each entry's key, where it has a name; 0 for the others.
    pub keys: Keys,
    /// Networks, and their entries.
    pub networks: Vec<(Cidr, u32)>,
    /// What is looked for in names, and the entries.
    pub wild: Vec<(Wild, u32)>,
    /// Pages, and their entries.
    pub urls: Vec<(Url, u32)>,
    /// Entries that are more than a match, in their order.
    pub effects: Arc<[(u32, Effect)]>,
    /// How many of each kind there are.
    pub counts: Counts,
    /// The first lines that could not be read.
    pub rejected: Vec<Rejected>,
    /// Entries that give reason to look; the first.
    pub notices: Vec<Notice>,
    /// What its text looks like, where that is another format.
    pub looks_like: Option<Format>,
    /// Why a newer one was refused, so that this is the last good one.
    pub refused: Option<String>,
    /// When the file was last modified.
    pub modified: Option<Timestamp>,
}

/// A page, or all pages whose address begins so. It applies where a path can be seen, never to a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// The host; of a name its `www.` counts too.
    pub host: Host,
    /// What paths begin with, without the first `/`.
    pub path: Box<str>,
}

/// What an entry does beside matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What it matches is not in its list, whatever else the list says (AdGuard's `@@`).
    Except,
    /// What it matches is not in its list, unless a more specific entry says so (`rpz-passthru`).
    Spare,
    /// It matches in spite of exceptions (AdGuard's `$important`).
    Insist,
}

/// How many entries of each kind a list has, and lines that are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// That name only.
    pub exact: usize,
    /// A name and all under it.
    pub suffix: usize,
    /// All under a name.
    pub under: usize,
    /// Networks and addresses.
    pub networks: usize,
    /// What names contain.
    pub keywords: usize,
    /// Regular expressions.
    pub regexps: usize,
    /// Pages.
    pub urls: usize,
    /// Of all those, the ones that take names out of the list.
    pub exceptions: usize,
    /// Lines that could not be read.
    pub rejected: usize,
    /// Entries that give reason to look.
    pub notices: usize,
}

/// A line of a list that could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
    /// The text, cut to a length fit for a message.
    pub text: String,
    /// Why; what to write instead follows after a semicolon.
    pub why: String,
}

/// A list in the making.
pub struct Sheet<'a> {
    seed: Seed,
    watch: Watch<'a>,
    file: Arc<Path>,
    list: List,
    /// The keys of its entries.
    made: Vec<u64>,
    places: Places,
    effects: Vec<(u32, Effect)>,
    /// That of the entry in hand.
    effect: Option<Effect>,
    /// The keys of a name and its parents, kept for the next.
    keys: Vec<u64>,
}

/// What a guard has to do with a list.
pub enum Watch<'a> {
    /// It looks at each entry.
    Over(&'a Guard),
    /// The list is a protected category's: the guard is to watch over its entries.
    For(&'a mut Guard, &'a CategoryId),
    /// None: somebody wants to hear each entry.
    Tell(&'a mut dyn FnMut(Told<'_>)),
}

/// An entry as it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The file it stands in.
    pub file: &'a Arc<Path>,
    /// The line, from 1.
    pub line: u32,
    /// What it is.
    pub what: What<'a>,
    /// What it does beside matching.
    pub effect: Option<Effect>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A name.
    Name(&'a Name, Reach),
    /// A network.
    Network(Cidr),
    /// What is looked for in names or addresses.
    Wild(&'a Wild),
    /// A page.
    Url(&'a Url),
}

/// What a line says.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A name, or an address.
    Host(&'a str, Reach),
    /// A network.
    Network(Cidr),
    /// What names contain.
    Keyword(&'a str),
    /// A regular expression over names.
    Regexp(&'a str),
    /// A regular expression over the addresses of pages.
    Page(&'a str),
    /// A host, and how paths begin there, without the first `/`.
    Url(&'a str, &'a str),
}

/// So many rejected lines and notices are kept, the rest is counted.
const KEPT: usize = 10_000;
/// A list of fewer may change as it likes.
const FEW: usize = 100;
/// Octets that tell a format.
const LOOKED_AT: usize = 32 * 1024;
/// A rejected line is cut to so many characters, about what fits beside its reason on a line of a terminal.
const SHOWN: usize = 60;

impl Counts {
    /// All entries.
    pub fn entries(&self) -> usize {
        self.names() + self.networks + self.keywords + self.regexps + self.urls
    }

    /// Those that are names.
    pub fn names(&self) -> usize {
        self.exact + self.suffix + self.under
    }
}

impl List {
    /// One without entries.
    pub fn empty(path: &Path, format: Format) -> List {
        let path: Arc<Path> = Arc::from(path);
        List {
            path: Arc::clone(&path),
            files: vec![Arc::clone(&path)],
            format,
            places: Arc::default(),
            keys: Keys::default(),
            networks: Vec::new(),
            wild: Vec::new(),
            urls: Vec::new(),
            effects: Arc::default(),
            counts: Counts::default(),
            rejected: Vec::new(),
            notices: Vec::new(),
            looks_like: None,
            refused: None,
            modified: None,
        }
    }

    /// Why this should not take the place of another that was good: it is empty, or has so many percent more or fewer
    /// entries. A list of few is edited by hand, where any change is large.
    pub fn refusal(&self, good: &Counts, most: u32) -> Option<String> {
        let (now, before) = (self.counts.entries(), good.entries());
        let changed = now.abs_diff(before) as u128 * 100;
        if now == 0 && before > 0 {
            Some(format!("it is empty, and the last good one has {before} entries"))
        } else if before >= FEW && changed > before as u128 * u128::from(most) {
            let how = if now < before { "shrank" } else { "grew" };
            Some(format!("it {how} from {before} to {now} entries, by more than {most}%"))
        } else {
            None
        }
    }
}

impl<'a> Sheet<'a> {
    /// An empty one, whose lines stand in the list's own file.
    pub fn new(path: &Path, format: Format, seed: &Seed, watch: Watch<'a>) -> Self {
        let list = List::empty(path, format);
        let path = Arc::clone(&list.path);
        Sheet {
            seed: *seed,
            watch,
            file: path,
            list,
            made: Vec::new(),
            places: Places::default(),
            effects: Vec::new(),
            effect: None,
            keys: Vec::new(),
        }
    }

    /// The lines that follow stand in this file.
    pub fn turn_to(&mut self, file: &Path) {
        self.file = self.saw(file);
    }

    /// A file was looked into.
    pub fn saw(&mut self, file: &Path) -> Arc<Path> {
        let known = self.list.files.iter().find(|known| ***known == *file);
        known.cloned().unwrap_or_else(|| {
            let file: Arc<Path> = Arc::from(file);
            self.list.files.push(Arc::clone(&file));
            file
        })
    }

    /// Sees whether the text looks like another format than was declared.
    pub fn look_at(&mut self, bytes: &[u8]) {
        self.make_room(bytes);
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(LOOKED_AT)]);
        self.list.looks_like = Format::looks_like(&start).filter(|like| !self.list.format.takes(*like));
    }

    /// Makes room for an entry a line.
    pub fn make_room(&mut self, bytes: &[u8]) {
        let lines = bytes.iter().filter(|octet| **octet == b'\n').count();
        self.made.reserve_exact(lines + 1);
        self.places.reserve(lines + 1);
    }

    /// Takes what a line says, or rejects it.
    pub fn put(&mut self, line: u32, item: Item<'_>) {
        self.put_with(line, item, None);
    }

    /// Takes what a line says, and what it does beside.
    pub fn put_with(&mut self, line: u32, item: Item<'_>, effect: Option<Effect>) {
        let entry = number(self.made.len());
        let watched = effect.is_none_or(|effect| effect == Effect::Insist);
        self.effect = effect;
        let (text, taken) = match item {
            Item::Host(text, reach) => (text, self.host(line, text, reach, watched)),
            Item::Network(network) => ("", Ok(self.network(line, network, watched))),
            Item::Keyword(text) => (text, self.wild(line, entry, Wild::keyword(text))),
            Item::Regexp(text) => (text, self.wild(line, entry, Wild::regexp(text))),
            Item::Page(text) => (text, self.wild(line, entry, Wild::page(text))),
            Item::Url(host, path) => (host, self.url(line, entry, host, path)),
        };
        match taken {
            Ok(key) => {
                self.made.push(key);
                self.places.push(&self.file, line);
                self.effects.extend(effect.map(|effect| (entry, effect)));
                self.list.counts.exceptions += usize::from(!watched);
            }
            Err(why) => self.reject(line, text, why),
        }
    }

    /// Notes a line that could not be read. Control characters are replaced: a list from elsewhere must not be able to
    /// steer the terminal it is reported on.
    pub fn reject(&mut self, line: u32, text: &str, why: impl fmt::Display) {
        self.list.counts.rejected += 1;
        if self.list.rejected.len() >= KEPT {
            return;
        }
        let plain = |text: &str| text.replace(char::is_control, "\u{fffd}");
        let mut shown: String = plain(&text.chars().take(SHOWN).collect::<String>());
        if text.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        self.list.rejected.push(Rejected {
            file: Arc::clone(&self.file),
            line,
            text: shown,
            why: plain(&why.to_string()),
        });
    }

    /// The list.
    pub fn done(mut self) -> List {
        self.places.settle();
        self.made.shrink_to_fit();
        let keys = Keys::Here(self.made);
        List { keys, places: Arc::new(self.places), effects: self.effects.into(), ..self.list }
    }

    fn host(&mut self, line: u32, text: &str, reach: Reach, watched: bool) -> Result<u64, String> {
        match text.parse() {
            Ok(Host::Name(name)) => Ok(self.name(line, &name, reach, watched)),
            Ok(Host::Addr(address)) => Ok(self.network(line, Cidr::from(address), watched)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn name(&mut self, line: u32, name: &Name, reach: Reach, watched: bool) -> u64 {
        let counts = &mut self.list.counts;
        *match reach {
            Reach::Exact => &mut counts.exact,
            Reach::Suffix => &mut counts.suffix,
            Reach::Under => &mut counts.under,
        } += 1;
        self.keys.clear();
        self.keys.extend(self.seed.keys(name.as_str()).map(|(_, key)| key));
        self.watch(line, name, reach, watched);
        self.seed.reaching(self.keys.last().copied().unwrap_or_default(), reach)
    }

    /// Has the guard look at the name whose keys are at hand, or watch over it.
    fn watch(&mut self, line: u32, name: &Name, reach: Reach, watched: bool) {
        self.tell(line, What::Name(name, reach));
        if !watched {
            return;
        }
        let entry = || format!("{}{name}", reach.before());
        match &mut self.watch {
            Watch::Over(guard) => {
                if let Some((watched, above)) = guard.look(&self.seed, &self.keys, reach) {
                    let watched = Arc::clone(watched);
                    self.notice(line, entry(), if above { Trouble::Above(watched) } else { Trouble::Takes(watched) });
                }
            }
            Watch::For(guard, category) => {
                let pattern = match reach {
                    Reach::Exact => Pattern::Exact(name.clone()),
                    Reach::Suffix | Reach::Under => Pattern::Suffix(name.clone()),
                };
                let source = Source { file: Arc::clone(&self.file), line };
                let why = Why::Protected { category: category.clone(), source };
                guard.watch(&self.seed, Watched { pattern, why });
            }
            Watch::Tell(_) => {}
        }
        if reach != Reach::Exact && is_public_suffix(name) {
            self.notice(line, entry(), Trouble::PublicSuffix);
        }
    }

    fn network(&mut self, line: u32, network: Cidr, watched: bool) -> u64 {
        self.list.counts.networks += 1;
        match &mut self.watch {
            Watch::Over(guard) => {
                if let Some(watched) = guard.look_at_network(&network).filter(|_| watched) {
                    let trouble = Trouble::Takes(Arc::clone(watched));
                    self.notice(line, network.to_string(), trouble);
                }
            }
            Watch::For(guard, category) => {
                let source = Source { file: Arc::clone(&self.file), line };
                let why = Why::Protected { category: category.clone(), source };
                guard.watch(&self.seed, Watched { pattern: Pattern::Network(network), why });
            }
            Watch::Tell(_) => self.tell(line, What::Network(network)),
        }
        self.list.networks.push((network, number(self.made.len())));
        0
    }

    fn wild(&mut self, line: u32, entry: u32, wild: Result<Wild, String>) -> Result<u64, String> {
        let wild = wild?;
        *match wild {
            Wild::Keyword(_) => &mut self.list.counts.keywords,
            Wild::Regexp(_) | Wild::Page(_) => &mut self.list.counts.regexps,
        } += 1;
        self.tell(line, What::Wild(&wild));
        self.list.wild.push((wild, entry));
        Ok(0)
    }

    fn url(&mut self, line: u32, entry: u32, host: &str, path: &str) -> Result<u64, String> {
        let host = host.parse().map_err(|error| format!("has a host that {error}"))?;
        self.list.counts.urls += 1;
        let url = Url { host, path: path.into() };
        self.tell(line, What::Url(&url));
        self.list.urls.push((url, entry));
        Ok(0)
    }

    fn tell(&mut self, line: u32, what: What<'_>) {
        if let Watch::Tell(hear) = &mut self.watch {
            hear(Told { file: &self.file, line, what, effect: self.effect });
        }
    }

    fn notice(&mut self, line: u32, entry: String, trouble: Trouble) {
        self.list.counts.notices += 1;
        if self.list.notices.len() < KEPT {
            self.list.notices.push(Notice { file: Arc::clone(&self.file), line, entry, trouble });
        }
    }
}

/// Whether a name is a public suffix of the registries, such as `uk` or `nhs.uk`. Suffixes that companies registered for
/// their customers (`github.io`) can be meant.
pub fn is_public_suffix(name: &Name) -> bool {
    psl::suffix(name.as_str().as_bytes())
        .is_some_and(|suffix| suffix == name.as_str() && suffix.typ() == Some(psl::Type::Icann))
}
