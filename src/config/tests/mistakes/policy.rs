//! Mistakes of the policy, one at a time.

use crate::config::Severity;
use crate::config::tests::world::{GATEWAY, POLICY, World, change, lines};

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
