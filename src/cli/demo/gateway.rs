//! The gateway of the third act: files as a user writes them, and the gateway itself with these.

use std::io;

use super::folder::Folder;
use super::link::Spec;
use super::origin::{Origin, Origins};
use crate::config;
use crate::daemon::{Inside, RunError};

/// What is clinical, what is social; the rest is the internet's.
const POLICY: &str = r#"default = "allow"

[category.clinical]
tube      = "clinical"
protected = true
domains   = ["wales.nhs.uk"]

[category.social]
tube    = "social"
domains = ["social.example"]

[category.other]
tube = "internet"
"#;

/// The running gateway, and its files, which go after it.
#[derive(Debug)]
pub struct Gateway {
    /// The gateway itself.
    pub inside: Inside,
    _folder: Folder,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Its files.
    #[error("cannot write the gateway's files: {0}")]
    Files(#[from] io::Error),
    /// Itself.
    #[error("the gateway does not start: {}", told(.0))]
    Run(#[from] RunError),
}

fn told(error: &RunError) -> String {
    match error {
        RunError::Configuration(problems) => config::render(problems, false),
        error => error.to_string(),
    }
}

impl Gateway {
    /// Writes the files and starts the gateway with them. Blocks until it listens. `wire` counts the link, as the
    /// interface of a real one would.
    ///
    /// # Errors
    /// When a file cannot be written or the gateway does not start.
    pub fn start(
        spec: &Spec,
        origins: &Origins,
        wire: impl FnMut() -> Option<[u64; 2]> + Send + 'static,
    ) -> Result<Gateway, GatewayError> {
        let folder = Folder::new()?;
        let file = folder.path().join("clearway.toml");
        std::fs::write(&file, text(spec, &origins.all()))?;
        std::fs::write(folder.path().join("policy.toml"), POLICY)?;
        Ok(Gateway { inside: Inside::start(&file, wire)?, _folder: folder })
    }
}

/// `clearway.toml`. No tube has a ceiling of its own: what clinical leaves is lunch's, up to the whole link.
fn text(spec: &Spec, origins: &[&Origin]) -> String {
    let hosts: Vec<String> =
        origins.iter().map(|origin| format!("{:?} = \"{}\"", origin.name, origin.port.0.ip())).collect();
    let ports: Vec<String> = origins.iter().map(|origin| origin.port.0.port().to_string()).collect();
    let (hosts, ports) = (hosts.join(", "), ports.join(", "));
    let Spec { down, up, .. } = spec;
    format!(
        r#"[gateway]
name      = "demo"
timezone  = "Europe/London"
policy    = "policy.toml"
state_dir = "state"

[admin]
address = "127.0.0.1:0"

[log]
access = "state/access.log"

[dns]
hosts = {{ {hosts} }}

[[listener]]
name    = "staff"
mode    = "explicit"
address = "127.0.0.1:0"
clients = ["127.0.0.0/8"]

[link]
down = "{down}"
up   = "{up}"

[tube.clinical]
priority = 0

[tube.internet]
priority = 1
share_by = "client"

[tube.social]
within   = "internet"
priority = 2
share_by = "client"

[guard]
deny  = []                              # the origins are on this machine
ports = [{ports}]
"#
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::link::Port;
    use super::*;
    use crate::base::clock;

    #[test]
    fn its_files_have_neither_errors_nor_warnings() {
        let spec = super::super::act::link();
        let port = Port("127.0.0.1:4443".parse().unwrap());
        let origins = [Origin { name: "clinic.wales.nhs.uk", port }, Origin { name: "video.social.example", port }];
        let text = text(&spec, &origins.each_ref());
        let outcome = config::read_with(Path::new("clearway.toml"), clock::wall(), &|file: &Path| {
            let policy = file.ends_with("policy.toml");
            Ok(if policy { POLICY } else { &text }.as_bytes().to_vec())
        });
        assert!(outcome.problems.is_empty(), "{}", config::render(&outcome.problems, false));
    }
}
