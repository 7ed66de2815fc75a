//! A gateway as tests of what shows it have it: it runs well, and nobody uses it.

use super::view::{AdmissionView, LinkView, RefusedView, Status, TubeView, WayView};

/// The gateway.
pub fn status() -> Status {
    Status {
        name: "gw1".into(),
        version: "0.1.0".into(),
        generation: 3,
        started: "2026-11-24T08:00:00Z".parse().unwrap(),
        uptime_seconds: 16_200,
        draining: false,
        config: Vec::new(),
        listeners: Vec::new(),
        link: LinkView::default(),
        flows: [].into(),
        admission_waiting: 0,
        refused: RefusedView::default(),
        watching: Vec::new(),
        refused_lists: Vec::new(),
        failing_egresses: Vec::new(),
        lapsing: Vec::new(),
        last_reload: None,
        pid: 4242,
        before: None,
    }
}

/// A tube of it that is not used.
pub fn tube(name: &str, within: Option<&str>, priority: u8) -> TubeView {
    TubeView {
        tube: name.to_owned(),
        within: within.map(str::to_owned),
        priority,
        down: WayView::default(),
        up: WayView::default(),
        flows: 0,
        waiting: 0,
        admission: AdmissionView::default(),
        refused: RefusedView::default(),
        peak: None,
    }
}
