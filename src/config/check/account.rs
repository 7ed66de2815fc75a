//! `[log]`.

use std::path::{Path, PathBuf};

use super::gateway::beside;
use crate::account::{Access, Spec};
use crate::config::table::Table;

/// Reads `[log]`.
pub(in crate::config) fn log(root: &mut Table<'_>, file: &Path) -> Spec {
    let mut table = root.table_or_empty("log");
    let access = table.take::<PathBuf>("access").map_or_else(|| PathBuf::from("state/access.log"), |path| path.value);
    let pseudonymise = table.take::<bool>("pseudonymise").is_none_or(|yes| yes.value);
    table.finish();
    let access = if access == Path::new("-") { Access::Stdout } else { Access::File(beside(file, &access)) };
    Spec { access, pseudonymise }
}
