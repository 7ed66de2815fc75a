//! A hosts file (hosts(5)): an address, then names, each that name only. Names that mean this machine are passed over.

use std::net::IpAddr;

use super::lines::said;
use super::sheet::{Item, Sheet};
use crate::category::key::Reach;

/// Names that stand in every hosts file and mean no place elsewhere.
const OWN: &[&str] = &["localhost", "localhost.localdomain", "localhost6", "local", "broadcasthost", "0.0.0.0"];

/// Reads a list.
pub fn read(bytes: &[u8], sheet: &mut Sheet<'_>) {
    for (line, text) in said(bytes, '#') {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        // An address of one link may name its interface: fe80::1%lo0.
        if first.split('%').next().and_then(|address| address.parse::<IpAddr>().ok()).is_none() {
            sheet.reject(line, &text, "has no address in front; a list of names alone is `plain` or `squid`");
            continue;
        }
        let mut none = true;
        for name in words {
            none = false;
            let lower = name.to_ascii_lowercase();
            if !OWN.contains(&lower.as_str()) && !lower.starts_with("ip6-") {
                sheet.put(line, Item::Host(name, Reach::Exact));
            }
        }
        if none {
            sheet.reject(line, &text, "has no name after its address");
        }
    }
}
