//! The package on a bare Debian: what it brings, what it leaves alone, and that nothing of it stays after a purge.

use crate::world::Machine;

/// Everything on the machine's disk: kind, mode, owner, name, and for files under /etc what they hold. Left out is what
/// changes by itself, and what belongs to dpkg, systemd and the journal; of the users' files the copies of before.
const LISTING: &str = r#"
    cd /
    find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log/journal -o -path ./var/lib/systemd -o -path ./tmp -o -path ./var/tmp \
        -o -path ./var/cache -o -path ./var/log/dpkg.log -o -path ./var/lib/logrotate/status \) -prune -o ! -name '*-' -printf '%y %m %u:%g %p\n' | sort
    find etc -type f ! -name '*-' -print0 | sort -z | xargs -0 sha256sum
    dpkg-query -W | sort
"#;

#[test]
fn what_was_installed_used_and_purged_leaves_nothing() {
    let machine = Machine::boot();
    let before = machine.says(LISTING);
    machine.install("1.0.0");
    machine.origin();
    machine.fetch();
    // What an administrator, rotation and the gateway put beside what came.
    machine.says(
        "echo example.wales.nhs.uk >>/etc/clearway/lists/clinical.txt
         echo example.com >/etc/clearway/lists/own.txt
         clearway reload
         clearway rollback 1
         logrotate -f /etc/logrotate.d/clearway
         systemctl restart clearway",
    );
    machine.fetch();
    let with = machine.says(LISTING);
    for place in [
        "/usr/bin/clearway",
        "/etc/clearway/lists/own.txt",
        "/var/lib/clearway/history.jsonl",
        "/var/log/clearway/access.log",
    ] {
        assert!(with.contains(place), "{place} is not among\n{with}");
    }

    machine.says("dpkg --remove clearway");
    let removed = machine.says(LISTING);
    assert!(!removed.contains("/usr/bin/clearway") && removed.contains("./etc/clearway/clearway.toml"), "{removed}");
    assert!(removed.contains("./var/lib/clearway/history.jsonl"), "a history is no program: {removed}");
    assert_eq!(machine.says("pgrep -x clearway || echo none"), "none");

    machine.says("dpkg --purge clearway");
    let after = machine.says(LISTING);
    let differ: Vec<_> = after.lines().filter(|line| !before.contains(line)).collect();
    let lost: Vec<_> = before.lines().filter(|line| !after.contains(line)).collect();
    assert!(differ.is_empty() && lost.is_empty(), "stayed: {differ:#?}\nlost: {lost:#?}");
    assert_eq!(
        machine.says("systemctl list-unit-files --no-legend 'clearway*' || true; getent passwd clearway || true"),
        ""
    );
}

#[test]
fn what_is_installed_runs_as_shipped_and_belongs_to_whom_it_should() {
    let machine = Machine::with_gateway();
    for (what, says) in [
        ("systemctl is-active clearway", "active"),
        ("systemctl is-enabled clearway", "enabled"),
        ("systemctl is-enabled clearway.socket || true", "disabled"),
        ("id -nG clearway", "clearway"),
        ("getent passwd clearway | cut -d: -f6,7", "/var/lib/clearway:/usr/sbin/nologin"),
        ("stat -c '%a %U:%G' /etc/clearway", "750 root:clearway"),
        ("stat -c '%a %U:%G' /etc/clearway/clearway.toml", "644 root:root"),
        ("stat -c '%a %U:%G' /var/lib/clearway", "750 clearway:clearway"),
        ("stat -c '%a %U:%G' /var/log/clearway", "750 clearway:clearway"),
        ("stat -c '%a %U:%G' /var/log/clearway/access.log", "640 clearway:clearway"),
        ("stat -c '%a %U:%G' /var/lib/clearway/admin.sock", "600 clearway:clearway"),
        // What root did in the gateway's own folder.
        ("find /var/lib/clearway ! -user clearway", ""),
        ("curl --silent http://127.0.0.1:9128/healthz", "alive"),
        (
            "complete=$(bash -c '. /usr/share/bash-completion/completions/clearway; complete -p clearway'); echo ${complete##* }",
            "clearway",
        ),
        ("man clearway-explain | grep -c -- '--log-id <ID>'", "1"),
    ] {
        assert_eq!(machine.says(what), says, "{what}");
    }
    let checked = machine.sh("clearway check --json");
    let found = checked.text();
    assert_eq!((checked.code, found.lines().count()), (Some(0), 1), "{found}");
    assert!(found.contains("clinical.txt") && found.contains("\"warning\""), "{found}");
    machine.says("clearway test");
}

#[test]
fn what_an_administrator_edited_stays_through_an_upgrade() {
    let machine = Machine::with_gateway();
    machine.says(
        "sed -i 's/^name      = \"gw1\"/name      = \"powys\"/' /etc/clearway/clearway.toml
         rm /etc/clearway/lists/audio.txt && touch /etc/clearway/lists/audio.txt
         chmod 0700 /etc/clearway
         systemctl disable clearway",
    );
    machine.install("1.0.1");
    for (what, says) in [
        ("dpkg-query -W -f '${Version} ${Status}' clearway", "1.0.1 install ok installed"),
        ("grep -c '^name .* \"powys\"' /etc/clearway/clearway.toml", "1"),
        ("stat -c %s /etc/clearway/lists/audio.txt", "0"),
        ("stat -c '%a %U:%G' /etc/clearway", "700 root:clearway"),
        ("systemctl is-enabled clearway || true", "disabled"),
        ("systemctl is-active clearway", "active"),
        ("find /etc/clearway -name '*.dpkg-*' | wc -l", "0"),
    ] {
        assert_eq!(machine.says(what), says, "{what}");
    }
}
