//! What stands on the screen: the state in a sentence, then each tube with its bars, its last minutes and what waits in it.
//! Pure.

use std::sync::Arc;

use jiff::Zoned;

use super::line::{Line, wrapped};
use crate::cli::ask::{depth, rate, span};
use crate::cli::ink::{Ink, Style};
use crate::portal::state::{is_full, time};
use crate::portal::{HistoryView, Mood, Status, TubeView, Tubes, WayPast};

/// What the gateway said.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Of itself.
    pub status: Status,
    /// Of its tubes.
    pub tubes: Tubes,
    /// Of the last hour.
    pub history: Arc<HistoryView>,
}

/// What the screen shows.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What was heard last.
    pub seen: Seen,
    /// When.
    pub now: Zoned,
    /// Why nothing has been heard since.
    pub lost: Option<String>,
    /// Whether it stays as it is.
    pub paused: bool,
    /// Whether the keys are explained.
    pub help: bool,
}

/// One way of the link or of a tube.
struct Row<'a> {
    used: u64,
    limit: Option<u64>,
    past: Option<&'a WayPast>,
}

/// Where the columns stand.
#[derive(Clone, Copy)]
struct Columns {
    name: usize,
    way: usize,
    bar: usize,
}

/// A figure at its longest: `19.1 of 36.8 Mbit/s`.
const FIGURE: usize = 19;

const HELP: &[&str] = &[
    "q or Esc: quit",
    "p or Space: pause",
    "?: this, and away again",
    "",
    "A bar is what a tube uses of what it may use now. Below it are its last minutes, ten seconds a column, each as high as \
     it is beside the most of the hour.",
    "",
    "Waits: half of what was sent waited no longer. What is clear is served first and waits for nobody.",
];

impl Sheet {
    /// An answer came, or none did.
    pub fn heard(&mut self, answer: Result<Seen, String>, now: Zoned) {
        match answer {
            Ok(seen) => (self.seen, self.now, self.lost) = (seen, now, None),
            Err(why) => self.lost = Some(why),
        }
    }

    /// The lines, as a terminal of this size shows them.
    pub fn lines(&self, columns: usize, rows: usize, style: Style) -> Vec<String> {
        let mut lines = self.head(columns, style);
        let foot = self.foot(columns);
        let help: &[&str] = if self.help { HELP } else { &[] };
        let room = rows.saturating_sub(lines.len() + foot.len());
        if help.is_empty() {
            lines.extend(self.tubes(columns, room, style));
        } else {
            lines.extend(help.iter().flat_map(|text| wrapped(text, columns)).map(Line::of));
        }
        lines.truncate(rows.saturating_sub(foot.len()));
        lines.extend(foot);
        lines.truncate(rows);
        lines.iter().map(|line| line.drawn(columns, style)).collect()
    }

    fn head(&self, columns: usize, style: Style) -> Vec<Line> {
        let Seen { status, tubes, .. } = &self.seen;
        let clock = self.now.strftime("%H:%M:%S").to_string();
        let about = format!(
            "version {}, configuration {}, up {}",
            status.version,
            status.generation,
            span(status.uptime_seconds)
        );
        let title = Line::default().inked(Ink::Bold, status.name.as_str()).plain("  ");
        let title = if columns < 70 { title } else { title.plain(about) };
        let mut lines = vec![title.to(columns.saturating_sub(clock.len())).plain(clock.as_str())];
        let (sign, ink, text, others) = match &self.lost {
            Some(why) => ("x", Ink::Poor, format!("The gateway has not answered since {clock}."), why.clone()),
            None => {
                let (sign, ink) = match tubes.state.mood {
                    Mood::Clear => (if style.unicode { "✓" } else { "*" }, Ink::Good),
                    Mood::Waits | Mood::Queue => ("!", Ink::Fair),
                };
                (sign, ink, tubes.state.text.clone(), tubes.state.others.clone())
            }
        };
        let paused = if self.paused { "  PAUSED" } else { "" };
        for (at, text) in wrapped(&text, columns.saturating_sub(2)).into_iter().enumerate() {
            let sign = if at == 0 { sign } else { " " };
            lines.push(Line::default().inked(ink, sign).plain(" ").inked(ink, text));
        }
        if let Some(last) = lines.pop() {
            lines.push(last.inked(Ink::Bold, paused));
        }
        let notices = [vec![others], self.notices()].concat();
        let notices = notices.iter().filter(|text| !text.is_empty());
        lines.extend(
            notices.flat_map(|text| wrapped(text, columns.saturating_sub(2))).map(|text| Line::of("  ").plain(text)),
        );
        lines.push(Line::default());
        lines
    }

    /// Only what matters now.
    fn notices(&self) -> Vec<String> {
        let Seen { status, tubes, .. } = &self.seen;
        let mut notices = Vec::new();
        if status.draining {
            notices.push("Draining: no new connections are taken, open ones may finish.".to_owned());
        }
        if let Some(reload) = status.last_reload.as_ref().filter(|reload| reload.result == "refused") {
            let why = reload.problem.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            notices.push(format!("The last reload was refused{why}"));
        }
        for egress in &status.failing_egresses {
            notices.push(format!("Way out {egress}: many hosts in a row cannot be reached"));
        }
        for list in &status.refused_lists {
            notices.push(format!(
                "List {} of {}: {}; the last good copy stays in force",
                list.list, list.category, list.why
            ));
        }
        for rule in &status.lapsing {
            notices.push(format!("Rule {} ends after {}", rule.rule, rule.last_day.strftime("%-d %B")));
        }
        let mut peaks: Vec<(&str, Vec<&str>)> = Vec::new();
        for tube in &tubes.tubes {
            let Some(peak) = tube.peak.as_ref().filter(|peak| peak.open) else { continue };
            let until = peak.changes.as_deref().and_then(|at| at.get(11..16)).unwrap_or("another day");
            match peaks.iter_mut().find(|(at, _)| *at == until) {
                Some((_, names)) => names.push(&tube.tube),
                None => peaks.push((until, vec![&tube.tube])),
            }
        }
        notices.extend(peaks.iter().map(|(until, names)| format!("Peak until {until}: {}", names.join(", "))));
        notices
    }

    fn tubes(&self, columns: usize, room: usize, style: Style) -> Vec<Line> {
        let Seen { status, tubes: Tubes { link, tubes, .. }, history } = &self.seen;
        let name = (columns / 4).clamp(14, 28);
        let way = columns.saturating_sub(name) / 2;
        let place = Columns { name, way, bar: way.saturating_sub(FIGURE + 2).min(40) };
        let outer = tubes.iter().filter(|tube| tube.within.is_none());
        let (down, up) = outer.fold((0, 0), |sum, tube| (sum.0 + tube.down.used, sum.1 + tube.up.used));
        let queue = [link.down.queue_ms, link.up.queue_ms].into_iter().flatten().reduce(f64::max);
        let queue = queue.map(|queue| format!("queue {}", time(queue)));
        let flows: u64 = tubes.iter().map(|tube| tube.flows).sum();
        let told = [Some(count(flows, "flow")), queue, connecting(status.admission_waiting, None)];
        let mut blocks = vec![block(
            place,
            style,
            (Line::default().inked(Ink::Bold, "The link"), false),
            &[
                Row { used: down, limit: link.down.limit, past: Some(&history.down) },
                Row { used: up, limit: link.up.limit, past: Some(&history.up) },
            ],
            &told.into_iter().flatten().collect::<Vec<_>>().join(", "),
        )];
        blocks.extend(tubes.iter().map(|tube| self.tube(tube, place, style)));
        // Where there is little room, what waits and the last minutes go; then tubes.
        let each = [3, 2, 1].into_iter().find(|each| each * blocks.len() < room).unwrap_or(1);
        let all_fit = each * blocks.len() < room;
        let more = if all_fit { 0 } else { blocks.len().saturating_sub(room.saturating_sub(2).max(1)) };
        let head = Line::default()
            .to(name)
            .inked(Ink::Faint, "down, to staff")
            .to(name + way)
            .inked(Ink::Faint, "up, from staff");
        let mut lines = vec![head];
        let shown = blocks.len() - more;
        for mut block in blocks.into_iter().take(shown) {
            if each == 2 {
                // The words stay, the pictures go.
                block.remove(1);
            }
            block.truncate(each);
            lines.extend(block);
        }
        if more > 0 {
            lines.push(Line::default().inked(Ink::Faint, format!("and {more} more; make the window higher")));
        }
        lines
    }

    fn tube(&self, tube: &TubeView, place: Columns, style: Style) -> Vec<Line> {
        let past = self.seen.history.tubes.iter().find(|past| past.tube == tube.tube);
        let indent = "  ".repeat(1 + depth(tube, &self.seen.tubes.tubes));
        let ink = if tube.priority == 0 { Ink::Good } else { Ink::Bold };
        let waits = [tube.down.wait_ms, tube.up.wait_ms].into_iter().flatten().reduce(f64::max);
        let waits = waits.filter(|ms| *ms >= 0.05).map(|ms| format!("waits {}", time(ms)));
        let waiting = (tube.waiting > 0).then(|| format!("{} waiting", tube.waiting));
        let told = [
            Some(count(tube.flows, "flow")),
            waits,
            waiting,
            connecting(tube.admission.waiting, tube.admission.wait_ms),
        ];
        let told = told.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let fits = indent.len() + tube.tube.chars().count() + " clear".len() < place.name;
        let clear = if tube.priority == 0 && fits { " clear" } else { "" };
        let rows = [
            Row { used: tube.down.used, limit: tube.down.limit, past: past.map(|past| &past.down) },
            Row { used: tube.up.used, limit: tube.up.limit, past: past.map(|past| &past.up) },
        ];
        let name: String = tube.tube.chars().take(place.name.saturating_sub(indent.len() + clear.len() + 1)).collect();
        let title = Line::of(indent).inked(ink, name).inked(Ink::Good, clear);
        block(place, style, (title, tube.priority == 0), &rows, &told)
    }

    /// What was refused, and the keys.
    fn foot(&self, columns: usize) -> Vec<Line> {
        let refused = &self.seen.history.refused;
        let total: u64 = refused.iter().map(|refused| refused.total).sum();
        let told: Vec<String> = refused.iter().map(|refused| format!("{} {}", refused.words, refused.total)).collect();
        let text = match total {
            0 => "Refused in the last hour: nothing".to_owned(),
            total => format!("Refused in the last hour: {total}: {}", told.join(", ")),
        };
        let mut lines = vec![Line::default()];
        lines.extend(wrapped(&text, columns).into_iter().take(3).map(Line::of));
        lines.push(Line::default().inked(Ink::Faint, "q quit  p pause  ? help"));
        lines
    }
}

/// A tube's lines: bars, the last minutes, words.
fn block(place: Columns, style: Style, (title, clear): (Line, bool), rows: &[Row<'_>; 2], told: &str) -> Vec<Line> {
    let Columns { name, way, bar } = place;
    let (mut bars, mut past) = (title, Line::default());
    for (at, row) in rows.iter().enumerate() {
        let full = is_full(row.used, row.limit);
        let ink = match (clear, full) {
            (true, _) => Ink::Good,
            (false, true) => Ink::Fair,
            (false, false) => Ink::Bold,
        };
        bars = bars.to(name + at * way);
        if bar >= 4 {
            let part = row.limit.map_or(0.0, |limit| ratio(row.used, limit));
            let (filled, rest) = filled(part, bar, style);
            bars = bars.inked(ink, filled).inked(Ink::Faint, rest).plain(" ");
        }
        let figure = row.limit.map_or_else(|| rate(row.used), |limit| of(row.used, limit));
        bars = if full { bars.inked(ink, figure) } else { bars.plain(figure) };
        if let Some(figures) = row.past {
            past = past.to(name + at * way).inked(Ink::Faint, spark(figures, way.saturating_sub(2), style));
        }
    }
    vec![bars, past, Line::default().to(name).inked(Ink::Faint, told)]
}

/// 9.7 of 10 Mbit/s: both in the unit of the limit.
fn of(used: u64, limit: u64) -> String {
    let told = rate(limit);
    let (unit, scale) = match told.rsplit_once(' ') {
        Some((_, unit @ "Gbit/s")) => (unit, 1e9),
        Some((_, unit @ "Mbit/s")) => (unit, 1e6),
        Some((_, unit @ "kbit/s")) => (unit, 1e3),
        _ => return format!("{} of {told}", rate(used)),
    };
    let figure = |bits: u64| {
        let figure = bits as f64 / scale;
        let digits = match figure {
            100.0.. => 0,
            1.0.. => 1,
            _ => 2,
        };
        let text = format!("{figure:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    format!("{} of {} {unit}", figure(used), figure(limit))
}

fn ratio(used: u64, limit: u64) -> f64 {
    // Rates are far below 2^52.
    (used as f64 / limit.max(1) as f64).min(1.0)
}

/// The full and the empty cells of a bar. Whatever is used at all shows.
fn filled(part: f64, cells: usize, style: Style) -> (String, String) {
    let (full, empty) = if style.unicode { ("█", "░") } else { ("#", ".") };
    let whole = (1..=cells).filter(|cell| part * cells as f64 >= *cell as f64 - 0.5).count();
    let whole = if part > 0.0 { whole.max(1) } else { 0 };
    (full.repeat(whole), empty.repeat(cells - whole))
}

/// The last points, one a cell.
fn spark(past: &WayPast, cells: usize, style: Style) -> String {
    let levels: &[char] = if style.unicode {
        &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &['_', '.', ':', '-', '=', '+', '*', '#']
    };
    let most = past.used.iter().flatten().max().copied().unwrap_or_default();
    let from = past.used.len().saturating_sub(cells);
    let level = |used: u64| (1..levels.len()).filter(|level| ratio(used, most) * 8.0 >= *level as f64).count();
    past.used[from..].iter().map(|used| used.map_or(' ', |used| levels[level(used)])).collect()
}

fn count(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn connecting(count: u64, wait_ms: Option<f64>) -> Option<String> {
    let each = wait_ms.map(|ms| format!(" {} each", time(ms))).unwrap_or_default();
    (count > 0).then(|| format!("{count} connecting{each}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::{LinkNow, RefusedPast, TubePast, WayView, example};

    const PLAIN: Style = Style { colour: false, unicode: false };

    fn tube(name: &str, within: Option<&str>, priority: u8) -> TubeView {
        let way = WayView { limit: Some(10_000_000), used: 9_900_000, wait_ms: Some(92.0) };
        let down = if priority == 0 { WayView { wait_ms: None, ..way } } else { way };
        TubeView { down, flows: 3, waiting: 2, ..example::tube(name, within, priority) }
    }

    fn sheet(tubes: Vec<TubeView>) -> Sheet {
        let past = |tube: &TubeView| TubePast {
            tube: tube.tube.clone(),
            down: WayPast { used: vec![Some(0), None, Some(4), Some(8)], ..WayPast::default() },
            ..TubePast::default()
        };
        let refused = RefusedPast { words: "social was full".to_owned(), total: 7, ..RefusedPast::default() };
        let history =
            HistoryView { tubes: tubes.iter().map(past).collect(), refused: vec![refused], ..HistoryView::default() };
        let seen = Seen {
            status: example::status(),
            tubes: Tubes::new(LinkNow::default(), tubes),
            history: Arc::new(history),
        };
        let now = "2026-11-24T12:31:07+00:00[Europe/London]".parse().unwrap();
        Sheet { seen, now, lost: None, paused: false, help: false }
    }

    #[test]
    fn each_tube_has_its_bars_its_last_minutes_and_what_waits_in_it() {
        let tubes = vec![tube("clinical", None, 0), tube("internet", None, 1), tube("social", Some("internet"), 2)];
        let told = sheet(tubes).lines(80, 24, PLAIN);
        let text = told.join("\n");
        for line in [
            "gw1  version 0.1.0, configuration 3, up 4 h 30 min                      12:31:07",
            "* Clinical is clear: nothing waits.",
            "  Internet is full and waits 92 ms, social is full and waits 92 ms.",
            "    social          ######### 9.9 of 10 Mbit/s    ......... 0",
            "                    _ =#",
            "                    3 flows, waits 92 ms, 2 waiting",
            "Refused in the last hour: 7: social was full 7",
            "q quit  p pause  ? help",
        ] {
            assert!(told.iter().any(|told| told.trim_end() == line), "{line}\n{text}");
        }
    }

    #[test]
    fn no_line_is_wider_and_no_screen_higher_than_there_is_room() {
        let tubes: Vec<_> = (0..30).map(|at| tube(&format!("tube-{at}-with-a-long-name"), None, at)).collect();
        let mut sheet = sheet(tubes);
        for help in [false, true] {
            sheet.help = help;
            for (columns, rows) in [(80, 24), (60, 18), (40, 10), (20, 5), (200, 60), (1, 1)] {
                let lines = sheet.lines(columns, rows, PLAIN);
                assert!(lines.iter().all(|line| line.chars().count() <= columns), "{columns}: {}", lines.join("\n"));
                assert!(lines.len() <= rows, "{rows}: {}", lines.join("\n"));
            }
        }
        sheet.help = false;
        assert!(sheet.lines(80, 24, PLAIN).iter().any(|line| line.ends_with("more; make the window higher")));
    }

    #[test]
    fn when_the_gateway_is_gone_nothing_else_is_said() {
        let mut sheet = sheet(vec![tube("clinical", None, 0)]);
        let now = sheet.now.clone();
        sheet.heard(Err("nobody answers".to_owned()), now);
        let text = sheet.lines(80, 24, PLAIN).join("\n");
        assert!(text.contains("x The gateway has not answered since 12:31:07.\n  nobody answers\n"), "{text}");
        assert!(!text.contains("is clear"), "{text}");
    }

    #[test]
    fn what_is_used_is_told_in_the_unit_of_its_limit() {
        for (used, limit, text) in [
            (9_700_000, 10_000_000, "9.7 of 10 Mbit/s"),
            (200_000, 10_000_000, "0.2 of 10 Mbit/s"),
            (19_500, 60_000_000, "0.02 of 60 Mbit/s"),
            (0, 512_000, "0 of 512 kbit/s"),
            (950_000_000, 1_000_000_000, "0.95 of 1 Gbit/s"),
            (186_400_000, 92_000_000, "186 of 92 Mbit/s"),
        ] {
            assert_eq!(of(used, limit), text);
        }
    }
}
