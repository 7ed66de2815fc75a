//! The picture of what goes on, for a terminal of 80 columns and 24 lines.

use std::fmt::Write as _;

use super::act::{self, Act};
use super::cast::{CAST, Habit};
use super::diary::Sample;
use super::outcome::{self, Outcome};
use super::spark::latency;
use super::stage::{Now, Stage};
use crate::base::Rate;
use crate::cli::ink::{Ink, Style};

/// How wide it is; the 80th column stays free, for some terminals wrap in it.
const WIDE: usize = 78;
/// Cells of a bar.
const BAR: usize = 40;
/// Cells of the course of an act.
const COURSE: usize = 60;
/// What is said of now is said of the last second: so many looks at the link.
const SECOND: usize = 20;

/// Draws what is on a stage.
pub fn draw(stage: &Stage, style: Style) -> String {
    let (now, over) = stage.look();
    let mut text = String::from("\n");
    title(&mut text, stage, now.as_ref(), over.len(), style);
    if let Some(now) = &now {
        let samples = {
            let notes = now.diary.notes();
            notes.samples[notes.samples.len().saturating_sub(SECOND + 1)..].to_vec()
        };
        let outcome = Outcome::count(&now.diary);
        link(&mut text, &samples, style);
        clinical(&mut text, &outcome, now, style);
        staff(&mut text, &samples, &outcome, now.act);
    }
    before(&mut text, &over, style);
    text
}

fn title(text: &mut String, stage: &Stage, now: Option<&Now>, over: usize, style: Style) {
    let before: f64 = Act::ALL[..over].iter().map(|act| act.lengths(stage.demo).asks.as_secs_f64()).sum();
    let at = before + now.map_or(0.0, |now| now.diary.now().min(now.lengths.asks.as_secs_f64()));
    let whole: f64 = Act::ALL.iter().map(|act| act.lengths(stage.demo).asks.as_secs_f64()).sum();
    let head = "Clearway: a lunch hour on this machine";
    let left = format!("{:.0} s to go", (whole - at).max(0.0));
    let gap = WIDE - head.len();
    let _ = writeln!(text, " {}{left:>gap$}", style.paint(Ink::Bold, head));
    let _ = writeln!(text, " {}\n", style.bar(at / whole, WIDE, Ink::Bold));
    let mut titles = String::new();
    for (number, act) in Act::ALL.into_iter().enumerate() {
        let ink = if number == over { Ink::Bold } else { Ink::Faint };
        let mark = if number == over { ">" } else { " " };
        let _ = write!(titles, " {}", style.paint(ink, &format!("{mark} {}. {:<17}", number + 1, act.title())));
    }
    let _ = writeln!(text, "{}\n   {}\n", titles.trim_end(), caption(now.map(|now| now.act)));
}

fn caption(act: Option<Act>) -> String {
    let [video, pages, photos] = Habit::ALL.map(|habit| CAST.crew(habit));
    let lunch = format!("{video} watch video, {pages} read pages, {photos} send photos");
    match act {
        Some(Act::Unloaded) => "Look-ups and referrals have the link to themselves.".to_owned(),
        Some(Act::Without) => format!("Lunch: {lunch}. Nobody goes first."),
        Some(Act::With) => format!("The same lunch, with Clearway: {lunch}."),
        None => "The stage is being set.".to_owned(),
    }
}

fn link(text: &mut String, samples: &[Sample], style: Style) {
    let spec = act::link();
    let most = spec.queue.as_secs_f64() * 1e3;
    let queue = samples.last().map_or([0.0; 2], |sample| sample.queue_ms);
    for (way, name) in ["queue  down", "         up"].into_iter().enumerate() {
        let part = queue[way] / most;
        let ink = if part < 0.2 {
            Ink::Good
        } else if part < 0.6 {
            Ink::Fair
        } else {
            Ink::Poor
        };
        let _ = writeln!(text, " {name:<12} {}  {:.0} of {most:.0} ms", style.bar(part, BAR, ink), queue[way]);
    }
    let used = outcome::used(&samples.iter().collect::<Vec<_>>()).unwrap_or_default();
    for (way, (name, rate)) in [("link   down", spec.down), ("         up", spec.up)].into_iter().enumerate() {
        let mbit = used[way] * mbit(rate);
        let _ = writeln!(text, " {name:<12} {}  {mbit:.1} of {rate}", style.bar(used[way], BAR, Ink::Bold));
    }
}

fn mbit(rate: Rate) -> f64 {
    rate.bytes_per_second() * 8e-6
}

fn clinical(text: &mut String, outcome: &Outcome, now: &Now, style: Style) {
    let ms = |ms: Option<f64>| match ms {
        Some(ms) => style.paint(latency(ms), &format!("{ms:>5.0} ms")),
        None => "    - ms".to_owned(),
    };
    let done = outcome.course.len();
    let failed = outcome.course.iter().filter(|exchange| exchange.failed).count();
    let _ = writeln!(
        text,
        "\n clinical     p50 {}    p99 {}    {done} done, {failed} failed",
        ms(outcome.p50),
        ms(outcome.p99)
    );
    let line = style.line(&outcome.course, now.lengths.asks.as_secs_f64(), COURSE);
    let _ = writeln!(text, "   5 s .. 50 ms {line}");
}

fn staff(text: &mut String, samples: &[Sample], outcome: &Outcome, act: Act) {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
    if act == Act::Unloaded {
        let _ = writeln!(text, " staff        at their work");
        return;
    }
    let each = |habit: Habit| {
        let bytes = last.moved[habit as usize] - first.moved[habit as usize];
        bytes as f64 * 8e-6 / (last.at - first.at).max(0.05) / CAST.crew(habit) as f64
    };
    let (video, photos) = (each(Habit::Video), each(Habit::Photos));
    let page = outcome.page.map_or("-".to_owned(), |seconds| format!("{seconds:.1}"));
    let _ = writeln!(text, " each person  video {video:.2} Mbit/s    photos {photos:.2} Mbit/s    pages {page} s");
}

fn before(text: &mut String, over: &[Outcome], style: Style) {
    if over.is_empty() {
        return;
    }
    let head = ["before", "clinical p50", "p99", "failed", "link used", "page", "video"].map(str::to_owned);
    let _ = writeln!(text, "\n {}", style.paint(Ink::Faint, &row(&head)));
    for (act, outcome) in Act::ALL.iter().zip(over) {
        let ms = |ms: Option<f64>| format!("{:.0} ms", ms.unwrap_or_default());
        let [down, up] = outcome.used.unwrap_or_default().map(|part| part * 100.0);
        let cells = [
            act.title().to_owned(),
            ms(outcome.p50),
            ms(outcome.p99),
            outcome.failed.to_string(),
            format!("{down:.0} / {up:.0} %"),
            outcome.page.map_or("-".to_owned(), |seconds| format!("{seconds:.1} s")),
            outcome.video.map_or("-".to_owned(), |mbit| format!("{mbit:.2}")),
        ];
        let _ = writeln!(text, " {}", row(&cells));
    }
}

fn row([name, p50, p99, failed, used, page, video]: &[String; 7]) -> String {
    format!("{name:<17} {p50:>13} {p99:>8} {failed:>7} {used:>12} {page:>7} {video:>6}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::diary::{Diary, Exchange};
    use super::*;

    #[test]
    fn each_act_fits_into_eighty_columns_and_twenty_four_lines() {
        let demo = Duration::from_secs(40);
        let stage = Stage::new(demo);
        let style = Style { colour: false, unicode: true };
        for act in Act::ALL {
            let lengths = act.lengths(demo);
            let diary = Arc::new(Diary::new(Duration::ZERO));
            diary.notes().clinical.extend((0..400).map(|n| {
                let at = f64::from(n) * lengths.asks.as_secs_f64() / 400.0;
                Exchange { at, took_ms: 5_000.0, failed: true }
            }));
            for at in [0.0, 1.0] {
                let sample = Sample { at, queue_ms: [150.0; 2], passed: [at * 2.5e6, at * 1e6], moved: [9_999_999; 3] };
                diary.notes().samples.push(sample);
            }
            let outcome = Outcome::count(&diary);
            stage.enter(Now { act, lengths, diary });
            let picture = draw(&stage, style);
            assert!(picture.lines().count() < 24, "{picture}");
            assert!(picture.lines().all(|line| line.chars().count() < 80), "{picture}");
            stage.leave(outcome);
        }
    }
}
