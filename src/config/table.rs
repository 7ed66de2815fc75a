//! Reads a table key by key. A mistake is recorded and reading goes on, so that one pass finds them all; what was
//! never asked for is an unknown key.

use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::nearest;
use super::problem::Problems;
use super::text::{Place, Placed, Text};
use super::value::{Readable, Wrong, found, kind};

/// Which file is read, and where its mistakes go.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) text: &'a Arc<Text>,
    pub(super) problems: &'a Problems,
}

/// A table, and which keys it may have: those that were asked for.
pub(super) struct Table<'a> {
    pub(super) scope: Scope<'a>,
    /// How messages name it: `[tube.social]`.
    pub(super) title: String,
    /// Its header, or the whole of it where it is inline.
    pub(super) place: Place,
    entries: Option<&'a DeTable<'a>>,
    asked: Vec<&'static str>,
    /// Words that people write for a key, which are spelled nothing like it.
    synonyms: &'static [(&'static str, &'static str)],
    is_root: bool,
}

/// A value that was not looked into yet.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) scope: Scope<'a>,
    /// The key it belongs to.
    pub(super) key: &'static str,
    pub(super) place: Place,
    stands: Stands,
    raw: &'a DeValue<'a>,
}

/// Where a value stands under its key, which an example must show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// `key = value`
    Alone,
    /// `key = [value]`
    InList,
    /// `key = { "name" = value }`
    UnderName,
}

impl<'a> Scope<'a> {
    /// A part of the file.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.text, span)
    }
}

impl<'a> Table<'a> {
    /// A whole document.
    pub(super) fn root(scope: Scope<'a>, title: &str, entries: &'a DeTable<'a>) -> Self {
        let entries = Some(entries);
        Table {
            scope,
            title: title.to_owned(),
            place: scope.place(0..0),
            entries,
            asked: Vec::new(),
            synonyms: &[],
            is_root: true,
        }
    }

    /// Whether there is no such table, so that only defaults come out.
    pub(super) fn is_absent(&self) -> bool {
        self.entries.is_none()
    }

    /// Any value; what could not be parsed counts as absent, its mistake is recorded.
    pub(super) fn value(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let spanned = self.entries?.get(key)?;
        // The parser puts an empty value in place of one it could not read.
        let (scope, span) = (self.scope, spanned.span());
        let place = scope.place(span.clone());
        (span != (0..0)).then(|| Value { scope, key, place, stands: Stands::Alone, raw: spanned.get_ref() })
    }

    /// Words that people write for a key, for the hint.
    pub(super) fn synonyms(&mut self, synonyms: &'static [(&'static str, &'static str)]) {
        self.synonyms = synonyms;
    }

    /// Whether a key was written, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(key))
    }

    /// A value of a type; `None` where it is absent or wrong.
    pub(super) fn take<T: Readable>(&mut self, key: &'static str) -> Option<Placed<T>> {
        self.value(key)?.read()
    }

    /// A value that must be there.
    pub(super) fn required<T: Readable>(&mut self, key: &'static str) -> Option<Placed<T>> {
        self.needs(key, T::EXAMPLE);
        self.take(key)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<Placed<T>> {
        self.value(key)?.choice(words)
    }

    /// A list; wrong items are recorded and left out.
    pub(super) fn list<T: Readable>(&mut self, key: &'static str) -> Option<Vec<Placed<T>>> {
        let value = self.value(key)?;
        if !value.is_list() {
            value.wrong_kind("a list", &value.as_list::<T>());
            return None;
        }
        Some(value.items()?.iter().filter_map(Value::read).collect())
    }

    /// One value or a list of them.
    pub(super) fn one_or_list<T: Readable>(&mut self, key: &'static str) -> Option<Vec<Placed<T>>> {
        let value = self.value(key)?;
        match value.raw {
            DeValue::Array(_) => Some(value.items()?.iter().filter_map(Value::read).collect()),
            _ => Some(value.read().into_iter().collect()),
        }
    }

    /// A table in a table; `example` shows how one is written.
    pub(super) fn table(&mut self, key: &'static str, example: &str) -> Option<Table<'a>> {
        let value = self.value(key)?;
        let title = if self.is_root { format!("[{key}]") } else { format!("`{key}`") };
        value.table(title, example)
    }

    /// A table in a table; an empty one where it is absent, so that its defaults hold.
    pub(super) fn table_or_empty(&mut self, key: &'static str) -> Table<'a> {
        let title = format!("[{key}]");
        let (scope, place) = (self.scope, self.scope.place(0..0));
        let absent = Table { scope, title, place, entries: None, asked: Vec::new(), synonyms: &[], is_root: false };
        self.table(key, &format!("[{key}]")).unwrap_or(absent)
    }

    /// A list of tables: `[[rule]]`, or `key = [{ .. }]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let root = self.is_root;
        let Some(value) = self.value(key) else { return Vec::new() };
        let title = if root { format!("[[{key}]]") } else { format!("`{key}`") };
        if root && !matches!(value.raw, DeValue::Array(_)) {
            let hint = format!("each begins with a line `[[{key}]]`, in double brackets");
            self.scope.problems.error(&value.place, format!("`{key}` must be a list of tables"), hint);
            return Vec::new();
        }
        let Some(items) = value.items() else { return Vec::new() };
        items.iter().filter_map(|item| item.table(title.clone(), &format!("`{key} = [{{ .. }}]`"))).collect()
    }

    /// Tables by name, in the order of the file: `[tube.NAME]`.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(Placed<String>, Table<'a>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let header = format!("[{key}.NAME]");
        let Some(table) = value.table(format!("[{key}]"), &header) else { return Vec::new() };
        let mut entries: Vec<_> = table.entries.into_iter().flatten().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let mut found = Vec::with_capacity(entries.len());
        for (name, inner) in entries {
            let at = self.scope.place(name.span());
            let place = self.scope.place(inner.span());
            let inner = Value { scope: self.scope, key, place, stands: Stands::Alone, raw: inner.get_ref() };
            let name = name.get_ref();
            if let DeValue::Table(_) = inner.raw {
                if let Err(why) = super::value::check_name(name) {
                    self.scope.problems.error(&at, format!("{} is no name: {why}", super::value::quoted(name)), NAMES);
                }
                let title = format!("[{key}.{}]", super::value::short(name));
                found.extend(
                    inner.table(title, &header).map(|table| (Placed { value: name.to_string(), place: at }, table)),
                );
            } else {
                let hint = format!("begin the table with its name: `{header}`");
                self.scope.problems.error(&at, format!("`{}` is no table in [{key}]", super::value::short(name)), hint);
            }
        }
        found
    }

    /// Every key and value, for a table whose keys are anybody's.
    pub(super) fn pairs(mut self, key: &'static str) -> Vec<(Placed<String>, Value<'a>)> {
        let Some(entries) = self.entries.take() else { return Vec::new() };
        let scope = self.scope;
        let mut pairs: Vec<_> = entries
            .iter()
            .filter(|(_, value)| value.span() != (0..0))
            .map(|(name, value)| {
                let name = Placed { value: name.get_ref().to_string(), place: scope.place(name.span()) };
                let place = scope.place(value.span());
                (name, Value { scope, key, place, stands: Stands::UnderName, raw: value.get_ref() })
            })
            .collect();
        pairs.sort_by_key(|(name, _)| name.place.span.start);
        pairs
    }

    /// Records that a key is missing, if it is; the hint shows how to write it.
    pub(super) fn needs(&self, key: &str, example: &str) {
        // A slip in the key itself will be reported as an unknown key, with this one as its hint.
        if !self.has(key) && !self.has_slip_of(key) {
            let message = format!("{} has no `{key}`", self.title);
            self.scope.problems.error(&self.place, message, format!("write, for example, `{key} = {example}`"));
        }
    }

    /// Whether a key of this table was most likely meant to be the given one.
    pub(super) fn has_slip_of(&self, key: &str) -> bool {
        let Scope { text, problems } = self.scope;
        if problems.broken_key(text, key) || (self.is_root && problems.lost_header(key)) {
            return true;
        }
        let slip = |name: &str| !self.asked.contains(&name) && nearest::nearest(name, [key]).is_some();
        !self.has(key) && self.entries.into_iter().flatten().any(|(name, _)| slip(name.get_ref()))
    }

    /// Records every key that was never asked for.
    pub(super) fn finish(self) {
        self.finish_with(&[], "");
    }

    /// The same, knowing keys that belong in another place.
    pub(super) fn finish_with(self, elsewhere: &[&str], place: &str) {
        for (key, _) in self.entries.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let meant = self.synonyms.iter().find(|(word, _)| *word == name).map(|(_, key)| key);
            let hint = if let Some(meant) = meant {
                format!("did you mean `{meant}`?")
            } else if elsewhere.contains(&name) {
                format!("`{name}` belongs in {place}")
            } else {
                nearest::hint(name, &self.asked, "allowed here:")
            };
            let message = format!("unknown key `{}` in {}", super::value::short(name), self.title);
            self.scope.problems.unknown_key(&self.scope.place(key.span()), message, hint);
        }
    }
}

/// A longer value is not written out again in a hint.
const SHOWN_AGAIN: usize = 80;

/// An example as a list, which some are already.
fn in_brackets(example: &str) -> String {
    if example.starts_with('[') { example.to_owned() } else { format!("[{example}]") }
}

/// What a name may be.
pub(super) const NAMES: &str =
    "a name has 1 to 64 printable ASCII characters, no `\"` or `\\`, and no space at its ends";

impl<'a> Value<'a> {
    /// The value as a type; a mistake is recorded.
    pub(super) fn read<T: Readable>(&self) -> Option<Placed<T>> {
        if self.place.span == (0..0) {
            return None;
        }
        match T::read(self.raw) {
            Ok(value) => Some(Placed { value, place: self.place.clone() }),
            Err(Wrong::Kind) => {
                self.wrong_kind(T::KIND, &self.example(T::EXAMPLE));
                None
            }
            Err(Wrong::Value { why, hint }) => {
                let message = match found(self.raw) {
                    Some(found) if T::SHOWN => format!("`{}` cannot be {found}: {why}", self.key),
                    _ => format!("`{}` cannot be read: {why}", self.key),
                };
                let hint = hint.unwrap_or_else(|| self.example(T::EXAMPLE));
                self.scope.problems.error(&self.place, message, hint);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<Placed<T>> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let said = self.text()?;
        match words.iter().find(|(word, _)| *word == said) {
            Some((_, value)) => Some(Placed { value: *value, place: self.place.clone() }),
            None => {
                let near = nearest::nearest(said, known.iter().copied());
                let allowed = format!("allowed: {}", nearest::listed(known.iter().copied()));
                let hint = near.map_or_else(|| allowed.clone(), |near| format!("did you mean `{near}`? {allowed}"));
                let message = format!("`{}` cannot be {}", self.key, super::value::quoted(said));
                self.scope.problems.error(&self.place, message, hint);
                None
            }
        }
    }

    /// The value as text, whatever it says.
    pub(super) fn text(&self) -> Option<&'a str> {
        let text = self.raw.as_str();
        if text.is_none() {
            self.wrong_kind("a string", "put it in quotes");
        }
        text
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.raw.is_array()
    }

    /// Whether it is a string.
    pub(super) fn is_text(&self) -> bool {
        self.raw.is_str()
    }

    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        self.raw.is_table()
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.raw else {
            self.wrong_kind("a list", "put it in square brackets, and commas between several");
            return None;
        };
        let (scope, key) = (self.scope, self.key);
        let stands = if self.stands == Stands::Alone { Stands::InList } else { self.stands };
        Some(
            items
                .iter()
                .filter(|item| item.span() != (0..0))
                .map(|item| Value { scope, key, place: scope.place(item.span()), stands, raw: item.get_ref() })
                .collect(),
        )
    }

    /// The value as a table; `example` shows how one is written.
    pub(super) fn table(&self, title: String, example: &str) -> Option<Table<'a>> {
        let DeValue::Table(entries) = self.raw else {
            self.wrong_kind("a table", &format!("write it as {example}"));
            return None;
        };
        let place = self.place.clone();
        Some(Table {
            scope: self.scope,
            title,
            place,
            entries: Some(entries),
            asked: Vec::new(),
            synonyms: &[],
            is_root: false,
        })
    }

    /// Records that it is another kind of value than it must be.
    pub(super) fn wrong_kind(&self, must_be: &str, hint: &str) {
        let message = format!("`{}` is {}, but must be {must_be}", self.key, kind(self.raw));
        self.scope.problems.error(&self.place, message, hint);
    }

    /// Records a mistake in it.
    pub(super) fn wrong(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.scope.problems.error(&self.place, message, hint);
    }

    /// How it is written as a list: itself in brackets, where it can be an item.
    fn as_list<T: Readable>(&self) -> String {
        let written = self.scope.text.text.get(self.place.span.clone()).unwrap_or_default();
        let plain = written.len() <= SHOWN_AGAIN && !written.contains(char::is_control);
        match T::read(self.raw) {
            Ok(_) if plain && T::SHOWN => format!("write `{} = [{written}]`", self.key),
            _ => format!("for example `{} = {}`", self.key, in_brackets(T::EXAMPLE)),
        }
    }

    fn example(&self, example: &str) -> String {
        match self.stands {
            Stands::Alone => format!("for example `{} = {example}`", self.key),
            Stands::InList => format!("for example `{} = {}`", self.key, in_brackets(example)),
            Stands::UnderName => format!("for example `{} = {{ \"intranet.example\" = {example} }}`", self.key),
        }
    }
}
