//! What hints say.

use super::world::{GATEWAY, POLICY, World, change, lines};

#[test]
fn hints_say_what_to_write() {
    for (from, to, hint) in [
        ("share_by", "share_by = \"cleint\"", "did you mean `client`? allowed: `client`, `user` and `flow`"),
        ("key", "celing = 1", "did you mean `ceiling`?"),
        (
            "key",
            "colour = 1",
            "allowed here: `within`, `priority`, `ceiling`, `floor`, `share_by`, `flows`, `egress` and `peak`",
        ),
        ("ceiling", "ceiling = 5", "write it as `ceiling = { down = \"20 Mbit/s\", up = \"8 Mbit/s\" }`"),
        ("egress", "egress = \"wann\"", "did you mean `wan`?"),
        ("egress", "egress = \"satellite\"", "the egresses are `wan` and `system`"),
        ("priority", "priority = \"0\"", "for example `priority = 1`"),
    ] {
        let outcome = World::new(change(GATEWAY, "priority = 0", to), POLICY).read();
        assert_eq!(outcome.problems[0].hint, hint, "{from}");
    }
}

#[test]
fn a_hint_shows_the_value_where_it_belongs() {
    let rule = |text: &str| format!("{POLICY}[[rule]]\nname = \"r\"\naction = \"block\"\n{text}\n");
    for (policy, hint) in [
        (format!("bank-holidays = 2027-03-31\n{POLICY}"), "write `bank-holidays = [2027-03-31]`"),
        (format!("bank-holidays = \"Easter\"\n{POLICY}"), "for example `bank-holidays = [2027-03-31]`"),
        (format!("bank-holidays = [\"Easter\"]\n{POLICY}"), "for example `bank-holidays = [2027-03-31]`"),
        (rule("expires = \"Easter\""), "for example `expires = 2027-03-31`"),
        (rule("category = [\"social\"]"), "did you mean `to`?"),
        (
            rule("reason = 3"),
            "write it as `reason = \"..\"`, or in both languages as `reason = { en = \"..\", cy = \"..\" }`",
        ),
        (
            format!("{POLICY}[[test]]\ntarget = \"nhs.uk\"\nexpect = \"allow\"\n"),
            "write it as `expect = { action = \"allow\", tube = \"clinical\" }`",
        ),
    ] {
        let outcome = World::new(GATEWAY, policy).read();
        assert_eq!(outcome.problems[0].hint, hint, "{:#?}", lines(&outcome.problems));
    }
    for (more, hint) in [
        ("[dns]\nhosts = \"192.0.2.1\"", "write it as `hosts = { \"intranet.example\" = \"192.0.2.1\" }`"),
        ("[dns]\nhosts = { a = \"b\" }", "for example `hosts = { \"intranet.example\" = \"192.0.2.1\" }`"),
        ("[dns]\nhosts = { a = 1 }", "for example `hosts = { \"intranet.example\" = \"192.0.2.1\" }`"),
        ("[dns]\nservers = \"192.0.2.53\"", "write `servers = [\"192.0.2.53\"]`"),
        ("[guard]\nports = 443", "write `ports = [443]`"),
        ("[guard]\ndeny = \"10.0.0.1/8\"", "for example `deny = [\"10.4.0.0/16\"]`"),
        ("[link]\ndown = \"40 MBit/s\"", "write `\"40 Mbit/s\"`"),
        ("connect_timeout = \"30sec\"", "write `\"30 s\"`"),
    ] {
        let outcome = World::new(format!("{GATEWAY}{more}\n"), POLICY).read();
        assert_eq!(outcome.problems[0].hint, hint, "{:#?}", lines(&outcome.problems));
    }
}
