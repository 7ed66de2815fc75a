//! Every mistake is found, at its place.

mod example;
mod any_input;
mod certificates;
mod contradictions;
mod disk;
mod generation;
mod hints;
mod mistakes;
mod settings;
mod store;
mod warnings;
mod here;
mod world;
