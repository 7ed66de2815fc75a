//! Memory for a table that is asked at random places: in pages of two megabytes where the system has them, so that finding
//! a page costs next to nothing. With five million names a look-up took 472 ns in small pages and 353 ns in large ones
//! (a name that is in no list 230 and 114; AMD EPYC, a virtual machine, where finding a small page takes two walks).

use std::fmt;
use std::ops::{Deref, DerefMut};

use memmap2::{Advice, MmapMut};

/// Octets, all zero at first.
pub enum Room {
    /// Its own mapping.
    Mapped(MmapMut),
    /// From the allocator: what is small, and what the system does not map.
    Heap(Box<[u8]>),
}

/// The size of a large page. What is smaller gains nothing.
const LARGE: usize = 2 << 20;

impl Room {
    /// So many octets.
    pub fn new(octets: usize) -> Room {
        let mapped = if octets < LARGE { None } else { MmapMut::map_anon(octets).ok() };
        match mapped {
            Some(map) => {
                // Where the system has no large pages to give, small ones do.
                let _ = map.advise(Advice::HugePage);
                Room::Mapped(map)
            }
            None => Room::Heap(vec![0; octets].into()),
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Room::Heap(Box::default())
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({})", self.len())
    }
}

impl Deref for Room {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Room::Mapped(map) => map,
            Room::Heap(octets) => octets,
        }
    }
}

impl DerefMut for Room {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Room::Mapped(map) => map,
            Room::Heap(octets) => octets,
        }
    }
}
