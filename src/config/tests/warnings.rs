//! What is legal and surely wrong.

use super::world::{GATEWAY, POLICY, World, change, lines};

pub(super) fn warnings(gateway: &str, policy: &str, list: &str) -> Vec<String> {
    let outcome = World::new(gateway, policy).with("etc/list.txt", list).read();
    assert!(outcome.config.is_some(), "{:#?}", lines(&outcome.problems));
    lines(&outcome.problems)
}

/// The policy with its social media in a tube of that name.
fn in_social() -> String {
    change(POLICY, "tube = \"internet\"", "tube = \"social\"")
}

#[test]
fn doors_that_stand_open_to_everybody_are_named() {
    for (from, to, expected) in [
        (
            "[\"127.0.0.0/8\"]",
            "[\"10.0.0.0/8\", \"0.0.0.0/0\", \"::/0\"]",
            vec![
                "9:26 0.0.0.0/0 is everybody: anyone who reaches this address may use the gateway",
                "9:39 ::/0 is everybody: anyone who reaches this address may use the gateway",
            ],
        ),
        ("[\"127.0.0.0/8\"]", "[\"0.0.0.0/1\", \"::/1\"]", vec![]),
        (
            "name = \"staff\"",
            "name = \"staff\"\nproxy_protocol = [\"10.0.0.10/32\", \"::/0\"]",
            vec!["8:35 ::/0 is everybody: anyone can say that a connection is somebody else's"],
        ),
        (
            "[egress.wan]",
            "[admin]\naddress = \"0.0.0.0:9128\"\n[egress.wan]",
            vec!["18:11 [admin] listens on every address of this machine, and it has no login: 0.0.0.0:9128"],
        ),
        (
            "[egress.wan]",
            "[admin]\naddress = \"[::]:9128\"\n[egress.wan]",
            vec!["18:11 [admin] listens on every address of this machine, and it has no login: [::]:9128"],
        ),
        ("[egress.wan]", "[admin]\naddress = \"192.0.2.1:9128\"\n[egress.wan]", vec![]),
    ] {
        let expected: Vec<_> = expected.iter().map(|line| format!("warning clearway.toml:{line}")).collect();
        assert_eq!(warnings(&change(GATEWAY, from, to), POLICY, ""), expected, "{to}");
    }
}

#[test]
fn a_tube_on_a_rule_that_blocks_is_named() {
    let rule = |action: &str| format!("{POLICY}[[rule]]\nname = \"r\"\naction = \"{action}\"\ntube = \"clinical\"\n");
    let found = warnings(GATEWAY, &rule("block"), "");
    assert_eq!(found, ["warning policy.toml:17:8 `tube` has no effect in rule `r`, which blocks"]);
    assert!(warnings(GATEWAY, &rule("allow"), "").is_empty());
}

#[test]
fn tubes_and_ways_out_that_nothing_uses_are_named() {
    let gateway = format!("{GATEWAY}[tube.idle]\n[egress.spare]\n");
    let expected = [
        "warning clearway.toml:19:7 nothing flows through tube `idle`: no category and no rule names it",
        "warning clearway.toml:20:9 nothing leaves by egress `spare`: no tube names it",
    ];
    assert_eq!(warnings(&gateway, POLICY, ""), expected);
    // By a rule, by the category of what is in none, for lying around another; and the last of the link has `other`.
    let lift = "[[rule]]\nname = \"r\"\naction = \"allow\"\nto = [\"social\"]\nfrom = [\"team\"]\ntube = \"idle\"\n";
    assert_eq!(warnings(&gateway, &format!("{POLICY}{lift}"), ""), expected[1..]);
    let other = "[category.other]\ntube = \"idle\"\n";
    assert_eq!(warnings(&gateway, &format!("{POLICY}{other}"), ""), expected[1..]);
    let around = format!("{GATEWAY}[tube.idle]\n[tube.social]\nwithin = \"idle\"\n");
    assert!(warnings(&around, &in_social(), "").is_empty());
    assert!(warnings(&format!("{GATEWAY}[tube.last]\npriority = 9\n"), POLICY, "").is_empty());
    // Where there is a mistake, its name may be the one.
    let outcome = World::new(gateway, change(POLICY, "tube = \"internet\"", "tube = \"idl\"")).read();
    assert_eq!(lines(&outcome.problems), ["error policy.toml:9:8 there is no tube \"idl\""]);
}

#[test]
fn a_priority_that_holds_only_inside_another_tube_is_named() {
    for (outer, inner, expected) in [
        ("priority = 2", "priority = 1", "is served first only within tube `internet`, which comes later"),
        // The default, which nobody wrote, is 1.
        ("priority = 2", "", "is served first only within tube `internet`, which comes later"),
        ("priority = 2", "priority = 2", ""),
        ("priority = 2", "priority = 3", ""),
        ("ceiling = { up = \"20 Mbit/s\" }", "priority = 0", "waits all the same for the ceiling of tube `internet`"),
        (
            "peak = [{ when = \"12:00-13:00\", ceiling = { up = \"20 Mbit/s\" } }]",
            "priority = 0",
            "waits all the same for the ceiling of tube `internet`",
        ),
        // Clear is never held back, however deep it lies.
        ("priority = 2", "priority = 0", ""),
    ] {
        let gateway = change(GATEWAY, "ceiling = { down = \"60 Mbit/s\", up = \"20 Mbit/s\" }", outer);
        let gateway = format!("{gateway}[tube.social]\nwithin = \"internet\"\n{inner}\n");
        let found = warnings(&gateway, &in_social(), "");
        let place = if inner.is_empty() { "20:10" } else { "21:12" };
        match (expected, found.as_slice()) {
            ("", []) => {}
            (said, [one]) if !said.is_empty() => {
                assert!(
                    one.starts_with(&format!("warning clearway.toml:{place} tube `social` has priority ")),
                    "{one}"
                );
                assert!(one.ends_with(said), "{one}");
            }
            _ => panic!("{outer} {inner}: {found:#?}"),
        }
    }
}

#[test]
fn a_parent_elsewhere_is_no_listener_of_this_gateway() {
    for (address, parent, own) in [
        ("127.0.0.1:3128", "127.0.0.1:3129", false),
        ("127.0.0.1:3128", "127.0.0.2:3128", false),
        ("127.0.0.1:3128", "0.0.0.0:3128", true),
        ("192.0.2.1:3128", "192.0.2.1:3128", true),
        ("192.0.2.1:3128", "127.0.0.1:3128", false),
        ("0.0.0.0:3128", "127.1.2.3:3128", true),
        ("0.0.0.0:3128", "192.0.2.1:3128", false),
        ("0.0.0.0:3128", "[::1]:3128", false),
        ("[::]:3128", "[::1]:3128", true),
        ("127.0.0.1:80", "127.0.0.1", true),
        ("127.0.0.1:3128", "proxy.example:3128", false),
    ] {
        let gateway = change(GATEWAY, "127.0.0.1:3128", address) + &format!("parent = \"http://{parent}\"\n");
        let outcome = World::new(gateway, POLICY).read();
        assert_eq!(outcome.count(), (usize::from(own), 0), "{address} {parent}: {:#?}", lines(&outcome.problems));
    }
}

#[test]
fn rules_that_do_nothing_are_named() {
    let block = |name: &str, more: &str| format!("[[rule]]\nname = \"{name}\"\naction = \"block\"\n{more}\n");
    for (rules, expected) in [
        // The first covers the second, which is narrower in every way.
        (
            block("a", "to = [\"social\"]")
                + &block("b", "to = [\"social\"]\nfrom = [\"team\"]\nwhen = \"12:00-14:00\""),
            vec!["19:8 rule `b` can never match"],
        ),
        // Two together cover a third.
        (
            block("a", "to = [\"social\"]")
                + &block("b", "to = [\"clinical\"]")
                + &block("c", "to = [\"clinical\", \"social\"]"),
            vec!["23:8 rule `c` can never match"],
        ),
        // Wider in one way: not covered.
        (block("a", "when = \"09:00-12:00\"") + &block("b", "to = [\"social\"]\nwhen = \"09:00-13:00\""), vec![]),
        (block("a", "to = [\"social\"]\nfrom = [\"team\"]") + &block("b", "to = [\"social\"]"), vec![]),
        // An exception that ends gives way some day; one that has ended covers nothing.
        (block("a", "to = [\"social\"]\nexpires = 2027-01-01") + &block("b", "to = [\"social\"]"), vec![]),
        (
            block("a", "expires = 2026-11-23") + &block("b", "expires = 2026-11-22"),
            vec![
                "17:11 rule `a` expired on 2026-11-23 and no longer does anything",
                "21:11 rule `b` expired on 2026-11-22 and no longer does anything",
            ],
        ),
        (
            block("a", "expires = 2027-01-01") + &block("b", "expires = 2026-12-01"),
            vec!["19:8 rule `b` can never match"],
        ),
        (
            block("a", "when = [\"Mon 12:00-13:00\", \"09:00-17:00\", \"09:00-17:00\"]"),
            vec![
                "17:9 the window `Mon 12:00-13:00` adds nothing to rule `a`",
                "17:43 the window `09:00-17:00` adds nothing to rule `a`",
            ],
        ),
    ] {
        // The first rule begins in line 14.
        let found: Vec<_> = warnings(GATEWAY, &format!("{POLICY}{rules}"), "")
            .iter()
            .map(|l| l.replace("warning policy.toml:", ""))
            .collect();
        assert_eq!(found, expected, "{rules}");
    }
}

#[test]
fn categories_that_do_nothing_are_named() {
    let found = warnings(GATEWAY, &format!("{POLICY}[category.idle]\ndomains = [\"a.example\"]\n"), "");
    assert_eq!(found, ["warning policy.toml:14:11 nobody uses category `idle`: it has no tube and no rule names it"]);
    let empty = change(POLICY, "domains = [\"wales.nhs.uk\"]", "");
    let found = warnings(GATEWAY, &empty, "");
    assert_eq!(found, ["warning policy.toml:3:11 category `clinical` is clinical and has no entry"]);
    // Clinical by its tube alone.
    let found = warnings(GATEWAY, &change(&empty, "protected = true", ""), "");
    assert_eq!(found, ["warning policy.toml:3:11 category `clinical` is clinical and has no entry"]);
}

#[test]
fn groups_that_nobody_is_in_are_named() {
    for (clients, expected) in [
        ("", "12:8 nobody is in group `team`"),
        ("users = [\"rhian\"]", "13:9 the users of group `team` never match: no listener asks for a login"),
    ] {
        let found = warnings(GATEWAY, &change(POLICY, "clients = [\"10.4.0.0/16\"]", clients), "");
        assert_eq!(found, [format!("warning policy.toml:{expected}")]);
    }
}

#[test]
fn ceilings_that_never_bind_and_peaks_that_never_hold_are_named() {
    let peak = |when: &str, down: &str| format!("{{ when = \"{when}\", ceiling = {{ down = \"{down}\" }} }}");
    for (social, expected) in [
        (
            "ceiling = { down = \"61 Mbit/s\", up = \"20 Mbit/s\" }".to_owned(),
            vec![
                "21:20 the ceiling of tube `social` is above that of tube `internet`: 61 Mbit/s down does not fit in 60 Mbit/s",
            ],
        ),
        (
            "ceiling = { up = \"2 Gbit/s\" }".to_owned(),
            vec![
                "21:18 the ceiling of tube `social` is above that of tube `internet`: 2 Gbit/s up does not fit in 20 Mbit/s",
            ],
        ),
        (
            "[tube.free]\nceiling = { down = \"2 Gbit/s\" }".to_owned(),
            vec![
                "21:7 nothing flows through tube `free`: no category and no rule names it",
                "22:20 the ceiling of tube `free` is above that of the link: 2 Gbit/s down does not fit in 1 Gbit/s",
            ],
        ),
        (
            format!("peak = [{}]", peak("Mon-Fri 12:00-14:00", "70 Mbit/s")),
            vec![
                "21:60 the ceiling of tube `social` is above that of tube `internet`: 70 Mbit/s down does not fit in 60 Mbit/s",
            ],
        ),
        (
            format!("peak = [{}, {}]", peak("12:00-14:00", "5 Mbit/s"), peak("Mon 12:00-13:00", "1 Mbit/s")),
            vec!["21:77 this peak of tube `social` never holds"],
        ),
        (format!("peak = [{}, {}]", peak("Mon 12:00-13:00", "1 Mbit/s"), peak("12:00-14:00", "5 Mbit/s")), vec![]),
    ] {
        let gateway = format!("{GATEWAY}[tube.social]\nwithin = \"internet\"\n{social}\n[link]\ndown = \"1 Gbit/s\"\n");
        let found = warnings(&gateway, &in_social(), "");
        let expected: Vec<_> = expected.iter().map(|line| format!("warning clearway.toml:{line}")).collect();
        assert_eq!(found, expected, "{social}");
    }
}

#[test]
fn a_ceiling_is_compared_with_what_is_in_force_at_its_time() {
    let gateway = change(
        GATEWAY,
        "up = \"20 Mbit/s\" }",
        "up = \"20 Mbit/s\" }\npeak = [{ when = \"Mon-Fri 12:00-14:00\", ceiling = { down = \"20 Mbit/s\" } }]",
    );
    for (when, count) in
        [("Mon-Fri 12:00-14:00", 1), ("Mon 12:30-13:00", 1), ("Mon-Fri 12:00-15:00", 0), ("Sat 12:00-13:00", 0)]
    {
        let social = format!(
            "[tube.social]\nwithin = \"internet\"\npeak = [{{ when = \"{when}\", ceiling = {{ down = \"30 Mbit/s\" }} }}]\n"
        );
        assert_eq!(warnings(&format!("{gateway}{social}"), &in_social(), "").len(), count, "{when}");
    }
}

#[test]
fn entries_that_take_too_much_are_named() {
    for (domains, expected) in [
        ("\"uk\"", vec!["10:12 `uk` is a public suffix: category `social` takes every name under it"]),
        (
            "\"nhs.uk\", \"=co.uk\"",
            vec!["10:12 `nhs.uk` is a public suffix: category `social` takes every name under it"],
        ),
        ("\"github.io\", \"localhost\", \"facebook.com\"", vec![]),
    ] {
        let found = warnings(GATEWAY, &change(POLICY, "\"facebook.com\"", domains), "");
        let expected: Vec<_> = expected.iter().map(|line| format!("warning policy.toml:{line}")).collect();
        assert_eq!(found, expected);
    }
    // Written by hand into a protected category, the whole estate is meant.
    let found = warnings(GATEWAY, &change(POLICY, "\"wales.nhs.uk\"", "\"nhs.uk\""), "");
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_clinical_list_that_nobody_filled_in_is_named() {
    let lists = "domains = [\"wales.nhs.uk\"]\nlists = [{ path = \"list.txt\", format = \"plain\" }]";
    let policy = change(POLICY, "domains = [\"wales.nhs.uk\"]", lists);
    let empty = "warning list.txt:1:1 a list of the clinical category `clinical` has no entry";
    assert_eq!(warnings(GATEWAY, &policy, "# yours to fill in\n"), [empty]);
    assert!(warnings(GATEWAY, &policy, "wccg.example\n").is_empty());
}

fn listed() -> String {
    change(POLICY, "domains = [\"facebook.com\"]", "lists = [{ path = \"list.txt\", format = \"plain\" }]")
}

#[test]
fn a_list_that_would_take_a_protected_name_is_told_which_line_and_whose_name() {
    let list =
        "# a list\nfacebook.com\n  referrals.wales.nhs.uk # why?\nwales.nhs.uk\nxwales.nhs.uk\nnhs.uk\n=nhs.uk\n";
    assert_eq!(
        warnings(GATEWAY, &listed(), list),
        [
            "warning list.txt:3:1 `referrals.wales.nhs.uk` would take into `social` a name of the protected category `clinical`: `wales.nhs.uk` (etc/policy.toml:6)",
            "warning list.txt:4:1 `wales.nhs.uk` would take into `social` a name of the protected category `clinical`: `wales.nhs.uk` (etc/policy.toml:6)",
            "warning list.txt:6:1 `nhs.uk` would take into `social`, for it lies under the entry, a name of the protected category `clinical`: `wales.nhs.uk` (etc/policy.toml:6)",
            "warning list.txt:6:1 `nhs.uk` is a public suffix: category `social` takes every name under it",
        ]
    );
}

#[test]
fn a_list_that_would_take_what_care_needs_is_told_where_its_category_is_blocked() {
    let list = "facebook.com\nteams.microsoft.com\n";
    assert!(warnings(GATEWAY, &listed(), list).is_empty());
    let needed = "warning list.txt:2:1 `teams.microsoft.com` would take into `social` `teams.microsoft.com`, which care needs: Microsoft Teams: wards, multidisciplinary meetings";
    let rule = "\n[[rule]]\nname = \"no\"\nto = [\"social\"]\naction = \"block\"\n";
    assert_eq!(warnings(GATEWAY, &(listed() + rule), list), [needed]);
    assert_eq!(warnings(GATEWAY, &change(&listed(), "\"allow\"", "\"block\""), list), [needed]);
}

#[test]
fn lines_of_a_list_that_cannot_be_read_are_warned_of_and_then_counted() {
    let list = "facebook.com\n*.fbcdn.net\n\nhttps://x.com/home # web\n0.0.0.0 ads.example\n";
    let outcome = World::new(GATEWAY, listed()).with("etc/list.txt", list).read();
    assert_eq!(
        lines(&outcome.problems),
        [
            "warning list.txt:2:1 the line is left out: it has a wildcard",
            "warning list.txt:4:1 the line is left out: it has a scheme",
            "warning list.txt:5:1 the line is left out: it has white space inside",
        ]
    );
    assert_eq!(outcome.problems[0].hint, "write `fbcdn.net`: it covers its subdomains");
    assert_eq!(outcome.problems[2].hint, "write one entry at a time, without an address in front");
    let many = warnings(GATEWAY, &listed(), &"a b\n".repeat(50));
    assert_eq!(many.len(), 21);
    assert_eq!(
        many[20],
        "warning list.txt:50:1 the list has 50 lines that are left out; this is the last, and 20 are shown"
    );
}

#[test]
fn octets_of_a_list_that_are_not_utf8_cost_their_line_only() {
    let outcome = World::new(GATEWAY, listed()).with("etc/list.txt", b"ok.example\n\xffbad.example\n".to_vec()).read();
    assert!(outcome.config.is_some());
    let expected = "warning list.txt:2:1 the line is left out: it is not a valid internationalised name";
    assert_eq!(lines(&outcome.problems), [expected]);
}

#[test]
fn an_answer_that_would_never_be_dialled_is_named() {
    let dns = "[dns]\nservers = [\"192.0.2.53\", \"[2001:db8::53]:5353\"]\nhosts = { a = [\"192.0.2.1\", \"169.254.0.1\"] }\n";
    let found = warnings(&format!("{GATEWAY}{dns}"), POLICY, "");
    assert_eq!(found, ["warning clearway.toml:21:29 `a` is at 169.254.0.1, which `[guard] deny` refuses"]);
}

#[test]
fn floors_that_cannot_hold_are_named() {
    for (social, expected) in [
        ("within = \"internet\"\nfloor = { down = \"60 Mbit/s\" }", vec![]),
        (
            "within = \"internet\"\nfloor = { down = \"61 Mbit/s\" }",
            vec![
                "21:18 the floors up to that of tube `social` are more than tube `internet` always has, 60 Mbit/s down",
            ],
        ),
        (
            "within = \"internet\"\nfloor = { up = \"9 Mbit/s\" }\n\
             [tube.video]\nwithin = \"internet\"\nfloor = { up = \"12 Mbit/s\" }",
            vec![
                "22:7 nothing flows through tube `video`: no category and no rule names it",
                "24:16 the floors up to that of tube `video` are more than tube `internet` always has, 20 Mbit/s up",
            ],
        ),
        (
            "floor = { up = \"2 Mbit/s\" }\nceiling = { up = \"3 Mbit/s\" }\n\
             peak = [{ when = \"12:00-14:00\", ceiling = { up = \"1 Mbit/s\" } }]",
            vec!["20:16 the floor of tube `social` is above its ceiling in a peak: up 1 Mbit/s"],
        ),
        (
            "priority = 0\nfloor = { up = \"2 Mbit/s\" }",
            vec!["21:16 tube `social` is clear and never waits: its floor says nothing"],
        ),
    ] {
        let found = warnings(&format!("{GATEWAY}[tube.social]\n{social}\n"), &in_social(), "");
        let expected: Vec<_> = expected.iter().map(|line| format!("warning clearway.toml:{line}")).collect();
        assert_eq!(found, expected, "{social}");
    }
}

#[test]
fn a_probe_from_which_nothing_follows_is_named() {
    let nothing_known = Some("`probe` has no effect: nothing is known of the link that could be held back");
    let not_adapting = Some("`probe` has no effect: with `adapt = false` nothing is held back for a queue");
    for (more, expected) in [
        ("adapt = false\ndown = \"100 Mbit/s\"", not_adapting),
        ("adapt = false", not_adapting),
        ("", nothing_known),
        ("up = \"100 Mbit/s\"", None),
        ("interface = \"eth0\"", None),
    ] {
        let gateway = format!("{GATEWAY}[link]\nprobe = \"192.0.2.1\"\n{more}\n");
        let expected = expected.map(|message| format!("warning clearway.toml:20:9 {message}"));
        assert_eq!(warnings(&gateway, POLICY, ""), Vec::from_iter(expected), "{more}");
    }
}
