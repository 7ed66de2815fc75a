//! Microsoft 365's endpoints as its web service gives them: a JSON array of items with `urls`, `ips` and a `category`.

use std::io;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::sheet::{Item, Sheet};
use crate::base::Cidr;
use crate::category::key::Reach;
use crate::category::segment::number;

/// One item.
#[derive(Deserialize)]
struct Endpoint<'a> {
    #[serde(default, borrow)]
    urls: Vec<&'a RawValue>,
    #[serde(default, borrow)]
    ips: Vec<&'a RawValue>,
    #[serde(default)]
    category: String,
}

/// Reads a list. `Optimize` and `Allow` are Microsoft's own services; `Default` holds whatever else their programs may ask
/// for, `*.com` names of others among it, and is left out.
///
/// # Errors
/// `InvalidData` where it is not such a JSON.
pub fn read(bytes: &[u8], sheet: &mut Sheet<'_>) -> io::Result<()> {
    let wrong = |error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("it is not as Microsoft gives it: {error}"))
    };
    let text =
        std::str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).map_err(|error| wrong(&error))?;
    let items: Vec<Endpoint<'_>> = serde_json::from_str(text).map_err(|error| wrong(&error))?;
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let line_of = |part: &str| {
        let at = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        number(starts.partition_point(|start| *start <= at))
    };
    for item in &items {
        for (raw, is_url) in item.urls.iter().map(|raw| (raw, true)).chain(item.ips.iter().map(|raw| (raw, false))) {
            let line = line_of(raw.get());
            let said: String = serde_json::from_str(raw.get()).map_err(|error| wrong(&error))?;
            match item.category.as_str() {
                "Default" => sheet.reject(line, &said, "is in Microsoft's category `Default`, which is far too broad"),
                _ if is_url => url(line, &said, sheet),
                _ => match said.parse::<Cidr>() {
                    Ok(network) => sheet.put(line, Item::Network(network)),
                    Err(error) => sheet.reject(line, &said, error),
                },
            }
        }
    }
    Ok(())
}

fn url(line: u32, text: &str, sheet: &mut Sheet<'_>) {
    match text.strip_prefix("*.") {
        Some(under) if !under.contains('*') => sheet.put(line, Item::Host(under, Reach::Under)),
        _ if text.contains('*') => {
            let inner = text.split('*').map(regex::escape).collect::<Vec<_>>().join("[^.]*");
            sheet.put(line, Item::Regexp(&format!("^{inner}$")));
        }
        _ => sheet.put(line, Item::Host(text, Reach::Exact)),
    }
}
