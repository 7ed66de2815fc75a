//! The plain format: an entry a line, as in `domains` and `networks` of a category; `#` begins a comment.

use std::path::Path;
use std::sync::Arc;

use super::Loaded;
use crate::base::Source;
use crate::category::{Entry, Pattern};

/// Reads a list. A `#` begins a comment at the start of a line or after white space. A byte order mark, CRLF and blank
/// lines are passed over.
pub fn read(text: &str, file: &Arc<Path>) -> Loaded {
    let mut loaded = Loaded::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, raw) in (1u32..).zip(text.lines()) {
        let entry = without_comment(raw).trim();
        if entry.is_empty() {
            continue;
        }
        match entry.parse::<Pattern>() {
            Ok(pattern) => {
                let source = Source { file: Arc::clone(file), line };
                loaded.entries.push(Entry { pattern, source, imported: true });
            }
            Err(error) => match error.hint() {
                Some(hint) => loaded.reject(line, entry, format_args!("{error}; {hint}")),
                None => loaded.reject(line, entry, error),
            },
        }
    }
    loaded
}

fn without_comment(line: &str) -> &str {
    let begins = |at: &usize| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let comment = line.match_indices('#').map(|(at, _)| at).find(begins);
    &line[..comment.unwrap_or(line.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file() -> Arc<Path> {
        Arc::from(Path::new("lists/x.txt"))
    }

    #[test]
    fn every_line_that_people_write_is_taken_with_its_number() {
        let text = "\u{feff}# a list\r\n\
                    Example.COM.\r\n\
                    \t \r\n\
                    =cdn.example # that name only\r\n\
                    bücher.example\t# umlaut\n\
                    \x20 198.51.100.0/24\n\
                    2001:db8::1\n\
                    #last.example\n\
                    end.example";
        let loaded = read(text, &file());
        let taken: Vec<_> = loaded.entries.iter().map(|entry| (entry.source.line, entry.pattern.to_string())).collect();
        let expected = [
            (2, "example.com"),
            (4, "=cdn.example"),
            (5, "xn--bcher-kva.example"),
            (6, "198.51.100.0/24"),
            (7, "2001:db8::1/128"),
            (9, "end.example"),
        ];
        assert_eq!(taken, expected.map(|(line, text)| (line, text.to_owned())));
        assert_eq!(loaded.rejected, []);
        assert!(loaded.entries.iter().all(|entry| entry.imported && entry.source.file == file()));
    }

    #[test]
    fn a_bad_line_says_why_and_costs_only_itself() {
        let long = format!("{}.example", "x".repeat(300));
        let text =
            format!("good.example\n0.0.0.0 ads.example\n*.ads.example # all\nalso-good.example\n{long}\n\u{1b}[2J");
        let loaded = read(&text, &file());
        let lines: Vec<_> = loaded.rejected.iter().map(|rejected| rejected.line).collect();
        assert_eq!(lines, [2, 3, 5, 6]);
        assert_eq!(loaded.entries.len(), 2);
        assert_eq!(loaded.rejected[0].text, "0.0.0.0 ads.example");
        assert_eq!(
            loaded.rejected[0].why,
            "has white space inside; write one entry at a time, without an address in front"
        );
        assert_eq!(loaded.rejected[1].text, "*.ads.example");
        assert_eq!(loaded.rejected[2].text, format!("{}…", "x".repeat(60)));
        assert_eq!(loaded.rejected[3].text, "\u{fffd}[2J");
    }

    /// Lines near to what lists hold, so that every branch of the reader is met.
    fn near_lines() -> impl Strategy<Value = String> {
        prop::collection::vec("[ \t=#.*:/@a-z0-9é\u{feff}\u{0}\r-]{0,24}", 0..12).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in prop_oneof![any::<String>(), near_lines()]) {
            let loaded = read(&text, &file());
            let lines = text.lines().count();
            prop_assert!(loaded.entries.len() + loaded.rejected.len() <= lines);
            for entry in &loaded.entries {
                // What was taken reads the same again.
                let again = entry.pattern.to_string().parse::<Pattern>();
                prop_assert_eq!(again.as_ref(), Ok(&entry.pattern));
            }
        }
    }
}
