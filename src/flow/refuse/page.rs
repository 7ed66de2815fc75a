//! The HTML page: one template for every reason, both languages on it, the one asked for first. No script, nothing
//! fetched from elsewhere: the site that was asked for is the page's origin.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use ring::digest;

use super::words::{self, Words};
use super::{Language, Refusal};

const PAGE: &str = include_str!("page.html");
const SECTION: &str = include_str!("section.html");

/// Nothing but the page's own style, told by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style =
        PAGE.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).map_or("", |(style, _)| style);
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes()));
    let text = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The Content-Security-Policy of the page.
pub fn policy() -> &'static HeaderValue {
    &POLICY
}

/// The page.
pub fn html(refusal: &Refusal<'_>, first: Language) -> String {
    let words = words::of(refusal.fault.reason);
    let (own, other, second) = match first {
        Language::English => (words.en, words.cy, Language::Welsh),
        Language::Welsh => (words.cy, words.en, Language::English),
    };
    fill(PAGE, ("{{", "}}"), |name| {
        Some(match name {
            "lang" => first.tag().to_owned(),
            "title" => escape(&format!("{} | {}", own.title, other.title)),
            "first" => section(refusal, first, &own, ["h1", "h2"]),
            "second" => section(refusal, second, &other, ["h2", "h3"]),
            "facts" => facts(refusal, first),
            "footer" => in_both(
                first,
                "Clearway does not read what is inside secure connections.",
                "Nid yw Clearway yn darllen cynnwys cysylltiadau diogel.",
                " ",
            ),
            _ => return None,
        })
    })
}

fn section(refusal: &Refusal<'_>, language: Language, words: &Words, [title, sub]: [&str; 2]) -> String {
    let (why_heading, now_heading) = match language {
        Language::English => ("Why", "What you can do"),
        Language::Welsh => ("Pam", "Beth allwch chi ei wneud"),
    };
    fill(SECTION, ("{{", "}}"), |name| {
        Some(match name {
            "lang" => language.tag().to_owned(),
            "h" => title.to_owned(),
            "sub" => sub.to_owned(),
            "title" => escape(words.title),
            "what" => escape(&refusal.fill(words.what)),
            "why" => why(refusal, language, why_heading, sub),
            "now_heading" => now_heading.to_owned(),
            "now" => escape(&refusal.fill(words.now)),
            _ => return None,
        })
    })
}

/// The rule's own words, in this language if they were written in it; else in the other, marked as such.
fn why(refusal: &Refusal<'_>, language: Language, heading: &str, sub: &str) -> String {
    let (own, other, of_other) = match language {
        Language::English => (&refusal.reason.en, &refusal.reason.cy, Language::Welsh),
        Language::Welsh => (&refusal.reason.cy, &refusal.reason.en, Language::English),
    };
    let written = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    match (written(own), written(other)) {
        (Some(text), _) => format!("<div class=\"why\"><{sub}>{heading}</{sub}><p>{}</p></div>\n", escape(&text)),
        (None, Some(text)) => {
            let tag = of_other.tag();
            format!("<div class=\"why\"><{sub}>{heading}</{sub}><p lang=\"{tag}\">{}</p></div>\n", escape(&text))
        }
        (None, None) => String::new(),
    }
}

/// What the help desk asks for.
fn facts(refusal: &Refusal<'_>, first: Language) -> String {
    let mut facts = vec![("Reference", "Cyfeirnod", refusal.flow.to_string())];
    if let Some(rule) = refusal.rule_name() {
        facts.push(("Rule", "Rheol", rule.to_owned()));
    }
    if let Some(target) = &refusal.target {
        facts.push(("Address", "Cyfeiriad", target.to_string()));
    }
    facts.push(("Time", "Amser", refusal.at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()));
    facts.push(("Gateway", "Porth", refusal.gateway.to_owned()));
    let row = |(at, (en, cy, value)): (usize, &(&str, &str, String))| {
        let class = if at == 0 { " class=\"reference\"" } else { "" };
        format!("<div><dt>{}</dt><dd{class}>{}</dd></div>", in_both(first, en, cy, " / "), escape(value))
    };
    facts.iter().enumerate().map(row).collect::<Vec<_>>().join("\n")
}

/// A phrase in both languages, the page's own first, the other marked.
fn in_both(first: Language, en: &str, cy: &str, between: &str) -> String {
    match first {
        Language::English => format!("{}{between}<span lang=\"cy\">{}</span>", escape(en), escape(cy)),
        Language::Welsh => format!("{}{between}<span lang=\"en\">{}</span>", escape(cy), escape(en)),
    }
}

/// Puts values in place of names between two marks, once: what a value holds is never looked at again.
pub fn fill(template: &str, (open, close): (&str, &str), value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once(open) {
        out.push_str(before);
        let Some((name, after)) = after.split_once(close) else {
            rest = after;
            continue;
        };
        out.push_str(&value(name).unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Text as HTML shows it, in content and in quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

impl Language {
    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Welsh => "cy",
        }
    }
}
