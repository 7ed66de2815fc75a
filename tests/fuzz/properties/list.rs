//! A list is read without panic whatever is in it, each line is entries, a rejected line or nothing, and the catalog that
//! takes it up can be asked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clearway::base::Source;
use clearway::category::list::{Shelf, Watch, read};
use clearway::category::{Catalog, Category, Format, Guard, Seed, Spec};

/// Files of a folder, cut out of the bytes at each NUL: their names are those that the formats look for.
struct Pieces<'a>(Vec<(PathBuf, &'a [u8])>);

const NAMES: [&str; 5] = ["list/domains", "list/urls", "list/expressions", "list/a", "list/b"];

impl Shelf for Pieces<'_> {
    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>> {
        let found = self.0.iter().find(|(name, _)| name == file);
        found.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn folder(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        if folder == Path::new("list") {
            return Ok(self.0.iter().map(|(name, _)| name.clone()).collect());
        }
        Err(io::ErrorKind::NotADirectory.into())
    }
}

/// Holds for any bytes.
pub fn holds(format: Format, bytes: &[u8]) {
    let pieces = Pieces(NAMES.iter().map(PathBuf::from).zip(bytes.split(|octet| *octet == 0)).collect());
    let path = if format == Format::Ut1 { Path::new("list") } else { Path::new("list/domains") };
    let seed = Seed::new(*b"0123456789abcdefghijklmnopqrstuvwxyzABCD");
    let guard = Guard::of_care(&seed);
    let Ok(list) = read(path, format, &pieces, &seed, Watch::Over(&guard)) else {
        assert!(format == Format::M365, "only JSON can be broken as a whole");
        return;
    };
    let counts = list.counts;
    assert_eq!(counts.entries(), list.places.len());
    let (mut entries, mut names) = (0, 0);
    list.keys.each(|_, key| (entries, names) = (entries + 1, names + usize::from(key != 0))).unwrap();
    assert_eq!((counts.entries(), counts.names()), (entries, names));
    assert!(list.rejected.len() <= counts.rejected && list.notices.len() <= counts.notices);
    // No line makes more of itself than it has words; includes may take a file several times.
    let words = bytes.split(|octet| octet.is_ascii_whitespace() || *octet == 0 || *octet == b',').count();
    assert!(
        format == Format::V2fly || counts.entries() + counts.rejected <= 3 * (words + 1),
        "{counts:?} of {words} words"
    );
    let shown = list.rejected.iter().map(|line| line.text.clone() + &line.why);
    assert!(!shown.chain(list.notices.iter().map(ToString::to_string)).any(|text| text.contains(['\u{1b}', '\n'])));
    let again = read(path, format, &pieces, &seed, Watch::Over(&guard)).map(|list| list.counts);
    assert_eq!(again.ok(), Some(counts));

    let category = Category {
        id: "listed".into(),
        tube: None,
        about: None,
        protected: false,
        entries: Vec::new(),
        lists: vec![Arc::new(list)],
        source: Source::new("policy.toml", 1),
    };
    let catalog = Catalog::new(&Spec { categories: vec![category], other: "internet".into(), seed }).unwrap();
    for host in ["www.example.com", "example.com", "198.51.100.7", "a.b.c.d.e.f.uk"] {
        let Ok(host) = host.parse() else { continue };
        catalog.classify(&host, Some("news/today?q=1"));
    }
}
