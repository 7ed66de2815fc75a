//! A response policy zone (draft-vixie-dnsop-dns-rpz): `example.com CNAME .` is that name only, `*.example.com` all under
//! it, and `CNAME rpz-passthru.` an exception. What a resolver would answer instead does not matter here.

use super::lines::lines;
use super::sheet::{Effect, Item, Sheet};
use crate::category::key::Reach;

/// Records that say nothing of names: the zone's own, and signatures.
const NOISE: &[&str] =
    &["SOA", "NS", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "DS", "CDS", "CDNSKEY", "ZONEMD"];
/// Records that say what a resolver answers instead.
const ANSWERS: &[&str] = &["CNAME", "A", "AAAA", "TXT", "MX", "SRV", "HTTPS", "SVCB", "PTR", "DNAME"];
/// Labels that say what else than a name is looked at.
const TRIGGERS: &[&str] = &["rpz-ip", "rpz-client-ip", "rpz-nsip", "rpz-nsdname"];

/// Reads a zone's file (RFC 1035 section 5).
pub fn read(bytes: &[u8], sheet: &mut Sheet<'_>) {
    let mut zone = Zone::default();
    for (line, text) in lines_with_indent(bytes) {
        if let Err(why) = zone.line(line, &text, sheet) {
            sheet.reject(line, text.trim(), why);
        }
    }
}

/// The lines without comments, their leading white space kept as one blank: it stands for the owner before.
fn lines_with_indent(bytes: &[u8]) -> impl Iterator<Item = (u32, String)> {
    let indented = bytes.split(|octet| *octet == b'\n').map(|line| line.first().is_some_and(u8::is_ascii_whitespace));
    lines(bytes).zip(indented).filter_map(|((line, text), indented)| {
        let said = text.split(';').next().unwrap_or_default().trim();
        (!said.is_empty()).then(|| (line, if indented { format!(" {said}") } else { said.to_owned() }))
    })
}

#[derive(Default)]
struct Zone {
    /// What names without a final dot lie under, without its own.
    origin: String,
    owner: String,
    /// Inside the brackets of a record that goes over several lines.
    open: bool,
    /// What was taken last: several records of one owner are one entry.
    last: Option<(String, bool)>,
}

impl Zone {
    fn line(&mut self, line: u32, text: &str, sheet: &mut Sheet<'_>) -> Result<(), String> {
        if self.open {
            self.open = !text.contains(')');
            return Ok(());
        }
        self.open = text.contains('(') && !text.contains(')');
        let mut words = text.split_whitespace().peekable();
        match words.peek() {
            Some(&"$ORIGIN") => {
                let origin = words.nth(1).unwrap_or_default();
                self.origin = self.absolute(origin);
                return Ok(());
            }
            Some(word) if word.starts_with('$') => return Ok(()),
            _ => {}
        }
        if !text.starts_with(' ') {
            words.next().unwrap_or_default().clone_into(&mut self.owner);
        }
        let is_ttl = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        let is_class = |word: &str| ["IN", "CH", "HS"].iter().any(|class| word.eq_ignore_ascii_case(class));
        while words.next_if(|word| is_ttl(word) || is_class(word)).is_some() {}
        let kind = words.next().unwrap_or_default().to_ascii_uppercase();
        if NOISE.contains(&kind.as_str()) {
            if kind == "SOA" && self.origin.is_empty() && self.owner.ends_with('.') {
                self.origin = self.owner.trim_end_matches('.').to_owned();
            }
            return Ok(());
        }
        if !ANSWERS.contains(&kind.as_str()) {
            return Err("is no record of a zone".to_owned());
        }
        self.record(line, &kind, words.next().unwrap_or_default(), sheet)
    }

    fn record(&mut self, line: u32, kind: &str, data: &str, sheet: &mut Sheet<'_>) -> Result<(), String> {
        let name = self.trigger()?;
        let passes = match (kind, data) {
            ("CNAME", "rpz-passthru.") => true,
            ("CNAME", "rpz-tcp-only.") => return Err("asks for TCP only; the name itself is not refused".to_owned()),
            ("CNAME", data) if data.starts_with("rpz-") && !data.ends_with('.') => {
                return Err(format!("`{data}` has no final dot, so it is a name of the zone and no action"));
            }
            ("CNAME", "") => return Err("has no target".to_owned()),
            _ => false,
        };
        if self.last.as_ref() == Some(&(name.clone(), passes)) {
            return Ok(());
        }
        let (text, reach) = match name.strip_prefix("*.") {
            Some(under) => (under, Reach::Under),
            None => (name.as_str(), Reach::Exact),
        };
        sheet.put_with(line, Item::Host(text, reach), passes.then_some(Effect::Spare));
        self.last = Some((name, passes));
        Ok(())
    }

    /// The name that a record is about.
    fn trigger(&self) -> Result<String, String> {
        if self.owner == "@" || self.owner.is_empty() {
            return Err("is about the zone itself".to_owned());
        }
        let owner = match self.owner.strip_suffix('.') {
            // An owner in full ends in the zone's own name; in a file that names no zone it is what it says.
            Some(full) => match full.strip_suffix(self.origin.as_str()).and_then(|front| front.strip_suffix('.')) {
                Some(front) if !self.origin.is_empty() => front,
                _ if self.origin.is_empty() => full,
                _ => return Err("lies outside its zone".to_owned()),
            },
            None => &self.owner,
        };
        match TRIGGERS.iter().find(|trigger| owner.rsplit('.').next() == Some(trigger)) {
            Some(trigger) => Err(format!("`{trigger}` looks at answers or clients, not at names")),
            None => Ok(owner.to_owned()),
        }
    }

    fn absolute(&self, name: &str) -> String {
        match name.strip_suffix('.') {
            Some(full) => full.to_owned(),
            None if self.origin.is_empty() => name.to_owned(),
            None => format!("{name}.{}", self.origin),
        }
    }
}
