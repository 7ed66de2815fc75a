//! What a gateway and its successor speak over: JSON behind its length on a Unix socket, and file descriptors one at a time.
//! It knows when the process at its other end is gone.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg, sockopt,
};
use rustix::process::{PidfdFlags, geteuid, pidfd_open};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest word: a gateway with thousands of tubes says less.
const LONGEST: u32 = 4 << 20;

/// The other side broke the rules, or off.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The socket.
    #[error("the other process broke off: {0}")]
    Broken(#[from] io::Error),
    /// It is not who may speak here.
    #[error("a process of user {0} may not speak here")]
    Stranger(u32),
    /// What it said makes no sense.
    #[error("the other process said what cannot be read: {0}")]
    Words(#[from] serde_json::Error),
    /// It says why it cannot.
    #[error("{0}")]
    Said(String),
    /// It said too much at once.
    #[error("the other process said {0} bytes at once")]
    TooLong(u32),
}

/// How often a wait for a process looks at whether it is still wanted.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// The process at the other end, whatever becomes of its number; `None`: it is of another PID namespace, or this system cannot
/// tell.
#[derive(Debug)]
pub struct Peer(Option<OwnedFd>);

impl Peer {
    /// Waits until it is gone; whether it is, and that could be told. `enough` ends the wait.
    pub fn gone(&self, enough: impl Fn() -> bool) -> bool {
        let Some(process) = &self.0 else { return false };
        let mut waits = [PollFd::new(process, PollFlags::IN)];
        while !enough() {
            if poll(&mut waits, Some(&LOOK)).is_ok_and(|ready| ready > 0) {
                return true;
            }
        }
        false
    }
}

/// One side of it.
#[derive(Debug)]
pub struct Line {
    stream: UnixStream,
    peer: Peer,
}

impl Line {
    /// Speaks to who listens at a path.
    ///
    /// # Errors
    /// When nobody does, or somebody else.
    pub fn open(path: &Path) -> Result<Line, LineError> {
        Line::of(UnixStream::connect(path)?)
    }

    /// Speaks over a socket, whose other end is a process of this user, or of root.
    ///
    /// # Errors
    /// When it is not.
    pub fn of(stream: UnixStream) -> Result<Line, LineError> {
        let peer = sockopt::socket_peercred(&stream).map_err(io::Error::from)?;
        if !peer.uid.is_root() && peer.uid != geteuid() {
            return Err(LineError::Stranger(peer.uid.as_raw()));
        }
        Ok(Line { peer: Peer(pidfd_open(peer.pid, PidfdFlags::empty()).ok()), stream })
    }

    /// Hears what the other has said already, and nothing more: it finds the line broken from now on.
    ///
    /// # Errors
    /// When that is nothing, or makes no sense.
    pub fn last_word<T: DeserializeOwned>(&mut self) -> Result<T, LineError> {
        self.stream.shutdown(Shutdown::Both)?;
        self.hear()
    }

    /// Says no more, and hears no more, whoever else has a handle of the socket.
    pub fn hang_up(self) -> Peer {
        // It may be over already.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.peer
    }

    /// How long the other may keep silent from now on.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn patience(&self, patience: Option<Duration>) -> Result<(), LineError> {
        self.stream.set_read_timeout(patience)?;
        self.stream.set_write_timeout(patience)?;
        Ok(())
    }

    /// Says something.
    ///
    /// # Errors
    /// When the other is not there, or does not listen.
    pub fn say(&mut self, word: &impl Serialize) -> Result<(), LineError> {
        let text = serde_json::to_vec(word)?;
        let length = u32::try_from(text.len()).ok().filter(|length| *length <= LONGEST);
        let length = length.ok_or(LineError::TooLong(u32::MAX))?;
        let whole: Vec<u8> = length.to_be_bytes().into_iter().chain(text).collect();
        Ok(self.stream.write_all(&whole)?)
    }

    /// Hears something.
    ///
    /// # Errors
    /// When the other goes, is silent for too long, or makes no sense.
    pub fn hear<T: DeserializeOwned>(&mut self) -> Result<T, LineError> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > LONGEST {
            return Err(LineError::TooLong(length));
        }
        let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
        self.stream.read_exact(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Gives a descriptor; with one byte, which keeps its place among the words.
    ///
    /// # Errors
    /// When the other is not there.
    pub fn give(&self, descriptor: BorrowedFd<'_>) -> Result<(), LineError> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        let descriptors = [descriptor];
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        sendmsg(&self.stream, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL).map_err(io::Error::from)?;
        Ok(())
    }

    /// Takes a descriptor.
    ///
    /// # Errors
    /// When none came.
    pub fn take(&self) -> Result<OwnedFd, LineError> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let mut byte = [0];
        recvmsg(&self.stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)
            .map_err(io::Error::from)?;
        let found = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn words_and_descriptors_come_in_the_order_in_which_they_were_sent() {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut one, mut other) = (Line::of(one).unwrap(), Line::of(other).unwrap());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        one.say(&["first"]).unwrap();
        one.give(listener.as_fd()).unwrap();
        one.give(listener.as_fd()).unwrap();
        one.say(&7).unwrap();
        assert_eq!(other.hear::<[String; 1]>().unwrap(), ["first"]);
        for _ in 0..2 {
            let taken = std::net::TcpListener::from(other.take().unwrap());
            assert_eq!(taken.local_addr().unwrap(), listener.local_addr().unwrap());
        }
        assert_eq!(other.hear::<u32>().unwrap(), 7);
        one.say(&8).unwrap();
        assert_eq!(other.last_word::<u32>().unwrap(), 8);
        assert!(matches!(one.say(&9), Err(LineError::Broken(_))));
        drop(one);
        assert!(matches!(other.hear::<u32>(), Err(LineError::Broken(_))));
        assert!(matches!(other.take(), Err(LineError::Broken(_))));
    }

    #[test]
    fn what_is_too_long_or_makes_no_sense_is_an_error_and_takes_no_memory() {
        let (mut one, other) = UnixStream::pair().unwrap();
        let mut other = Line::of(other).unwrap();
        one.write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert!(matches!(other.hear::<u32>(), Err(LineError::TooLong(_))));
        one.write_all(b"\0\0\0\x02{]").unwrap();
        assert!(matches!(other.hear::<u32>(), Err(LineError::Words(_))));
        other.patience(Some(Duration::from_millis(10))).unwrap();
        assert!(matches!(other.hear::<u32>(), Err(LineError::Broken(_))));
    }
}
