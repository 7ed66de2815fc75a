//! `clearway explain`: the verdict on a flow, and what made it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde::Serialize;

use super::args::Question as Asked;
use super::{NO, load, logged, write};
use crate::base::{Calendar, Direction, Host, Page, Rate, Reason, Target, clock};
use crate::config::{self, Config, Generations};
use crate::daemon::history::{History, in_force};
use crate::flow::{Plan, Question, Verdict};
use crate::policy::Action;

/// A flow, and the plan that it is explained by.
struct Case {
    config: Config,
    plan: Plan,
    target: Target,
    path: Option<Box<str>>,
    from: Option<IpAddr>,
    user: Option<String>,
    said: Option<Host>,
    at: Timestamp,
    logged: Option<Logged>,
}

/// What the log says of the flow.
#[derive(Serialize)]
struct Logged {
    flow: String,
    /// The generation of its time; null where its files are not kept, so that those of today explain it.
    generation: Option<u64>,
    /// It is explained as it was judged when it ended, not when it opened.
    again: bool,
    client: String,
    action: Option<String>,
    category: Option<String>,
    tube: Option<String>,
    rule: Option<String>,
}

/// Explains a flow. With `--quiet` the exit code alone says whether it is allowed.
pub fn run(asked: &Asked) -> u8 {
    let case = load::config(&asked.config).and_then(|config| match &asked.log_id {
        Some(flow) => logged(asked, &config, flow),
        None => questioned(asked, config),
    });
    let case = match case {
        Ok(case) => case,
        Err(code) => return code,
    };
    case.judged(|question, verdict| {
        let verdict = guarded(&case, verdict);
        if asked.quiet {
            return if verdict.refusal.is_none() { 0 } else { NO };
        }
        let text = if asked.json {
            let answer = Answer { logged: case.logged.as_ref(), ..Answer::new(&case.plan, question, &verdict) };
            serde_json::to_string(&answer).unwrap_or_default()
        } else {
            let trace = if asked.trace { traced(&case.plan, question) } else { String::new() };
            words(&case, question, &verdict) + &trace
        };
        write::line(&text);
        0
    })
}

/// What becomes of a name whose every address is said by `[dns] hosts` and refused by `[guard] deny`: the gateway sees that when
/// it has looked the name up. A parent is asked by name, and looks it up itself.
fn guarded(case: &Case, verdict: Verdict) -> Verdict {
    let spec = &case.config.egress;
    let parent = spec.egresses.iter().any(|egress| egress.id == verdict.egress && egress.parent.is_some());
    if verdict.refusal.is_some() || parent || denied(case).is_none() {
        return verdict;
    }
    Verdict { action: Action::Block, refusal: Some(Reason::AddressDenied), ..verdict }
}

/// The addresses that `[dns] hosts` gives the target, where `[guard] deny` leaves none of them.
fn denied(case: &Case) -> Option<&[IpAddr]> {
    let Host::Name(name) = &case.target.host else { return None };
    let addresses = case.config.egress.dns.hosts.get(name)?;
    addresses.iter().all(|address| !case.plan.guard.permits(*address)).then_some(addresses)
}

/// A flow as the command line asks of it.
fn questioned(asked: &Asked, config: Config) -> Result<Case, u8> {
    let wrong = |text: String| {
        write::note(&format!("error: {text}"));
        2
    };
    let at = when(&asked.at, &config.calendar).map_err(|hint| wrong(format!("--at {hint}")))?;
    let Page { target, path } = asked.target.clone().ok_or_else(|| wrong("name a TARGET".to_owned()))?;
    let (from, user, plan) = (asked.from, asked.user.clone(), load::plan(&config)?);
    Ok(Case { config, plan, target, path, from, user, said: None, at, logged: None })
}

/// A flow as the access log has it.
fn logged(asked: &Asked, today: &Config, flow: &str) -> Result<Case, u8> {
    let no = |text: String| {
        write::note(&format!("error: {text}"));
        NO
    };
    let log = asked.log.clone().or_else(|| today.access_log().map(Path::to_owned));
    let log =
        log.ok_or_else(|| no("the access log goes to no file; name one that has the flow with --log".to_owned()))?;
    let line = logged::line_of(&log, flow).map_err(|error| no(format!("cannot read {}: {error}", log.display())))?;
    let line =
        line.ok_or_else(|| no(format!("no flow {flow} in {}; an older log? Name it with --log", log.display())))?;
    let record: logged::Record<'_> = serde_json::from_str(&line).map_err(|error| no(error.to_string()))?;
    let (Some((target, said, at)), Some(opened)) = (record.asked(), record.opened()) else {
        return Err(no(format!("flow {flow} asked for nothing that could be judged")));
    };
    let (found, generations) = (History::of(&today.state_dir).read(), Generations::of(&today.state_dir));
    let found = found.map_err(|error| no(format!("cannot read the history: {error}")))?;
    let text = |text: Option<&str>| text.map(str::to_owned);
    let case = |at: Timestamp, in_force_at: Timestamp, again: bool| {
        let then = in_force(&found, in_force_at).and_then(|number| {
            let generation = generations.find(number).ok()??;
            Some((number, config::read_past(&generations, &generation, at).config?))
        });
        let (generation, config) =
            then.map_or_else(|| (None, today.clone()), |(number, config)| (Some(number), config));
        let told = Logged {
            flow: flow.to_owned(),
            generation,
            again,
            client: record.client.to_owned(),
            action: text(record.action),
            category: text(record.category),
            tube: text(record.tube),
            rule: text(record.rule),
        };
        // A pseudonym is in no group: who it was, the log does not say.
        let (from, user, plan) = (record.client.parse().ok(), text(record.user), load::plan(&config)?);
        let (target, said) = (target.clone(), said.clone());
        Ok::<Case, u8>(Case { config, plan, target, path: None, from, user, said, at, logged: Some(told) })
    };
    let first = case(at, opened, false)?;
    // A flow is judged again at each reload and each edge of a window; the log has the last word.
    let last = record.ended().filter(|_| !first.is_as_logged()).map(|ended| case(ended, ended, true)).transpose()?;
    Ok(last.filter(Case::is_as_logged).unwrap_or(first))
}

impl Case {
    /// Judges the flow.
    fn judged<T>(&self, tell: impl FnOnce(&Question<'_>, Verdict) -> T) -> T {
        let groups = self.plan.groups_of(self.from, self.user.as_deref());
        let (target, path, said) = (&self.target, self.path.as_deref(), self.said.as_ref());
        let question = Question { groups: &groups, target, path, said, at: self.at };
        tell(&question, self.plan.judge(&question))
    }

    /// Whether the log has the same answer.
    fn is_as_logged(&self) -> bool {
        self.judged(|_, verdict| {
            self.logged.as_ref().is_none_or(|logged| {
                let rule = verdict.rule.as_ref().map(|rule| rule.id.as_str());
                logged.action.as_deref() == Some(verdict.action.as_str())
                    && logged.tube.as_deref() == Some(verdict.tube.as_str())
                    && logged.rule.as_deref() == rule
            })
        })
    }
}

/// `now`, or a local date and time in the gateway's zone.
pub(super) fn when(text: &str, calendar: &Calendar) -> Result<Timestamp, String> {
    if text == "now" {
        return Ok(clock::wall());
    }
    let local: Option<DateTime> =
        text.parse().ok().or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)));
    local
        .and_then(|local| calendar.zone.to_timestamp(local).ok())
        .ok_or_else(|| format!("`{text}` is neither `now` nor a date and time such as `2026-11-24 12:30`"))
}

/// The contract's object.
#[derive(Serialize)]
struct Answer<'a> {
    target: String,
    host: String,
    port: u16,
    at: String,
    action: &'static str,
    category: String,
    tube: String,
    egress: String,
    matched: Option<Matched>,
    rule: Option<Rule>,
    /// Why it is refused, in the words of logs and metrics; null when it is allowed.
    reason: Option<&'static str>,
    limit: Option<Limit>,
    /// What its tube keeps while others are served before it; null without a floor.
    floor: Option<Limit>,
    /// Of a flow of the access log, what was decided then.
    #[serde(skip_serializing_if = "Option::is_none")]
    logged: Option<&'a Logged>,
}

#[derive(Serialize)]
struct Matched {
    category: String,
    entry: String,
    file: String,
    line: u32,
}

#[derive(Serialize)]
struct Rule {
    name: String,
    file: String,
    line: u32,
}

/// Bits a second.
#[derive(Serialize)]
struct Limit {
    down: Option<u64>,
    up: Option<u64>,
}

impl Limit {
    /// Down and up; `None` where neither way has one.
    fn new(rates: [Option<Rate>; 2]) -> Option<Limit> {
        let [down, up] = rates.map(|rate| rate.map(Rate::bits_per_second));
        (down.is_some() || up.is_some()).then_some(Limit { down, up })
    }
}

impl Answer<'_> {
    fn new(plan: &Plan, question: &Question<'_>, verdict: &Verdict) -> Self {
        let (target, at) = (question.target, question.at);
        Answer {
            target: target.to_string(),
            host: target.host.to_string(),
            port: target.port,
            at: plan.calendar.local(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            action: verdict.action.as_str(),
            category: verdict.category.to_string(),
            tube: verdict.tube.to_string(),
            egress: verdict.egress.to_string(),
            matched: plan.classify(question).named().map(|matched| Matched {
                category: matched.category.to_string(),
                entry: matched.entry.to_string(),
                file: matched.source().file.display().to_string(),
                line: matched.source().line,
            }),
            rule: verdict.rule.as_ref().map(|rule| Rule {
                name: rule.id.to_string(),
                file: rule.source.file.display().to_string(),
                line: rule.source.line,
            }),
            reason: verdict.refusal.map(Reason::as_str),
            limit: Limit::new(limits(plan, verdict, at)),
            floor: Limit::new(floors(plan, verdict, at)),
            logged: None,
        }
    }
}

/// The same in words, one line a stage.
fn words(case: &Case, question: &Question<'_>, verdict: &Verdict) -> String {
    let Case { config, plan, .. } = case;
    let (at, matches) = (question.at, plan.classify(question));
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<9} {value}");
    };
    let who = match (case.from, &case.user) {
        (Some(from), Some(user)) => format!(" from {from} as {user}"),
        (Some(from), None) => format!(" from {from}"),
        (None, Some(user)) => format!(" as {user}"),
        (None, None) => String::new(),
    };
    row("target", format!("{}{who}", question.target));
    row("at", plan.calendar.local(at).strftime("%a %d %b %Y %H:%M %Z").to_string());
    if let Some(from) = case.from
        && plan.listeners_of(from).next().is_none()
    {
        row("listener", format!("none admits {from}, so it gets 403 whatever follows; see [[listener]] clients"));
    }
    row(
        "category",
        match matches.named() {
            Some(matched) => format!("{}, by `{}` at {}", verdict.category, matched.entry, matched.source()),
            None => format!("{}: no category has it", verdict.category),
        },
    );
    for other in matches.as_slice() {
        if *other.category != verdict.category {
            row("also in", format!("{}, by `{}` at {}", other.category, other.entry, other.source()));
        }
    }
    row("rule", rule_words(config, verdict));
    row("action", action_words(case, verdict));
    row("tube", tube_words(plan, verdict, at));
    row("egress", verdict.egress.to_string());
    if let Some(logged) = &case.logged {
        let by = match logged.generation {
            Some(number) if logged.again => format!("generation {number}, which was in force when the flow ended"),
            Some(number) => format!("generation {number}, which was in force when the flow opened"),
            None => "today's files: those of the flow's time are not kept".to_owned(),
        };
        row("by", by);
        let differs = if case.is_as_logged() { "" } else { "; THE LOG HAS ANOTHER ANSWER than this" };
        row("logged", logged_words(logged) + differs);
    }
    text.truncate(text.trim_end().len());
    text
}

/// What was decided then.
fn logged_words(logged: &Logged) -> String {
    let Logged { flow, client, action, category, tube, rule, .. } = logged;
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let (action, category, tube) = (known(action), known(category), known(tube));
    let rule = rule.as_ref().map_or("by default".to_owned(), |rule| format!("by rule {rule}"));
    format!("flow {flow} from {client}: {action} {rule}, category {category}, tube {tube}")
}

fn rule_words(config: &Config, verdict: &Verdict) -> String {
    let Some(rule) = &verdict.rule else {
        return format!("none matches; the default is {}", config.policy.default.as_str());
    };
    let place = config.policy.rules.iter().position(|other| other.id == rule.id).map_or(0, |index| index + 1);
    let of = config.policy.rules.len();
    let owner = rule.owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
    let expires = rule.expires.map(|date| format!(", until {date}")).unwrap_or_default();
    format!("{} at {} ({place} of {of}){owner}{expires}", rule.id, rule.source)
}

fn action_words(case: &Case, verdict: &Verdict) -> String {
    let why = match verdict.refusal {
        Some(Reason::PortRefused) => " ([guard] ports)".to_owned(),
        Some(Reason::AddressDenied) if let Some(addresses) = denied(case) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!(" ([guard] deny: [dns] hosts has it at {})", addresses.join(", "))
        }
        Some(Reason::AddressDenied) => " ([guard] deny)".to_owned(),
        Some(_) => verdict
            .rule
            .as_ref()
            .and_then(|rule| rule.reason.en.as_ref().or(rule.reason.cy.as_ref()))
            .map(|reason| format!(": \"{reason}\""))
            .unwrap_or_default(),
        None => String::new(),
    };
    format!("{}{why}", verdict.action.as_str())
}

fn tube_words(plan: &Plan, verdict: &Verdict, at: Timestamp) -> String {
    let within = plan
        .tubes
        .tube(&verdict.tube)
        .and_then(|tube| tube.within.as_ref())
        .map(|around| format!(" within {around}"))
        .unwrap_or_default();
    let said = |what: &str, rates: [Option<Rate>; 2]| {
        let both = Direction::BOTH.into_iter().zip(rates);
        let each: Vec<_> = both.filter_map(|(direction, rate)| Some(format!("{} {direction}", rate?))).collect();
        (!each.is_empty()).then(|| format!("{what} {}", each.join(", ")))
    };
    let limits = said("at most", limits(plan, verdict, at)).unwrap_or_else(|| "no ceiling of its own".to_owned());
    let floors = said("; keeps", floors(plan, verdict, at)).unwrap_or_default();
    format!("{}{within}, {limits}{floors}", verdict.tube)
}

/// The most its tube may use at a moment, down and up.
fn limits(plan: &Plan, verdict: &Verdict, at: Timestamp) -> [Option<Rate>; 2] {
    let limit = plan.limit_at(&verdict.tube, at);
    Direction::BOTH.map(|direction| limit.of(direction))
}

/// What its tube keeps while others are served before it, down and up: its floor, or less where a peak's ceiling or that
/// of a tube around it is lower.
fn floors(plan: &Plan, verdict: &Verdict, at: Timestamp) -> [Option<Rate>; 2] {
    let limits = limits(plan, verdict, at);
    let tube = plan.tubes.tube(&verdict.tube);
    let floors = Direction::BOTH.map(|direction| tube.and_then(|tube| tube.floor.of(direction)));
    [0, 1].map(|way| floors[way].map(|floor| limits[way].map_or(floor, |limit| floor.min(limit))))
}

/// Each rule, and why it did not match.
fn traced(plan: &Plan, question: &Question<'_>) -> String {
    let mut text = String::from("\n");
    for step in plan.trace(question).steps {
        let told = match step.missed {
            Some(condition) => format!("`{condition}` does not hold"),
            None if step.rule.watches => "matches, and only watches".to_owned(),
            None => "matches".to_owned(),
        };
        let _ = write!(text, "\n  {:<28} {:<24} {told}", step.rule.id.as_str(), step.rule.source.to_string());
    }
    text
}
