//! Errors: one at a time for each file, and here many at once, and of whole files.

mod gateway;
mod policy;

use super::world::{GATEWAY, POLICY, World, change, lines};
use crate::config::render;

#[test]
fn what_has_no_mistake_has_no_problem() {
    let outcome = World::new(GATEWAY, POLICY).read();
    assert_eq!(lines(&outcome.problems), [""; 0]);
    assert!(outcome.config.is_some());
}

#[test]
fn a_file_with_many_different_mistakes_has_them_all_reported_at_once() {
    let gateway = r#"[gateway]
name = "gw1"
timezone = "Europe/Londn"
polcy = "policy.toml"
policy = "policy.toml"

[[listener]]
name = "staff"
address = "127.0.0.1"
client = ["127.0.0.0/8"]

[tube.clinical]
priority = zero

[tube.internet]
ceiling = { down = "60 Mb/s", up = 20 }
within = "internet"
share_by = "clients"
peak = [{ when = "Mon-Fry 12:00-14:00", ceiling = "20 Mbit/s" }]
egress = "lan"

[egress.wan]
dscp = "LX"
parent = "https://me:secret@proxy.example:80"

[link
down = "1 Gbit/s"
"#;
    let policy = "default = \"permit\"\n\
        [category.clinical]\ntube = \"clinicl\"\ndomains = [\"Ysbyty.cymru\", \"*.wales.nhs.uk\",\n  5]\n\
        [[rule]]\nname = \"a\"\nto = [\"clincal\"]\nexpires = 2026-13-01\naction = \"alow\"\n";
    let outcome = World::new(gateway, policy).read();
    assert_eq!(
        lines(&outcome.problems),
        [
            "error clearway.toml:3:12 there is no time zone \"Europe/Londn\"",
            "error clearway.toml:4:1 unknown key `polcy` in [gateway]",
            "error clearway.toml:9:11 `address` cannot be \"127.0.0.1\": it is not an address and port",
            "error clearway.toml:10:1 unknown key `client` in [[listener]]",
            "error clearway.toml:13:12 not TOML: string values must be quoted",
            "error clearway.toml:16:20 `down` cannot be \"60 Mb/s\": the unit must be one of bit/s, kbit/s, Mbit/s, Gbit/s",
            "error clearway.toml:16:36 `up` is a number, but must be a rate in a string",
            "error clearway.toml:17:10 `within` goes in a circle: internet in internet",
            "error clearway.toml:18:12 `share_by` cannot be \"clients\"",
            "error clearway.toml:19:18 `when` cannot be \"Mon-Fry 12:00-14:00\": a day is one of Mon, Tue, Wed, Thu, Fri, Sat, Sun",
            "error clearway.toml:19:51 `ceiling` is a string, but must be a table",
            "error clearway.toml:20:10 there is no egress \"lan\"",
            "error clearway.toml:23:8 `dscp` cannot be \"LX\": a name (LE, EF, VA, DF, CS0 to CS7, AF11 to AF43) or a number from 0 to 63 is wanted",
            "error clearway.toml:24:10 `parent` cannot be read: a parent is reached over plain http://",
            "error clearway.toml:26:6 not TOML: unclosed table",
            "error policy.toml:1:11 `default` cannot be \"permit\"",
            "error policy.toml:3:8 there is no tube \"clinicl\"",
            "error policy.toml:4:28 `domains` cannot be \"*.wales.nhs.uk\": it has a wildcard",
            "error policy.toml:5:3 `domains` is a number, but must be a name in a string",
            "error policy.toml:8:7 there is no category \"clincal\"",
            "error policy.toml:9:11 not TOML: invalid date",
            "error policy.toml:10:10 `action` cannot be \"alow\"",
        ]
    );
    assert!(!render(&outcome.problems, false).contains("secret"), "a password must not reach a log");
}

#[test]
fn a_mistake_of_syntax_brings_no_others_with_it() {
    let doubled = format!("{POLICY}[group.team]\nclients = [\"10.5.0.0/16\"]\nusers = [\"rhian\"]\n");
    let outcome = World::new(GATEWAY, doubled).read();
    assert_eq!(lines(&outcome.problems), ["error policy.toml:14:8 not TOML: duplicate key"]);
    // The clinical category would have no entry, the list would take a protected name, the rules would cover others.
    let broken = change(POLICY, "[\"wales.nhs.uk\"]", "wales.nhs.uk");
    let broken = change(&broken, "domains = [\"facebook.com\"]", "domains = [\"uk\"]")
        + "[category.idle]\n[[rule]]\nname = \"a\"\naction = \"block\"\n[[rule]]\nname = \"b\"\naction = \"block\"\n";
    let outcome = World::new(GATEWAY, broken).read();
    assert_eq!(lines(&outcome.problems), ["error policy.toml:6:11 not TOML: string values must be quoted"]);
    // As if it said nothing, the inner tube would have priority 1.
    let gateway = change(GATEWAY, "egress = \"wan\"\n", "priority = 2\n");
    let gateway = format!("{gateway}[tube.inner]\nwithin = \"internet\"\npriority = low\n");
    let outcome = World::new(gateway, POLICY).read();
    assert_eq!(lines(&outcome.problems), ["error clearway.toml:21:12 not TOML: string values must be quoted"]);
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let outcome = World::default().read();
    assert_eq!(
        lines(&outcome.problems),
        ["error clearway.toml:1:1 cannot read \"etc/clearway.toml\": it does not exist"]
    );
    assert_eq!(
        render(&outcome.problems, false),
        "error: cannot read \"etc/clearway.toml\": it does not exist\n--> etc/clearway.toml:1:1\n = hint: is the path right? It should lead to the file of a gateway, `clearway.toml`; `--help` says how to name it\n\n"
    );
    let mut bad = GATEWAY.as_bytes().to_vec();
    bad.extend(b"# caf\xe9\n");
    let outcome = World::new(bad, POLICY).read();
    assert_eq!(
        lines(&outcome.problems),
        ["error clearway.toml:19:6 the file is not UTF-8: this character cannot be read"]
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let outcome = World::new(windows(GATEWAY), windows(POLICY)).read();
    assert_eq!(lines(&outcome.problems), [""; 0]);
    let gateway = windows(&change(GATEWAY, "[gateway]", "gatewy = 1\n[gateway]"));
    let outcome = World::new(gateway, windows(POLICY)).read();
    assert_eq!(lines(&outcome.problems), ["error clearway.toml:1:1 unknown key `gatewy` in clearway.toml"]);
}

#[test]
fn columns_count_characters() {
    let policy = change(POLICY, "[\"facebook.com\"]", "[\"bücher.cymru\", \"ŵ b\", \"*.x.uk\"]");
    let outcome = World::new(GATEWAY, policy).read();
    assert_eq!(
        lines(&outcome.problems),
        [
            "error policy.toml:10:28 `domains` cannot be \"ŵ b\": it has white space inside",
            "error policy.toml:10:35 `domains` cannot be \"*.x.uk\": it has a wildcard",
        ]
    );
    let shown = render(&outcome.problems, false);
    assert!(shown.contains("--> etc/policy.toml:10:28\n") && shown.contains("--> etc/policy.toml:10:35\n"), "{shown}");
}

#[test]
fn a_problem_is_rendered_with_its_line_and_an_arrow() {
    let outcome = World::new(change(GATEWAY, "60 Mbit/s", "60 Mb/s"), POLICY).read();
    assert_eq!(
        render(&outcome.problems, false),
        r#"error: `down` cannot be "60 Mb/s": the unit must be one of bit/s, kbit/s, Mbit/s, Gbit/s
  --> etc/clearway.toml:15:20
   |
15 | ceiling = { down = "60 Mb/s", up = "20 Mbit/s" }
   |                    ^^^^^^^^^
   |
   = hint: write `"60 Mbit/s"`

"#
    );
    assert_eq!(
        serde_json::to_string(&outcome.problems[0]).unwrap(),
        r#"{"severity":"error","file":"etc/clearway.toml","line":15,"column":20,"message":"`down` cannot be \"60 Mb/s\": the unit must be one of bit/s, kbit/s, Mbit/s, Gbit/s","hint":"write `\"60 Mbit/s\"`"}"#
    );
}
