//! What must be true of Clearway in each scene: the project's acceptance lines, as data.

use super::outcome::Outcome;

/// What a number may be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// At most.
    Most(f64),
    /// At least.
    Least(f64),
}

/// One number in one scene, of the medians over the seeds.
pub struct Goal {
    pub scene: &'static str,
    pub what: &'static str,
    pub bound: Bound,
    pub of: fn(&Outcome) -> Option<f64>,
}

use Bound::{Least, Most};

const fn goal(scene: &'static str, what: &'static str, bound: Bound, of: fn(&Outcome) -> Option<f64>) -> Goal {
    Goal { scene, what, bound, of }
}

/// All of them; the only place where they stand.
pub const GOALS: &[Goal] = &[
    goal("steady", "x p50", Most(1.20), p50),
    goal("steady", "x p99", Most(1.15), p99),
    goal("steady", "failed", Most(0.0), failed),
    goal("steady", "used down", Least(0.88), used_down),
    goal("steady", "used up", Least(0.88), used_up),
    goal("steady", "Jain down", Least(0.97), |o| o.jain.down),
    goal("steady", "Jain up", Least(0.97), |o| o.jain.up),
    goal("pages", "page load over Squid's with pools", Most(0.50), |o| o.pages_over_pools),
    goal("bell", "x p99", Most(1.30), p99),
    goal("bell", "failed", Most(0.0), failed),
    goal("crowd", "x p50", Most(1.10), p50),
    goal("crowd", "x p99", Most(1.10), p99),
    goal("crowd", "failed", Most(0.0), failed),
    goal("surge-down", "served", Least(0.95), served),
    goal("surge-down", "x p99", Most(1.60), p99),
    goal("surge-down", "ms until social is back", Most(1_000.0), back),
    goal("surge-down", "failed", Most(0.0), failed),
    goal("surge-up", "served", Least(0.95), served),
    goal("surge-up", "x p99", Most(1.60), p99),
    goal("surge-up", "ms until social is back", Most(1_000.0), back),
    goal("surge-up", "failed", Most(0.0), failed),
    goal("idle", "used down", Least(0.93), used_down),
    goal("idle", "used up", Least(0.93), used_up),
    goal("reload", "edges max x p99", Most(1.30), edges),
    goal("reload", "failed", Most(0.0), failed),
    goal("edge", "edges max x p99", Most(1.30), edges),
    goal("edge", "failed", Most(0.0), failed),
    goal("uneven", "greedy", Most(1.10), |o| o.greedy),
    // Steady's, within 1.5 times.
    goal("slow", "x p50", Most(1.80), p50),
    goal("slow", "x p99", Most(1.725), p99),
    goal("slow", "failed", Most(0.0), failed),
    goal("slow", "used down", Least(0.58), used_down),
    goal("slow", "used up", Least(0.58), used_up),
];

fn p50(outcome: &Outcome) -> Option<f64> {
    outcome.ratio.map(|ratio| ratio.p50)
}

fn p99(outcome: &Outcome) -> Option<f64> {
    outcome.ratio.map(|ratio| ratio.p99)
}

fn failed(outcome: &Outcome) -> Option<f64> {
    Some(outcome.failures as f64)
}

fn used_down(outcome: &Outcome) -> Option<f64> {
    Some(outcome.used.down)
}

fn used_up(outcome: &Outcome) -> Option<f64> {
    Some(outcome.used.up)
}

fn served(outcome: &Outcome) -> Option<f64> {
    outcome.surge.map(|surge| surge.served)
}

/// What never came back did so after any time.
fn back(outcome: &Outcome) -> Option<f64> {
    outcome.surge.map(|surge| surge.back_ms.unwrap_or(f64::INFINITY))
}

fn edges(outcome: &Outcome) -> Option<f64> {
    outcome.edges.and_then(|edges| edges.ratio)
}

impl Goal {
    /// The goals of a scene.
    pub fn of_scene(scene: &str) -> impl Iterator<Item = &'static Goal> {
        GOALS.iter().filter(move |goal| goal.scene == scene)
    }

    /// Whether it is met; nothing where it could not be measured.
    pub fn is_met(&self, outcome: &Outcome) -> Option<bool> {
        let number = (self.of)(outcome)?;
        Some(match self.bound {
            Most(most) => number <= most,
            Least(least) => number >= least,
        })
    }

    /// As people read it.
    pub fn text(&self) -> String {
        match self.bound {
            Most(0.0) => format!("none {}", self.what),
            Most(most) => format!("{} ≤ {}", self.what, number(most)),
            Least(least) => format!("{} ≥ {}", self.what, number(least)),
        }
    }

    /// What was measured, as people read it.
    pub fn measured(&self, outcome: &Outcome) -> String {
        let shown = |n: f64| number((n * 100.0).round() / 100.0);
        (self.of)(outcome).map_or_else(|| "not measured".to_owned(), shown)
    }
}

/// With as many digits as say something, two at least.
fn number(number: f64) -> String {
    let text = format!("{number:.3}");
    match number {
        n if n.is_infinite() => "never".to_owned(),
        n if n >= 10.0 || n == 0.0 => format!("{n:.0}"),
        _ => text.strip_suffix('0').unwrap_or(&text).to_owned(),
    }
}
