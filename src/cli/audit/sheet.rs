//! All answers of all Trusts, and what follows from them. It is what `--json` prints.

use serde::Serialize;

use super::answer::{Answer, Kind};
use super::contradictions;
use super::example;
use super::finding::Finding;
use super::panel::Service;
use super::services::{self, Asked, Ground};
use super::trust::Trust;
use crate::base::{Source, Target};
use crate::category::OTHER;
use crate::cli::day::{Day, TIMES};

/// The whole comparison.
#[derive(Debug, Serialize)]
pub struct Sheet {
    /// The Trusts, in the order in which they were named.
    pub trusts: Vec<Column>,
    /// A row for each service of the panel.
    pub panel: Vec<Row>,
    /// A row for each category that any Trust names, and one for the built-in `other`.
    pub categories: Vec<Row>,
    /// The rows in which Trusts differ.
    pub differences: Vec<Difference>,
    /// What is wrong within each policy.
    pub contradictions: Vec<Finding>,
    /// The services of which some Trust says nothing.
    pub no_answer: Vec<Silence>,
}

/// One Trust.
#[derive(Debug, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The gateway's file.
    pub file: String,
    /// The working day on which it was asked.
    pub day: String,
    /// The moments, in its own zone.
    pub at: Day<String>,
    /// What holds where no rule matches.
    pub default: &'static str,
    /// How many services it blocks at all three times.
    pub blocked: usize,
    /// How many it blocks at some of them only.
    pub blocked_at_times: usize,
    /// Of how many it says nothing.
    pub silent: usize,
    /// How many contradictions it has.
    pub contradictions: usize,
}

/// What all Trusts answer about one thing.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The group of the panel; `categories` for categories.
    pub group: String,
    /// The service or category.
    pub name: String,
    /// The host that was asked about; null for categories, where each Trust has its own.
    pub host: Option<String>,
    /// What the first Trust that says so says it is for.
    pub about: Option<String>,
    /// Whether Trusts differ.
    pub differs: bool,
    /// A cell for each Trust.
    pub answers: Vec<Cell>,
}

/// What one Trust answers about one thing.
#[derive(Debug, Serialize)]
pub struct Cell {
    /// Whose answer.
    pub trust: String,
    /// The host that was asked about; null where none was.
    pub host: Option<String>,
    /// Why none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<&'static str>,
    /// What was answered.
    #[serde(flatten)]
    pub day: Option<Day<Answer>>,
}

/// A row in which Trusts differ.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// `service` or `category`.
    pub of: &'static str,
    /// Its name.
    pub name: String,
    /// The host, of a service.
    pub host: Option<String>,
    /// When they differ: `morning`, `lunch`, `night`.
    pub times: Vec<&'static str>,
}

/// A service of which some Trust says nothing.
#[derive(Debug, Serialize)]
pub struct Silence {
    /// The service.
    pub name: String,
    /// The host that was asked about.
    pub host: String,
    /// Each Trust, and what its default does.
    pub trusts: Vec<Fallback>,
}

/// What a default does.
#[derive(Debug, Serialize)]
pub struct Fallback {
    /// The Trust.
    pub trust: String,
    /// The action.
    pub action: &'static str,
}

impl Sheet {
    /// Asks every Trust about everything.
    pub fn of(trusts: &[Trust], panel: &[Service]) -> Sheet {
        let asked: Vec<Vec<Asked<'_>>> = trusts.iter().map(|trust| ask(trust, panel)).collect();
        let rows: Vec<Row> = panel.iter().enumerate().map(|(at, of)| service_row(of, at, trusts, &asked)).collect();
        let categories = category_rows(trusts);
        let differences = differences("service", &rows).chain(differences("category", &categories)).collect();
        let found: Vec<Vec<Finding>> = trusts.iter().zip(&asked).map(|(trust, asked)| findings(trust, asked)).collect();
        Sheet {
            trusts: trusts
                .iter()
                .zip(&asked)
                .zip(&found)
                .map(|((trust, asked), found)| column(trust, asked, found.len()))
                .collect(),
            no_answer: rows.iter().filter_map(silence).collect(),
            panel: rows,
            categories,
            differences,
            contradictions: found.into_iter().flatten().collect(),
        }
    }

    /// Whether the Trusts agree and none contradicts itself.
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty() && self.contradictions.is_empty()
    }
}

fn ask<'a>(trust: &Trust, panel: &'a [Service]) -> Vec<Asked<'a>> {
    let about = |service: &'a Service| Asked {
        service,
        answers: trust.ask(&service.target),
        companions: service.companions.iter().map(|(host, target)| (*host, trust.ask(target))).collect(),
    };
    panel.iter().map(about).collect()
}

fn findings(trust: &Trust, asked: &[Asked<'_>]) -> Vec<Finding> {
    let (name, config) = (trust.name.as_str(), &trust.config);
    let file = Source::new(trust.file.clone(), 1);
    let mut found = contradictions::of(name, &config.policy.rules, &config.categories, trust.date);
    let categories = &config.categories.categories;
    let is_clear = |tube| config.tubes.tube(tube).is_some_and(|tube| tube.priority == 0);
    let clear = categories.iter().find(|category| category.tube.as_ref().is_some_and(is_clear));
    found.extend(services::of(&Ground { trust: name, categories, clear, file }, asked));
    found.sort_by_key(|one| one.kind);
    found
}

fn column(trust: &Trust, asked: &[Asked<'_>], contradictions: usize) -> Column {
    let times = |of: &Asked<'_>| of.answers.each().into_iter().filter(|answer| answer.is_blocked()).count();
    let local = |at: &jiff::Timestamp| trust.plan.calendar.local(*at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    Column {
        name: trust.name.clone(),
        file: trust.file.display().to_string(),
        day: trust.date.strftime("%A %-d %B %Y").to_string(),
        at: trust.moments.map(local),
        default: trust.config.policy.default.as_str(),
        blocked: asked.iter().filter(|of| times(of) == TIMES.len()).count(),
        blocked_at_times: asked.iter().filter(|of| (1..TIMES.len()).contains(&times(of))).count(),
        silent: asked.iter().filter(|of| is_silent(&of.answers)).count(),
        contradictions,
    }
}

fn is_silent(day: &Day<Answer>) -> bool {
    day.each().into_iter().any(|answer| answer.silent)
}

fn service_row(service: &Service, at: usize, trusts: &[Trust], asked: &[Vec<Asked<'_>>]) -> Row {
    let cell = |(trust, asked): (&Trust, &Vec<Asked<'_>>)| Cell {
        trust: trust.name.clone(),
        host: Some(service.host.to_owned()),
        missing: None,
        day: Some(asked[at].answers.clone()),
    };
    let answers: Vec<Cell> = trusts.iter().zip(asked).map(cell).collect();
    Row {
        group: service.group.to_owned(),
        name: service.name.to_owned(),
        host: Some(service.host.to_owned()),
        about: None,
        differs: differ(&answers).steady() != Some(false),
        answers,
    }
}

fn category_rows(trusts: &[Trust]) -> Vec<Row> {
    let mut names: Vec<&str> = Vec::new();
    for category in trusts.iter().flat_map(|trust| &trust.config.categories.categories) {
        if !names.contains(&category.id.as_str()) && category.id.as_str() != OTHER {
            names.push(category.id.as_str());
        }
    }
    names.push(OTHER);
    names.into_iter().map(|name| category_row(name, trusts)).collect()
}

fn category_row(name: &str, trusts: &[Trust]) -> Row {
    let of = |trust: &Trust| {
        let categories = &trust.config.categories.categories;
        let target = match categories.iter().find(|category| category.id.as_str() == name) {
            // No name ends so (RFC 2606), and no list should have it.
            None if name == OTHER => "nobody-names-this.invalid".parse::<Target>().map_err(|_| "not asked"),
            None => Err("not in this policy"),
            Some(category) => example::of(trust, category).ok_or("nothing in it"),
        };
        Cell {
            trust: trust.name.clone(),
            host: target.as_ref().ok().map(|target| target.host.to_string()),
            missing: target.as_ref().err().copied(),
            day: target.ok().map(|target| trust.ask(&target)),
        }
    };
    let answers: Vec<Cell> = trusts.iter().map(of).collect();
    let about = |trust: &Trust| {
        let categories = &trust.config.categories.categories;
        categories.iter().find(|category| category.id.as_str() == name)?.about.clone()
    };
    Row {
        group: "categories".to_owned(),
        name: name.to_owned(),
        host: None,
        about: trusts.iter().find_map(about),
        differs: differ(&answers).steady() != Some(false),
        answers,
    }
}

/// When the Trusts that answer differ.
fn differ(answers: &[Cell]) -> Day<bool> {
    let days: Vec<&Day<Answer>> = answers.iter().filter_map(|cell| cell.day.as_ref()).collect();
    let at = |of: fn(&Day<Answer>) -> &Answer| days.windows(2).any(|two| of(two[0]).gist() != of(two[1]).gist());
    Day { morning: at(|day| &day.morning), lunch: at(|day| &day.lunch), night: at(|day| &day.night) }
}

fn differences(of: &'static str, rows: &[Row]) -> impl Iterator<Item = Difference> {
    rows.iter().filter(|row| row.differs).map(move |row| Difference {
        of,
        name: row.name.clone(),
        host: row.host.clone(),
        times: TIMES.iter().zip(differ(&row.answers).each()).filter(|(_, on)| **on).map(|(time, _)| time.0).collect(),
    })
}

fn silence(row: &Row) -> Option<Silence> {
    let silent = row.answers.iter().filter_map(|cell| {
        let answer = cell.day.as_ref()?.each().into_iter().find(|answer| answer.silent)?;
        Some(Fallback { trust: cell.trust.clone(), action: answer.action })
    });
    let trusts: Vec<Fallback> = silent.collect();
    let host = row.host.clone()?;
    (!trusts.is_empty()).then(|| Silence { name: row.name.clone(), host, trusts })
}

impl Cell {
    /// What fits into a table: one answer where the day has one, else an action for each of the three times.
    pub fn brief(&self) -> String {
        let Some(day) = &self.day else { return self.missing.unwrap_or_default().to_owned() };
        let each = |of: fn(&Answer) -> &str| day.each().map(of).join(" / ");
        let steady = (day.map(Answer::gist).steady(), day.map(|answer| &answer.tube).steady());
        match (day.map(|answer| answer.silent).steady(), steady) {
            (Some(true), (Some(_), _)) => day.morning.words.clone(),
            (Some(false), (Some((action, Kind::Blocked)), _)) => action.to_owned(),
            (Some(false), (Some((action, _)), Some(tube))) => format!("{action} ({tube})"),
            (Some(false), (Some((action, _)), None)) => format!("{action} ({})", each(|answer| &answer.tube)),
            _ => each(|answer| if answer.silent { "no answer" } else { answer.action }),
        }
    }
}
