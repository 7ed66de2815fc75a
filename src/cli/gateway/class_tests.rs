//! Which lanes a configuration has, and what HTB is told of them.

use std::io;
use std::path::Path;

use super::class::{self, Class, LINK, Road};
use super::lane::Lanes;
use crate::base::{Rate, clock};
use crate::config::{self, Config};

const FRAME: &str = "[gateway]\nname = \"gw1\"\ntimezone = \"Europe/London\"\npolicy = \"policy.toml\"\n[[listener]]\n\
    name = \"staff\"\naddress = \"127.0.0.1:3128\"\nclients = [\"127.0.0.0/8\"]\n[link]\nup = \"20 Mbit/s\"\n\
    interface = \"eth0\"\n[tube.clinical]\npriority = 0\n";

fn config(more: &str) -> Config {
    let gateway = format!("{FRAME}{more}");
    let outcome = config::read_with(Path::new("clearway.toml"), clock::wall(), &|path: &Path| match path.to_str() {
        Some("clearway.toml") => Ok(gateway.clone().into_bytes()),
        Some("policy.toml") => Ok(b"default = \"allow\"\n[category.c]\ntube = \"clinical\"\n".to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    });
    outcome.config.unwrap_or_else(|| panic!("{more}\n{}", config::render(&outcome.problems, false)))
}

fn lanes(more: &str) -> Lanes {
    let config = config(more);
    Lanes::of(&config, "2026-11-24T10:00:00Z".parse().unwrap())
}

/// `name mark ceiling`, each within the one that is told; then the unmarked, then those elsewhere.
fn told(lanes: &Lanes) -> Vec<String> {
    let within = |lane: &super::lane::Lane| {
        lane.within.map(|within| format!(" in {}", lanes.marked[within].name)).unwrap_or_default()
    };
    let ceiling = |rate: Option<Rate>| rate.map_or("-".to_owned(), |rate| rate.to_string());
    let marked = lanes.marked.iter();
    let marked = marked.map(|lane| format!("{}{} {} {}", lane.name, within(lane), lane.mark, ceiling(lane.ceiling[1])));
    marked.chain([lanes.unmarked.join("+"), lanes.elsewhere.join("+")]).collect()
}

const A: &str = "[egress.a]\nfwmark = 1\n";
const B: &str = "[egress.b]\nfwmark = 2\n";
const INNER: &str = "[tube.inner]\nwithin = \"outer\"\n";

#[test]
fn tubes_with_one_mark_are_one_lane_and_lie_as_their_tubes_lie() {
    let outer = "[tube.outer]\nceiling = { up = \"10 Mbit/s\" }\n";
    for (more, expected) in [
        // without marks there is nothing to tell apart
        (outer.to_owned() + INNER, ["clinical+outer+inner", ""].as_slice()),
        // a tube within leaves as the one around it, unless it says otherwise
        (format!("{outer}egress = \"a\"\n{INNER}{A}"), &["outer 1 10 Mbit/s", "clinical", ""]),
        (
            format!("{outer}egress = \"a\"\n{INNER}egress = \"b\"\n{A}{B}"),
            &["outer 1 10 Mbit/s", "inner in outer 2 10 Mbit/s", "clinical", ""],
        ),
        // the ceiling of a tube around it holds, though its packets show nothing
        (format!("{outer}{INNER}egress = \"b\"\n{B}"), &["inner 2 10 Mbit/s", "clinical+outer", ""]),
        // side by side: both ceilings together, and none where one has none
        (
            format!("{outer}egress = \"a\"\n[tube.more]\nceiling = {{ up = \"2 Mbit/s\" }}\negress = \"a\"\n{A}"),
            &["outer and more 1 12 Mbit/s", "clinical", ""],
        ),
        (format!("{outer}egress = \"a\"\n[tube.more]\negress = \"a\"\n{A}"), &["outer and more 1 -", "clinical", ""]),
        // one mark around the other and within it again
        (
            format!(
                "{outer}egress = \"a\"\n{INNER}egress = \"b\"\n[tube.core]\nwithin = \"inner\"\negress = \"a\"\n{A}{B}"
            ),
            &["outer 1 10 Mbit/s", "inner in outer 2 10 Mbit/s", "clinical", ""],
        ),
        // another interface is another link; 0 is no mark
        (
            format!("{outer}egress = \"a\"\n{A}interface = \"eth9\"\n{INNER}egress = \"b\"\n[egress.b]\nfwmark = 0\n"),
            &["clinical+inner", "outer"],
        ),
        (format!("{outer}egress = \"a\"\n{A}interface = \"eth0\"\n"), &["outer 1 10 Mbit/s", "clinical", ""]),
    ] {
        assert_eq!(told(&lanes(&more)), expected, "{more}");
    }
}

/// HTB gives a class what it is sure of even where that is more than the one around it has.
#[test]
fn no_class_is_sure_of_more_than_the_one_around_it_has_nor_may_use_more() {
    let floors = "[tube.outer]\npriority = 3\nfloor = { up = \"4 Mbit/s\" }\nceiling = { up = \"10 Mbit/s\" }\negress = \"a\"\n\
        [tube.inner]\nwithin = \"outer\"\npriority = 9\nfloor = { up = \"2 Mbit/s\" }\negress = \"b\"\n\
        [tube.last]\nwithin = \"inner\"\npriority = 9\negress = \"c\"\nceiling = { up = \"1 Mbit/s\" }\n\
        [egress.c]\nfwmark = 3\n";
    let many: String = (0..40)
        .map(|n| format!("[tube.t{n}]\npriority = {n}\nceiling = {{ up = \"9 Mbit/s\" }}\negress = \"e{n}\"\n[egress.e{n}]\nfwmark = {}\n", n + 1))
        .collect();
    for more in [String::new(), format!("{floors}{A}{B}"), many] {
        let lanes = lanes(&more);
        let link: Rate = "20 Mbit/s".parse().unwrap();
        let classes = Road { link, back: None, rest: None, way: 1 }.classes(&lanes);
        let class = |minor: u16| classes.iter().find(|class| class.minor == minor).unwrap();
        let within = |class: &Class| classes.iter().filter(|inner| inner.parent == class.minor).collect::<Vec<_>>();
        for class in &classes {
            let inner = within(class);
            assert_eq!(class.leaf, inner.is_empty(), "{class:?}");
            let sure: u64 = inner.iter().map(|inner| inner.rate).sum();
            assert!(class.rate > 0 && class.rate <= class.ceil && class.prio <= 7, "{class:?}");
            assert!(inner.is_empty() || sure <= class.rate, "{sure} of {class:?}: {inner:?}");
            assert!(inner.iter().all(|inner| inner.ceil <= class.ceil), "{class:?}: {inner:?}");
        }
        let numbers: std::collections::HashSet<u16> = classes.iter().map(|class| class.minor).collect();
        assert_eq!(numbers.len(), classes.len(), "two classes have one number");
        assert_eq!((class(LINK).rate, class(class::REST).ceil), (20_000_000, 4_000_000));
        assert!(class(class::OWN).prio == 0 && class(class::OWN).rate > class(class::REST).rate);
    }
}
