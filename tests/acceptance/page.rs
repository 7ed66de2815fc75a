//! The live page in a real browser: its figures are the API's, the keyboard reaches all of it, axe-core finds nothing, and
//! it says so when the gateway is gone. The pages that refuse, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::world::browser::{Browser, Looks, WALL};
use crate::world::setup::{BLOCKED, CLINICAL, SOCIAL};
use crate::world::{Answer, Origin, Setup, Wire, World, tool, until};

const DARK: Looks = Looks { scheme: "dark", ..WALL };
const PHONE: Looks = Looks { size: (390, 844), motion: "reduce", ..WALL };
const PHONE_DARK: Looks = Looks { scheme: "dark", ..PHONE };

/// Both colour schemes, both sizes.
const ALL: [Looks; 4] = [WALL, DARK, PHONE, PHONE_DARK];

/// A link that social media can fill.
fn narrow() -> Setup {
    Setup {
        internet: Some(("16 Mbit/s".into(), "8 Mbit/s".into())),
        social: Some(("8 Mbit/s".into(), "4 Mbit/s".into())),
        peak: "peak = [{ when = \"00:00-24:00\", ceiling = { down = \"12 Mbit/s\", up = \"6 Mbit/s\" } }]\n".into(),
        ..Setup::default()
    }
}

/// Traffic until it is dropped: clinical pages, more of social media than its tube carries, names that are blocked.
struct Traffic {
    over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Traffic {
    fn start(world: &World, origin: u16) -> Traffic {
        let over = Arc::new(AtomicBool::new(false));
        let threads = [CLINICAL, SOCIAL, SOCIAL, SOCIAL, BLOCKED].map(|host| {
            let (over, proxy) = (Arc::clone(&over), world.proxy());
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    Wire::connect(proxy).get(&format!("http://{host}:{origin}/"));
                    if host == BLOCKED {
                        thread::sleep(Duration::from_millis(200));
                    }
                }
            })
        });
        Traffic { over, threads: threads.into() }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn api(world: &World, path: &str) -> Value {
    let text = Wire::page(world.admin(), path).text();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
}

/// What a row of the table says, cell by cell.
fn row(browser: &Browser, tube: &str) -> Vec<String> {
    let script = format!(
        "const row = [...document.querySelectorAll('#rows tr')].find((row) => row.querySelector('th span').textContent === '{tube}');
         return [...row.querySelectorAll('strong, .of')].map((cell) => cell.textContent.replaceAll('\\u00a0', ' '));"
    );
    browser.run(&script).as_array().unwrap().iter().map(|cell| cell.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_live_page_shows_what_the_api_says_and_axe_finds_nothing_wrong_in_any_colour_or_size() {
    let origin = Origin::http(|_| Answer::ok(&"x".repeat(200_000)));
    let world = World::start(&narrow());
    let traffic = Traffic::start(&world, origin.port());
    // A point of the history, so that the hour has something to draw.
    until(Duration::from_secs(30), "a point of the history", || {
        (api(&world, "/api/v1/history")["at"].as_array()?.len() > 1).then_some(())
    });
    let browser = Browser::start(&[]);
    browser.looks(WALL);
    browser.open(&format!("http://{}/", world.admin()));
    browser.wait("the page to have the hour", "document.querySelector('#reasons li')");

    // What stands there is what the page was told, and what it was told is what the API says.
    let shown =
        browser.run("return { tubes, status, said: byId('said').textContent, others: byId('others').textContent }");
    assert_eq!(shown["said"], shown["tubes"]["state"]["text"]);
    assert_eq!(shown["others"], shown["tubes"]["state"]["others"]);
    let told = api(&world, "/api/v1/tubes");
    let limits = |tubes: &Value| {
        let tubes = tubes["tubes"].as_array().unwrap().clone();
        tubes.iter().map(|tube| (tube["tube"].clone(), tube["down"]["limit"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(limits(&shown["tubes"]), limits(&told));
    browser.wait(
        "figures of one answer",
        "(() => {
            const text = (element) => element.textContent.replaceAll('\\u00a0', ' ');
            const rate = (bits) => bits >= 1e6 ? (bits / 1e6).toFixed(1).replace(/\\.0$/, '') + ' Mbit/s' : null;
            const social = tubes.tubes.find(({ tube }) => tube === 'social');
            const row = [...document.querySelectorAll('#rows tr')].find((row) => row.textContent.includes('within internet'));
            return social.down.used > 1e6 && text(row.querySelector('strong')) === rate(social.down.used)
                && text(document.querySelector('#words-down')).includes('social within internet carries');
        })()",
    );
    let social = row(&browser, "social");
    assert!(social[1].starts_with("of 8 Mbit/s, "), "{social:?}");
    let clinical = row(&browser, "clinical");
    assert!(clinical[0].ends_with("bit/s"), "{clinical:?}");

    // The hour: what was blocked, by which rule, as often as the API says.
    let hour = browser.run("return history");
    let blocked = &hour["refused"][0];
    assert_eq!((blocked["reason"].as_str(), blocked["rule"].as_str()), (Some("blocked"), Some("never-at-all")));
    let first = browser.text("return document.querySelector('#reasons li').textContent");
    assert_eq!(first, format!("{}blocked by rule never-at-all", blocked["total"]));
    let kept = api(&world, "/api/v1/history");
    let at = |hour: &Value| hour["at"][0].clone();
    assert_eq!((at(&kept), &kept["tubes"][2]["down"]["used"][0]), (at(&hour), &hour["tubes"][2]["down"]["used"][0]));
    let notices = browser.text("return byId('notices').textContent");
    assert!(notices.starts_with("Peak until "), "{notices}");

    for looks in ALL {
        browser.looks(looks);
        browser.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })");
        let moves = browser.run("return document.getAnimations().some((motion) => motion.playState === 'running')");
        assert!(
            looks.motion != "reduce"
                || moves == false
                || browser
                    .run("show(); return document.getAnimations().every((motion) => motion.playState !== 'running')")
                    == true,
            "{looks:?}"
        );
        assert_eq!(browser.axe(), Vec::<String>::new(), "{looks:?}");
        let wide = browser.run("return document.documentElement.scrollWidth - innerWidth");
        assert!(wide.as_f64().unwrap() <= 0.0, "wider than the screen by {wide}: {looks:?}");
    }
    drop(traffic);
}

#[test]
fn the_live_page_is_worked_by_keyboard_and_says_that_the_gateway_is_gone() {
    let world = World::start(&Setup::default());
    let browser = Browser::start(&[]);
    browser.looks(WALL);
    browser.open(&format!("http://{}/", world.admin()));
    browser.wait("the first answer", "byId('rows').children.length === 4");
    browser.wait("the state", "byId('said').textContent === 'Clinical is clear: nothing waits.'");
    let focused =
        "return document.activeElement.id || document.activeElement.className || document.activeElement.tagName";
    let mut passed = Vec::new();
    for _ in 0..4 {
        browser.press("\u{e004}");
        passed.push(browser.text(focused));
        let ring = browser.text("return getComputedStyle(document.activeElement).outlineStyle");
        assert_eq!(ring, "solid", "what has the focus shows it: {passed:?}");
    }
    assert_eq!(passed, ["skip", "pause", "SUMMARY", "SUMMARY"]);
    // Open what is focused, and pause what moves.
    browser.run("document.querySelector('#hour summary').focus()");
    browser.press("\u{e007}");
    browser.wait("the table of the hour", "byId('hour').open");
    browser.run("byId('pause').focus()");
    browser.press("\u{e00d}");
    browser.wait(
        "the pause to be said",
        "byId('said').textContent.startsWith('Paused at ') && byId('pause').getAttribute('aria-pressed') === 'true'",
    );
    assert_eq!(
        browser.run("return document.getAnimations().filter((motion) => motion.playState === 'running').length"),
        0
    );
    browser.press("\u{e00d}");
    browser.wait("what is now", "byId('said').textContent === 'Clinical is clear: nothing waits.'");
    // What is read aloud is no stream of figures.
    browser.run("window.spoken = 0; new MutationObserver(() => { spoken += 1; }).observe(byId('announce'), { childList: true, characterData: true, subtree: true })");
    let before = browser.text("return byId('clock').textContent");
    browser.wait(
        "three more answers",
        &format!("window.seen = (window.seen ?? new Set(['{before}'])).add(byId('clock').textContent), seen.size > 3"),
    );
    assert_eq!(browser.run("return spoken"), 0);

    world.signal(Signal::STOP);
    browser.wait(
        "the page to say that the gateway is gone",
        "byId('said').textContent.startsWith('The gateway has not answered since ')",
    );
    assert!(browser.text("return document.title").starts_with("The gateway has not answered"));
    assert_eq!(browser.axe(), Vec::<String>::new());
    world.signal(Signal::CONT);
    browser.wait("the gateway to be back", "byId('said').textContent === 'Clinical is clear: nothing waits.'");
}

#[test]
fn axe_finds_nothing_wrong_with_the_pages_that_refuse_nor_with_the_audit() {
    let mut setup = Setup::default();
    setup.policy = setup.policy.replace("\"Not from here.\"", "{ en = \"Not from here.\", cy = \"Nid oddi yma.\" }");
    let world = World::start(&setup);
    let page = world.dir().join("audit.html");
    let mut audit = std::process::Command::new(crate::world::gateway::program());
    tool::run(audit.arg("audit").arg(world.file()).arg(world.file()).arg("--html").arg(&page), Duration::from_secs(60));
    let refused = format!("http://{BLOCKED}/");
    let audit = format!("file://{}", page.display());
    let browser = Browser::start(&[format!("--proxy-server={}", world.proxy_url())]);
    let check = |url: &str, part: &str, looks: Looks| {
        browser.looks(looks);
        browser.open(url);
        browser.wait("the page", &format!("document.querySelector('{part}')"));
        assert_eq!(browser.axe(), Vec::<String>::new(), "{url} {looks:?}");
    };
    for looks in ALL {
        check(&refused, ".why", looks);
        check(&audit, "table", looks);
    }
    browser.speaks("cy");
    check(&refused, ".why", PHONE);
    assert_eq!(browser.text("return document.documentElement.lang"), "cy");
}
