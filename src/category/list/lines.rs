//! A list's text, line by line.

use std::borrow::Cow;

/// Every line with its number from 1: without its end, the byte order mark of the first, and white space around. Octets
/// that are no UTF-8 are replaced, so that one bad line costs only itself.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, Cow<'_, str>)> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let lines = bytes.split(|octet| *octet == b'\n').map(|line| String::from_utf8_lossy(line.trim_ascii()));
    (1u32..).zip(lines)
}

/// What stands before a comment: from a mark on at the start or after white space.
pub fn before(line: &str, mark: char) -> &str {
    let begins = |at: &usize| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let comment = line.match_indices(mark).map(|(at, _)| at).find(begins);
    line[..comment.unwrap_or(line.len())].trim_end()
}

/// Every line that says something: neither blank nor a comment, of which nothing is left that begins with a mark.
pub fn said(bytes: &[u8], mark: char) -> impl Iterator<Item = (u32, Cow<'_, str>)> {
    lines(bytes).filter_map(move |(line, text)| {
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(before(text, mark)),
            Cow::Owned(text) => Cow::Owned(before(&text, mark).to_owned()),
        };
        (!text.is_empty()).then_some((line, text))
    })
}
