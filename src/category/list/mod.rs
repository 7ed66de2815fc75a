//! Lists made by others: each format has a reader, which fills a sheet line by line. What comes out is a list: keys of names
//! and where they stand, without the text.

mod format;
mod keys;
mod lines;
mod places;
mod shelf;
mod sheet;
mod notice;
mod read;

mod adguard;
mod hosts;
pub mod kept;
mod m365;
mod plain;
mod rpz;
mod squid;
mod ut1;
mod v2fly;

pub use format::Format;
pub use kept::Origin;
pub use keys::Keys;
pub use notice::{Notice, Trouble};
pub use places::Places;
pub use read::read;
pub use sheet::{Counts, Effect, List, Rejected, Sheet, Told, Url, Watch, What, is_public_suffix};
pub use shelf::Shelf;

#[cfg(test)]
mod tests;
