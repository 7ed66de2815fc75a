//! A list is read without panic whatever is in it, and every line is an entry, a rejected one, or nothing.

use std::path::Path;
use std::sync::Arc;

use clearway::category::list::plain::read;

/// Holds for any bytes.
pub fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let file: Arc<Path> = Arc::from(Path::new("list.txt"));
    let loaded = read(&text, &file);
    // As many lines as any reader may count: LF, CR or both end one.
    let lines = text.split(['\n', '\r']).count();
    assert!(loaded.entries.len() + loaded.rejected.len() <= lines, "more results than lines");
}
