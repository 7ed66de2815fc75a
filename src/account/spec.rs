//! What a configuration says of records.

use std::path::PathBuf;

use crate::base::Target;

/// `[log]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Where the access log goes.
    pub access: Access,
    /// Clients and users as keyed hashes, with a key that changes daily.
    pub pseudonymise: bool,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Access {
    /// Standard output.
    Stdout,
    /// The journal of systemd, an entry for each line, as `clearway-access`.
    Journald,
    /// A file, opened again on reload so that it can be rotated.
    File(PathBuf),
}

/// `[telemetry]`: a collector of OpenTelemetry, reached over plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Where it is.
    pub target: Target,
    /// What stands before `/v1/traces`; empty, or with a slash in front.
    pub path: String,
    /// Which gateway sends: `[gateway] name`.
    pub instance: String,
}
