//! `default`, `bank-holidays`, `[[rule]]` and `[[test]]`.

use std::net::IpAddr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::names::{Names, reserved, unique};
use crate::base::{CategoryId, EgressId, GroupId, RuleId, Target, TubeId, Window};
use crate::config::problem::Problems;
use crate::config::table::{Table, Value};
use crate::config::text::{Place, Placed};
use crate::config::value::{Label, Readable};
use crate::policy::{Action, Expect, Rule, Test, Text};

/// A `[[rule]]` and where its parts stand.
pub(in crate::config) struct RuleDraft {
    pub(in crate::config) rule: Rule,
    pub(in crate::config) name: Place,
    pub(in crate::config) to: Vec<Place>,
    pub(in crate::config) from: Vec<Place>,
    pub(in crate::config) when: Vec<Place>,
    pub(in crate::config) tube: Option<Place>,
    pub(in crate::config) reason: Option<Place>,
    pub(in crate::config) expires: Option<Place>,
    /// Something in it is wrong, so that what it says is not to be trusted.
    pub(in crate::config) faulty: bool,
}

/// A `[[test]]` and where the names in it stand.
pub(in crate::config) struct TestDraft {
    pub(in crate::config) test: Test,
    expect: ExpectPlaces,
}

#[derive(Default)]
struct ExpectPlaces {
    tube: Option<Place>,
    rule: Option<Place>,
    category: Option<Place>,
    egress: Option<Place>,
}

/// What names may be used.
pub(in crate::config) struct Known<'a> {
    pub(in crate::config) tubes: Names<'a>,
    pub(in crate::config) egresses: Names<'a>,
    pub(in crate::config) categories: Names<'a>,
    pub(in crate::config) groups: Names<'a>,
    pub(in crate::config) rules: Names<'a>,
}

const ACTIONS: &[(&str, Action)] = &[(Action::Allow.as_str(), Action::Allow), (Action::Block.as_str(), Action::Block)];

/// Whether a rule only watches.
const MODES: &[(&str, bool)] = &[("decide", false), ("watch", true)];

/// What people write in a rule for what it calls otherwise.
const SYNONYMS: &[(&str, &str)] = &[
    ("category", "to"),
    ("categories", "to"),
    ("target", "to"),
    ("group", "from"),
    ("groups", "from"),
    ("client", "from"),
    ("clients", "from"),
    ("window", "when"),
    ("time", "when"),
    ("until", "expires"),
];

/// Reads `default`.
pub(in crate::config) fn default(root: &mut Table<'_>) -> Action {
    root.needs("default", "\"allow\"");
    root.choice("default", ACTIONS).map_or(Action::Block, |action| action.value)
}

/// Reads `bank-holidays`.
pub(in crate::config) fn bank_holidays(root: &mut Table<'_>) -> Vec<Placed<Date>> {
    root.list::<Date>("bank-holidays").unwrap_or_default()
}

/// Reads every `[[rule]]`.
pub(in crate::config) fn rules(root: &mut Table<'_>) -> Vec<RuleDraft> {
    let problems = root.scope.problems;
    let drafts: Vec<RuleDraft> = root.tables("rule").into_iter().map(rule).collect();
    let named = drafts.iter().filter(|draft| !draft.rule.id.as_str().is_empty());
    unique(problems, "rule", named.map(|draft| (draft.rule.id.as_str(), &draft.name)));
    drafts
}

fn rule(mut table: Table<'_>) -> RuleDraft {
    let problems = table.scope.problems;
    let errors = problems.errors();
    let source = table.place.source();
    table.synonyms(SYNONYMS);
    let name = table.required::<Label>("name");
    let (to, to_at) = conditions(&mut table, "to", false, |name: String| CategoryId::from(name.as_str()));
    let (from, from_at) = conditions(&mut table, "from", false, |name: String| GroupId::from(name.as_str()));
    let (when, when_at) = conditions(&mut table, "when", true, |window: Window| window);
    table.needs("action", "\"block\"");
    let action = table.choice("action", ACTIONS).map_or(Action::Block, |action| action.value);
    let watches = table.choice("mode", MODES).is_some_and(|mode| mode.value);
    let tube = table.take::<String>("tube");
    let owner = table.take::<String>("owner").map(|owner| owner.value);
    let reason = table.value("reason").map(|value| (reason(&value), value.place));
    let (reason, reason_at) = reason.map_or_else(Default::default, |(text, place)| (text, Some(place)));
    let expires = table.take::<Date>("expires");
    let (name, name_at) = match name {
        Some(Placed { value: Label(name), place }) => (name, place),
        None => (String::new(), table.place.clone()),
    };
    let named = Placed { value: name.clone(), place: name_at.clone() };
    reserved(problems, &named, "default", "answers and metrics use it for what no rule decides");
    table.finish();
    RuleDraft {
        rule: Rule {
            id: RuleId::from(name.as_str()),
            to,
            from,
            when,
            action,
            watches,
            tube: tube.as_ref().map(|tube| TubeId::from(tube.value.as_str())),
            owner,
            reason,
            expires: expires.as_ref().map(|day| day.value),
            source,
        },
        name: name_at,
        to: to_at,
        from: from_at,
        when: when_at,
        tube: tube.map(|tube| tube.place),
        reason: reason_at,
        expires: expires.map(|day| day.place),
        faulty: problems.errors() > errors,
    }
}

/// A list of conditions of which any may hold. An empty list reads as "none", and would mean "any": it is refused.
fn conditions<T: Readable, U>(
    table: &mut Table<'_>,
    key: &'static str,
    one_is_enough: bool,
    make: impl Fn(T) -> U,
) -> (Vec<U>, Vec<Place>) {
    let Some(value) = table.value(key) else { return (Vec::new(), Vec::new()) };
    let items = match one_is_enough && !value.is_list() {
        true => vec![value.clone()],
        false => value.items().unwrap_or_default(),
    };
    if items.is_empty() && value.is_list() {
        value.wrong(
            format!("`{key}` is empty, so it is not said what matches"),
            format!("leave `{key}` out to match any"),
        );
    }
    let placed = items.iter().filter_map(Value::read::<T>);
    placed.map(|Placed { value, place }| (make(value), place)).unzip()
}

fn reason(value: &Value<'_>) -> Text {
    if value.is_text() {
        return Text { en: value.read::<String>().map(|text| text.value), cy: None };
    }
    let example = "`reason = \"..\"`, or in both languages as `reason = { en = \"..\", cy = \"..\" }`";
    if !value.is_table() {
        value.wrong_kind("a text or { en, cy }", &format!("write it as {example}"));
        return Text::default();
    }
    let Some(mut table) = value.table("`reason`".to_owned(), example) else { return Text::default() };
    let en = table.take::<String>("en").map(|text| text.value);
    let cy = table.take::<String>("cy").map(|text| text.value);
    if !table.has("en") && !table.has("cy") {
        value.wrong("`reason` says nothing", format!("write it as {example}"));
    }
    table.finish();
    Text { en, cy }
}

/// Reads every `[[test]]`.
pub(in crate::config) fn tests(root: &mut Table<'_>, zone: &TimeZone) -> Vec<TestDraft> {
    root.tables("test").into_iter().filter_map(|table| test(table, zone)).collect()
}

fn test(mut table: Table<'_>, zone: &TimeZone) -> Option<TestDraft> {
    let source = table.place.source();
    let target = table.required::<Target>("target");
    let from = table.take::<IpAddr>("from").map(|from| from.value);
    let user = table.take::<String>("user").map(|user| user.value);
    let at = match table.value("at") {
        Some(value) if value.is_text() && value.text() == Some("now") => None,
        Some(value) => value.read::<DateTime>().and_then(|at| {
            let moment = zone.to_timestamp(at.value).ok();
            if moment.is_none() {
                value.wrong("`at` is beyond the calendar", "for example `at = \"2026-11-24 12:30\"`");
            }
            moment
        }),
        None => None,
    };
    table.needs("expect", "{ action = \"allow\", tube = \"clinical\" }");
    let (expect, places) =
        table.table("expect", "`expect = { action = \"allow\", tube = \"clinical\" }`").map(expect).unwrap_or_default();
    table.finish();
    let test = Test { target: target?.value, from, user, at, expect, source };
    Some(TestDraft { test, expect: places })
}

fn expect(mut table: Table<'_>) -> (Expect, ExpectPlaces) {
    let errors = table.scope.problems.errors();
    let action = table.choice("action", ACTIONS).map(|action| action.value);
    let tube = table.take::<String>("tube");
    let rule = table.take::<String>("rule");
    let category = table.take::<String>("category");
    let egress = table.take::<String>("egress");
    let expect = Expect {
        action,
        tube: tube.as_ref().map(|tube| TubeId::from(tube.value.as_str())),
        rule: rule.as_ref().map(|rule| RuleId::from(rule.value.as_str())),
        category: category.as_ref().map(|category| CategoryId::from(category.value.as_str())),
        egress: egress.as_ref().map(|egress| EgressId::from(egress.value.as_str())),
    };
    let place = |placed: Option<Placed<String>>| placed.map(|placed| placed.place);
    let places =
        ExpectPlaces { tube: place(tube), rule: place(rule), category: place(category), egress: place(egress) };
    let (problems, at) = (table.scope.problems, table.place.clone());
    table.finish();
    if expect == Expect::default() && problems.errors() == errors {
        let hint = "for example `expect = { action = \"allow\", tube = \"clinical\" }`";
        problems.error(&at, "`expect` expects nothing, so the test could not fail", hint);
    }
    (expect, places)
}

/// Records names that do not exist.
pub(in crate::config) fn check(problems: &Problems, rules: &[RuleDraft], tests: &[TestDraft], known: &Known<'_>) {
    for RuleDraft { rule, to, from, tube, .. } in rules {
        for (category, at) in rule.to.iter().zip(to) {
            known.categories.check(problems, at, category.as_str());
        }
        for (group, at) in rule.from.iter().zip(from) {
            known.groups.check(problems, at, group.as_str());
        }
        if let (Some(id), Some(at)) = (&rule.tube, tube) {
            known.tubes.check(problems, at, id.as_str());
        }
    }
    for TestDraft { test: Test { expect, .. }, expect: places } in tests {
        let uses = [
            (&known.tubes, expect.tube.as_ref().map(TubeId::as_str), &places.tube),
            (&known.rules, expect.rule.as_ref().map(RuleId::as_str), &places.rule),
            (&known.categories, expect.category.as_ref().map(CategoryId::as_str), &places.category),
            (&known.egresses, expect.egress.as_ref().map(EgressId::as_str), &places.egress),
        ];
        for (names, id, at) in uses {
            if let (Some(id), Some(at)) = (id, at) {
                names.check(problems, at, id);
            }
        }
    }
}
