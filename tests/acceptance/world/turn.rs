//! Whose turn it is: light tests run side by side, a heavy one runs alone, so that what it measures is its own.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static FLOOR: RwLock<()> = RwLock::new(());

/// Held as long as a test runs.
pub enum Turn {
    /// Beside other light tests.
    Shared { _guard: RwLockReadGuard<'static, ()> },
    /// Alone.
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

impl Turn {
    /// Waits until no heavy test runs. A test that failed while it held its turn spoils nothing for the next.
    pub fn shared() -> Turn {
        Turn::Shared { _guard: FLOOR.read().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Waits until no other test runs.
    pub fn alone() -> Turn {
        Turn::Alone { _guard: FLOOR.write().unwrap_or_else(PoisonError::into_inner) }
    }
}
