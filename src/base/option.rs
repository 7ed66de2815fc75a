//! Socket options that no crate names; nix's macro makes them, so that there is no unsafe code of ours.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::socket::{getsockopt, setsockopt};
use nix::{getsockopt_impl, libc, setsockopt_impl, sockopt_impl};

use super::Rate;

sockopt_impl!(
    /// What the kernel knows of a connection (tcp(7), TCP_INFO).
    TcpInfo,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    libc::tcp_info
);
sockopt_impl!(
    /// Bytes a second at most (socket(7), SO_MAX_PACING_RATE).
    MaxPacingRate,
    Both,
    libc::SOL_SOCKET,
    libc::SO_MAX_PACING_RATE,
    usize
);

/// The round trip of a connection as the kernel has measured it, smoothed; right after the handshake, of that alone.
///
/// # Errors
/// What getsockopt(2) said.
pub fn round_trip(socket: &impl AsFd) -> io::Result<Duration> {
    Ok(Duration::from_micros(getsockopt(socket, TcpInfo)?.tcpi_rtt.into()))
}

/// Has the kernel space out what it sends, so that no burst leaves faster than this.
///
/// # Errors
/// What setsockopt(2) said.
pub fn pace(socket: &impl AsFd, rate: Rate) -> io::Result<()> {
    let bytes = usize::try_from(rate.bits_per_second() / 8).unwrap_or(usize::MAX);
    Ok(setsockopt(socket, MaxPacingRate, &bytes)?)
}
