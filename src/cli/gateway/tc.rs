//! `clearway gateway tc`: classes and ceilings for what shares the link and does not pass through the proxy.

use std::fmt::Write as _;

use jiff::{Span, Timestamp};

use super::class::{Class, OWN, REST, Road, leaf};
use super::lane::Lanes;
use super::script::{self, Plan};
use crate::base::Direction;
use crate::cli::args::Tc;
use crate::cli::{CONFIGURATION, explain, load, write};
use crate::config::Config;

/// How far ahead the edges of peaks are looked for: windows repeat by the week.
const AHEAD: i64 = 7 * 24;
/// More edges than a week of schedules has that people can read.
const EDGES: usize = 1_000;

/// Prints the script, or the one that takes away what it made.
pub fn run(asked: &Tc) -> Result<u8, u8> {
    let refuse = |text: String| {
        write::note(&format!("error: {text}"));
        CONFIGURATION
    };
    if asked.undo {
        write::line(script::undo().trim_end());
        return Ok(0);
    }
    let config = load::config(&asked.config)?;
    let at = explain::when(&asked.at, &config.calendar).map_err(|hint| refuse(format!("--at {hint}")))?;
    let script = text(&config, asked, at).map_err(refuse)?;
    if asked.staff.is_empty() {
        write::note("note: only the way up is shaped; for the way down name the staff side: --staff eth1");
    }
    write::line(script.trim_end());
    Ok(0)
}

fn text(config: &Config, asked: &Tc, at: Timestamp) -> Result<String, String> {
    let file = load::path(&asked.config).display().to_string();
    let link = &config.tubes.link;
    let wan = link.interface.as_deref().ok_or_else(|| {
        format!("[link] in {file} names no `interface`: what leaves by the link cannot be told; for example `interface = \"eth0\"`")
    })?;
    for name in std::iter::once(wan).chain(asked.staff.iter().map(String::as_str)) {
        plain(name)?;
    }
    if asked.staff.iter().any(|staff| staff == wan) {
        return Err(format!("--staff {wan} is the link's own interface; name those by which staff come"));
    }
    let road = |direction| {
        let rate = link.rate.of(direction).ok_or_else(|| {
            format!("[link] in {file} has no `{direction}`: without a rate there is nothing to share; see `clearway status` for what the gateway found")
        })?;
        let (back, way) = match direction {
            Direction::Down => (Direction::Up, 0),
            Direction::Up => (Direction::Down, 1),
        };
        Ok::<_, String>(Road { link: rate, back: link.rate.of(back), rest: link.rest.of(direction), way })
    };
    let up = road(Direction::Up)?;
    let down = if asked.staff.is_empty() { None } else { Some(road(Direction::Down)?) };
    let lanes = Lanes::of(config, at);
    let mut head = format!(
        "What shares the link on {wan} with gateway {} and does not pass through the proxy: guest Wi-Fi, backups, calls.\n\
         Written by `clearway gateway tc` from {file}, with the ceilings of {}.\n\n",
        config.name,
        local(config, at)
    );
    head += &table(&lanes, &up, down.as_ref());
    head += &notes(&lanes, asked);
    // The timer's commands are run in no folder of anybody's.
    let place = std::path::absolute(&file).map_or_else(|_| file.clone(), |place| place.display().to_string());
    head += &renewal(config, &place, asked, at);
    Ok(script::script(&Plan { head: clean(&head), lanes: &lanes, wan, up, staff: &asked.staff, down }))
}

/// Names go into commands as they are.
fn plain(name: &str) -> Result<(), String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > 15 || name.starts_with('-') || !name.chars().all(fine) {
        return Err(format!(
            "interface {name:?} cannot be written into a script: letters, digits, `.`, `-` and `_`, 15 at most"
        ));
    }
    Ok(())
}

/// Names of tubes and files are written by people; none may end a comment.
fn clean(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

fn local(config: &Config, at: Timestamp) -> String {
    config.calendar.local(at).strftime("%a %-d %b %Y %H:%M %Z").to_string()
}

/// Who is in which class, and what each is sure of and may use.
fn table(lanes: &Lanes, up: &Road, down: Option<&Road>) -> String {
    let (ups, downs) = (up.classes(lanes), down.map(|down| down.classes(lanes)));
    let unmarked = match lanes.unmarked.as_slice() {
        [] => String::new(),
        tubes => format!(": {}", tubes.join(", ")),
    };
    let mut rows = vec![(OWN, format!("this machine, without a mark{unmarked}"))];
    for (place, lane) in lanes.marked.iter().enumerate() {
        let within = lane.within.map(|within| format!(" within {}", lanes.marked[within].name)).unwrap_or_default();
        rows.push((leaf(lanes, place), format!("{}{within}, mark {:#x}", lane.name, lane.mark)));
    }
    rows.push((REST, "what goes past the gateway without a mark".to_owned()));
    let width = rows.iter().map(|(_, who)| who.chars().count()).max().unwrap_or_default();
    let told = |classes: &[Class], minor: u16| {
        let class = classes.iter().find(|class| class.minor == minor);
        class.map(|class| format!("{} to {}", mbit(class.rate), mbit(class.ceil))).unwrap_or_default()
    };
    let mut text = format!("  {:<9}  {:<width$}  {:>22}", "class", "who", "up, Mbit/s");
    text += if downs.is_some() { "              down\n" } else { "\n" };
    for (minor, who) in rows {
        let down = downs.as_ref().map(|downs| format!("  {:>16}", told(downs, minor))).unwrap_or_default();
        let _ = writeln!(text, "  {:<9}  {who:<width$}  {:>22}{down}", format!("c1ea:{minor:x}"), told(&ups, minor));
    }
    text
}

fn mbit(bits: u64) -> String {
    let hundredths = (bits + 5_000) / 10_000;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn notes(lanes: &Lanes, asked: &Tc) -> String {
    let mut text = String::from(
        "\nThe first rate is what a class is sure of, the second the most it may borrow; clear traffic borrows first, what\n\
         goes past the gateway last. Ceilings are 6% above the tubes' for headers, and 3% of the other way's for\n\
         acknowledgements: the gateway has measured its own flows out already, and HTB must not do it again.\n\
         What others have marked with an egress's mark (`nft ... meta mark set`) shares that egress's class, in both\n\
         directions. The rest may use what `[link] rest` says, else a fifth of the link: the gateway gives its own flows\n\
         what others leave, so without a bound one backup would have all of it.\n",
    );
    if !asked.staff.is_empty() {
        text += "Down, the gateway's connections to staff have no mark: they are this machine's, and clear here. A lane's\n\
                 class down is for what passes by alone, beside what the gateway gives the tube.\n";
    }
    if !lanes.elsewhere.is_empty() {
        let _ = writeln!(text, "Not here, as they leave by another interface: {}.", lanes.elsewhere.join(", "));
    }
    text
}

/// HTB knows no calendar: at each edge of a peak this must be written anew.
fn renewal(config: &Config, file: &str, asked: &Tc, at: Timestamp) -> String {
    let Some(next) = config.tubes.next_edge(at, &config.calendar) else { return String::new() };
    let mut times = edges(config, at);
    times.sort();
    times.dedup();
    let zone = config.calendar.zone.iana_name().unwrap_or("UTC");
    let staff: Vec<String> = asked.staff.iter().map(|staff| format!(" --staff {staff}")).collect();
    let mut text = format!(
        "\nHTB has no calendar: these ceilings hold until {}. For the peaks, have systemd renew them:\n\n\
         # /etc/systemd/system/clearway-tc.service\n\
         [Unit]\n\
         After=network-online.target\n\
         [Service]\nType=oneshot\n\
         ExecStart=/bin/sh -c 's=$$(clearway gateway tc -c {file}{}) && printf \"%%s\\n\" \"$$s\" | sh'\n\
         [Install]\nWantedBy=multi-user.target\n\n\
         # /etc/systemd/system/clearway-tc.timer\n\
         [Timer]\n",
        local(config, next),
        staff.concat()
    );
    for time in times {
        let _ = writeln!(text, "OnCalendar=*-*-* {time}:00 {zone}");
    }
    text + "AccuracySec=1s\n[Install]\nWantedBy=timers.target\n\n\
            Then: systemctl daemon-reload && systemctl enable --now clearway-tc.service clearway-tc.timer\n"
}

/// The times of day at which a peak begins or ends within a week.
fn edges(config: &Config, at: Timestamp) -> Vec<String> {
    let last = at.checked_add(Span::new().hours(AHEAD)).unwrap_or(at);
    let next = |from: &Timestamp| config.tubes.next_edge(*from, &config.calendar).filter(|edge| *edge <= last);
    let all = std::iter::successors(next(&at), next).take(EDGES);
    all.map(|edge| config.calendar.local(edge).strftime("%H:%M").to_string()).collect()
}
