//! The unit under a real systemd: what the process may do and what not, and that what it is for works in there.

use std::time::Duration;

use crate::acceptance::until;
use crate::world::Machine;

/// Rated in tenths; the least that systemd knows is 0, and a unit without any of it is 96.
const EXPOSURE: u32 = 20;

#[test]
fn the_unit_is_rated_two_or_better() {
    let machine = Machine::with_gateway();
    let rated = machine.sh(&format!("systemd-analyze --no-pager security --threshold={EXPOSURE} clearway.service"));
    assert_eq!(rated.code, Some(0), "{}{}", rated.text(), rated.stderr);
    // The same from the file alone, as where no systemd runs; it also says whether the file is a good one.
    let file = "/usr/lib/systemd/system/clearway.service";
    machine.says(&format!("systemd-analyze --no-pager security --offline=true --threshold={EXPOSURE} {file}"));
    let verified = machine.sh("systemd-analyze verify clearway.service clearway.socket");
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{}", verified.text());
}

#[test]
fn the_process_has_what_marks_and_probes_need_and_nothing_else() {
    let machine = Machine::with_gateway();
    machine.origin();
    let outside = machine.outside();
    machine.says(&format!(
        "sed -i -e 's/^# fwmark .*/fwmark = 32/' -e 's/^# interface = \"eth2\".*/interface = \"eth0\"/' \
            -e 's/^# interface = \"eth0\".*/interface = \"eth0\"/' -e 's/^# probe .*/probe = \"{outside}\"/' /etc/clearway/clearway.toml
         systemctl reload clearway"
    ));
    machine.fetch();
    machine.until("an echo of the probe", "clearway status | grep '^probe answers in'");
    let main = machine.unit("MainPID");
    for (what, says) in [
        ("stat -c %U /proc/MAIN", "clearway"),
        ("grep CapEff /proc/MAIN/status | cut -f2", "0000000000003400"),
        ("grep CapBnd /proc/MAIN/status | cut -f2", "0000000000003400"),
        ("grep NoNewPrivs /proc/MAIN/status | cut -f2", "1"),
        ("grep -w Seccomp /proc/MAIN/status | cut -f2", "2"),
        ("systemctl show --value -p LimitNOFILE clearway", "1048576"),
        // Before other programs, and of its own threads those that can wait behind the others.
        ("ps -o ni= -p MAIN | tr -d ' '", "-10"),
        ("ps -L -o ni= -p MAIN | tr -d ' ' | sort -n | uniq | tr '\\n' ' '", "-10 -5 "),
        ("systemctl show --value -p OOMScoreAdjust clearway", "-500"),
    ] {
        assert_eq!(machine.says(&what.replace("MAIN", &main)), says.trim_end(), "{what}");
    }
    // What the process sees of the machine, by its own root.
    let sees = |test: &str| {
        machine.sh(&format!("nsenter -t {main} -m -S $(id -u clearway) -G $(id -g clearway) -- {test}")).code
    };
    for (test, code) in [
        ("test -r /etc/clearway/policy.toml", 0),
        ("test -w /var/lib/clearway", 0),
        ("test -w /var/log/clearway", 0),
        ("test -w /etc/clearway/policy.toml", 1),
        ("test -e /root/.bashrc", 1),
        ("test -e /proc/sys", 1),
        ("test -e /proc/1", 1),
        ("touch /usr/bin/other", 1),
        ("sh -c 'cp /bin/true /var/lib/clearway/ && /var/lib/clearway/true'", 126),
    ] {
        assert_eq!(sees(test), Some(code), "{test}");
    }
}

#[test]
fn a_reload_is_answered_and_a_mistake_is_told_in_the_journal() {
    let machine = Machine::with_gateway();
    machine.says("systemctl reload clearway && sed -i 's/^priority = 1/priority = true/' /etc/clearway/clearway.toml");
    let refused = machine.sh("systemctl reload clearway");
    assert_ne!(refused.code, Some(0));
    let journal = machine.journal();
    assert!(journal.contains("/etc/clearway/clearway.toml:") && journal.contains("refused: generation 2"), "{journal}");
    assert_eq!(machine.unit("ActiveState"), "active");
    machine.origin();
    machine.fetch();

    // It cannot start so either; that is tried once and told, not tried for ever.
    let failed = machine.sh("systemctl restart clearway");
    assert_ne!(failed.code, Some(0));
    machine.until("the unit's end", "systemctl is-failed clearway");
    assert_eq!((machine.unit("ExecMainStatus"), machine.unit("NRestarts")), ("78".to_owned(), "0".to_owned()));
    machine.says("sed -i 's/^priority = true/priority = 1/' /etc/clearway/clearway.toml; systemctl restart clearway");
    machine.fetch();
}

#[test]
fn a_log_is_turned_over_without_a_lost_record_a_reload_or_a_change_of_the_history() {
    let machine = Machine::with_gateway();
    machine.origin();
    machine.fetch();
    machine.until("the first record", "grep -c . /var/log/clearway/access.log");
    let history = machine.says("clearway history --json");
    // Even while a person is half through an edit.
    machine.says("echo '[half an edit' >>/etc/clearway/clearway.toml; logrotate -f /etc/logrotate.d/clearway");
    machine.until("the new log", "test -e /var/log/clearway/access.log -a -e /var/log/clearway/access.log.1");
    machine.until("the log to be let go", "journalctl -u clearway | grep 'log files are opened anew'");
    machine.fetch();
    machine.until("the next record", "test $(grep -c . /var/log/clearway/access.log) = 1");
    for (what, says) in [
        ("grep -c . /var/log/clearway/access.log.1", "1"),
        ("stat -c '%a %U:%G' /var/log/clearway/access.log", "640 clearway:clearway"),
        ("stat -c '%a %U:%G' /var/log/clearway/access.log.1", "640 clearway:clearway"),
    ] {
        assert_eq!(machine.says(what), says, "{what}");
    }
    machine.says("sed -i '$d' /etc/clearway/clearway.toml");
    assert_eq!(machine.says("clearway history --json"), history);
}

#[test]
fn what_hangs_or_dies_is_started_again_and_so_is_what_came_by_an_upgrade() {
    let machine = Machine::with_gateway();
    machine.origin();
    // A process that is stopped says nothing, and the watchdog ends it; one that dies is missed at once.
    for (upgraded, signal, bound) in [(false, "STOP", 90), (false, "KILL", 20), (true, "KILL", 20)] {
        if upgraded {
            machine.install("1.0.1");
            machine.until("the end of the gateway before", "test $(pgrep -x clearway | wc -l) = 1");
        }
        let main = machine.unit("MainPID");
        machine.says(&format!("kill -{signal} {main}"));
        until(Duration::from_secs(bound), &format!("a gateway after SIG{signal}"), || {
            let next = machine.unit("MainPID");
            (next != main && next != "0" && machine.unit("ActiveState") == "active").then_some(())
        });
        machine.fetch();
    }
}

#[test]
fn upgrades_with_nothing_open_leave_the_service_running_and_a_stop_after_one_waits_for_what_is_open() {
    let machine = Machine::with_gateway();
    let origin = machine.origin();
    for _ in 0..8 {
        machine.says("clearway upgrade");
        machine.until("the end of the gateway before", "test $(pgrep -x clearway | wc -l) = 1");
        assert_eq!(machine.says("pgrep -x clearway"), machine.unit("MainPID"), "{}", machine.journal());
        assert_eq!(machine.unit("ActiveState"), "active");
        machine.fetch();
    }
    // A tunnel that stays open until its file is gone.
    machine.says("touch /run/held");
    let hold = r#"
        exec 3<>/dev/tcp/127.0.0.1/3128
        printf 'CONNECT ORIGIN HTTP/1.1\r\nHost: ORIGIN\r\n\r\n' >&3
        read -r answer <&3
        echo "$answer" >/run/answer
        while test -e /run/held; do sleep 0.1; done
    "#;
    let hold = hold.replace("ORIGIN", &origin.to_string());
    machine.says(&format!("cat >/run/hold.sh <<'END'\n{hold}\nEND\nsystemd-run --quiet --unit=held bash /run/hold.sh"));
    machine.until("the tunnel", "grep 200 /run/answer");
    machine.says("systemctl stop --no-block clearway");
    machine.until("the drain", "journalctl -u clearway | grep 'draining: no new flows'");
    assert_eq!(machine.unit("ActiveState"), "deactivating", "{}", machine.journal());
    machine.says("test $(pgrep -x clearway | wc -l) = 1; rm /run/held");
    machine.until("the end", "test $(systemctl is-active clearway) = inactive");
    assert_eq!(machine.unit("Result"), "success", "{}", machine.journal());
}

#[test]
fn with_its_socket_unit_a_connection_waits_while_the_gateway_is_started_anew() {
    let machine = Machine::with_gateway();
    machine.origin();
    machine.says("systemctl stop clearway && systemctl enable --now clearway.socket");
    assert_eq!(machine.unit("ActiveState"), "inactive");
    // The first connection starts it, and is served.
    machine.fetch();
    assert_eq!(machine.unit("ActiveState"), "active");
    machine.says("systemctl restart clearway");
    machine.fetch();
    let journal = machine.journal();
    assert!(!journal.contains("in use"), "{journal}");
    // Purged with the socket on, too.
    machine.says("dpkg --purge clearway");
    assert_eq!(machine.says("ls /etc/systemd/system/sockets.target.wants 2>/dev/null | grep clearway || true"), "");
}

#[test]
fn the_firewalls_part_is_put_in_force_by_a_unit_of_its_own_and_outlives_a_restart_of_nftables() {
    let machine = Machine::with_gateway();
    let outside = machine.outside();
    let rules = || machine.sh("nft list table inet clearway").text();
    // What cannot be read leaves the machine as it was.
    machine.says("echo '[half an edit' >>/etc/clearway/clearway.toml");
    assert_ne!(machine.sh("systemctl start clearway-network").code, Some(0));
    assert_eq!(rules(), "");
    machine.says(&format!(
        r#"sed -i '$d' /etc/clearway/clearway.toml
        cat >>/etc/clearway/clearway.toml <<'END'
        [[listener]]
        name = "wards"
        mode = "transparent"
        address = "127.0.0.1:3129"
        clients = ["{outside}/32"]
END
        clearway reload && systemctl enable --now nftables clearway-network"#
    ));
    let first = rules();
    assert!(first.contains("tproxy") && first.contains(&outside.to_string()), "{first}");
    // Its first act is to flush all there is.
    machine.says("systemctl restart nftables");
    until(Duration::from_secs(20), "the rules to be back", || (rules() == first).then_some(()));
    machine.says("systemctl reload clearway-network");
    assert_eq!(rules(), first);
    machine.says("systemctl stop clearway-network");
    assert_eq!((rules().as_str(), machine.says("ip rule | grep -c fwmark || true").as_str()), ("", "0"));
    machine.says("systemctl start clearway-network && dpkg --purge clearway");
    assert_eq!((rules().as_str(), machine.says("ip rule | grep -c fwmark || true").as_str()), ("", "0"));
}

#[test]
fn after_the_machines_resolvers_changed_a_reload_is_enough() {
    let machine = Machine::with_gateway();
    let asks = "curl -s -m 5 -o /dev/null -x http://127.0.0.1:3128 http://somewhere.example/";
    machine.says(&format!("echo nameserver 127.0.0.1 >/etc/resolv.conf; clearway reload; {asks}"));
    let server = std::net::UdpSocket::bind((machine.outside(), 53)).unwrap();
    server.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    machine.says(&format!("echo nameserver {} >/etc/resolv.conf; clearway reload", machine.outside()));
    let asking = machine.command(asks).spawn().unwrap();
    let mut query = [0; 512];
    let read = server.recv(&mut query).unwrap();
    assert!(query[..read].windows(9).any(|part| part == b"somewhere"), "{:?}", &query[..read]);
    drop(asking.wait_with_output());
}
