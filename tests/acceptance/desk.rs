//! The security manager's desk on a running gateway: rules that only watch, who changed what, and the way back.

use serde_json::Value;

use crate::world::setup::{NEWS, NO_SOCIAL, SOCIAL};
use crate::world::{Answer, Origin, Setup, Wire, World};

#[test]
fn a_rule_that_watches_decides_nothing_and_is_counted_in_metrics_log_and_status() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let mut setup = Setup::default();
    setup.policy += &format!("{NO_SOCIAL}mode = \"watch\"\n");
    setup.policy += "\n[[rule]]\nname = \"as-it-is\"\nto = [\"other\"]\naction = \"allow\"\nmode = \"watch\"\n";
    let world = World::start(&setup);
    for host in [SOCIAL, SOCIAL, NEWS] {
        let answer = Wire::connect(world.proxy()).get(&format!("http://{host}:{}/", origin.port()));
        assert_eq!(answer.status, 200, "{host}");
    }
    let scrape = world.scrape();
    let watched =
        |rule, otherwise| scrape.value("clearway_rule_watched_total", &[("rule", rule), ("otherwise", otherwise)]);
    assert_eq!((watched("no-social", "yes"), watched("no-social", "no")), (2.0, 0.0));
    assert_eq!((watched("as-it-is", "yes"), watched("as-it-is", "no")), (0.0, 1.0));
    assert_eq!(scrape.value("clearway_rule_hits_total", &[("rule", "default")]), 3.0);
    let told = world.command("status").text();
    let row = told.lines().find(|line| line.starts_with("no-social")).unwrap_or_else(|| panic!("{told}"));
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["no-social", "2", "2"]);
    for record in world.finish() {
        let watched = if record.text("host") == SOCIAL { Some(&Value::from(vec!["no-social"])) } else { None };
        assert_eq!(record.0.get("watched"), watched, "{record:?}");
        assert_eq!((record.text("action"), &record.0["rule"]), ("allow", &Value::Null), "{record:?}");
    }
    let traced = world.command(&format!("explain {SOCIAL} --trace")).text();
    assert!(traced.contains("matches, and only watches"), "{traced}");
}
