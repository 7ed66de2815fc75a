//! The house's rules, held by reading the source: who may import whom, which foreign crate lives where, and the shape
//! of files. What stands after a file's `#[cfg(test)]` is a test's own business, but for `unsafe`.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::Path;

/// The nine stages of a flow.
const STAGES: &[&str] = &["listen", "client", "sniff", "category", "policy", "tube", "egress", "relay", "account"];

/// Above the stages: what each may import besides `base`.
const ABOVE: &[(&str, &[&str])] = &[
    ("flow", STAGES),
    ("config", STAGES), // their Specs
    ("portal", &["account", "flow"]),
    (
        "daemon",
        &[
            "listen", "client", "sniff", "category", "policy", "tube", "egress", "relay", "account", "flow", "config",
            "portal",
        ],
    ),
    // Of the portal, the client that talks to a running gateway; of the stages, those whose values `lists`, `diff` and `gateway` print.
    ("cli", &["flow", "config", "daemon", "portal", "category", "policy", "listen", "egress"]),
    ("main", &["cli"]),
];

/// Nothing sideways, except these.
const SIDEWAYS: &[(&str, &str)] = &[("relay", "tube")];

/// Where a foreign crate may be named at all.
const FENCES: &[(&str, &[&str])] = &[
    ("toml", &["config"]),
    ("annotate_snippets", &["config"]),
    ("prometheus", &["account"]),
    ("hyper", &["listen", "egress", "relay", "flow", "portal"]),
    ("hyper_util", &["listen", "egress", "relay", "flow", "portal"]),
    ("http_body_util", &["listen", "egress", "relay", "flow", "portal"]),
    ("http", &["listen", "egress", "relay", "flow", "portal"]),
    ("hickory_resolver", &["egress"]),
    ("h2", &["listen"]),
    ("rustls", &["listen", "egress"]),
    ("tokio_rustls", &["listen", "egress"]),
    ("hyper_rustls", &["egress"]),
    ("clap", &["cli"]),
    ("crossterm", &["cli"]),
];

/// Reading a clock, and the one file that may.
const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"];
const CLOCK: &str = "base/clock.rs";

const LONGEST_FILE: usize = 500;
const LONGEST_FUNCTION: usize = 70;
const NO_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];

/// The source with comments, strings and character literals blanked out, lines kept.
fn code(source: &str) -> String {
    let text: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < text.len() {
        let end = skipped(&text, at);
        if end == at {
            out.push(text[at]);
            at += 1;
        } else {
            out.extend(text[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where what is no code ends, if it begins here; else here.
fn skipped(text: &[char], at: usize) -> usize {
    let is = |at: usize, c: char| text.get(at) == Some(&c);
    let find = |from: usize, end: &dyn Fn(usize) -> bool| (from..text.len()).find(|i| end(*i)).unwrap_or(text.len());
    let word_before = at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_');
    match text[at] {
        '/' if is(at + 1, '/') => find(at, &|i| is(i, '\n')),
        '/' if is(at + 1, '*') => (find(at + 2, &|i| is(i, '*') && is(i + 1, '/')) + 2).min(text.len()),
        '"' => string_end(text, at),
        'r' if !word_before || (at > 0 && text[at - 1] == 'b' && (at < 2 || !text[at - 2].is_alphanumeric())) => {
            let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
            if !is(at + 1 + hashes, '"') {
                return at;
            }
            let closes = |i: usize| is(i, '"') && (1..=hashes).all(|n| is(i + n, '#'));
            (find(at + 2 + hashes, &closes) + 1 + hashes).min(text.len())
        }
        '\'' if is(at + 1, '\\') => (find(at + 3, &|i| is(i, '\'')) + 1).min(text.len()),
        '\'' if is(at + 2, '\'') => at + 3,
        _ => at,
    }
}

fn string_end(text: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < text.len() && text[i] != '"' {
        i += if text[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(text.len())
}

/// A file without the items that are only for its tests.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(at);
        let length = item_length(item);
        kept.push_str(before);
        rest = &item[length..];
    }
    kept + rest
}

/// How long an item is: to its semicolon, or to the end of its braces.
fn item_length(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    item.len()
}

/// Whether a whole file is tests.
fn is_tests(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part.ends_with("tests.rs"))
}

/// Splits code into words and single other characters; `::` is one.
fn tokens(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

/// The first names after a path's beginning: of `crate::{a::b, c}`, `a` and `c`.
fn heads<'a>(tokens: &[&'a str], after: usize) -> Vec<&'a str> {
    if tokens.get(after) != Some(&"::") {
        return Vec::new();
    }
    if tokens.get(after + 1) != Some(&"{") {
        return tokens.get(after + 1).copied().into_iter().collect();
    }
    let (mut found, mut depth, mut fresh) = (Vec::new(), 0, false);
    for token in &tokens[after + 1..] {
        match *token {
            "{" => {
                depth += 1;
                fresh = depth == 1;
            }
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," => fresh = depth == 1,
            word if fresh => {
                found.push(word);
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

/// The modules of this crate that a file names, by `crate::`, by `clearway::`, or by enough `super::`.
fn imports(path: &str, code: &str) -> BTreeSet<String> {
    let tokens = tokens(code);
    let depth = path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let mut found = BTreeSet::new();
    for (i, token) in tokens.iter().enumerate() {
        let starts = i == 0 || tokens[i - 1] != "::";
        if matches!(*token, "crate" | "clearway") && starts {
            found.extend(heads(&tokens, i + 1).into_iter().map(str::to_owned));
        }
        if *token == "super" && starts {
            let supers = tokens[i..].iter().step_by(2).take_while(|token| **token == "super").count();
            if supers >= depth {
                found.extend(heads(&tokens, i + 2 * supers - 1).into_iter().map(str::to_owned));
            }
        }
    }
    found.retain(|name| name != "self" && name != "*");
    found
}

/// Whether code names a crate: as the beginning of a path, or in `use`.
fn names_crate(code: &str, name: &str) -> bool {
    let tokens = tokens(code);
    // A module of the same name in the same file is meant by that name.
    if tokens.windows(2).any(|pair| pair == ["mod", name]) {
        return false;
    }
    (0..tokens.len()).any(|i| {
        let starts = i == 0 || tokens[i - 1] != "::" || (i > 1 && !tokens[i - 2].starts_with(char::is_alphanumeric));
        let path = tokens.get(i + 1) == Some(&"::");
        let used = i > 0 && tokens[i - 1] == "use" && matches!(tokens.get(i + 1), Some(&";" | &"as"));
        tokens[i] == name && starts && (path || used)
    })
}

/// How many lines of code each function has, longest first.
fn function_lengths(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at..];
        let Some(open) = rest.find(['{', ';']) else { continue };
        if rest.as_bytes()[open] == b';' {
            continue;
        }
        let mut depth = 0;
        let end = rest[open..].find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let body = &rest[open..open + end.unwrap_or(rest.len() - open)];
        let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
        let name: String = rest[3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        found.push((name, lines));
    }
    found.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
    found
}

/// Everything that is wrong with one file; its path is relative to src.
fn check(path: &str, source: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let all = code(source);
    let own = if is_tests(path) { String::new() } else { without_tests(&all) };
    let module = path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    if !source.starts_with("//! ") {
        wrong.push("does not open with a `//!` line that says what it is for".to_owned());
    }
    let lines = own.lines().count();
    if lines > LONGEST_FILE {
        wrong.push(format!("has {lines} lines before its tests; split it by noun at {LONGEST_FILE}"));
    }
    for part in path.trim_end_matches(".rs").split('/').filter(|part| NO_NAMES.contains(part)) {
        wrong.push(format!("is named {part}, which says nothing"));
    }
    if path.ends_with("mod.rs") && module != "cli" && tokens(&own).contains(&"fn") {
        wrong.push("is a mod.rs with logic".to_owned());
    }
    if tokens(&all).contains(&"unsafe") {
        wrong.push("uses unsafe".to_owned());
    }
    for (name, length) in function_lengths(&own) {
        if length > LONGEST_FUNCTION {
            wrong.push(format!("has a function of {length} lines, {name}; split it at {LONGEST_FUNCTION}"));
        }
        if name.starts_with("get_") {
            wrong.push(format!("has a {name}; drop the get_"));
        }
    }
    if module != "lib" {
        wrong.extend(
            imports(path, &own)
                .into_iter()
                .filter(|other| !may_import(module, other))
                .map(|other| format!("imports {other}, which {module} may not")),
        );
    }
    for (name, homes) in FENCES {
        if !homes.contains(&module) && names_crate(&own, name) {
            wrong.push(format!("names the crate {name}, which lives in {}", homes.join(", ")));
        }
    }
    if path != CLOCK {
        let squeezed: String = own.split_whitespace().collect();
        wrong.extend(
            CLOCKS
                .iter()
                .filter(|clock| squeezed.contains(*clock))
                .map(|clock| format!("reads a clock ({clock}); only {CLOCK} does")),
        );
    }
    wrong
}

fn may_import(module: &str, other: &str) -> bool {
    let known = other == "base" || STAGES.contains(&other) || ABOVE.iter().any(|(name, _)| *name == other);
    // What is no module is a macro or an item of the root; there are none that matter here.
    if module == other || !known {
        return true;
    }
    if module == "base" {
        return false;
    }
    let above = ABOVE.iter().find(|(name, _)| *name == module).map_or(&[][..], |(_, may)| *may);
    (other == "base" && module != "main") || above.contains(&other) || SIDEWAYS.contains(&(module, other))
}

fn read(dir: &Path, root: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, root, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_source_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    read(&root, &root, &mut files);
    assert!(files.len() > 20, "the source was not found");
    files.sort();
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|(path, source)| check(path, source).into_iter().map(move |what| format!("src/{path} {what}")))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_table_of_contents_names_every_module_of_the_table() {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let listed: Vec<&str> = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut wanted = vec!["base"];
    wanted.extend(STAGES);
    wanted.extend(ABOVE.iter().map(|(name, _)| *name).filter(|name| *name != "main"));
    assert_eq!(listed, wanted, "in the order in which a flow passes them");
}

/// What a threat model claims is shown by tests: they and the files it names are there.
#[test]
fn the_threat_model_names_tests_and_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("deploy/threat-model.md")).unwrap();
    let mut files = Vec::new();
    ["src", "tests"].iter().for_each(|dir| read(&root.join(dir), root, &mut files));
    let source: String = files.into_iter().map(|(_, source)| source).collect();
    let words: BTreeSet<&str> = text.split('`').skip(1).step_by(2).collect();
    let is_test =
        |word: &str| word.matches('_').count() > 3 && !word.contains(|c: char| !c.is_alphanumeric() && c != '_');
    let is_file = |word: &str| ["src/", "tests/", "deploy/", "benches/"].iter().any(|top| word.starts_with(top));
    let (tests, metrics): (Vec<&str>, Vec<&str>) =
        words.iter().filter(|word| is_test(word)).partition(|word| !word.starts_with("clearway_"));
    let missing: Vec<&&str> = words
        .iter()
        .filter(|word| is_file(word) && !root.join(word).exists())
        .chain(tests.iter().filter(|test| !source.contains(&format!("fn {test}("))))
        .chain(metrics.iter().filter(|metric| !source.contains(**metric)))
        .collect();
    assert!(tests.len() > 30, "the threat model was not read: {tests:?}");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn each_rule_can_be_broken_and_is_then_named() {
    let long_file = format!("//! x\n{}", "const A: u8 = 0;\n".repeat(500));
    let long_function = format!("//! x\nfn long() {{\n{}}}\n", "    call();\n".repeat(70));
    for (path, source, complaint) in [
        ("tube/a.rs", "use crate::base::Rate;\n", "`//!` line"),
        ("tube/a.rs", "//! x\nuse crate::policy::Rule;\n", "imports policy"),
        ("tube/a.rs", "//! x\nuse crate::{base::Rate, egress};\n", "imports egress"),
        ("tube/a.rs", "//! x\nuse crate::{\n    base::{Rate, Side},\n    relay::Tally,\n};\n", "imports relay"),
        ("tube/a.rs", "//! x\nfn f() { crate::flow::run() }\n", "imports flow"),
        ("tube/a.rs", "//! x\nuse super::super::config::Config;\n", "imports config"),
        ("tube/mod.rs", "//! x\nuse super::config::Config;\n", "imports config"),
        ("tube/x/y.rs", "//! x\nuse super::super::super::config::Config;\n", "imports config"),
        ("base/a.rs", "//! x\nuse crate::tube::Spec;\n", "imports tube"),
        ("tube/a.rs", "//! x\nuse crate::relay::Tunnel;\n", "imports relay"),
        ("flow/a.rs", "//! x\nuse crate::config::Config;\n", "imports config"),
        ("config/a.rs", "//! x\nuse crate::flow::Plan;\n", "imports flow"),
        ("portal/a.rs", "//! x\nuse crate::tube::Reading;\n", "imports tube"),
        ("cli/a.rs", "//! x\nuse crate::relay::Tally;\n", "imports relay"),
        ("main.rs", "//! x\nfn main() { clearway::daemon::run() }\n", "imports daemon"),
        ("policy/a.rs", "//! x\nuse toml::Value;\n", "crate toml"),
        ("policy/a.rs", "//! x\nfn f() -> toml::Value { x() }\n", "crate toml"),
        ("policy/a.rs", "//! x\nfn f() { ::toml::from_str() }\n", "crate toml"),
        ("flow/a.rs", "//! x\nuse prometheus as p;\n", "crate prometheus"),
        ("account/a.rs", "//! x\nuse hyper::body::Body;\n", "crate hyper"),
        ("daemon/a.rs", "//! x\nuse clap::Parser;\n", "crate clap"),
        ("listen/a.rs", "//! x\nuse hickory_resolver::Resolver;\n", "crate hickory_resolver"),
        ("flow/a.rs", "//! x\nfn f() { std::time::Instant::now(); }\n", "reads a clock"),
        ("flow/a.rs", "//! x\nfn f() { Timestamp\n    ::now(); }\n", "reads a clock"),
        ("base/rate.rs", "//! x\nfn f() { SystemTime::now(); }\n", "reads a clock"),
        ("flow/mod.rs", "//! x\nmod a;\nfn f() {}\n", "mod.rs with logic"),
        ("flow/util.rs", "//! x\n", "named util"),
        ("flow/helper/a.rs", "//! x\n", "named helper"),
        ("flow/a.rs", "//! x\nfn f() { unsafe { g() } }\n", "uses unsafe"),
        ("flow/a.rs", "//! x\nfn get_it() {}\n", "get_it"),
        ("tube/tree_tests.rs", "use crate::base::Rate;\n", "`//!` line"),
        ("flow/a.rs", long_file.as_str(), "lines before its tests"),
        ("flow/a.rs", long_function.as_str(), "function of"),
    ] {
        let wrong = check(path, source);
        assert!(wrong.len() == 1 && wrong[0].contains(complaint), "{complaint:?} of {path}: {wrong:?}\n{source}");
    }
}

#[test]
fn what_the_rules_allow_is_not_complained_about() {
    for (path, source) in [
        ("relay/paced.rs", "//! x\nuse crate::base::Fault;\nuse crate::tube::Pass;\nuse hyper::body::Body;\n"),
        (
            "flow/run.rs",
            "//! x\nuse crate::{base, listen, client, sniff, category, policy, tube, egress, relay, account};\n",
        ),
        ("config/raw.rs", "//! x\nuse toml::de::DeTable;\nuse crate::tube;\n"),
        ("tube/pacer.rs", "//! x\nuse super::bucket::Bucket;\nuse super::super::base::Rate;\n"),
        ("sniff/mod.rs", "//! x\n\nmod http;\n\npub use http::host_of;\n"),
        ("tube/a.rs", "//! x\n// use crate::flow; toml::x\nconst A: &str = \"use toml::x; crate::flow::y\";\n"),
        (
            "tube/a.rs",
            "//! x\nconst A: &str = r#\"unsafe \" crate::flow::y\"#;\nconst B: char = '\"';\nconst C: char = '\\'';\n",
        ),
        ("tube/a.rs", "//! x\nfn f<'a>(x: &'a str) -> &'a str { x }\n/* unsafe */\n"),
        ("tube/a.rs", "//! x\nfn f() { crate::tube::g(); config::toml::y(); }\n"),
        (
            "tube/a.rs",
            "//! x\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::config::read;\n    use toml::Value;\n}\n",
        ),
        ("tube/tree_tests.rs", "//! x\nuse crate::config::read;\n"),
        ("config/tests/mistakes.rs", "//! x\nuse crate::flow::Plan;\n"),
        ("base/clock.rs", "//! x\npub fn now() -> Instant { Instant::now() }\n"),
        ("cli/mod.rs", "//! x\npub fn main() {}\n"),
        ("main.rs", "//! x\nfn main() { clearway::cli::main() }\n"),
    ] {
        assert_eq!(check(path, source), Vec::<String>::new(), "{path}\n{source}");
    }
}

#[test]
fn comments_and_strings_are_no_code() {
    for (source, left) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b\n c */ d", "a     \n      d"),
        ("x(\"a\\\"b\") y", "x(      ) y"),
        ("r\"a\\\" b", "      b"),
        ("r##\"a\"#b\"## c", "            c"),
        ("'a' 'b", "    'b"),
        ("for r in x", "for r in x"),
    ] {
        assert_eq!(code(source), left, "{source}");
    }
}
