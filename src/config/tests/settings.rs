//! Keys beyond the example's, and what holds where they are absent.

use std::path::Path;
use std::time::Duration;

use super::world::{GATEWAY, POLICY, World, change, lines};
use crate::account::Access;
use crate::base::TubeId;
use crate::config::{Config, LogPlace, ProcessLog};
use crate::listen::pac::{Direct, IfDown, Pac, Proxy};
use crate::tube::ShareBy;

fn config(gateway: &str, policy: &str) -> Config {
    let outcome = World::new(gateway, policy).with("etc/lists/a.txt", "\u{feff}a.example\r\n").read();
    assert_eq!(outcome.count().0, 0, "{:#?}", lines(&outcome.problems));
    outcome.config.unwrap()
}

#[test]
fn what_is_absent_has_the_contracts_defaults() {
    let config = config(GATEWAY, POLICY);
    assert_eq!(config.state_dir, Path::new("etc/state"));
    assert_eq!(config.log.access, Access::File("etc/state/access.log".into()));
    assert!(config.log.pseudonymise);
    assert_eq!(config.process, ProcessLog::default());
    assert_eq!(config.telemetry, None);
    assert_eq!((config.drain, config.upgrade_drain), (Duration::from_secs(30), Duration::from_secs(600)));
    assert_eq!(config.admin.to_string(), "127.0.0.1:9128");
    assert_eq!(config.egress.guard.ports, [80..=80, 443..=443]);
    assert_eq!(config.egress.guard.deny.len(), 4);
    assert_eq!(config.egress.egresses[0].connect_timeout, Duration::from_secs(10));
    let internet = &config.tubes.tubes[1];
    assert_eq!((internet.priority, internet.share_by, internet.flows), (1, ShareBy::Client, None));
    assert_eq!(config.tubes.link.rate.down, None);
    assert_eq!(config.pac, Pac::default());
}

#[test]
fn every_further_key_is_read() {
    let gateway = change(
        GATEWAY,
        "[gateway]",
        "[gateway]\ndrain = \"5 min\"\nupgrade_drain = \"1 h\"\nstate_dir = \"/var/lib/clearway\"",
    ) + "connect_timeout = \"3 s\"\nsource = [\"192.0.2.1\", \"2001:db8::1\"]\nfwmark = 0x20\ninterface = \"eth2\"\n\
           parent = \"http://m%40x:p%3Aw%20d@proxy.example:8080/\"\n\
           [log]\naccess = \"-\"\npseudonymise = false\nprocess = \"clearway.log\"\nlevel = \"debug\"\n\
           [dns]\nservers = [\"192.0.2.53\", \"192.0.2.54:5353\", \"2001:db8::53\"]\n\
           hosts = { a = \"192.0.2.1\", B = [\"192.0.2.2\", \"2001:db8::2\"] }\n\
           [guard]\nports = [443, \"8000-8099\"]\n[link]\nrest = { up = \"2 Mbit/s\" }\n\
           [telemetry]\notlp = \"http://otel.example/gw/\"\n\
           [pac]\nname = \"gw1.example\"\nfallback = \"[2001:db8::7]:8080\"\nif_down = \"direct\"\n\
           direct = [\".a.example\", \"*.b.example\", \"c.example\", \"10.0.0.0/8\"]\n";
    let config = config(&gateway, POLICY);
    assert_eq!((config.drain, config.upgrade_drain), (Duration::from_secs(300), Duration::from_secs(3600)));
    assert_eq!(config.state_dir, Path::new("/var/lib/clearway"));
    assert_eq!(config.log.access, Access::Stdout);
    assert!(!config.log.pseudonymise);
    assert_eq!(
        (config.process.place, config.process.level),
        (LogPlace::File("etc/clearway.log".into()), Some("debug"))
    );
    let collector = config.telemetry.unwrap();
    assert_eq!((collector.target.to_string(), &*collector.path), ("otel.example:4318".to_owned(), "/gw"));
    let rest = config.tubes.link.rest;
    assert_eq!((rest.down, rest.up), (None, Some("2 Mbit/s".parse().unwrap())));
    let wan = &config.egress.egresses[0];
    assert_eq!(wan.connect_timeout, Duration::from_secs(3));
    assert_eq!(
        (wan.source_v4.unwrap().to_string(), wan.source_v6.unwrap().to_string()),
        ("192.0.2.1".into(), "2001:db8::1".into())
    );
    assert_eq!((wan.fwmark, wan.interface.as_deref()), (Some(32), Some("eth2")));
    let parent = wan.parent.as_ref().unwrap();
    assert_eq!(parent.target.to_string(), "proxy.example:8080");
    assert_eq!(parent.credentials, Some(("m@x".to_owned(), "p:w d".to_owned())));
    let servers: Vec<_> = config.egress.dns.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["192.0.2.53:53", "192.0.2.54:5353", "[2001:db8::53]:53"]);
    assert_eq!(config.egress.dns.hosts[&"b".parse().unwrap()].len(), 2);
    assert_eq!(config.egress.guard.ports, [443..=443, 8000..=8099]);
    let proxy = |host: &str, port| Some(Proxy { host: host.parse().unwrap(), port });
    assert_eq!(config.pac.name, proxy("gw1.example", None));
    assert_eq!(config.pac.fallback, proxy("2001:db8::7", Some(8080)));
    assert_eq!(config.pac.if_down, IfDown::Direct);
    let names = ["a.example", "b.example", "c.example"].map(|name| Direct::Name(name.parse().unwrap()));
    assert_eq!(config.pac.direct[..3], names);
    assert_eq!(config.pac.direct[3], Direct::Network("10.0.0.0/8".parse().unwrap()));
}

#[test]
fn the_policy_reads_one_or_several_and_both_languages() {
    let policy = format!(
        "{POLICY}[category.listed]\ntube = \"internet\"\nlists = [{{ path = \"lists/a.txt\", format = \"plain\" }}]\n\
         [[rule]]\nname = \"one\"\naction = \"block\"\nto = [\"other\"]\nwhen = \"12:00-14:00\"\nreason = \"Because.\"\nexpires = \"2027-03-31\"\n\
         [[rule]]\nname = \"two\"\naction = \"allow\"\nwhen = [\"Sat 10:00-11:00\", \"Sun 10:00-11:00\"]\nreason = {{ cy = \"Achos.\" }}\n\
         [[test]]\ntarget = \"www.nhs.uk\"\nat = \"now\"\nexpect = {{ category = \"other\", egress = \"system\" }}\n\
         [[test]]\ntarget = \"www.nhs.uk\"\nat = \"2026-07-01 12:00\"\nexpect = {{ action = \"allow\" }}\n"
    );
    let config = config(GATEWAY, &policy);
    let [one, two] = config.policy.rules.as_slice() else { panic!("two rules") };
    assert_eq!((one.when.len(), two.when.len()), (1, 2));
    assert_eq!((one.reason.en.as_deref(), one.reason.cy.as_deref()), (Some("Because."), None));
    assert_eq!((two.reason.en.as_deref(), two.reason.cy.as_deref()), (None, Some("Achos.")));
    assert_eq!(one.expires.unwrap().to_string(), "2027-03-31");
    assert_eq!(config.tests[0].at, None);
    assert_eq!(config.tests[1].at.unwrap().to_string(), "2026-07-01T11:00:00Z", "summer time");
    let listed = &config.categories.categories[2];
    assert_eq!(listed.lists[0].places.source(0).to_string(), "etc/lists/a.txt:1");
}

#[test]
fn other_rides_in_the_last_tube_of_the_link_unless_it_is_given_one() {
    let tubes =
        "[tube.bulk]\npriority = 5\n[tube.later]\npriority = 5\n[tube.inner]\nwithin = \"bulk\"\npriority = 9\n";
    let other = |policy: &str| config(&format!("{GATEWAY}{tubes}"), policy).categories.other;
    assert_eq!(other(POLICY), TubeId::from("bulk"));
    let given = format!("{POLICY}[category.other]\ntube = \"internet\"\nabout = \"The rest\"\n");
    assert_eq!(other(&given), TubeId::from("internet"));
}
