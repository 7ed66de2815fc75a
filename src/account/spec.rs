//! What a configuration says of records.

use std::path::PathBuf;

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
    /// A file, opened again on reload so that it can be rotated.
    File(PathBuf),
}
