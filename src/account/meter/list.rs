//! The gauges of lists.

use jiff::Timestamp;
use prometheus::{GaugeVec, IntGaugeVec};

use super::known::ListFacts;
use super::vectors::Vectors;
use super::{MeterError, gauge, level, whole};

/// Made anew for each scrape: a list that is gone leaves them, and age goes on.
pub(super) struct ListGauges {
    entries: IntGaugeVec,
    rejected: IntGaugeVec,
    refused: IntGaugeVec,
    age: GaugeVec,
    refresh: GaugeVec,
    fetch_age: GaugeVec,
}

impl ListGauges {
    pub(super) fn new(vectors: &Vectors<'_>) -> Result<Self, MeterError> {
        let labels = ["category", "list"];
        Ok(ListGauges {
            entries: vectors.gauge("clearway_list_entries", "Entries taken from the list.", &labels)?,
            rejected: vectors.gauge(
                "clearway_list_rejected_lines",
                "Lines of the list that could not be read.",
                &labels,
            )?,
            refused: vectors.gauge(
                "clearway_list_refused",
                "1 while a newer list is refused or does not come, and the last good one is in force; else 0.",
                &labels,
            )?,
            age: vectors.level(
                "clearway_list_age_seconds",
                "How long ago the list's file was last modified.",
                &labels,
            )?,
            refresh: vectors.level(
                "clearway_list_refresh_seconds",
                "How often the list is to be fetched; absent for one that is not.",
                &labels,
            )?,
            fetch_age: vectors.level(
                "clearway_list_fetch_age_seconds",
                "How long ago the list's server last gave it, or said that there is no newer; absent where it never did.",
                &labels,
            )?,
        })
    }

    pub(super) fn show(&self, lists: &[ListFacts], at: Timestamp) {
        let since = |then: Timestamp| at.duration_since(then).as_secs_f64().max(0.0);
        [&self.entries, &self.rejected, &self.refused].into_iter().for_each(IntGaugeVec::reset);
        [&self.age, &self.refresh, &self.fetch_age].into_iter().for_each(GaugeVec::reset);
        for facts in lists {
            let labels = [facts.category.as_str(), facts.list.as_str()];
            gauge(&self.entries, &labels, whole(facts.entries));
            gauge(&self.rejected, &labels, whole(facts.rejected));
            gauge(&self.refused, &labels, i64::from(facts.refused));
            if let Some(modified) = facts.modified {
                level(&self.age, &labels, since(modified));
            }
            if let Some(fetched) = facts.fetched {
                level(&self.refresh, &labels, fetched.refresh.as_secs_f64());
                if let Some(asked) = fetched.asked {
                    level(&self.fetch_age, &labels, since(asked));
                }
            }
        }
    }
}
