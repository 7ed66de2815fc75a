//! Figures: their units, how they are written, and what many of them come to.

/// Bytes.
pub const GIB: f64 = (1u64 << 30) as f64;

/// What a figure counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    SecondsPerGib,
    Gigabits,
    Micros,
    Thousands,
    Kib,
    Mib,
    /// One figure over another.
    Times,
}

impl Unit {
    /// A figure as a person reads it.
    pub fn show(self, figure: f64) -> String {
        match self {
            Unit::Times => format!("{figure:.2}"),
            Unit::Kib | Unit::Mib => format!("{figure:.1}"),
            _ => digits(figure),
        }
    }
}

/// Three digits that matter, two where the first is a one or less.
fn digits(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 0.1 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

/// The median, the least and the most of some figures.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Nothing, of none.
    pub fn of(mut figures: Vec<f64>) -> Option<Spread> {
        figures.retain(|figure| figure.is_finite());
        figures.sort_by(f64::total_cmp);
        let (least, most) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median =
            if figures.len() % 2 == 1 { figures[middle] } else { (figures[middle - 1] + figures[middle]) / 2.0 };
        Some(Spread { median, least, most })
    }
}
