//! Lines, areas, dots and words on paper.

use std::fmt::Write as _;

use super::scale::Scale;

/// Colours that people with any kind of sight tell apart, also in grey: Okabe and Ito, 2008.
pub const BLUE: &str = "#0072b2";
pub const SKY: &str = "#56b4e9";
pub const ORANGE: &str = "#e69f00";
pub const RED: &str = "#d55e00";
pub const INK: &str = "#222222";
pub const GREY: &str = "#767676";
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

    pub fn dashed(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let _ = writeln!(
            self.body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-dasharray=\"4 3\"/>",
            joined(&[from, to])
        );
    }

    pub fn area(&mut self, points: &[(f64, f64)], colour: &str) {
        let _ = writeln!(self.body, "<polygon points=\"{}\" fill=\"{colour}\"/>", joined(points));
    }

    pub fn dot(&mut self, x: f64, y: f64, radius: f64, colour: &str) {
        let _ = writeln!(
            self.body,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\" fill-opacity=\"0.75\"/>"
        );
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

    /// Words with the colours they stand for, up to the right edge.
    pub fn legend(&mut self, right: f64, y: f64, entries: &[(&str, &str)]) {
        let mut x = right;
        for (word, colour) in entries.iter().rev() {
            // A sans-serif letter of this size is about so wide.
            x -= word.len() as f64 * 5.6;
            self.text((x, y), 11.0, Hold::Start, INK, word);
            x -= 15.0;
            self.rectangle((x, y - 9.0), (x + 10.0, y + 1.0), colour);
            x -= 14.0;
        }
    }

    /// The whole file.
    pub fn finish(self) -> String {
        let Canvas { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\">\n<rect width=\"{width}\" height=\"{height}\" \
             fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

fn joined(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}
