//! The files of a gateway as a board would have them: 100,000 names in lists, 50 rules, metrics and access log. Its link
//! has no rate, so that nothing is held but the shaped tube.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// What the tube with a ceiling may carry, each way, in gigabits a second.
pub const CEILING: u32 = 2;
const LISTS: usize = 5;
const NAMES: usize = 20_000;
/// With the last one, which allows clinical work.
const RULES: usize = 50;

/// A name in the clinical category, whose tube nothing holds.
pub const CLINICAL: &str = "referrals.bench.wales.nhs.uk";
/// A name whose tube has a ceiling.
pub const SHAPED: &str = "films.shaped.example";

/// Writes them, with addresses for names; where the gateway's own is.
pub fn write(dir: &Path, hosts: &[(String, Ipv4Addr)]) -> io::Result<PathBuf> {
    let file = dir.join("clearway.toml");
    fs::write(&file, gateway(hosts))?;
    fs::write(dir.join("policy.toml"), policy())?;
    for list in 0..LISTS {
        fs::write(dir.join(format!("list-{list}.txt")), names(list))?;
    }
    Ok(file)
}

fn gateway(hosts: &[(String, Ipv4Addr)]) -> String {
    let hosts: Vec<String> = hosts.iter().map(|(name, address)| format!("{name:?} = \"{address}\"")).collect();
    format!(
        r#"[gateway]
name = "gw-bench"
timezone = "Europe/London"
policy = "policy.toml"
state_dir = "state"

[admin]
address = "127.0.0.1:0"

[log]
access = "state/access.log"

[dns]
hosts = {{ {hosts} }}

[[listener]]
name = "staff"
mode = "explicit"
address = "127.0.0.1:0"
clients = ["127.0.0.0/8"]

[tube.clinical]
priority = 0

[tube.internet]
priority = 1

[tube.shaped]
priority = 2
ceiling = {{ down = "{CEILING} Gbit/s", up = "{CEILING} Gbit/s" }}

[guard]
deny = []
ports = ["1-65535"]
"#,
        hosts = hosts.join(", "),
    )
}

/// Rules of the kinds that people write, none of which holds for a flow of the bench but the last.
fn policy() -> String {
    let mut text = "default = \"allow\"\n\n[category.clinical]\ntube = \"clinical\"\nprotected = true\n\
                    domains = [\"wales.nhs.uk\"]\n\n[category.films]\ntube = \"shaped\"\ndomains = [\"shaped.example\"]\n\n\
                    [category.other]\ntube = \"internet\"\n\n[group.guests]\nclients = [\"10.4.0.0/16\"]\n"
        .to_owned();
    for list in 0..LISTS {
        let _ = write!(
            text,
            "\n[category.list-{list}]\ntube = \"internet\"\nlists = [{{ path = \"list-{list}.txt\", format = \"plain\" }}]\n"
        );
    }
    for rule in 1..RULES {
        let condition = match rule % 3 {
            0 => "from = [\"guests\"]".to_owned(),
            1 => format!("to = [\"list-{}\"]\nwhen = \"Mon-Fri 09:00-17:00 except bank-holidays\"", rule % LISTS),
            _ => format!("to = [\"list-{}\"]\nfrom = [\"guests\"]", rule % LISTS),
        };
        let _ = write!(text, "\n[[rule]]\nname = \"rule-{rule}\"\n{condition}\naction = \"block\"\n");
    }
    text + "\n[[rule]]\nname = \"clinical-always\"\nto = [\"clinical\"]\naction = \"allow\"\n"
}

/// The same names on every run, spread by a multiplier that visits every 64-bit number once.
fn names(list: usize) -> String {
    let spread = |number: usize| (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let numbers = (list * NAMES..(list + 1) * NAMES).map(spread);
    numbers.map(|spread| format!("n{:x}.d{:x}.example\n", spread >> 40, spread & 0xffff)).collect()
}
