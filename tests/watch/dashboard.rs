//! The dashboard as a file: what each panel asks for, and whether Grafana could draw it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::prometheus::shipped;

/// A query of a panel.
#[derive(Clone, Debug)]
pub struct Query {
    /// The panel's title.
    pub panel: String,
    /// Which of its queries.
    pub letter: String,
    /// The expression as it is shipped.
    pub expression: String,
}

impl Query {
    /// The expression as Grafana sends it for all gateways, with both spans of time set to this many milliseconds.
    pub fn over(&self, milliseconds: u64) -> String {
        let span = format!("{milliseconds}ms");
        let text = self.expression.replace("$__rate_interval", &span).replace("$__range", &span);
        let text = text.replace("$instance", ".+");
        assert!(!text.contains('$'), "a variable that no test knows: {text}");
        text
    }
}

/// The dashboard.
pub fn dashboard() -> Value {
    serde_json::from_str(&shipped("grafana/clearway.json")).unwrap()
}

/// Its panels, without the lines between them.
pub fn panels(dashboard: &Value) -> Vec<Value> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels.filter(|panel| panel["type"] != "row").cloned().collect()
}

/// All queries, in the order in which they are seen.
pub fn queries(dashboard: &Value) -> Vec<Query> {
    let of = |panel: Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| Query {
            panel: title.clone(),
            letter: target["refId"].as_str().unwrap().to_owned(),
            expression: target["expr"].as_str().unwrap().to_owned(),
        })
    };
    panels(dashboard).into_iter().flat_map(of).collect()
}

#[test]
fn every_panel_has_a_place_of_its_own_and_says_what_it_shows() {
    let dashboard = dashboard();
    let (mut ids, mut titles, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is another's");
        assert!(titles.insert(title), "{title}: twice");
        let grid = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(grid("x") + grid("w") <= 24 && grid("w") > 0 && grid("h") > 0, "{title}: beyond the grid");
        for x in grid("x")..grid("x") + grid("w") {
            for y in grid("y")..grid("y") + grid("h") {
                assert!(taken.insert((x, y)), "{title}: lies over another at {x}, {y}");
            }
        }
    }
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title}: no description");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}: no unit");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expression = target["expr"].as_str().unwrap();
            let of_one_gateway = expression.contains("instance=~\"$instance");
            assert!(of_one_gateway, "{title}: not of the gateway that was chosen: {expression}");
        }
    }
    let rows: Vec<&str> = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|panel| panel["type"] == "row")
        .map(|row| row["title"].as_str().unwrap())
        .collect();
    assert_eq!(
        rows,
        ["Is clinical clear?", "Who fills the link?", "What waits?", "What is refused?", "Is the gateway well?"]
    );
    let variables: Vec<&str> =
        dashboard["templating"]["list"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(variables, ["datasource", "instance"]);
}
