//! The whole page, part by part.

use super::picture::{Place, pictures};
use super::{carriers, goals, played};
use crate::measure::{Outcome, medians};

/// Writes it, with links to pictures as they lie in a place.
pub fn write(outcomes: &[Outcome], place: Place) -> String {
    let medians = medians(outcomes);
    let page = Page { outcomes, medians: &medians, place };
    let parts = [
        played::head(&page),
        goals::acceptance(&page),
        carriers::compared(&page),
        carriers::page_loads(&page),
        goals::surges(&page),
        goals::edges(&page),
        goals::shares(&page),
        gallery(&page),
    ];
    let there: Vec<&str> = parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty()).collect();
    there.join("\n\n") + "\n"
}

/// What the page is made of.
pub struct Page<'a> {
    pub outcomes: &'a [Outcome],
    pub medians: &'a [Outcome],
    pub place: Place,
}

impl<'a> Page<'a> {
    /// How TCP was told to send, in the order in which it was played.
    pub fn controls(&self) -> Vec<&'a str> {
        each_once(self.medians.iter().map(|outcome| outcome.context.control.as_str()))
    }

    /// The scenes.
    pub fn scenes(&self) -> Vec<&'a str> {
        each_once(self.medians.iter().map(|outcome| outcome.context.scene.as_str()))
    }

    /// Medians of one carrier and control, in the order of scenes.
    pub fn of(&self, carrier: &'a str, control: &'a str) -> impl Iterator<Item = &'a Outcome> {
        let is_meant =
            move |outcome: &&Outcome| (outcome.context.carrier == carrier) & (outcome.context.control == control);
        self.medians.iter().filter(is_meant)
    }
}

/// The same without what came before.
pub fn each_once<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// A table; nothing without lines.
pub fn table(heads: &[&str], lines: &[Vec<String>]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let rule: Vec<String> = heads.iter().map(|_| "---".to_owned()).collect();
    line(&heads) + &line(&rule) + &lines.iter().map(|cells| line(cells)).collect::<String>()
}

/// A part with a title; nothing without content.
pub fn part(title: &str, content: &str) -> String {
    if content.is_empty() { String::new() } else { format!("## {title}\n\n{content}") }
}

fn gallery(page: &Page<'_>) -> String {
    let shown = pictures(page.outcomes);
    let lines: Vec<String> =
        shown.iter().map(|picture| format!("![{}]({})\n", picture.says, picture.link(page.place))).collect();
    let every = match page.place {
        Place::Run => "\nEvery scene has such a picture, `course.svg`, with its time series in a folder of its own.\n",
        Place::Published => "",
    };
    part("Pictures", &format!("{}{every}", lines.join("\n")))
}
