//! What a world's files say: a small estate with a clinical, an internet and a social tube, and what a test changes.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// A name in the clinical category.
pub const CLINICAL: &str = "clinic.example.wales.nhs.uk";
/// A name in the social category.
pub const SOCIAL: &str = "www.social.example";
/// A name in no category: `other`, in the internet tube.
pub const NEWS: &str = "news.example.org";
/// A name that a rule blocks.
pub const BLOCKED: &str = "bad.blocked.example";
/// A name that reads as A-labels on the wire.
pub const IDN: &str = "ysgol-tŷ.example.org";

/// The policy of most worlds.
const POLICY: &str = r#"
default = "allow"

[category.clinical]
tube = "clinical"
protected = true
domains = ["wales.nhs.uk"]

[category.social-media]
tube = "social"
domains = ["social.example"]

[category.never]
domains = ["blocked.example"]

[[rule]]
name = "never-at-all"
to = ["never"]
action = "block"
reason = "Not from here."
"#;

/// A rule that blocks the social category.
pub const NO_SOCIAL: &str = "\n[[rule]]\nname = \"no-social\"\nto = [\"social-media\"]\naction = \"block\"\n";

/// The files of a world before they are written.
#[derive(Clone, Debug)]
pub struct Setup {
    /// `[dns] hosts`.
    pub hosts: Vec<(String, String)>,
    /// `[dns] servers`.
    pub servers: Vec<SocketAddr>,
    /// The listener's `clients`.
    pub clients: Vec<String>,
    /// The listener's `address`.
    pub listen: String,
    /// More lines of `[[listener]]`.
    pub listener: String,
    /// `[admin] address`.
    pub admin: String,
    /// More lines of `[link]`.
    pub link: String,
    /// `ceiling` of the internet tube, down and up.
    pub internet: Option<(String, String)>,
    /// `ceiling` of the social tube.
    pub social: Option<(String, String)>,
    /// A line `peak = ..` of the internet tube.
    pub peak: String,
    /// `flows` of the internet tube.
    pub flows: Option<u32>,
    /// Lines of `[egress.internet]`.
    pub egress: String,
    /// `[guard] deny`.
    pub deny: Vec<String>,
    /// `[guard] ports`, as the file has it.
    pub ports: String,
    /// `[log] pseudonymise`.
    pub pseudonymise: bool,
    /// The policy file.
    pub policy: String,
    /// Files beside it: names and texts.
    pub beside: Vec<(String, String)>,
    /// The gateway's environment.
    pub env: Vec<(String, String)>,
    /// The most descriptors the gateway may open.
    pub descriptors: Option<u32>,
    /// Whether the gateway's program is a file of its own, which a test can replace.
    pub own_program: bool,
    /// More lines of `[gateway]`.
    pub gateway: String,
}

impl Default for Setup {
    fn default() -> Self {
        let hosts = [CLINICAL, SOCIAL, NEWS, BLOCKED, IDN].map(|name| (name.to_owned(), "127.0.0.1".to_owned()));
        Setup {
            hosts: hosts.to_vec(),
            servers: Vec::new(),
            clients: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()],
            listen: "127.0.0.1:0".to_owned(),
            listener: String::new(),
            admin: "127.0.0.1:0".to_owned(),
            link: String::new(),
            internet: None,
            social: None,
            peak: String::new(),
            flows: None,
            egress: String::new(),
            deny: Vec::new(),
            ports: "[\"1-65535\"]".to_owned(),
            pseudonymise: false,
            policy: POLICY.to_owned(),
            beside: Vec::new(),
            env: Vec::new(),
            descriptors: None,
            own_program: false,
            gateway: String::new(),
        }
    }
}

impl Setup {
    /// The default estate with another ceiling each way for the internet tube.
    pub fn with_ceiling(down: &str, up: &str) -> Setup {
        Setup { internet: Some((down.to_owned(), up.to_owned())), ..Setup::default() }
    }

    /// The same estate behind a listener that shows a certificate.
    #[must_use]
    pub fn with_tls(self, cert: &Path, key: &Path) -> Setup {
        Setup { listener: format!("{}tls = {{ cert = {cert:?}, key = {key:?} }}\n", self.listener), ..self }
    }

    /// `clearway.toml`.
    pub fn gateway_file(&self) -> String {
        let mut text = String::new();
        let hosts: Vec<String> = self.hosts.iter().map(|(name, address)| format!("{name:?} = {address:?}")).collect();
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        write!(
            text,
            r#"
[gateway]
name = "gw-test"
timezone = "Europe/London"
policy = "policy.toml"
state_dir = "state"
{gateway}

[admin]
address = {admin:?}

[log]
access = "state/access.log"
pseudonymise = {pseudonymise}

[dns]
servers = {servers:?}
hosts = {{ {hosts} }}

[[listener]]
name = "staff"
mode = "explicit"
address = {listen:?}
clients = {clients:?}
{listener}
[link]
down = "100 Gbit/s"
up = "100 Gbit/s"
{link}
[tube.clinical]
priority = 0

[tube.internet]
priority = 1
share_by = "client"
egress = "internet"
{ceiling}{flows}{peak}
[tube.social]
within = "internet"
priority = 2
{social}
[egress.internet]
{egress}
[guard]
deny = {deny:?}
ports = {ports}
"#,
            gateway = self.gateway,
            admin = self.admin,
            pseudonymise = self.pseudonymise,
            hosts = hosts.join(", "),
            listen = self.listen,
            listener = self.listener,
            clients = self.clients,
            link = self.link,
            ceiling = ceiling(self.internet.as_ref()),
            flows = self.flows.map(|flows| format!("flows = {flows}\n")).unwrap_or_default(),
            peak = self.peak,
            social = ceiling(self.social.as_ref()),
            egress = self.egress,
            deny = self.deny,
            ports = self.ports,
        )
        .unwrap();
        text
    }

    /// Writes both files. Each is put in place whole, so that a reload never reads half a file.
    pub fn write(&self, dir: &Path) {
        let own = [("clearway.toml", self.gateway_file()), ("policy.toml", self.policy.clone())];
        let own = own.map(|(name, text)| (name.to_owned(), text));
        for (name, text) in own.iter().chain(&self.beside) {
            let fresh = dir.join(format!("{name}.new"));
            std::fs::create_dir_all(fresh.parent().unwrap()).unwrap();
            std::fs::write(&fresh, text).unwrap();
            std::fs::rename(fresh, dir.join(name)).unwrap();
        }
    }
}

fn ceiling(rates: Option<&(String, String)>) -> String {
    rates.map(|(down, up)| format!("ceiling = {{ down = {down:?}, up = {up:?} }}\n")).unwrap_or_default()
}
