//! What is not on this machine.

use super::world::{GATEWAY, POLICY, change, lines, now};
use crate::config::{Keep, read};

#[test]
fn a_source_or_interface_that_is_not_here_is_named_where_it_is_named_and_is_no_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clearway.toml");
    std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
    let no_v4 = "18:10 this machine has no address 192.0.2.77, from which egress `wan` is to leave";
    for (more, expected) in [
        ("source = \"127.0.0.77\"\ninterface = \"lo\"", vec![]),
        ("source = \"192.0.2.77\"", vec![no_v4]),
        (
            "source = [\"127.0.0.1\", \"2001:db8::77\"]",
            vec!["18:24 this machine has no address 2001:db8::77, from which egress `wan` is to leave"],
        ),
        (
            "source = \"192.0.2.77\"\ninterface = \"nowhere0\"",
            vec![no_v4, "19:13 this machine has no interface nowhere0, by which egress `wan` is to leave"],
        ),
    ] {
        std::fs::write(&file, change(GATEWAY, "dscp = \"LE\"", more)).unwrap();
        for keep in [Keep::Check, Keep::Write] {
            let outcome = read(&file, now(), keep);
            assert!(outcome.config.is_some(), "{more}");
            let found: Vec<String> = lines(&outcome.problems);
            let expected: Vec<String> =
                expected.iter().map(|line| format!("warning {}:{line}", file.display())).collect();
            assert_eq!(found, expected, "{more}");
        }
        // Who only asks what the policy says may be on any machine.
        assert!(read(&file, now(), Keep::Look).problems.is_empty(), "{more}");
    }
}

#[test]
fn a_listener_on_an_address_that_is_not_here_is_warned_of_by_who_checks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clearway.toml");
    std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
    for (address, expected) in [
        ("127.0.0.1:3128", None),
        ("0.0.0.0:3128", None),
        ("[::1]:0", None),
        ("192.0.2.77:3128", Some("192.0.2.77")),
        ("[2001:db8::77]:3128", Some("2001:db8::77")),
    ] {
        std::fs::write(&file, change(GATEWAY, "127.0.0.1:3128", address)).unwrap();
        let found = read(&file, now(), Keep::Check).problems;
        let found: Vec<_> = found.iter().map(|problem| problem.message.clone()).collect();
        let message = |gone| format!("this machine has no address {gone}, on which `staff` is to listen");
        assert_eq!(found, expected.map(message).into_iter().collect::<Vec<_>>(), "{address}");
        assert!(read(&file, now(), Keep::Write).problems.is_empty(), "{address}");
    }
}
