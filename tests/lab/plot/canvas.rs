//! Lines, areas, dots and words on paper.

use std::fmt::Write as _;

use super::scale::Scale;

/// Colours that people with any kind of sight tell apart, also in grey: Okabe and Ito, 2008.
pub const BLUE: &str = "#0072b2";
pub const SKY: &str = "#56b4e9";
pub const RED: &str = "#d55e00";
pub const PURPLE: &str = "#cc79a7";
pub const INK: &str = "#222222";
pub const GREY: &str = "#666666";
/// Orange with hatching, told from plain colours by its pattern too.
pub const HATCHED: &str = "url(#hatched)";
const PATTERN: &str = "<defs><pattern id=\"hatched\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" \
                       patternTransform=\"rotate(45)\"><rect width=\"5\" height=\"5\" fill=\"#f7d58a\"/><rect width=\"1.6\" \
                       height=\"5\" fill=\"#e69f00\"/></pattern></defs>";
const HAIR: &str = "#dddddd";
/// What does not count.
pub const SHADE: &str = "#f0f0f0";
/// What a scene does in its middle.
pub const WARM: &str = "#fdf3d8";

/// A picture.
pub struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

/// What stands for something, in a picture and in its legend. No two differ by colour alone.
#[derive(Clone, Copy)]
pub enum Mark {
    /// An area.
    Area(&'static str),
    /// A line.
    Line(&'static str),
    /// A line of dashes.
    Dashes(&'static str),
    /// Points.
    Dots(&'static str),
    /// Points of another shape.
    Diamonds(&'static str),
    /// Points of a third shape.
    Crosses(&'static str),
}

/// Where a text is fixed.
#[derive(Clone, Copy)]
pub enum Hold {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub fn new(width: f64, height: f64) -> Canvas {
        Canvas { width, height, body: String::new() }
    }

    pub fn text(&mut self, (x, y): (f64, f64), size: f64, hold: Hold, colour: &str, text: &str) {
        let hold = match hold {
            Hold::Start => "start",
            Hold::Middle => "middle",
            Hold::End => "end",
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{hold}\" fill=\"{colour}\">{text}</text>"
        );
    }

    pub fn line(&mut self, points: &[(f64, f64)], colour: &str, width: f64) {
        let _ = writeln!(
            self.body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>",
            joined(points)
        );
    }

    pub fn dashed(&mut self, points: &[(f64, f64)], colour: &str, width: f64) {
        let _ = writeln!(
            self.body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-dasharray=\"4 3\"/>",
            joined(points)
        );
    }

    /// An area below steps: each point is where one begins and how high it is. The last one is the end.
    pub fn steps(&mut self, points: &[(f64, f64)], ground: f64, colour: &str) {
        let Some(((first, _), (end, _))) = points.first().zip(points.last()) else { return };
        let mut path = format!("M{first:.1} {ground:.1}");
        for pair in points.windows(2) {
            let (height, next) = (format!("{:.1}", pair[0].1), format!("{:.1}", pair[1].1));
            // Steps that are as high as the one before are one with it.
            if height != next {
                let _ = write!(path, "V{height}H{:.1}", pair[1].0);
            }
        }
        let _ = writeln!(self.body, "<path d=\"{path}V{ground:.1}H{end:.1}z\" fill=\"{colour}\"/>");
    }

    pub fn dot(&mut self, x: f64, y: f64, radius: f64, colour: &str) {
        let _ = writeln!(self.body, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>");
    }

    /// Points, in one element however many there are.
    pub fn points(&mut self, mark: Mark, points: &[(f64, f64)]) {
        let (shape, style) = match mark {
            Mark::Diamonds(colour) => {
                ("m-3 0l3-3 3 3-3 3z", format!("fill=\"#fff\" stroke=\"{colour}\" stroke-width=\"1.3\""))
            }
            Mark::Crosses(colour) => ("m-3-3l6 6m0-6l-6 6", format!("stroke=\"{colour}\" stroke-width=\"1.6\"")),
            // A line without length is as round as its end.
            Mark::Dots(colour) | Mark::Area(colour) | Mark::Line(colour) | Mark::Dashes(colour) => (
                "h0",
                format!("stroke=\"{colour}\" stroke-width=\"4.4\" stroke-linecap=\"round\" stroke-opacity=\"0.75\""),
            ),
        };
        if points.is_empty() {
            return;
        }
        let path: String = points.iter().map(|(x, y)| format!("M{x:.1} {y:.1}{shape}")).collect();
        let _ = writeln!(self.body, "<path d=\"{path}\" {style}/>");
    }

    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let (x, y, width, height) = (from.0, from.1, to.0 - from.0, to.1 - from.1);
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        );
    }

    /// Hair lines across, with their numbers to the left.
    pub fn rows(&mut self, y: &Scale, x: &Scale, show: impl Fn(f64) -> String) {
        let (left, right) = x.ends();
        for mark in y.marks() {
            let at = y.at(mark);
            self.line(&[(left, at), (right, at)], HAIR, 1.0);
            self.text((left - 6.0, at + 4.0), 11.0, Hold::End, GREY, &show(mark));
        }
    }

    /// Marks below, with their numbers.
    pub fn columns(&mut self, x: &Scale, y: f64, show: impl Fn(f64) -> String) {
        for mark in x.marks() {
            let at = x.at(mark);
            self.line(&[(at, y), (at, y + 4.0)], GREY, 1.0);
            self.text((at, y + 16.0), 11.0, Hold::Middle, GREY, &show(mark));
        }
    }

    /// Words with the marks they stand for, up to the right edge.
    pub fn legend(&mut self, right: f64, y: f64, entries: &[(&str, Mark)]) {
        let mut x = right;
        for (word, mark) in entries.iter().rev() {
            // A sans-serif letter of this size is about so wide.
            x -= word.len() as f64 * 5.4;
            self.text((x, y), 11.0, Hold::Start, INK, word);
            x -= 22.0;
            let middle = y - 4.0;
            match mark {
                Mark::Area(colour) => self.rectangle((x + 4.0, y - 9.0), (x + 17.0, y + 1.0), colour),
                Mark::Line(colour) => self.line(&[(x, middle), (x + 18.0, middle)], colour, 2.0),
                Mark::Dashes(colour) => self.dashed(&[(x, middle), (x + 18.0, middle)], colour, 2.0),
                points => self.points(*points, &[(x + 12.0, middle)]),
            }
            x -= 12.0;
        }
    }

    /// The whole file.
    pub fn finish(self) -> String {
        let Canvas { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\">\n<rect width=\"{width}\" height=\"{height}\" \
             fill=\"#ffffff\"/>\n{PATTERN}\n{body}</svg>\n"
        )
    }
}

fn joined(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}
