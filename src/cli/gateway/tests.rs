//! A configuration with everything that the machine around a gateway can need.

use crate::base::clock;
use crate::config::{self, Config, Keep};

pub(super) const CONFIG: &str = r#"
[gateway]
name = "gw1"
timezone = "Europe/London"
policy = "policy.toml"

[[listener]]
name = "staff"
mode = "explicit"
address = "0.0.0.0:3128"
clients = ["10.1.0.0/16"]

[[listener]]
name = "wards"
mode = "transparent"
address = "127.0.0.1:3129"
clients = ["10.2.0.0/16", "10.2.7.0/24", "10.8.0.0/16", "10.8.0.0/16"]

[[listener]]
name = "wards-v6"
mode = "transparent"
address = "[::1]:3129"
clients = ["fd00:2::/32"]

[[listener]]
name = "lab"
mode = "transparent"
via = "redirect"
address = "0.0.0.0:3130"
clients = ["10.3.0.0/16"]

[tube.clinical]
priority = 0

[tube.internet]
priority = 1
egress = "wan2"

[egress.wan2]
interface = "wan2"
fwmark = 32
next_hop = ["192.0.2.1", "2001:db8::1"]

[guard]
ports = [443, 80, "8000-8050", "8040-8099"]
"#;

const POLICY: &str = "default = \"allow\"\n[category.care]\ntube = \"clinical\"\ndomains = [\"nhs.uk\"]\n";

/// A configuration that has no mistake.
pub(super) fn config(text: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("clearway.toml"), text).unwrap();
    std::fs::write(dir.path().join("policy.toml"), POLICY).unwrap();
    let outcome = config::read(&dir.path().join("clearway.toml"), clock::wall(), Keep::Look);
    outcome.config.unwrap_or_else(|| panic!("{}", config::render(&outcome.problems, false)))
}
