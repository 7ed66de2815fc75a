//! Socket options that no crate names; nix's macro makes them, so that there is no unsafe code of ours.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::socket::sockopt::RcvBuf;
use nix::sys::socket::{getsockopt, setsockopt};
use nix::{getsockopt_impl, libc, setsockopt_impl, sockopt_impl};

use super::Rate;

sockopt_impl!(
    /// What the kernel knows of a connection (tcp(7), TCP_INFO).
    Travelled,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    TripInfo
);
sockopt_impl!(
    /// More of the same; since Linux 5.4.
    Offered,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    SentInfo
);
sockopt_impl!(
    /// Bytes a second at most (socket(7), SO_MAX_PACING_RATE).
    MaxPacingRate,
    Both,
    libc::SOL_SOCKET,
    libc::SO_MAX_PACING_RATE,
    usize
);

sockopt_impl!(
    /// Bytes that may wait to be sent (tcp(7), TCP_NOTSENT_LOWAT).
    NotSentLowat,
    Both,
    libc::IPPROTO_TCP,
    libc::TCP_NOTSENT_LOWAT,
    u32
);

sockopt_impl!(
    /// The largest window to offer (tcp(7), TCP_WINDOW_CLAMP).
    WindowClamp,
    Both,
    libc::IPPROTO_TCP,
    libc::TCP_WINDOW_CLAMP,
    u32
);

/// `struct tcp_info` (linux/tcp.h) up to the round trip as a receiver sees it. It grows with every few versions of
/// Linux, a kernel fills in as
/// much as it is asked for and knows, and nix panics when that is less: libc's is of the newest kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TripInfo {
    _before: [u32; 17],
    rtt: u32,
    _between: [u32; 5],
    rcv_rtt: u32,
}

/// The same, up to the window.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SentInfo {
    state: u8,
    _options: [u8; 7],
    _before: [u64; 14],
    bytes_acked: u64,
    _between: [u64; 12],
    _out_of_order: u32,
    snd_wnd: u32,
}

/// What the other side of a connection has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Bytes that it has acknowledged, ever.
    pub acknowledged: u64,
    /// Bytes beyond those that it has room for.
    pub window: u32,
    /// Whether the connection is over.
    pub closed: bool,
}

/// Linux's number for a connection that is over (net/tcp_states.h, TCP_CLOSE).
const CLOSED: u8 = 7;

/// What the other side has said of late.
///
/// # Errors
/// What getsockopt(2) said.
pub fn heard(socket: &impl AsFd) -> io::Result<Heard> {
    let info = getsockopt(socket, Offered)?;
    Ok(Heard { acknowledged: info.bytes_acked, window: info.snd_wnd, closed: info.state == CLOSED })
}

/// The round trip of a connection as the kernel has measured it, smoothed; right after the handshake, of that alone.
///
/// # Errors
/// What getsockopt(2) said.
pub fn round_trip(socket: &impl AsFd) -> io::Result<Duration> {
    Ok(Duration::from_micros(getsockopt(socket, Travelled)?.rtt.into()))
}

/// The round trip of a connection as the kernel sees it in what comes: from an acknowledgement that left to the first data
/// that answers it. `None` before there is any.
///
/// # Errors
/// What getsockopt(2) said.
pub fn answer_time(socket: &impl AsFd) -> io::Result<Option<Duration>> {
    let time = Duration::from_micros(getsockopt(socket, Travelled)?.rcv_rtt.into());
    Ok((!time.is_zero()).then_some(time))
}

/// Has the kernel space out what it sends, so that no burst leaves faster than this.
///
/// # Errors
/// What setsockopt(2) said.
pub fn pace(socket: &impl AsFd, rate: Rate) -> io::Result<()> {
    let bytes = usize::try_from(rate.bits_per_second() / 8).unwrap_or(usize::MAX);
    Ok(setsockopt(socket, MaxPacingRate, &bytes)?)
}

/// Has a connection hold so many bytes that were not read, and offer no more. The buffer alone is not enough: the one that
/// a connection began with bounds what it offers for as long as it lives, whatever it is given later.
///
/// # Errors
/// What setsockopt(2) said.
pub fn hold_unread(socket: &impl AsFd, bytes: usize) -> io::Result<()> {
    setsockopt(socket, RcvBuf, &bytes)?;
    Ok(setsockopt(socket, WindowClamp, &u32::try_from(bytes).unwrap_or(u32::MAX))?)
}

/// Has no more than so many bytes taken that cannot be sent yet, whatever a connection's buffer could hold.
///
/// # Errors
/// What setsockopt(2) said.
pub fn hold_unsent(socket: &impl AsFd, bytes: u32) -> io::Result<()> {
    Ok(setsockopt(socket, NotSentLowat, &bytes)?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::mem::offset_of;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_kernels_fields_are_where_it_has_them() {
        assert_eq!(offset_of!(TripInfo, rtt), offset_of!(libc::tcp_info, tcpi_rtt));
        assert_eq!(offset_of!(TripInfo, rcv_rtt), offset_of!(libc::tcp_info, tcpi_rcv_rtt));
        assert_eq!(offset_of!(SentInfo, bytes_acked), offset_of!(libc::tcp_info, tcpi_bytes_acked));
        assert_eq!(offset_of!(SentInfo, snd_wnd), offset_of!(libc::tcp_info, tcpi_snd_wnd));
    }

    #[test]
    fn a_peer_that_reads_nothing_is_held_little() {
        let held = |limit: Option<u32>| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let _far = listener.accept().unwrap();
            if let Some(limit) = limit {
                hold_unsent(&near, limit).unwrap();
            }
            near.set_nonblocking(true).unwrap();
            std::iter::from_fn(|| near.write(&[0; 4096]).ok()).sum::<usize>()
        };
        let (free, bounded) = (held(None), held(Some(32 << 10)));
        assert!(bounded + (1 << 20) < free, "{bounded} {free}");
    }

    /// Bytes that come to wait at the near end when its peer sends as much as it can.
    fn waiting(near: &TcpStream, far: &mut TcpStream, enough: u64) -> u64 {
        let begun = crate::base::clock::now();
        let mut waiting = 0;
        while waiting < enough && begun.elapsed() < Duration::from_secs(5) {
            let _ = far.write(&[0; 4096]);
            waiting = rustix::io::ioctl_fionread(near).unwrap();
        }
        waiting
    }

    #[test]
    fn a_connection_that_began_small_grows_to_what_it_is_given_and_not_beyond() {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        // Segments as on the way out; those of the loopback would fill any of these windows.
        listener.set_tcp_mss(1448).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        listener.listen(1).unwrap();
        let near = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        near.set_recv_buffer_size(4096).unwrap();
        near.connect(&listener.local_addr().unwrap()).unwrap();
        let (mut near, mut far) = (TcpStream::from(near), TcpStream::from(listener.accept().unwrap().0));
        far.set_nonblocking(true).unwrap();
        let small = waiting(&near, &mut far, 1024);
        assert!(small < 16 * 1024, "{small}");
        hold_unread(&near, 48 * 1024).unwrap();
        near.read_exact(&mut vec![0; usize::try_from(small).unwrap()]).unwrap();
        // As somebody reads, more is offered each time.
        let mut most = 0;
        for _ in 0..200 {
            let now = waiting(&near, &mut far, 1024);
            most = most.max(now);
            near.read_exact(&mut vec![0; usize::try_from(now).unwrap()]).unwrap();
        }
        assert!(waiting(&near, &mut far, 24 * 1024) >= 24 * 1024, "{most}");
        assert!(most < 128 * 1024, "{most}");
    }

    #[test]
    fn what_was_read_is_acknowledged_and_an_open_connection_has_a_window() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        assert!(round_trip(&near).unwrap() > Duration::ZERO);
        let before = heard(&near).unwrap();
        assert!(before.window > 0 && !before.closed);
        near.write_all(&[0; 40_000]).unwrap();
        far.read_exact(&mut [0; 40_000]).unwrap();
        while heard(&near).unwrap().acknowledged < before.acknowledged + 40_000 {
            std::thread::yield_now();
        }
    }
}
