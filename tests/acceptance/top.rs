//! `clearway top` in a real terminal: what stands there is what the API says, its keys work, and the terminal is given back.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::world::gateway::program;
use crate::world::setup::{BLOCKED, SOCIAL};
use crate::world::{Answer, Origin, Setup, Wire, World, tool, until};

const SOON: Duration = Duration::from_secs(30);

/// A terminal of the test's own. Ended when dropped, with what runs in it.
struct Terminal {
    name: String,
}

impl Terminal {
    /// Runs `top` in one of this size; what comes after it says that it has ended.
    fn start(world: &World, name: &str, (columns, rows): (usize, usize), variables: &str) -> Terminal {
        let name = format!("clearway-{name}-{}", std::process::id());
        let terminal = Terminal { name };
        let command = format!(
            "LC_ALL=C.UTF-8 {variables} {} top -c {}; echo left with $?; exec sleep 600",
            program().display(),
            world.file().display()
        );
        let (columns, rows) = (columns.to_string(), rows.to_string());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, &command]);
        terminal
    }

    #[track_caller]
    fn tmux(&self, words: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.arg("-L").arg(&self.name).args(words).env_remove("TMUX");
        tool::run(&mut tmux, SOON).ok().text()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen has a text, and gives it.
    #[track_caller]
    fn shows(&self, text: &str) -> String {
        let (began, mut last) = (Instant::now(), String::new());
        let shown = until(SOON + SOON, "the screen", || {
            last = self.screen();
            let shown = last.contains(text);
            (shown || began.elapsed() > SOON).then_some(shown)
        });
        assert!(shown, "`{text}` is not shown:\n{last}");
        last
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Whether another screen is shown, and whether the cursor is.
    fn is_given_back(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}"]).trim() == "0 1 1"
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-L").arg(&self.name).arg("kill-server").output();
    }
}

fn estate() -> Setup {
    let social = Some(("8 Mbit/s".to_owned(), "4 Mbit/s".to_owned()));
    let internet = Some(("16 Mbit/s".to_owned(), "6 Mbit/s".to_owned()));
    Setup { internet, social, ..Setup::default() }
}

#[test]
fn top_shows_in_a_terminal_what_the_api_says_and_its_keys_work() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&estate());
    for host in [SOCIAL, BLOCKED, BLOCKED] {
        Wire::connect(world.proxy()).get(&format!("http://{host}:{}/", origin.port()));
    }
    // A tunnel that stays, so that there is something to count.
    let echo = Origin::echo();
    let _held = Wire::tunnel(world.proxy(), &format!("{SOCIAL}:{}", echo.port()));
    until(SOON, "what was refused to be in the history", || {
        let history: Value = serde_json::from_str(&Wire::page(world.admin(), "/api/v1/history").text()).ok()?;
        (history["refused"][0]["total"] == 2).then_some(())
    });
    let terminal = Terminal::start(&world, "top", (80, 24), "");
    let screen = terminal.shows("Refused in the last hour: 2: blocked by rule never-at-all 2");
    let api: Value = serde_json::from_str(&Wire::page(world.admin(), "/api/v1/tubes").text()).unwrap();
    assert!(screen.contains(api["state"]["text"].as_str().unwrap()), "{screen}");
    let lines: Vec<&str> = screen.lines().collect();
    let mut at = 0;
    for (tube, limits) in [
        ("  clinical clear ", [" of 9", " of 9"]),
        ("  internet ", [" of 16 Mbit/s", " of 6 Mbit/s"]),
        ("    social ", [" of 8 Mbit/s", " of 4 Mbit/s"]),
    ] {
        let found = lines.iter().position(|line| line.starts_with(tube)).unwrap_or_else(|| panic!("{tube}\n{screen}"));
        assert!(found > at, "tubes stand in the order of the file\n{screen}");
        assert!(limits.iter().all(|limit| lines[found].contains(limit)), "{tube}\n{screen}");
        at = found;
    }
    assert!(lines[at + 2].trim().starts_with("1 flow"), "{screen}");
    assert!(screen.trim_end().ends_with("q quit  p pause  ? help"), "{screen}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{screen}");

    terminal.press("?");
    terminal.shows("half of what was sent waited no longer");
    terminal.press("?");
    terminal.shows("    social ");
    terminal.press("p");
    terminal.shows("PAUSED");
    terminal.press("p");
    until(SOON, "the pause to end", || (!terminal.screen().contains("PAUSED")).then_some(()));
    terminal.tmux(&["resize-window", "-x", "60", "-y", "16"]);
    let narrow = terminal.shows("0 of 8 Mbit/s");
    until(SOON, "the smaller size", || (terminal.screen().lines().next()?.chars().count() == 60).then_some(()));
    assert!(narrow.contains("    social"), "{narrow}");

    world.signal(Signal::STOP);
    terminal.shows("The gateway has not answered since ");
    world.signal(Signal::CONT);
    terminal.shows("Clinical is clear: nothing waits.");
    assert!(!terminal.is_given_back());
    terminal.press("q");
    terminal.shows("left with 0");
    assert!(terminal.is_given_back());
}

#[test]
fn top_gives_the_terminal_back_when_it_is_told_to_end_and_keeps_to_no_colour() {
    let world = World::start(&estate());
    let terminal = Terminal::start(&world, "told", (80, 24), "NO_COLOR=1");
    terminal.shows("Clinical is clear: nothing waits.");
    let coloured = terminal.tmux(&["capture-pane", "-p", "-e"]);
    assert!(!coloured.contains('\u{1b}'), "{coloured:?}");
    let pid = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
    tool::run(Command::new("pkill").args(["-TERM", "-P", pid.trim(), "-f", "top -c"]), SOON).ok();
    terminal.shows("left with 0");
    assert!(terminal.is_given_back());
}

#[test]
fn top_prints_how_things_are_once_where_there_is_no_terminal() {
    let world = World::start(&estate());
    let told = world.command("top").ok().text();
    assert!(told.contains("Clinical is clear: nothing waits.") && told.contains("of 8 Mbit/s"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
    world.finish();
    let gone = world.command("top");
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("no gateway runs here"), "{}", gone.stderr);
}

/// What runs in a terminal that is gone, in the state of its process; `None` once it has ended.
fn state_of(process: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let state = status.lines().find_map(|line| line.strip_prefix("State:"))?.trim().to_owned();
    (!state.starts_with('Z')).then_some(state)
}

#[test]
fn top_ends_when_its_terminal_goes_away() {
    let world = World::start(&estate());
    let terminal = Terminal::start(&world, "gone", (80, 24), "");
    terminal.shows("q quit");
    let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().to_owned();
    let server = terminal.tmux(&["display-message", "-p", "#{pid}"]).trim().to_owned();
    let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
    let top = children.split_whitespace().next().expect("top is a child of the terminal's shell").to_owned();
    assert!(state_of(&top).is_some());
    // As when a connection by ssh breaks, or a window is closed by force.
    tool::run(Command::new("kill").args(["-9", &server]), SOON);
    until(SOON, "top to end", || state_of(&top).is_none().then_some(()));
}
