//! What a policy says and says the opposite of, says twice, or says of days that have gone by.

use super::warnings::warnings;
use super::world::{GATEWAY, POLICY, World, change, lines};

/// What is found in the policy after its line 13, without the severity and the file.
fn found(more: &str) -> Vec<String> {
    let all = warnings(GATEWAY, &format!("{POLICY}{more}"), "");
    all.iter().map(|line| line.replace("warning policy.toml:", "")).collect()
}

/// Rules, of which each takes four lines and one for each of `more`.
fn rule(name: &str, action: &str, more: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\naction = \"{action}\"\n{more}\n")
}

#[test]
fn a_rule_that_contradicts_an_earlier_one_is_named_with_it() {
    let (social, both) = ("to = [\"social\"]", "to = [\"social\", \"clinical\"]");
    let team = |to: &str| format!("{to}\nfrom = [\"team\"]");
    for (rules, expected) in [
        (
            rule("a", "block", social) + &rule("b", "allow", &format!("{social}\nwhen = \"12:00-14:00\"")),
            vec!["19:8 rule `b` can never match: `a` (line 14) before it blocks what it would allow"],
        ),
        // For some only, and below what it is an exception from.
        (
            rule("a", "allow", social) + &rule("b", "block", &team(social)),
            vec!["19:8 rule `b` can never match: `a` (line 14) before it allows what it would block"],
        ),
        (
            rule("a", "block", social)
                + &rule("b", "block", "to = [\"clinical\"]")
                + &rule("c", "allow", "to = [\"clinical\", \"social\"]"),
            vec![
                "23:8 rule `c` can never match: `a` (line 14) and `b` (line 18) before it together block what it would allow",
            ],
        ),
        // Of one category only.
        (
            rule("a", "block", social) + &rule("b", "allow", &team(both)),
            vec!["21:7 rule `b` never decides of `social`: `a` (line 14) before it blocks what it would allow"],
        ),
        // Exceptions, rules that only watch, and what has lapsed.
        (rule("a", "allow", &team(social)) + &rule("b", "block", social), vec![]),
        (rule("a", "allow", &format!("{social}\nowner = \"Press\"")) + &rule("b", "block", both), vec![]),
        (rule("a", "allow", &format!("{social}\nexpires = 2027-03-31")) + &rule("b", "block", both), vec![]),
        (rule("a", "block", &format!("{social}\nmode = \"watch\"")) + &rule("b", "allow", both), vec![]),
        // Both hold at some hours, and that may be meant.
        (
            rule("a", "block", &format!("{social}\nwhen = \"09:00-13:00\""))
                + &rule("b", "allow", &format!("{social}\nwhen = \"12:00-14:00\"")),
            vec![],
        ),
    ] {
        assert_eq!(found(&rules), expected, "{rules}");
    }
}

#[test]
fn a_reason_in_one_language_is_named_where_the_policy_speaks_two() {
    let both = rule("a", "block", "to = [\"social\"]\nreason = { en = \"No.\", cy = \"Na.\" }");
    for (rules, expected) in [
        (
            both.clone() + &rule("b", "block", "reason.en = \"No.\""),
            vec!["22:1 rule `b` gives its reason in English and not in Welsh"],
        ),
        (
            both.clone() + &rule("b", "block", "reason = \"No.\""),
            vec!["22:10 rule `b` gives its reason in English and not in Welsh"],
        ),
        (
            rule("a", "block", "reason = { cy = \"Na.\" }"),
            vec!["17:10 rule `a` gives its reason in Welsh and not in English"],
        ),
        // In a policy without Welsh, without a reason, or for those who look after the policy.
        (rule("a", "block", "reason = \"No.\""), vec![]),
        (both.clone() + &rule("b", "block", ""), vec![]),
        (both.clone() + &rule("b", "allow", "reason = \"Publishes our pages\""), vec![]),
        (both + &rule("b", "block", "expires = 2026-12-01\nreason = { en = \"No.\", cy = \"Na.\" }"), vec![]),
    ] {
        assert_eq!(found(&rules), expected, "{rules}");
    }
}

#[test]
fn a_rule_that_never_opens_again_is_named() {
    // It is Tuesday 24 November 2026, 10:00.
    for (when, expires, named) in [
        ("Sat,Sun 00:00-24:00", "2026-11-27", true),
        ("Sat,Sun 00:00-24:00", "2026-11-28", false),
        ("Tue 08:00-09:00", "2026-11-30", true),
        ("Tue 08:00-11:00", "2026-11-24", false),
        ("22:00-06:00", "2026-11-24", false),
    ] {
        let found = found(&rule("r", "block", &format!("when = \"{when}\"\nexpires = {expires}")));
        let message =
            format!("18:11 rule `r` never matches again: none of its windows opens before it expires on {expires}");
        assert_eq!(found, if named { vec![message] } else { vec![] }, "{when} {expires}");
    }
    let christmas = |rest: &str| {
        let days = format!("bank-holidays = [2026-12-25, 2027-01-01, 2027-06-01]\n{POLICY}");
        warnings(
            GATEWAY,
            &(days + &rule("r", "block", &format!("when = \"Fri 09:00-17:00 except bank-holidays\"\n{rest}"))),
            "",
        )
    };
    assert!(christmas("expires = 2026-11-27").is_empty());
    assert!(christmas("expires = 2027-06-30").is_empty());
    let fridays: Vec<String> = (0..60)
        .map(|week| ("2026-11-20".parse::<jiff::civil::Date>().unwrap() + jiff::ToSpan::weeks(week)).to_string())
        .collect();
    let days = format!("bank-holidays = [{}]\n{POLICY}", fridays.join(", "));
    let policy = days + &rule("r", "block", "when = \"Fri 09:00-17:00 except bank-holidays\"");
    assert_eq!(
        warnings(GATEWAY, &policy, ""),
        [
            "warning policy.toml:16:8 rule `r` never matches again: none of its windows opens within a year, for every day of them is a bank holiday"
        ]
    );
}

#[test]
fn bank_holidays_that_have_run_out_are_named_where_a_window_leaves_them_out() {
    let lunch = |when: &str| rule("r", "block", &format!("when = \"{when}\""));
    let (plain, except) = ("12:00-14:00", "12:00-14:00 except bank-holidays");
    let ran_out = "1:30 the bank holidays ran out on 2026-11-23: `12:00-14:00 except bank-holidays` leaves no day out";
    for (days, when, expected) in [
        (
            "",
            except,
            Some("17:8 `12:00-14:00 except bank-holidays` leaves no day out: the policy lists no `bank-holidays`"),
        ),
        ("bank-holidays = [2026-01-01, 2026-11-23]\n", except, Some(ran_out)),
        (
            "bank-holidays = [2027-01-23, 2026-12-25]\n",
            except,
            Some(
                "1:18 the bank holidays run out on 2027-01-23: then `12:00-14:00 except bank-holidays` leaves no day out",
            ),
        ),
        ("bank-holidays = [2027-01-24]\n", except, None),
        ("bank-holidays = [2026-11-23]\n", plain, None),
        ("", plain, None),
    ] {
        let found = warnings(GATEWAY, &format!("{days}{POLICY}{}", lunch(when)), "");
        let expected = expected.map(|line| format!("warning policy.toml:{line}"));
        assert_eq!(found, Vec::from_iter(expected), "{days} {when}");
    }
    // A peak says it as well; a rule that ends before the last of them needs no more.
    let peak =
        "peak = [{ when = \"12:00-14:00 except bank-holidays\", ceiling = { up = \"8 Mbit/s\" } }]\negress = \"wan\"";
    let past = format!("bank-holidays = [2026-01-01, 2026-11-23]\n{POLICY}");
    assert_eq!(
        warnings(&change(GATEWAY, "egress = \"wan\"", peak), &past, ""),
        [format!("warning policy.toml:{ran_out}")]
    );
    let ends = lunch(except) + "expires = 2026-12-25\n";
    assert!(warnings(GATEWAY, &format!("bank-holidays = [2026-12-25]\n{POLICY}{ends}"), "").is_empty());
}

#[test]
fn an_entry_in_two_categories_of_different_tubes_is_named() {
    for (tube, entry, named) in [
        ("tube = \"clinical\"", "\"facebook.com\"", true),
        // Closer named, in the same tube, or in a category without one.
        ("tube = \"clinical\"", "\"www.facebook.com\", \"=facebook.com\"", false),
        ("tube = \"internet\"", "\"facebook.com\"", false),
        ("", "\"facebook.com\"", false),
    ] {
        let more = format!("[category.press]\n{tube}\ndomains = [{entry}]\n") + &rule("r", "allow", "to = [\"press\"]");
        let found = found(&more);
        let message = "16:12 `facebook.com` never rides in tube `clinical` as category `press` says: `social` (line 10) has it too, comes first and gives it tube `internet`";
        assert_eq!(found, if named { vec![message] } else { vec![] }, "{tube} {entry}");
    }
}

#[test]
fn a_category_that_a_rule_always_lifts_elsewhere_is_named() {
    let lift = |more: &str| rule("lift", "allow", &format!("tube = \"clinical\"\n{more}"));
    let social = "to = [\"social\"]";
    let always = |line: u32| {
        vec![format!(
            "9:8 tube `internet` of category `social` has no effect: rule `lift` (line {line}) always lifts it into `clinical`"
        )]
    };
    for (rules, expected) in [
        (lift(social), always(14)),
        (rule("a", "block", &format!("{social}\nfrom = [\"team\"]")) + &lift(social), always(19)),
        // It lifts some of them, at times, for a while or not at all; or others ride where the category says.
        (lift(&format!("{social}\nfrom = [\"team\"]")), vec![]),
        (lift(&format!("{social}\nwhen = \"12:00-14:00\"")), vec![]),
        (lift(&format!("{social}\nexpires = 2027-03-31")), vec![]),
        (lift(&format!("{social}\nmode = \"watch\"")), vec![]),
        (lift("to = [\"clinical\"]"), vec![]),
        (rule("a", "allow", &format!("{social}\nfrom = [\"team\"]")) + &lift(social), vec![]),
        (lift(""), vec![]),
    ] {
        assert_eq!(found(&rules), expected, "{rules}");
    }
    let outcome = World::new(GATEWAY, format!("{POLICY}{}", lift("to = [\"sociall\"]"))).read();
    assert_eq!(lines(&outcome.problems), ["error policy.toml:18:7 there is no category \"sociall\""]);
}
