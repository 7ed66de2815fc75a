//! A filter of AdGuard's or uBlock's, as far as it is about names: `||example.com^` is a name and all under it, a bare name
//! or `|example.com^` that name only, `@@` an exception, `/.../` a regular expression.

use super::lines::lines;
use super::sheet::{Effect, Item, Sheet};
use crate::category::key::Reach;

/// Modifiers that change nothing of which names are meant.
const HARMLESS: &[&str] = &["all", "document", "doc", "third-party", "3p", "popup", "network"];

/// Reads a list.
pub fn read(bytes: &[u8], sheet: &mut Sheet<'_>) {
    for (line, text) in lines(bytes) {
        // A `#` alone begins a comment in lists that are hosts files too; `##` and its kin hide parts of pages.
        let comment = text.starts_with('!') || text.starts_with('#') && !text.starts_with("##");
        if text.is_empty() || comment || (text.starts_with('[') && text.ends_with(']')) {
            continue;
        }
        if let Err(why) = rule(line, &text, sheet) {
            sheet.reject(line, &text, why);
        }
    }
}

fn rule(line: u32, text: &str, sheet: &mut Sheet<'_>) -> Result<(), &'static str> {
    if ["##", "#@#", "#?#", "#$#", "#%#", "$$", "$@$"].iter().any(|mark| text.contains(mark)) {
        return Err("hides or changes a part of a page, which a gateway does not see");
    }
    let (exception, rest) = text.strip_prefix("@@").map_or((false, text), |rest| (true, rest));
    // A hosts file's lines are taken by AdGuard too.
    let mut words = rest.split_whitespace();
    if let (Some(first), Some(_)) = (words.next(), words.next()) {
        if first.parse::<std::net::IpAddr>().is_err() || exception {
            return Err("has white space inside");
        }
        let names = rest.split_whitespace().skip(1).take_while(|name| !name.starts_with('#'));
        names.for_each(|name| sheet.put(line, Item::Host(name, Reach::Exact)));
        return Ok(());
    }
    let (pattern, modifiers) = parts(rest);
    let effect = effect(exception, modifiers)?;
    if let Some(expression) = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        sheet.put_with(line, Item::Regexp(expression), effect);
        return Ok(());
    }
    let scheme = |pattern: &str| pattern.split_once("://").map(|(_, rest)| rest.to_owned());
    let (name, reach) = match pattern.strip_prefix("||") {
        Some(name) => (name.to_owned(), Reach::Suffix),
        None => {
            let name = pattern.strip_prefix('|').unwrap_or(pattern);
            (scheme(name).unwrap_or_else(|| name.to_owned()), Reach::Exact)
        }
    };
    let name = name.strip_suffix('|').unwrap_or(&name);
    let name = name.strip_suffix('^').unwrap_or(name);
    if name.contains('/') {
        return Err("is about a path, which cannot be seen in a tunnel");
    }
    if let Some(under) = name.strip_prefix("*.").filter(|under| !under.contains('*')) {
        sheet.put_with(line, Item::Host(under, Reach::Under), effect);
    } else if name.contains('*') {
        let front = if reach == Reach::Suffix { r"(^|\.)" } else { "^" };
        let inner = name.split('*').map(regex::escape).collect::<Vec<_>>().join(".*");
        sheet.put_with(line, Item::Regexp(&format!("{front}{inner}$")), effect);
    } else {
        sheet.put_with(line, Item::Host(name, reach), effect);
    }
    Ok(())
}

/// The pattern and what follows its `$`. One inside a regular expression is that expression's.
fn parts(rule: &str) -> (&str, &str) {
    let after = if rule.starts_with('/') { rule.rfind('/').unwrap_or_default() } else { 0 };
    match rule[after..].find('$') {
        Some(at) => (&rule[..after + at], &rule[after + at + 1..]),
        None => (rule, ""),
    }
}

/// What a rule does beside matching. A modifier that is not known may narrow it to something else, so the whole rule is
/// left out.
fn effect(exception: bool, modifiers: &str) -> Result<Option<Effect>, &'static str> {
    let mut important = false;
    for modifier in modifiers.split(',').filter(|modifier| !modifier.is_empty()) {
        match modifier {
            "important" => important = true,
            known if HARMLESS.contains(&known) => {}
            _ => return Err("has a modifier that is not known here, so the whole rule is left out"),
        }
    }
    Ok(match (exception, important) {
        (true, _) => Some(Effect::Except),
        (false, true) => Some(Effect::Insist),
        (false, false) => None,
    })
}
