//! Being in a namespace: a thread of its own, with a runtime of its own.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::thread::JoinHandle;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::sandbox::Space;

/// Begins something in a namespace.
pub fn begin<T, F>(space: Space, work: impl FnOnce() -> F + Send + 'static) -> JoinHandle<T>
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    std::thread::spawn(move || {
        let file = File::open(format!("/run/netns/{}", space.name())).unwrap();
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let done = runtime.block_on(work());
        runtime.shutdown_background();
        done
    })
}

/// Does something in a namespace.
pub fn inside<T, F>(space: Space, work: impl FnOnce() -> F + Send + 'static) -> T
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    begin(space, work).join().unwrap_or_else(|what| std::panic::resume_unwind(what))
}
