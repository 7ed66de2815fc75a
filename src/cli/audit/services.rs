//! What a policy's answers about the panel say against each other, and what they do to care. Pure.

use super::answer::{Answer, Kind};
use super::finding::{About, Finding};
use super::panel::Service;
use crate::base::Source;
use crate::category::Category;
use crate::cli::day::Day;

/// What two hosts of a service are answered at the same moment.
type Kinds = (Kind, Kind);

/// A service of the panel and what was answered about it.
pub struct Asked<'a> {
    /// The service.
    pub service: &'a Service,
    /// About its own host.
    pub answers: Day<Answer>,
    /// About each of its other hosts, in the panel's order.
    pub companions: Vec<(&'a str, Day<Answer>)>,
}

/// Whose answers they are, and where what is missing would be written.
pub struct Ground<'a> {
    /// The Trust.
    pub trust: &'a str,
    /// Its categories.
    pub categories: &'a [Category],
    /// The first of them that rides in a clear tube.
    pub clear: Option<&'a Category>,
    /// A place for what has none: the first line of the gateway's file.
    pub file: Source,
}

/// Everything that the answers say.
pub fn of(ground: &Ground<'_>, asked: &[Asked<'_>]) -> Vec<Finding> {
    let mut found: Vec<Finding> = asked.iter().flat_map(|one| torn(ground, one)).collect();
    found.extend(care(ground, asked));
    found
}

/// A service whose hosts are answered otherwise: half of it works, or what slows it does nothing. Told is the worst
/// that befalls a host; hosts that are alike in that are one finding.
fn torn(ground: &Ground<'_>, asked: &Asked<'_>) -> Vec<Finding> {
    let own = &asked.answers;
    let mut found: Vec<(Kinds, Day<bool>, Vec<usize>)> = Vec::new();
    for (at, (_, companion)) in asked.companions.iter().enumerate() {
        let kinds = own.with(companion, |one, other| (one.kind, other.kind));
        let apart = kinds.each().into_iter().filter(|(one, other)| one != other);
        let Some(worst) = apart.max_by_key(|(one, other)| one.max(other)) else { continue };
        let when = kinds.map(|pair| pair == worst);
        match found.iter_mut().find(|(pair, then, _)| pair == worst && *then == when) {
            Some((_, _, hosts)) => hosts.push(at),
            None => found.push((*worst, when, vec![at])),
        }
    }
    let tell = |(pair, when, hosts): (Kinds, Day<bool>, Vec<usize>)| {
        let names = hosts.iter().map(|at| asked.companions[*at].0).collect::<Vec<_>>().join(", ");
        let own = (asked.service.host, own);
        let others = (names.as_str(), &asked.companions[hosts[0]].1);
        let ((worse, answers), (better, free)) = if pair.0 > pair.1 { (own, others) } else { (others, own) };
        let how = match pair.0.max(pair.1) {
            Kind::Blocked => "blocked",
            Kind::Slowed => "slowed",
            Kind::Shared | Kind::Clear => "not in the clear tube",
        };
        let rule = first(answers, &when).and_then(|answer| answer.rule.as_ref());
        let by = match rule {
            Some(rule) if how == "blocked" || rule.lifts => format!(" by rule `{}`", rule.name),
            None if how == "blocked" => " by default".to_owned(),
            _ => String::new(),
        };
        let name = asked.service.name;
        let words = format!("{name}: {worse} {how} {}{by}, unlike {better}", when.when());
        let source = place(answers, &when).or_else(|| place(free, &when)).unwrap_or_else(|| ground.file.clone());
        Finding { services: vec![name.to_owned()], ..Finding::new(ground.trust, About::Service, &source, words) }
    };
    found.into_iter().map(tell).collect()
}

/// What care needs and does not get; services that are alike in that are one finding.
fn care(ground: &Ground<'_>, asked: &[Asked<'_>]) -> Vec<Finding> {
    let mut found: Vec<(Finding, Vec<String>)> = Vec::new();
    for one in asked.iter().filter(|one| one.service.is_care()) {
        let blocked = one.answers.map(Answer::is_blocked);
        let waits = one.answers.map(|answer| !answer.is_blocked() && answer.kind != Kind::Clear);
        // Mail that waits a second behind others delays nobody's treatment; mail that is blocked does.
        let waits = waits.map(|waits| *waits && one.service.is_clinical());
        for (kind, when) in [(About::CareBlocked, blocked), (About::CareWaits, waits)] {
            let Some(answer) = first(&one.answers, &when) else { continue };
            let (what, why, source) = wrong(ground, answer);
            let finding = Finding::new(ground.trust, kind, &source, format!("{what} {}{why}", when.when()));
            match found.iter_mut().find(|(same, _)| *same == finding) {
                Some((_, services)) => services.push(one.service.name.to_owned()),
                None => found.push((finding, vec![one.service.name.to_owned()])),
            }
        }
    }
    let tell = |(finding, services): (Finding, Vec<String>)| {
        let words = format!("{}: {}", services.join(", "), finding.words);
        Finding { words, services, ..finding }
    };
    found.into_iter().map(tell).collect()
}

/// What is wrong with an answer to a question of care, in words before and after those that say when; and where that is
/// written or would be.
fn wrong(ground: &Ground<'_>, answer: &Answer) -> (String, String, Source) {
    let blocked = answer.is_blocked();
    let what = if blocked { "blocked".to_owned() } else { format!("not in the clear tube but in `{}`", answer.tube) };
    let file = || ground.file.clone();
    if answer.silent {
        let could = ground.clear.map(|category| format!("; category `{}` could", category.id)).unwrap_or_default();
        let source = ground.clear.map_or_else(file, |category| category.source.clone());
        return (what, format!(": no category has it{could}"), source);
    }
    let why = format!(", as `{}`", answer.category);
    match &answer.rule {
        Some(rule) if blocked || rule.lifts => (format!("{what} by rule `{}`", rule.name), why, rule.source.clone()),
        _ => {
            let named = ground.categories.iter().find(|one| one.id.as_str() == answer.category);
            (what, why, named.map_or_else(file, |category| category.source.clone()))
        }
    }
}

/// The first answer at a moment that is meant.
fn first<'a>(answers: &'a Day<Answer>, when: &Day<bool>) -> Option<&'a Answer> {
    answers.each().into_iter().zip(when.each()).find_map(|(answer, on)| on.then_some(answer))
}

/// Where that answer comes from: its rule, else the entry that named it.
fn place(answers: &Day<Answer>, when: &Day<bool>) -> Option<Source> {
    let answer = first(answers, when)?;
    answer.rule.as_ref().map(|rule| rule.source.clone()).or_else(|| answer.entry.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CategoryId, TubeId};
    use crate::cli::audit::answer::Decider;

    fn source(line: u32) -> Source {
        Source::new("policy.toml", line)
    }

    /// `-` is silence, `clear`, `shared` and `slowed` are tubes, `block` is rule `no` on line 9.
    fn answer(text: &str) -> Answer {
        let blocked = text == "block";
        let decider =
            Decider { name: "no".to_owned(), file: "policy.toml".to_owned(), line: 9, lifts: false, source: source(9) };
        Answer {
            action: if blocked { "block" } else { "allow" },
            kind: match text {
                "block" => Kind::Blocked,
                "clear" => Kind::Clear,
                "slowed" => Kind::Slowed,
                _ => Kind::Shared,
            },
            silent: text == "-",
            category: if text == "-" { "other" } else { "named" }.to_owned(),
            tube: text.to_owned(),
            limit: None,
            rule: blocked.then_some(decider),
            words: String::new(),
            rate: String::new(),
            entry: (text != "-").then(|| source(5)),
        }
    }

    fn day(texts: [&str; 3]) -> Day<Answer> {
        let [morning, lunch, night] = texts.map(answer);
        Day { morning, lunch, night }
    }

    fn category(id: &str, tube: &str, line: u32) -> Category {
        Category {
            id: CategoryId::from(id),
            tube: Some(TubeId::from(tube)),
            about: None,
            protected: false,
            entries: Vec::new(),
            lists: Vec::new(),
            source: source(line),
        }
    }

    /// What is found of a service and its companions, each with its line.
    fn found(group: &'static str, own: [&str; 3], companions: &[[&str; 3]]) -> Vec<(u32, String)> {
        let target = "a.example".parse().unwrap();
        let service = Service { group, name: "A", host: "a.example", target, companions: Vec::new() };
        let names = ["b.example", "c.example"];
        let companions = names.into_iter().zip(companions).map(|(name, texts)| (name, day(*texts))).collect();
        let asked = [Asked { service: &service, answers: day(own), companions }];
        let categories = [category("clinical", "clear", 2), category("named", "shared", 4)];
        let ground = Ground { trust: "t", categories: &categories, clear: categories.first(), file: source(1) };
        of(&ground, &asked).into_iter().map(|one| (one.line, one.words)).collect()
    }

    #[test]
    fn a_service_is_torn_where_its_hosts_are_answered_otherwise() {
        let [block, shared, slowed, clear, silent] = ["block", "shared", "slowed", "clear", "-"].map(|text| [text; 3]);
        for (own, companions, line, words) in [
            (block, &[shared][..], 9, "a.example blocked at all three times by rule `no`, unlike b.example"),
            (
                block,
                &[silent, silent],
                9,
                "a.example blocked at all three times by rule `no`, unlike b.example, c.example",
            ),
            (shared, &[block], 9, "b.example blocked at all three times by rule `no`, unlike a.example"),
            (
                ["block", "shared", "shared"],
                &[silent],
                9,
                "a.example blocked in the morning by rule `no`, unlike b.example",
            ),
            (slowed, &[silent], 5, "a.example slowed at all three times, unlike b.example"),
            (clear, &[shared], 5, "b.example not in the clear tube at all three times, unlike a.example"),
        ] {
            assert_eq!(found("social", own, companions), [(line, format!("A: {words}"))]);
        }
        assert_eq!(found("social", ["block", "shared", "-"], &[["block", "-", "shared"]]), []);
        assert_eq!(found("social", block, &[["shared", "block", "block"], silent]).len(), 2, "each at its own times");
        let worst = found("social", ["slowed", "slowed", "block"], &[silent]);
        assert_eq!(worst, [(9, "A: a.example blocked at night by rule `no`, unlike b.example".to_owned())]);
    }

    #[test]
    fn care_must_never_be_blocked_and_what_is_clinical_rides_in_the_clear_tube() {
        for (own, line, words) in [
            (["block"; 3], 9, "blocked by rule `no` at all three times, as `named`"),
            (["clear", "block", "clear"], 9, "blocked by rule `no` at lunch, as `named`"),
            (["shared"; 3], 4, "not in the clear tube but in `shared` at all three times, as `named`"),
            (
                ["-"; 3],
                2,
                "not in the clear tube but in `-` at all three times: no category has it; category `clinical` could",
            ),
        ] {
            let told = [(line, format!("A: {words}"))];
            assert_eq!(found("clinical", own, &[]), told);
            assert_eq!(found("mail", own, &[]), if own.contains(&"block") { &told[..] } else { &[] }, "mail may wait");
            assert_eq!(found("social", own, &[]), []);
        }
        assert_eq!(found("clinical", ["clear"; 3], &[]), []);
        let found = found("clinical", ["block", "shared", "clear"], &[]);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [9, 4], "two things are wrong: {found:?}");
    }
}
