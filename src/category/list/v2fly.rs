//! A file of v2fly's domain-list-community: a bare name holds its subdomains; `full:`, `keyword:`, `regexp:`; `include:`
//! takes a file beside it, of which attributes may choose lines (`@ads`, `@-cn`); `&name` puts a line into another list too.

use std::io;
use std::path::{Path, PathBuf};

use super::lines::said;
use super::sheet::{Item, Sheet};
use super::shelf::Shelf;
use crate::category::key::Reach;

/// Files that one list may take in. The largest takes some three hundred.
const MOST: usize = 5_000;

/// Reads a file and those that it includes. One that includes itself, by whatever way, is taken once, and the line that
/// closes the circle is rejected.
pub fn read(path: &Path, shelf: &dyn Shelf, sheet: &mut Sheet<'_>) -> io::Result<()> {
    let mut reader = Reader { shelf, folder: path.parent().unwrap_or(Path::new("")), open: Vec::new(), taken: 0 };
    let bytes = shelf.bytes(path)?;
    sheet.look_at(&bytes);
    reader.file(path, &bytes, &[], sheet);
    reader.affiliated(path, sheet);
    Ok(())
}

struct Reader<'a> {
    shelf: &'a dyn Shelf,
    folder: &'a Path,
    /// The files that are being read, from the outermost.
    open: Vec<PathBuf>,
    taken: usize,
}

/// What a line says.
struct Said<'a> {
    entry: &'a str,
    attributes: Vec<&'a str>,
    affiliations: Vec<&'a str>,
}

impl Said<'_> {
    fn of(line: &str) -> Said<'_> {
        let mut words = line.split_whitespace();
        let mut said =
            Said { entry: words.next().unwrap_or_default(), attributes: Vec::new(), affiliations: Vec::new() };
        for word in words {
            if let Some(attribute) = word.strip_prefix('@') {
                said.attributes.push(attribute);
            } else if let Some(affiliation) = word.strip_prefix('&') {
                said.affiliations.push(affiliation);
            }
        }
        said
    }

    /// Whether it is wanted: it has every attribute, and none of those after a `-`.
    fn is_wanted(&self, wanted: &[String]) -> bool {
        wanted.iter().all(|attribute| match attribute.strip_prefix('-') {
            Some(unwanted) => !self.attributes.contains(&unwanted),
            None => self.attributes.contains(&attribute.as_str()),
        })
    }
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, bytes: &[u8], wanted: &[String], sheet: &mut Sheet<'_>) {
        self.open.push(path.to_owned());
        self.taken += 1;
        sheet.turn_to(path);
        for (line, text) in said(bytes, '#') {
            let said = Said::of(&text);
            match said.entry.strip_prefix("include:") {
                // What is included has to have the attributes itself.
                Some(name) => self.include(line, &text, name, (&said, wanted), sheet),
                None if said.is_wanted(wanted) => entry(line, said.entry, sheet),
                None => {}
            }
        }
        self.open.pop();
    }

    fn include(
        &mut self,
        line: u32,
        text: &str,
        name: &str,
        (said, wanted): (&Said<'_>, &[String]),
        sheet: &mut Sheet<'_>,
    ) {
        let here = self.open.last().cloned().unwrap_or_default();
        let path = self.folder.join(name.to_ascii_lowercase());
        if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
            sheet.reject(line, text, "includes what is no file beside it");
        } else if self.open.contains(&path) {
            sheet.reject(line, text, "includes a file that includes this one");
        } else if self.taken >= MOST {
            sheet.reject(line, text, format_args!("is one include too many: {MOST} files were taken"));
        } else {
            match self.shelf.bytes(&path) {
                Ok(bytes) => {
                    let mut both = wanted.to_vec();
                    both.extend(said.attributes.iter().map(|&attribute| attribute.to_owned()));
                    self.file(&path, &bytes, &both, sheet);
                    sheet.turn_to(&here);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    sheet.reject(line, text, "includes a file that is not there; the list needs all files beside it");
                }
                Err(error) => sheet.reject(line, text, format_args!("includes a file that cannot be read: {error}")),
            }
        }
    }

    /// Takes the lines of other files that say that they belong to this list too.
    fn affiliated(&mut self, path: &Path, sheet: &mut Sheet<'_>) {
        let Some(own) = path.file_name().and_then(|name| name.to_str()) else { return };
        let mark = format!("&{own}");
        let others = self.shelf.folder(self.folder).unwrap_or_default();
        for other in others.iter().filter(|other| *other != path) {
            sheet.saw(other);
            let Ok(bytes) = self.shelf.bytes(other) else { continue };
            // Most files affiliate nothing, and need not be read line by line.
            if !bytes.windows(mark.len()).any(|part| part == mark.as_bytes()) {
                continue;
            }
            sheet.turn_to(other);
            for (line, text) in said(&bytes, '#') {
                let said = Said::of(&text);
                if said.affiliations.contains(&own) {
                    entry(line, said.entry, sheet);
                }
            }
        }
    }
}

fn entry(line: u32, text: &str, sheet: &mut Sheet<'_>) {
    match text.split_once(':') {
        None => sheet.put(line, Item::Host(text, Reach::Suffix)),
        Some(("domain", name)) => sheet.put(line, Item::Host(name, Reach::Suffix)),
        Some(("full", name)) => sheet.put(line, Item::Host(name, Reach::Exact)),
        Some(("keyword", word)) => sheet.put(line, Item::Keyword(word)),
        Some(("regexp", expression)) => sheet.put(line, Item::Regexp(expression)),
        Some((kind, _)) => sheet.reject(line, text, format_args!("begins with `{kind}:`, which is no kind of entry")),
    }
}
