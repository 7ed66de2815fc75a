//! Mistakes of the gateway's file, one at a time.

use crate::config::render;
use crate::config::tests::world::{GATEWAY, POLICY, World, change, lines};

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
