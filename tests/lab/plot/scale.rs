//! From a number to a place on paper.

/// Paper for a power of ten on which more than its first number is marked.
const ROOMY: f64 = 100.0;

/// An axis.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from: f64,
    to: f64,
    /// Where `from` and `to` are on paper.
    start: f64,
    end: f64,
    log: bool,
}

impl Scale {
    /// Even steps.
    pub fn even(from: f64, to: f64, start: f64, end: f64) -> Scale {
        Scale { from, to, start, end, log: false }
    }

    /// Each step ten times the one before; both ends above zero.
    pub fn log(from: f64, to: f64, start: f64, end: f64) -> Scale {
        Scale { from, to, start, end, log: true }
    }

    /// Where a number is; what lies outside is at the edge.
    pub fn at(&self, number: f64) -> f64 {
        let number = number.clamp(self.from, self.to);
        let part = if self.log {
            (number / self.from).ln() / (self.to / self.from).ln()
        } else {
            (number - self.from) / (self.to - self.from)
        };
        self.start + part * (self.end - self.start)
    }

    /// Round numbers for marks.
    pub fn marks(&self) -> Vec<f64> {
        if self.log {
            let decade = (self.end - self.start).abs() / (self.to / self.from).log10();
            let steps: &[f64] = if decade > ROOMY { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let powers = (self.from.log10().floor() as i32)..=(self.to.log10().floor() as i32);
            let marks = powers.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
            return marks.filter(|mark| (self.from * 0.999..self.to * 1.001).contains(mark)).collect();
        }
        let rough = (self.to - self.from) / 8.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough).unwrap_or(rough);
        let first = (self.from / step).ceil() as i64;
        (first..).map(|n| n as f64 * step).take_while(|mark| *mark <= self.to * 1.000_001).collect()
    }

    /// Both ends on paper.
    pub fn ends(&self) -> (f64, f64) {
        (self.start, self.end)
    }
}
