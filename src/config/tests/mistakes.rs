//! Errors, one at a time and many at once.

use super::world::{GATEWAY, POLICY, World, change, lines};
use crate::config::{Severity, render};

#[test]
fn what_has_no_mistake_has_no_problem() {
    let outcome = World::new(GATEWAY, POLICY).read();
    assert_eq!(lines(&outcome.problems), [""; 0]);
    assert!(outcome.config.is_some());
}

/// A line of the listener.
const STAFF: &str = "name = \"staff\"";

/// The way out and its use, which go together.
const WAN: &str = "egress = \"wan\"\n[egress.wan]";

/// In the gateway's file, each change and what it leads to.
#[test]
fn every_mistake_of_the_gateways_file_is_found_at_its_place() {
    let listener = "\n[[listener]]\nname = \"two\"\naddress = \"0.0.0.0:3128\"\nclients = [\"10.0.0.0/8\"]\n";
    let second = listener.replace("two", "staff").replace("3128", "3129");
    for (from, to, expected) in [
        // keys
        ("name = \"gw1\"", "nmae = \"gw1\"", "2:1 unknown key `nmae` in [gateway]"),
        ("name = \"gw1\"", "", "1:1 [gateway] has no `name`"),
        ("name = \"gw1\"", "name = 1", "2:8 `name` is a number, but must be a name in a string"),
        ("name = \"gw1\"", "name = \"ŵ\"", "2:8 `name` cannot be \"ŵ\": it has a character that no name may have"),
        ("policy = \"policy.toml\"", "policy = \"none.toml\"", "4:10 cannot read \"etc/none.toml\": it does not exist"),
        ("Europe/London", "Europe/Lundon", "3:12 there is no time zone \"Europe/Lundon\""),
        (
            "name = \"gw1\"",
            "name = \"gw1\"\nupgrade_drain = \"soon\"",
            "3:17 `upgrade_drain` cannot be \"soon\": does not begin with a number",
        ),
        (WAN, "\n[egres.wan]", "17:2 unknown key `egres` in clearway.toml"),
        (WAN, "\n[egress.system]", "17:9 `system` is reserved"),
        (WAN, "\n[[egress]]", "17:1 `egress` is a list, but must be a table"),
        (WAN, "\n[egress]", "18:1 `dscp` is no table in [egress]"),
        (WAN, "\n[category.wan]", "17:2 unknown key `category` in clearway.toml"),
        // syntax
        ("dscp = \"LE\"", "dscp = LE", "18:8 not TOML: string values must be quoted"),
        ("dscp = \"LE\"", "dscp = \"LE", "18:11 not TOML: invalid basic string"),
        (WAN, "\n[tube.internet]", "17:7 not TOML: duplicate key"),
        ("[gateway]", "[gateway", "1:9 not TOML: unclosed table"),
        ("[[listener]]", "[[listener]", "6:12 not TOML: unclosed array table"),
        ("[tube.internet]", "[tube.internet", "14:15 not TOML: unclosed table"),
        (
            "dscp = \"LE\"",
            "source = \"http://me:secret@p\"",
            "18:10 `source` cannot be \"http://me:******@p\": it is not an IPv4 or IPv6 address",
        ),
        ("clients = [\"127.0.0.0/8\"]", "clients = [\"127.0.0.0/8\"", "9:11 not TOML: what begins here is not closed"),
        ("name = \"gw1\"", "name = 'gw1", "2:12 not TOML: invalid literal string"),
        ("name = \"gw1\"", "name \"gw1\"", "2:6 not TOML: key with no value"),
        ("name = \"gw1\"", "name =", "2:7 not TOML: no value"),
        ("up = \"20 Mbit/s\" }", "up = \"20 Mbit/s\"", "15:11 not TOML: what begins here is not closed"),
        ("up = \"20 Mbit/s\" }", "up \"20 Mbit/s\" }", "15:36 not TOML: missing assignment between key-value pairs"),
        ("name = \"gw1\"", "name = \"gw1\" x", "2:14 not TOML: unexpected key or value"),
        ("name = \"gw1\"", "name = \"\"\"gw1\"", "2:8 not TOML: the string that begins here is not closed"),
        ("priority = 0", "priority = 0\npriority = 1", "13:1 not TOML: duplicate key"),
        // listeners
        (STAFF, "name = \"staff\"\ntls = true", "8:7 `tls` is true or false, but must be a table"),
        (STAFF, "name = \"staff\"\ntls = { cert = \"a.pem\" }", "8:7 `tls` has no `key`"),
        (STAFF, "name = \"staff\"\ntls = { key = \"a.key\" }", "8:7 `tls` has no `cert`"),
        (
            STAFF,
            "name = \"staff\"\ntls = { cert = 1, key = \"a.key\" }",
            "8:16 `cert` is a number, but must be a path in a string",
        ),
        (STAFF, "name = \"staff\"\ntsl = { cert = \"a.pem\" }", "8:1 unknown key `tsl` in [[listener]]"),
        (
            STAFF,
            "name = \"staff\"\nproxy_protocol = true",
            "8:18 `proxy_protocol` is true or false, but must be a list",
        ),
        (
            STAFF,
            "name = \"staff\"\nproxy_protocol = [\"10.0.0.10/8\"]",
            "8:19 `proxy_protocol` cannot be \"10.0.0.10/8\": it has bits set beyond its prefix",
        ),
        (
            STAFF,
            "name = \"staff\"\nmode = \"transparent\"\nproxy_protocol = [\"10.0.0.10/32\"]",
            "9:19 `proxy_protocol` is for explicit listeners",
        ),
        (
            STAFF,
            "name = \"staff\"\nmode = \"transparent\"\ntls = { cert = \"a.pem\", key = \"a.key\" }",
            "9:7 `tls` is for explicit listeners",
        ),
        ("[[listener]]", "[listener]", "6:1 `listener` must be a list of tables"),
        (
            "127.0.0.1:3128",
            "localhost:3128",
            "8:11 `address` cannot be \"localhost:3128\": it is not an address and port",
        ),
        ("clients = [\"127.0.0.0/8\"]", "clients = []", "9:11 [[listener]] has no `clients`"),
        ("clients = [\"127.0.0.0/8\"]", "", "6:1 [[listener]] has no `clients`"),
        ("127.0.0.0/8", "127.0.0.1/8", "9:12 `clients` cannot be \"127.0.0.1/8\": it has bits set beyond its prefix"),
        ("[\"127.0.0.0/8\"]", "\"127.0.0.0/8\"", "9:11 `clients` is a string, but must be a list"),
        (
            "[tube.clinical]",
            &format!("{listener}[tube.clinical]"),
            "14:11 two listeners on one address: \"0.0.0.0:3128\"",
        ),
        ("[tube.clinical]", &format!("{second}[tube.clinical]"), "13:8 a second listener is named \"staff\""),
        (
            "[egress.wan]",
            "[admin]\naddress = \"127.0.0.1:3128\"\n[egress.wan]",
            "18:11 [admin] and a listener are on one address: \"127.0.0.1:3128\"",
        ),
        (
            "address = \"127.0.0.1:3128\"",
            "mode = \"transparant\"\naddress = \"127.0.0.1:3128\"",
            "8:8 `mode` cannot be \"transparant\"",
        ),
        (
            "address = \"127.0.0.1:3128\"",
            "mode = \"transparent\"\nvia = \"divert\"\naddress = \"127.0.0.1:3128\"",
            "9:7 `via` cannot be \"divert\"",
        ),
        (
            "address = \"127.0.0.1:3128\"",
            "via = \"redirect\"\naddress = \"127.0.0.1:3128\"",
            "8:7 `via` is for transparent listeners",
        ),
        // tubes
        ("priority = 0", "priority = -1", "12:12 `priority` cannot be -1: a number from 0 to 255 is wanted"),
        ("60 Mbit/s", "0 Mbit/s", "15:20 `down` cannot be \"0 Mbit/s\": must be more than zero"),
        ("{ down = \"60 Mbit/s\", up = \"20 Mbit/s\" }", "{ }", "15:11 `ceiling` names neither `down` nor `up`"),
        (
            "{ down = \"60 Mbit/s\", up = \"20 Mbit/s\" }",
            "\"60 Mbit/s\"",
            "15:11 `ceiling` is a string, but must be a table",
        ),
        ("priority = 0", "floor = { }", "12:9 `floor` names neither `down` nor `up`"),
        (
            "20 Mbit/s\" }",
            "20 Mbit/s\" }\nfloor = { down = \"60 Mbit/s\", up = \"21 Mbit/s\" }",
            "16:36 the floor is above the ceiling of the same tube: 21 Mbit/s up does not fit in 20 Mbit/s",
        ),
        ("down = \"60", "dwon = \"60", "15:13 unknown key `dwon` in `ceiling`"),
        ("priority = 0", "egress = \"wn\"", "12:10 there is no egress \"wn\""),
        ("priority = 0", "within = \"internt\"", "12:10 there is no tube \"internt\""),
        ("priority = 0", "share_by = \"person\"", "12:12 `share_by` cannot be \"person\""),
        ("priority = 0", "flows = 0", "12:9 `flows` is 0: the tube would refuse every flow"),
        ("priority = 0", "peak = 1", "12:8 `peak` is a number, but must be a list of tables"),
        ("priority = 0", "peak = [{ when = \"12:00-14:00\" }]", "12:9 `peak` has no `ceiling`"),
        (
            "priority = 0",
            "peak = [{ when = \"12-14\", ceiling = { up = \"1 Mbit/s\" } }]",
            "12:18 `when` cannot be \"12-14\": a time of day is HH:MM from 00:00 to 24:00",
        ),
        (
            "priority = 0",
            "within = \"internet\"\n[tube.c]\nwithin = \"d\"\n[tube.d]\nwithin = \"c\"",
            "14:10 `within` goes in a circle: c in d in c",
        ),
        // telemetry
        (
            "dscp = \"LE\"",
            "[telemetry]\notlp = \"https://c.example:4318\"",
            "19:8 `otlp` cannot be \"https://c.example:4318\": a collector is reached over plain http://",
        ),
        (
            "dscp = \"LE\"",
            "[telemetry]\notlp = \"http://c.example:0\"",
            "19:8 `otlp` cannot be \"http://c.example:0\": a port is a number from 1 to 65535",
        ),
        ("dscp = \"LE\"", "[telemetry]\nmetrics = true", "19:1 unknown key `metrics` in [telemetry]"),
        // log
        ("dscp = \"LE\"", "[log]\nlevel = \"infos\"", "19:9 `level` cannot be \"infos\""),
        ("dscp = \"LE\"", "[log]\nproces = \"-\"", "19:1 unknown key `proces` in [log]"),
        // link
        (
            "dscp = \"LE\"",
            "[link]\nup = \"40 Mbit/s\"\nrest = { up = \"41 Mbit/s\" }",
            "20:15 `rest` is more than the link: 41 Mbit/s up does not fit in 40 Mbit/s",
        ),
        (
            "dscp = \"LE\"",
            "[link]\nprobe = \"0.0.0.0\"",
            "19:9 the probe 0.0.0.0 cannot be timed: it is no machine's address",
        ),
        (
            "dscp = \"LE\"",
            "[link]\nprobe = \"ff02::1\"",
            "19:9 the probe ff02::1 cannot be timed: it is a group's address",
        ),
        (
            "dscp = \"LE\"",
            "[link]\nprobe = \"fe80::1\"",
            "19:9 the probe fe80::1 cannot be timed: it is of one interface alone, which cannot be named here",
        ),
        (
            "dscp = \"LE\"",
            "[link]\nprobe = \"router.example\"",
            "19:9 `probe` cannot be \"router.example\": it is not an IPv4 or IPv6 address",
        ),
        // egress
        (
            "dscp = \"LE\"",
            "dscp = 64",
            "18:8 `dscp` cannot be 64: a name (LE, EF, VA, DF, CS0 to CS7, AF11 to AF43) or a number from 0 to 63 is wanted",
        ),
        ("dscp = \"LE\"", "source = [\"10.0.0.1\", \"10.0.0.2\"]", "18:23 `source` has two addresses of one family"),
        (
            "dscp = \"LE\"",
            "interface = \"a name far too long\"",
            "18:13 `interface` cannot be \"a name far too long\": it is no name of an interface",
        ),
        (
            "dscp = \"LE\"",
            "fwmark = 4294967296",
            "18:10 `fwmark` cannot be 4294967296: a number from 0 to 4294967295 is wanted",
        ),
        (
            "dscp = \"LE\"",
            "parent = \"socks5://p:1\"",
            "18:10 `parent` cannot be read: a parent is reached over plain http://",
        ),
        (
            "dscp = \"LE\"",
            "parent = \"http://u:%zz@p:1\"",
            "18:10 `parent` cannot be read: user or password is not percent-encoded UTF-8",
        ),
        (
            "dscp = \"LE\"",
            "parent = \"http://127.0.0.1:3128\"",
            "18:10 the parent of egress `wan` is this gateway's own listener `staff`",
        ),
        (
            "dscp = \"LE\"",
            "parent = \"http://gw.example:3128\"\n[dns]\nhosts = { \"gw.example\" = [\"192.0.2.1\", \"127.0.0.1\"] }\n[guard]\ndeny = []",
            "18:10 the parent of egress `wan` is this gateway's own listener `staff`",
        ),
        (
            "dscp = \"LE\"",
            "fwmark = 1\ninterface = \"a\"\nnext_hop = [\"192.0.2.1\", \"192.0.2.2\"]",
            "20:26 `next_hop` has two addresses of one family",
        ),
        ("dscp = \"LE\"", "fwmark = 1\ninterface = \"a\"\nnext_hop = \"::\"", "20:12 :: is no router"),
        (
            "dscp = \"LE\"",
            "fwmark = 1\nnext_hop = \"192.0.2.1\"",
            "19:12 `next_hop` has no effect without `fwmark` and `interface`",
        ),
        ("dscp = \"LE\"", "connect_timeout = \"0 s\"", "18:19 `connect_timeout` is 0: no connection could be made"),
        // dns and guard
        (
            "[egress.wan]",
            "[dns]\nservers = [\"dns\"]\n[egress.wan]",
            "18:12 `servers` cannot be \"dns\": it is not an address, with or without a port",
        ),
        (
            "[egress.wan]",
            "[dns]\nhosts = { a = \"b\" }\n[egress.wan]",
            "18:15 `hosts` cannot be \"b\": it is not an IPv4 or IPv6 address",
        ),
        (
            "[egress.wan]",
            "[dns]\nhosts = { a.b = \"192.0.2.1\" }\n[egress.wan]",
            "18:11 `hosts` is a table, but must be an address or a list of them",
        ),
        ("[egress.wan]", "[dns]\nhosts = { a = [] }\n[egress.wan]", "18:15 \"a\" has no address"),
        ("[egress.wan]", "[guard]\nports = []\n[egress.wan]", "18:9 `ports` is empty: every request would be refused"),
        (
            "[egress.wan]",
            "[guard]\nports = [0]\n[egress.wan]",
            "18:10 `ports` cannot be 0: a port is a number from 1 to 65535",
        ),
        // pac
        ("[egress.wan]", "[pac]\nif_down = \"dircet\"\n[egress.wan]", "18:11 `if_down` cannot be \"dircet\""),
        (
            "[egress.wan]",
            "[pac]\nname = \"http://gw:1\"\n[egress.wan]",
            "18:8 `name` cannot be \"http://gw:1\": it is a URL: name the gateway alone, with a port or without",
        ),
        (
            "[egress.wan]",
            "[pac]\ndirect = [\"10.1.0.0/8\"]\n[egress.wan]",
            "18:11 `direct` cannot be \"10.1.0.0/8\": has bits set beyond its prefix; the network is 10.0.0.0/8",
        ),
        (
            "[egress.wan]",
            "[pac]\ndirect = [\"a b\"]\n[egress.wan]",
            "18:11 `direct` cannot be \"a b\": it has a character that no host name has",
        ),
        (
            "[egress.wan]",
            "[guard]\nports = [\"90-80\"]\n[egress.wan]",
            "18:10 `ports` cannot be \"90-80\": the range ends before it begins",
        ),
    ] {
        let outcome = World::new(change(GATEWAY, from, to), POLICY).read();
        let expected = format!("error clearway.toml:{expected}");
        assert_eq!(lines(&outcome.problems), [expected], "{to}\n{}", render(&outcome.problems, false));
        assert!(outcome.config.is_none());
    }
}

/// In the policy, each change and what it leads to.
#[test]
fn every_mistake_of_the_policy_is_found_at_its_place() {
    let rule = |text: &str| format!("[[rule]]\nname = \"r\"\naction = \"block\"\n{text}\n[group.team]");
    let test = |text: &str| format!("[[test]]\ntarget = \"nhs.uk\"\n{text}\n[group.team]");
    for (from, to, expected) in [
        ("default = \"allow\"", "", "1:1 policy.toml has no `default`"),
        ("default = \"allow\"", "default = \"deny\"", "1:11 `default` cannot be \"deny\""),
        ("default = \"allow\"", "bank-holidays = [2026-02-30]\ndefault = \"allow\"", "1:18 not TOML: invalid date"),
        (
            "default = \"allow\"",
            "bank-holidays = [\"25 Dec\"]\ndefault = \"allow\"",
            "1:18 `bank-holidays` cannot be \"25 Dec\": it is not a day, written year-month-day",
        ),
        (
            "default = \"allow\"",
            "bank_holidays = []\ndefault = \"allow\"",
            "1:1 unknown key `bank_holidays` in policy.toml",
        ),
        ("[group.team]", "[tube.x]\n[group.team]", "12:2 unknown key `tube` in policy.toml"),
        // categories
        ("\"internet\"", "\"internal\"", "9:8 there is no tube \"internal\""),
        ("protected = true", "protected = \"yes\"", "5:13 `protected` is a string, but must be true or false"),
        ("facebook.com", "*.facebook.com", "10:12 `domains` cannot be \"*.facebook.com\": it has a wildcard"),
        (
            "facebook.com",
            "https://facebook.com/",
            "10:12 `domains` cannot be \"https://facebook.com/\": it has a scheme",
        ),
        ("facebook.com", "facebook.com:443", "10:12 `domains` cannot be \"facebook.com:443\": it has a port"),
        ("facebook.com", "10.0.0.0/8", "10:12 `domains` cannot be \"10.0.0.0/8\": it is an address, not a name"),
        (
            "domains = [\"facebook.com\"]",
            "networks = [\"facebook.com\"]",
            "10:13 `networks` cannot be \"facebook.com\": it is not an address or network",
        ),
        (
            "[group.team]",
            "[category.other]\ndomains = [\"a.uk\"]\n[group.team]",
            "13:1 unknown key `domains` in [category.other]",
        ),
        (
            "[group.team]",
            "[category.\"a\\\"b\"]\ntube = \"internet\"\n[group.team]",
            "12:11 \"a\"b\" is no name: it has a character that no name may have",
        ),
        // lists
        ("domains = [\"facebook.com\"]", "lists = [\"a.txt\"]", "10:10 `lists` is a string, but must be a table"),
        (
            "domains = [\"facebook.com\"]",
            "lists = [{ path = \"a.txt\", format = \"plain\" }]",
            "10:19 cannot read \"etc/a.txt\": it does not exist",
        ),
        (
            "domains = [\"facebook.com\"]",
            "lists = [{ path = \"ok.txt\", format = \"m365\" }]",
            "10:19 cannot read \"etc/ok.txt\": it is not as Microsoft gives it: expected value at line 1 column 1",
        ),
        (
            "domains = [\"facebook.com\"]",
            "lists = [{ path = \"ok.txt\", format = \"plane\" }]",
            "10:38 `format` cannot be \"plane\"",
        ),
        ("domains = [\"facebook.com\"]", "lists = [{ path = \"ok.txt\" }]", "10:10 `lists` has no `format`"),
        // rules
        ("[group.team]", "[[rule]]\naction = \"block\"\n[group.team]", "12:1 [[rule]] has no `name`"),
        ("[group.team]", "[[rule]]\nname = \"r\"\n[group.team]", "12:1 [[rule]] has no `action`"),
        (
            "[group.team]",
            "[[rule]]\nname = \"default\"\naction = \"block\"\n[group.team]",
            "13:8 `default` is reserved",
        ),
        ("[group.team]", &rule("to = [\"socail\"]"), "15:7 there is no category \"socail\""),
        ("[group.team]", &rule("to = []"), "15:6 `to` is empty, so it is not said what matches"),
        ("[group.team]", &rule("from = [\"teem\"]"), "15:9 there is no group \"teem\""),
        ("[group.team]", &rule("tube = \"x\""), "15:8 there is no tube \"x\""),
        (
            "[group.team]",
            &rule("when = [\"12:00-14:00\", \"Sun\"]"),
            "15:24 `when` cannot be \"Sun\": needs hours such as 12:00-14:00",
        ),
        (
            "[group.team]",
            &rule("expires = 2027-03-31T00:00:00Z"),
            "15:11 `expires` cannot be 2027-03-31T00:00:00Z: a day is wanted, without a time",
        ),
        ("[group.team]", &rule("reason = 1"), "15:10 `reason` is a number, but must be a text or { en, cy }"),
        ("[group.team]", &rule("reason = { de = \"x\" }"), "15:10 `reason` says nothing"),
        (
            "[group.team]",
            &rule("[[rule]]\nname = \"r\"\naction = \"block\"\nfrom = [\"team\"]"),
            "16:8 a second rule is named \"r\"",
        ),
        // tests
        ("[group.team]", "[[test]]\nexpect = { action = \"allow\" }\n[group.team]", "12:1 [[test]] has no `target`"),
        ("[group.team]", &test(""), "12:1 [[test]] has no `expect`"),
        ("[group.team]", &test("expect = {}"), "14:10 `expect` expects nothing, so the test could not fail"),
        ("[group.team]", &test("expect = { rule = \"r\" }"), "14:19 there is no rule \"r\""),
        (
            "[group.team]",
            &test("expect = { egress = \"lan\", category = \"other\" }"),
            "14:21 there is no egress \"lan\"",
        ),
        (
            "[group.team]",
            &test("expect = { action = \"allow\" }\nfrom = \"staff\""),
            "15:8 `from` cannot be \"staff\": it is not an IPv4 or IPv6 address",
        ),
        (
            "[group.team]",
            &test("expect = { action = \"allow\" }\nat = \"12:30\""),
            "15:6 `at` cannot be \"12:30\": it is neither `now` nor a day and a time",
        ),
    ] {
        let outcome = World::new(GATEWAY, change(POLICY, from, to)).with("etc/ok.txt", "a.example\n").read();
        let errors: Vec<_> =
            outcome.problems.into_iter().filter(|problem| problem.severity == Severity::Error).collect();
        // `reason = { de = .. }` has an unknown key too, one column on.
        let found = lines(&errors);
        assert_eq!(found[0], format!("error policy.toml:{expected}"), "{to}");
        assert_eq!(found.len(), if to.contains("de = ") { 2 } else { 1 }, "{to}: {found:#?}");
    }
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
