//! Which pictures are shown, and where they lie.

use super::page::each_once;
use crate::carrier::Carrier;
use crate::measure::Outcome;
use crate::scene::Name;

/// Where a page and its pictures lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the folder of a run, each scene in one of its own.
    Run,
    /// In one folder for readers.
    Published,
}

/// A picture of a run.
pub struct Picture {
    run: String,
    published: String,
    /// What it shows.
    pub says: String,
}

/// What is shown of a run that played it.
const SHOWN: [(Name, Carrier); 5] = [
    (Name::Steady, Carrier::None),
    (Name::Steady, Carrier::Clearway),
    (Name::Bell, Carrier::Clearway),
    (Name::SurgeDown, Carrier::Clearway),
    (Name::Edge, Carrier::Clearway),
];

impl Picture {
    /// Where it lies, seen from the page.
    pub fn link(&self, place: Place) -> &str {
        match place {
            Place::Run => &self.run,
            Place::Published => &self.published,
        }
    }
}

/// The name of the folder of one scene with one carrier.
pub fn folder(scene: &str, carrier: &str, control: &str, seed: u64) -> String {
    format!("{scene}-{carrier}-{control}-{seed}")
}

/// The pictures of a page: all scenes on one, then the course of some of them, with the first seed that was played.
pub fn pictures(outcomes: &[Outcome]) -> Vec<Picture> {
    let overview = Picture {
        run: "overview.svg".to_owned(),
        published: "overview.svg".to_owned(),
        says: "Clinical latency in every scene, by carrier".to_owned(),
    };
    let controls = each_once(outcomes.iter().map(|outcome| &outcome.context.control));
    let courses = SHOWN.iter().filter_map(|(scene, carrier)| {
        let played = |control: &&String| {
            outcomes.iter().map(|outcome| &outcome.context).find(|context| {
                (context.scene.as_str(), context.carrier.as_str()) == (scene.text(), carrier.name())
                    && context.control == **control
            })
        };
        let context = controls.iter().find_map(played)?;
        Some(Picture {
            run: format!("{}/course.svg", folder(scene.text(), carrier.name(), &context.control, context.seed)),
            published: format!("{}-{}.svg", scene.text(), carrier.name()),
            says: format!("The course of {}, {}", scene.text(), carrier.title()),
        })
    });
    std::iter::once(overview).chain(courses).collect()
}
