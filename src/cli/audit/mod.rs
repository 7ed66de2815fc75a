//! `clearway audit`: the policies of several Trusts side by side. Each is a `trust`, asked what it answers in the
//! morning, at lunch and at night of an ordinary working day, about the services of the `panel` and about each of its
//! categories, by the function that judges live flows. What it says is an `answer`. The `sheet` holds all answers and
//! what follows from them: differences, silence, and each `finding` that `contradictions` and `services` make. `text`
//! and `page` show the sheet; as JSON it is printed as it is.

mod answer;
mod contradictions;
mod example;
mod finding;
mod page;
mod panel;
mod run;
mod services;
mod sheet;
mod text;
mod trust;

pub use run::run;
