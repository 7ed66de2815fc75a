//! A real Chromium, driven by ChromeDriver over the W3C's WebDriver protocol; axe-core looks at its pages.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::until;
use super::wire::{Answered, Wire};

/// Chromium starts well within this on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A browser of the test's own, with a profile of its own. Ended when dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Looks {
    /// Of the window.
    pub size: (u32, u32),
    /// `light` or `dark`.
    pub scheme: &'static str,
    /// `reduce` or `no-preference`.
    pub motion: &'static str,
}

/// A screen on a wall.
pub const WALL: Looks = Looks { size: (1920, 1080), scheme: "light", motion: "no-preference" };

impl Browser {
    /// Starts one, with more arguments for Chromium.
    #[track_caller]
    pub fn start(arguments: &[String]) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver does not start: {error}; run deploy/test-deps"));
        let said = BufReader::new(driver.stdout.take().unwrap());
        let port = said
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let mut all: Vec<String> =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"].map(str::to_owned).into();
        all.extend(["--no-first-run", "--disable-background-networking", "--disable-sync"].map(str::to_owned));
        all.push(format!("--user-data-dir={}", profile.path().display()));
        all.extend(arguments.iter().cloned());
        let mut browser =
            Browser { driver, port: port.expect("chromedriver's port"), session: String::new(), _profile: profile };
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": all } } } });
        browser.session = browser.say("POST", "/session", &wanted)["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    /// Looks at pages like this from now on.
    pub fn looks(&self, Looks { size: (width, height), scheme, motion }: Looks) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.tools("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": motion },
        ]);
        self.tools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Asks for pages in a language from now on.
    pub fn speaks(&self, language: &str) {
        self.tools("Network.enable", &json!({}));
        self.tools("Network.setExtraHTTPHeaders", &json!({ "headers": { "Accept-Language": language } }));
    }

    /// Opens a page and waits for it to be loaded.
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    /// Opens a page that may not be there.
    pub fn try_open(&self, url: &str) {
        self.answer("POST", &format!("/session/{}/url", self.session), &json!({ "url": url }));
    }

    /// What a script in the page returns.
    pub fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The same as text; nothing is no text.
    pub fn text(&self, script: &str) -> String {
        self.run(script).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a condition of the page's holds.
    #[track_caller]
    pub fn wait(&self, what: &str, condition: &str) {
        until(START, what, || (self.run(&format!("return Boolean({condition})")) == true).then_some(()));
    }

    /// Presses a key; `\u{e004}` is Tab, `\u{e007}` Return.
    pub fn press(&self, key: &str) {
        let actions = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.ask("POST", "/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }));
    }

    /// Everything that axe-core finds wrong with the page, a line each: WCAG 2.2 to AA, and what is best practice.
    pub fn axe(&self) -> Vec<String> {
        let script = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("axe").join("axe.min.js");
        let axe = std::fs::read_to_string(&script)
            .unwrap_or_else(|error| panic!("{}: {error}; run deploy/test-deps", script.display()));
        self.run(&format!("{axe}; return true"));
        let found = self.ask(
            "POST",
            "/execute/async",
            &json!({ "args": [], "script": "
                const done = arguments[0];
                axe.run(document, { resultTypes: ['violations'] }).then((found) => done({
                    passes: found.passes.length,
                    violations: found.violations.flatMap((rule) => rule.nodes.map((node) => rule.id + ': ' + node.html + ': ' + node.failureSummary)),
                }), (error) => done({ passes: 0, violations: [String(error)] }));" }),
        );
        assert!(found["passes"].as_u64().unwrap() > 10, "axe looked at nothing: {found}");
        found["violations"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// A command of Chromium's own developer tools.
    fn tools(&self, command: &str, parameters: &Value) {
        self.ask("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    #[track_caller]
    fn ask(&self, method: &str, what: &str, body: &Value) -> Value {
        self.say(method, &format!("/session/{}{what}", self.session), body)
    }

    #[track_caller]
    fn say(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.answer(method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        serde_json::from_slice::<Value>(&answer.body).unwrap()["value"].take()
    }

    #[track_caller]
    fn answer(&self, method: &str, path: &str, body: &Value) -> Answered {
        let mut wire = Wire::connect(([127, 0, 0, 1], self.port).into());
        wire.patience(START);
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let host = format!("127.0.0.1:{}", self.port);
        let length = body.len();
        wire.send(format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n\r\n{body}"));
        wire.answer(method)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", "", &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
