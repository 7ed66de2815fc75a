//! The process of all clients: staff on one thread, clinical work on another, so that neither's work delays the other's.

use std::io;
use std::path::Path;

use crate::clock;
use crate::script::Script;
use crate::{clinical, staff};

/// Does what a script says and writes the diary to a file.
pub fn act(script: &Path, to: &Path) -> io::Result<()> {
    let script: Script = serde_json::from_slice(&std::fs::read(script)?)?;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (done, over) = tokio::sync::oneshot::channel();
    let (work, theirs) = (script.clone(), runtime()?);
    let clinic = std::thread::spawn(move || {
        let exchanges = theirs.block_on(clinical::work(&work));
        let _ = done.send(());
        exchanges
    });
    let mut diary = runtime()?.block_on(async {
        let (working, people) = staff::begin(&script);
        // Everybody stays at work until the last clinical answer that counts is there.
        let _ = over.await;
        tokio::time::sleep(clock::until(script.zero + clock::nanos(script.to))).await;
        let diary = staff::diary(&people);
        drop(working);
        diary
    });
    diary.clinical = clinic.join().map_err(|_| io::Error::other("clinical work panicked"))?;
    std::fs::write(to, serde_json::to_vec(&diary)?)
}
