//! The portal from outside, over both doors.
#![cfg(test)]

const LIMIT: Duration = Duration::from_secs(10);

use super::*;
use crate::portal::view::{
    AdmissionView, Asked, BoxFuture, LapsingRule, LastReload, LinkNow, LinkView, LinkWayView, ListenerView, PeakView,
    Refused, RefusedView, ReloadOutcome, Status, TubeView, UpgradeOutcome, WatchView, WayView,
};
use crate::portal::{AskError, ask, example};
use hyper::{Method, StatusCode};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

struct Made {
    ready: AtomicBool,
    draining: AtomicBool,
}

fn tube(tube: &str, within: Option<&str>, priority: u8, limit: Option<u64>, used: u64) -> TubeView {
    TubeView {
        down: WayView { limit, used, wait_ms: Some(12.5) },
        up: WayView { limit: limit.map(|limit| limit / 3), used: used / 5, wait_ms: None },
        flows: 12,
        waiting: 3,
        admission: AdmissionView { waiting: 2, wait_ms: Some(90.0) },
        refused: RefusedView { tube_full: 4, process_full: 0 },
        peak: Some(PeakView { open: true, changes: Some("2026-11-24T14:00:00+00:00".into()) }),
        ..example::tube(tube, within, priority)
    }
}

impl Gateway for Made {
    fn status(&self) -> Status {
        Status {
            draining: self.draining.load(SeqCst),
            config: vec!["config/clearway.toml".into()],
            listeners: vec![ListenerView {
                name: "staff".into(),
                mode: "explicit".into(),
                address: "127.0.0.1:3128".into(),
                certificate: None,
            }],
            link: LinkView { down: Some(100_000_000), up: Some(40_000_000) },
            flows: [("social".to_owned(), 12)].into(),
            admission_waiting: 2,
            refused: RefusedView { tube_full: 4, process_full: 1 },
            watching: vec![WatchView { rule: "trial".into(), flows: 9, otherwise: 2 }],
            lapsing: vec![LapsingRule { rule: "till-friday".into(), last_day: "2026-11-27".parse().unwrap() }],
            last_reload: Some(LastReload {
                time: "2026-11-24T12:00:00Z".parse().unwrap(),
                result: "refused".into(),
                problem: Some("policy.toml:3:1: no such category".into()),
            }),
            ..example::status()
        }
    }

    fn tubes(&self) -> Vec<TubeView> {
        vec![
            tube("clinical", None, 0, None, 17_300_000),
            tube("internet", None, 1, Some(20_000_000), 19_100_000),
            tube("social", Some("internet"), 2, Some(10_000_000), 9_700_000),
        ]
    }

    fn link(&self) -> LinkNow {
        let way = LinkWayView { limit: Some(93_000_000), used: Some(95_000_000), queue_ms: Some(7.25) };
        LinkNow { down: way, up: LinkWayView::default(), probe_ms: Some(4.5) }
    }

    fn refusals(&self) -> Vec<Refused> {
        vec![Refused { reason: "blocked".into(), rule: Some("never".into()), tube: None, count: 3 }]
    }

    fn pac(&self, host: Option<&str>) -> Option<String> {
        host.filter(|host| *host != "localhost").map(|host| format!("// {host}\n"))
    }

    fn metrics(&self) -> String {
        "clearway_config_generation 3\n".into()
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        if self.ready.load(SeqCst) { Ok(()) } else { Err(vec!["listener staff is not bound".into()]) }
    }

    fn reload(&self, _: Asked) -> BoxFuture<ReloadOutcome> {
        Box::pin(async { ReloadOutcome { applied: false, generation: 3, problems: vec!["a mistake".into()] } })
    }

    fn upgrade(&self) -> BoxFuture<UpgradeOutcome> {
        Box::pin(async { UpgradeOutcome { problem: Some("not now".into()), ..UpgradeOutcome::default() } })
    }

    fn drain(&self) {
        self.draining.store(true, SeqCst);
    }
}

struct World {
    _home: tempfile::TempDir,
    made: Arc<Made>,
    portal: Option<Portal>,
    stop: CancellationToken,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let made = Arc::new(Made { ready: AtomicBool::new(false), draining: AtomicBool::new(false) });
        let stop = CancellationToken::new();
        let place = Place { admin: "127.0.0.1:0".parse().unwrap(), socket: home.path().join(socket::FILE) };
        let portal = serve(&place, Sockets::default(), Arc::clone(&made) as Arc<dyn Gateway>, stop.clone()).unwrap();
        World { _home: home, made, portal: Some(portal), stop }
    }

    fn portal(&self) -> &Portal {
        self.portal.as_ref().unwrap()
    }

    /// The whole answer over TCP, head and body.
    fn tcp(&self, method: &str, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(self.portal().address()).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn socket(&self, method: &Method, path: &str) -> (StatusCode, String) {
        let (status, body) = ask(self.portal().socket(), method, path, LIMIT).unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(portal) = self.portal.take() {
            portal.join();
        }
    }
}

#[test]
fn every_page_has_its_status_and_type() {
    let world = World::new();
    for (method, path, status, content) in [
        ("GET", "/metrics", "200", "content-type: text/plain; version=0.0.4"),
        ("GET", "/metrics?x=y", "200", "clearway_config_generation 3"),
        ("GET", "/healthz", "200", "alive"),
        ("GET", "/readyz", "503", "listener staff is not bound"),
        ("GET", "/api/v1/status", "200", r#""started":"2026-11-24T08:00:00.000Z""#),
        (
            "GET",
            "/api/v1/tubes",
            "200",
            concat!(
                r#"{"tube":"social","within":"internet","priority":2,"#,
                r#""down":{"limit":10000000,"used":9700000,"wait_ms":12.5},"#,
                r#""up":{"limit":3333333,"used":1940000,"wait_ms":null},"flows":12,"waiting":3,"#,
                r#""admission":{"waiting":2,"wait_ms":90.0},"refused":{"tube_full":4,"process_full":0},"#,
                r#""peak":{"open":true,"changes":"2026-11-24T14:00:00+00:00"}}"#,
            ),
        ),
        (
            "GET",
            "/api/v1/tubes",
            "200",
            concat!(
                r#"{"state":{"mood":"waits","text":"Clinical waits 90 ms.","#,
                r#""others":"Internet is full and waits 90 ms, social is full and waits 90 ms."},"#,
                r#""link":{"down":{"limit":93000000,"used":95000000,"queue_ms":7.25},"#,
                r#""up":{"limit":null,"used":null,"queue_ms":null},"probe_ms":4.5},"tubes":["#,
            ),
        ),
        ("GET", "/api/v1/status", "200", r#""admission_waiting":2,"refused":{"tube_full":4,"process_full":1}"#),
        ("GET", "/api/v1/history", "200", r#"{"step_seconds":10,"most_points":360,"at":[],"down":{"used":[],"#),
        ("GET", "/proxy.pac", "200", "content-type: application/x-ns-proxy-autoconfig"),
        ("GET", "/wpad.dat", "200", "// 127.0.0.1\n"),
        ("PUT", "/proxy.pac", "405", "allow: GET, HEAD"),
        ("GET", "/", "200", "content-security-policy: default-src 'none'"),
        ("GET", "/nothing", "404", "no such page"),
        ("POST", "/metrics", "405", "allow: GET, HEAD"),
        ("PUT", "/api/v1/status", "405", "allow: GET, HEAD"),
    ] {
        let answer = world.tcp(method, path, "127.0.0.1");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
        assert!(answer.contains(content), "{method} {path}: {answer}");
        assert!(answer.contains("cache-control: no-store"), "{method} {path}: {answer}");
    }
    world.made.ready.store(true, SeqCst);
    assert!(world.tcp("GET", "/readyz", "127.0.0.1").starts_with("HTTP/1.1 200 "));
    let head = world.tcp("HEAD", "/metrics", "127.0.0.1");
    assert!(head.contains("content-length: 29") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn reloading_and_draining_are_for_the_socket_only() {
    let world = World::new();
    for path in ["/api/v1/reload", "/api/v1/drain"] {
        for method in ["GET", "POST"] {
            let answer = world.tcp(method, path, "127.0.0.1");
            assert!(answer.starts_with("HTTP/1.1 403 "), "{method} {path}: {answer}");
        }
        assert_eq!(world.socket(&Method::GET, path).0, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert!(!world.made.draining.load(SeqCst));
    let (status, body) = world.socket(&Method::POST, "/api/v1/reload");
    let outcome: ReloadOutcome = serde_json::from_str(&body).unwrap();
    assert_eq!((status, outcome.applied), (StatusCode::UNPROCESSABLE_ENTITY, false));
    assert_eq!(world.socket(&Method::POST, "/api/v1/drain").0, StatusCode::ACCEPTED);
    assert!(world.made.draining.load(SeqCst));
    let (_, body) = world.socket(&Method::GET, "/api/v1/status");
    let status: Status = serde_json::from_str(&body).unwrap();
    assert_eq!(status, world.made.status());
}

#[test]
fn a_strangers_name_in_host_gets_no_page() {
    let world = World::new();
    for (host, path, status) in [
        ("evil.example", "/", "421"),
        ("evil.example:9128", "/api/v1/status", "421"),
        ("evil.example", "/api/v1/history", "421"),
        ("evil.example", "/proxy.pac", "421"),
        ("localhost", "/proxy.pac", "404"),
        ("evil.example", "/metrics", "200"),
        ("localhost:9128", "/", "200"),
        ("GW1", "/api/v1/tubes", "200"),
        ("[::1]:9128", "/", "200"),
        ("10.1.2.3:9128", "/", "200"),
    ] {
        let answer = world.tcp("GET", path, host);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}{path}: {answer}");
    }
}

#[test]
fn connections_beyond_the_limit_are_closed_and_the_socket_still_answers() {
    let world = World::new();
    let idle: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(world.portal().address()).unwrap()).collect();
    let mut late = TcpStream::connect(world.portal().address()).unwrap();
    assert_eq!(late.read(&mut [0; 1]).unwrap_or(0), 0);
    assert_eq!(world.socket(&Method::GET, "/healthz").0, StatusCode::OK);
    drop(idle);
}

#[test]
fn the_portal_ends_with_its_token_and_takes_its_socket_along() {
    let mut world = World::new();
    let path = world.portal().socket().to_path_buf();
    let _idle = TcpStream::connect(world.portal().address()).unwrap();
    world.stop.cancel();
    world.portal.take().unwrap().join();
    assert!(!path.exists());
    assert!(matches!(ask(&path, &Method::GET, "/healthz", LIMIT), Err(AskError::NoGateway { .. })));
}

#[test]
fn a_port_that_is_taken_is_said_with_its_address() {
    let world = World::new();
    let home = tempfile::tempdir().unwrap();
    let place = Place { admin: world.portal().address(), socket: home.path().join(socket::FILE) };
    let error =
        serve(&place, Sockets::default(), Arc::clone(&world.made) as Arc<dyn Gateway>, CancellationToken::new())
            .unwrap_err();
    assert!(error.to_string().starts_with(&format!("admin address {}", place.admin)), "{error}");
}

#[test]
fn the_live_page_fetches_nothing_from_elsewhere() {
    // Its own parts may be named.
    let page = crate::portal::live::PAGE.replace("url(#", "");
    for forbidden in ["http://", "https://", " src=", "@import", "url(", " style=", " onclick", "innerHTML"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}
