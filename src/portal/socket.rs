//! Unix sockets in `state_dir`: who may open `admin.sock` may reload and drain.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The admin socket's name in `state_dir`.
pub const FILE: &str = "admin.sock";

/// `sun_path` has 108 bytes with its final zero (unix(7)).
const LONGEST: usize = 107;

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Longer than the system allows.
    #[error("{} has {} bytes and a unix socket's path at most {LONGEST}; choose a shorter state_dir", path.display(), path.as_os_str().len())]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// Another process serves it.
    #[error("a gateway already answers at {}; each needs a state_dir of its own", path.display())]
    Occupied {
        /// The path.
        path: PathBuf,
    },
    /// Not a socket, so it is not ours to remove.
    #[error("{} is in the way and is not a socket", path.display())]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
    /// The system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A socket that listens, but not yet at its place, where another process answers meanwhile.
#[derive(Debug)]
pub struct Unsettled {
    held: SocketFile,
    path: PathBuf,
}

impl Unsettled {
    /// Puts it in its place; who connected to the one before stays connected with that, whose file is kept beside.
    ///
    /// # Errors
    /// Those of rename(2).
    pub fn settle(self) -> Result<Settled, SocketError> {
        let Unsettled { held, path } = self;
        let before = beside(&path);
        // What an upgrade before left. Where there is nothing to keep, or it may not be kept, nothing can be given back.
        let _ = fs::remove_file(&before);
        let _ = fs::hard_link(&path, &before);
        fs::rename(&held.path, &path).map_err(|source| SocketError::Io { path: path.clone(), source })?;
        Ok(Settled { now: Some(SocketFile { identity: held.identity, path }) })
    }
}

/// Where the file of the socket is that another one took the place of.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("before")
}

/// A socket at its place. Dropped, it gives way again to the one before.
#[derive(Debug)]
pub struct Settled {
    now: Option<SocketFile>,
}

impl Settled {
    /// It stays; the file of the one before is removed.
    pub fn keep(mut self) -> Option<SocketFile> {
        let now = self.now.take();
        if let Some(now) = &now {
            _ = fs::remove_file(beside(&now.path)); // where there is one; what stays, the next upgrade removes
        }
        now
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        if let Some(now) = self.now.take()
            && now.is_there()
        {
            _ = fs::rename(beside(&now.path), &now.path);
        }
    }
}

/// A bound socket; its file is removed with it, if it is still this one.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn is_there(&self) -> bool {
        is(self.identity, &self.path)
    }

    /// Brings its file back to its place, which another process took that did not live to give it back.
    pub fn reclaim(&self) {
        let before = beside(&self.path);
        if is(self.identity, &before) && !self.is_there() {
            _ = fs::rename(before, &self.path);
        }
    }
}

/// Whether this file is at a path.
fn is((device, inode): (u64, u64), path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| (about.dev(), about.ino()) == (device, inode))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_there() {
            _ = fs::remove_file(&self.path); // where it stays, the next start finds that nobody answers
        }
    }
}

/// Binds the socket, mode 0600. A stale one is replaced; one that answers is not.
///
/// # Errors
/// When the path is too long, another gateway answers there, something else is in the way, or the system says no.
pub fn bind(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    if path.as_os_str().as_bytes().len() > LONGEST {
        return Err(SocketError::TooLong { path: path.into() });
    }
    let failed = |source| SocketError::Io { path: path.into(), source };
    let parent = path.parent().unwrap_or(Path::new(""));
    if !parent.as_os_str().is_empty() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(about) if !about.file_type().is_socket() => return Err(SocketError::InTheWay { path: path.into() }),
        Ok(_) if answers(path).map_err(failed)? => return Err(SocketError::Occupied { path: path.into() }),
        Ok(_) => {}
    }
    bind_private(parent, path).map_err(failed)
}

/// Binds a socket that is to take the place of one that answers, mode 0600.
///
/// # Errors
/// When the path is too long, or the system says no.
pub fn bind_over(path: &Path) -> Result<(UnixListener, Unsettled), SocketError> {
    if path.as_os_str().as_bytes().len() > LONGEST {
        return Err(SocketError::TooLong { path: path.into() });
    }
    // No longer than that.
    let waits_at = path.with_extension("new");
    let failed = |source| SocketError::Io { path: path.into(), source };
    // What another try left behind.
    match fs::remove_file(&waits_at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let (listener, held) = bind_private(path.parent().unwrap_or(Path::new("")), &waits_at).map_err(failed)?;
    Ok((listener, Unsettled { held, path: path.into() }))
}

/// In a directory of ours first, then moved to its place: between bind and chmod a socket is open to whoever the
/// umask lets in. The directory's name is no longer than the socket's, so that the path's length holds for both.
fn bind_private(parent: &Path, path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let private = parent.join(".admin");
    let inner = private.join("s");
    match fs::remove_dir_all(&private) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::DirBuilder::new().mode(0o700).create(&private)?;
    let listener = UnixListener::bind(&inner)?;
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o600))?;
    fs::rename(&inner, path)?;
    fs::remove_dir(&private)?;
    listener.set_nonblocking(true)?;
    let about = fs::symlink_metadata(path)?;
    Ok((listener, SocketFile { path: path.into(), identity: (about.dev(), about.ino()) }))
}

/// Whether somebody accepts there. Without blocking: a gateway that hangs has a full backlog, and is one all the same.
fn answers(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock => Ok(true),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(false),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        let stale = UnixListener::bind(&path).unwrap();
        drop(stale);
        let (listener, held) = bind(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(bind(&path), Err(SocketError::Occupied { .. })));
        drop((listener, held));
        assert!(!path.exists());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_socket_takes_the_place_of_one_that_answers_without_a_moment_in_which_none_does() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        let (before, held) = bind(&path).unwrap();
        let (listener, unsettled) = bind_over(&path).unwrap();
        drop(unsettled);
        assert!(answers(&path).unwrap(), "a try that is given up changes nothing");
        drop(listener);
        let (listener, unsettled) = bind_over(&path).unwrap();
        let settled = unsettled.settle().unwrap();
        UnixStream::connect(&path).unwrap();
        assert!(listener.accept().is_ok());
        drop(settled);
        UnixStream::connect(&path).unwrap();
        assert!(before.accept().is_ok(), "what is taken back is as it was");
        let (listener, unsettled) = bind_over(&path).unwrap();
        // Killed just now.
        std::mem::forget(unsettled.settle().unwrap());
        drop(listener);
        assert!(!answers(&path).unwrap());
        held.reclaim();
        assert!(answers(&path).unwrap(), "what cannot be given back is fetched");
        held.reclaim();
        let (listener, unsettled) = bind_over(&path).unwrap();
        let settled = unsettled.settle().unwrap().keep().unwrap();
        UnixStream::connect(&path).unwrap();
        assert!(listener.accept().is_ok());
        drop(held);
        assert!(path.exists(), "it is no longer the first one's to remove");
        drop(settled);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn another_gateways_socket_is_not_removed_at_the_end() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        let (listener, held) = bind(&path).unwrap();
        drop(listener);
        let _next = bind(&path).unwrap();
        drop(held);
        assert!(path.exists());
    }

    #[test]
    fn what_is_not_a_socket_stays_and_what_is_too_long_is_said() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path), Err(SocketError::InTheWay { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        // As long as may be for the one, which is too long for the other.
        let room = LONGEST - home.path().as_os_str().len() - 2 - FILE.len();
        let edge = home.path().join("x".repeat(room));
        drop(bind(&edge.join(FILE)).unwrap());
        assert!(matches!(bind_over(&edge.join("upgrade.sock")), Err(SocketError::TooLong { .. })));
        let long = home.path().join("x".repeat(120)).join(FILE);
        let error = bind(&long).unwrap_err().to_string();
        assert!(error.contains("choose a shorter state_dir"), "{error}");
    }
}
