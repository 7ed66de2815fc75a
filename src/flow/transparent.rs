//! Connections of clients that know of no proxy. The first bytes say what they speak: plain HTTP is served request by
//! request, everything else is a tunnel to the address that the client chose.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::body::Turn;
use super::carrier::Carrier;
use super::claim::{self, Claim, Said};
use super::end::End;
use super::run::{self, Entrance};
use super::tunnel::Reached;
use crate::account::Open;
use crate::base::{Fault, Host, Reason, Side};
use crate::listen::door::HEAD_TIMEOUT;
use crate::listen::transparent::{bare, destination};
use crate::listen::{Via, connect};
use crate::sniff::first::first;
use crate::sniff::{First, tls};

/// How long a client is waited for that says nothing, before the address is asked what it has to say: some protocols begin
/// there. Who speaks first does so within a round trip, and those of a poor radio link take a second; whoever waits for an
/// FTP server's greeting bears two.
const SILENCE: Duration = Duration::from_secs(2);

/// Serves one connection to its end.
pub async fn serve(carrier: Arc<Carrier>, mut stream: TcpStream, mut entrance: Entrance, via: Via) {
    let refused = |fault: Fault| carrier.account.open(entrance.arrival()).ended(None, fault);
    let chosen = match destination(&stream, via, entrance.client.ip()) {
        Ok(chosen) => chosen,
        Err(error) => {
            tracing::debug!(listener = %entrance.listener, %error, "a connection that goes nowhere");
            return refused(error.fault());
        }
    };
    if entrance.filled > 100 {
        return refused(End::ProcessFull.fault());
    }
    entrance.chosen = Some(chosen);
    loop {
        let first = tokio::select! {
            first = connect::first_bytes(&mut stream, SILENCE) => first,
            () = carrier.drain.cancelled() => return,
            () = entrance.cut.cancelled() => return,
        };
        match first {
            Ok(bytes) if !bytes.is_empty() => return hear(carrier, entrance, (stream, bytes)).await,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                match ask_the_origin(&carrier, &entrance, stream, chosen).await {
                    Some(client) => stream = client,
                    None => return,
                }
            }
            // Who closes, or breaks, asked for nothing.
            Ok(_) | Err(_) => return,
        }
    }
}

/// Serves a client that has begun to speak. Whatever happens to its first words happens to a flow, and has a record.
async fn hear(carrier: Arc<Carrier>, entrance: Entrance, (mut stream, bytes): (TcpStream, Bytes)) {
    let heard = tokio::select! {
        heard = whole(&mut stream, bytes) => heard,
        // Half a word keeps no place from others.
        () = entrance.cut.cancelled() => Err(End::ProcessFull.fault()),
    };
    match heard {
        Ok((_, First::Unreadable | First::NeedMore)) => {
            begin(&carrier, &entrance).ended(None, Fault::new(Side::Client, Reason::BadRequest));
        }
        Ok((bytes, First::Http)) => {
            let (phase, keep_alive) = (Arc::default(), entrance.keep_alive());
            run::serve_http((carrier, entrance), (stream.into(), bytes), (phase, keep_alive), None).await;
        }
        Ok((bytes, First::Tls { name, ech })) => {
            let said = Said { host: name.map(Host::Name), hides: ech };
            carry(&carrier, &entrance, (stream, bytes), (said, Ear::Both)).await;
        }
        Ok((bytes, First::Other)) => {
            carry(&carrier, &entrance, (stream, bytes), (Said::NOTHING, Ear::Down)).await;
        }
        Err(fault) => begin(&carrier, &entrance).ended(None, fault),
    }
}

/// Reads of a client's first words what is needed to tell what they are.
async fn whole(stream: &mut TcpStream, mut bytes: Bytes) -> Result<(Bytes, First), Fault> {
    let whole = async {
        let mut said = first(&bytes);
        if said == First::NeedMore {
            let mut more = BytesMut::from(bytes);
            while said == First::NeedMore && more.len() < tls::MAX_PREFIX {
                match stream.read_buf(&mut more).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => said = first(&more),
                }
            }
            bytes = more.freeze();
        }
        (bytes, said)
    };
    // As long as explicit clients have for a head or a hello.
    let whole = tokio::time::timeout(HEAD_TIMEOUT, whole).await;
    whole.map_err(|_| Fault::new(Side::Client, Reason::SlowHead))
}

/// Opens the record of a flow, by the address alone so far.
fn begin(carrier: &Carrier, entrance: &Entrance) -> Open {
    let open = carrier.account.open(entrance.arrival());
    if let Some(chosen) = entrance.chosen {
        open.chose(chosen.ip(), &bare(chosen));
    }
    open
}

/// Which ways of its connection a client has open that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ear {
    /// Both: what it speaks goes to and fro.
    Both,
    /// Down at least: it may have said all that it has to say.
    Down,
}

impl Ear {
    /// Returns when the client has gone away.
    async fn gone(self, client: &TcpStream) {
        match self {
            Ear::Both => connect::gone(client).await,
            Ear::Down => connect::broken(client).await,
        }
    }
}

/// Carries what is no HTTP to the address that was chosen.
async fn carry(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    (stream, sent): (TcpStream, Bytes),
    (said, ear): (Said, Ear),
) {
    let Some(chosen) = entrance.chosen else { return };
    // Who may not use this gateway has no name looked up by it.
    let said = if carrier.admits(&entrance.listener, entrance.client.ip()) { said } else { Said::NOTHING };
    let claim = claim::examine(carrier, entrance.client.ip(), chosen, said);
    if let Some((reached, stream)) = reach(carrier, entrance, (stream, ear), claim).await {
        reached.carry_from(stream, sent);
    }
}

/// Connects for a client that says nothing, and waits for who speaks first. Where that is the client after all, it gets its
/// stream back and begins anew: what it goes by then may lead another way. This flow carried nothing.
async fn ask_the_origin(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    stream: TcpStream,
    chosen: SocketAddr,
) -> Option<TcpStream> {
    let claim = std::future::ready(Claim::of(bare(chosen)));
    let (reached, stream) = reach(carrier, entrance, (stream, Ear::Both), claim).await?;
    match reached.spoken(&stream).await {
        Ok(Side::Client) => {
            reached.end(super::live::FINISHED);
            Some(stream)
        }
        Ok(_) => {
            reached.carry_from(stream, Bytes::new());
            None
        }
        Err(fault) => {
            reached.end(fault);
            None
        }
    }
}

/// Judges by what is claimed, admits and connects. Who is refused finds the connection closed: without TLS of its own the
/// gateway has no words that a client would take. From the first moment on the connection makes no room for others, though a
/// name may be looked up for seconds.
async fn reach(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    (mut stream, ear): (TcpStream, Ear),
    claim: impl Future<Output = Claim>,
) -> Option<(Reached, TcpStream)> {
    let turn = Turn::new(Arc::default(), Arc::clone(&entrance.place));
    let open = Arc::new(begin(carrier, entrance));
    let reached = tokio::select! {
        reached = async { run::reach(carrier, entrance, (&open, &turn), claim.await).await } => reached,
        () = ear.gone(&stream) => {
            open.ended(None, Fault::new(Side::Client, Reason::Reset));
            return None;
        }
    };
    match reached {
        Ok(reached) => Some((reached, stream)),
        Err(end) => {
            let fault = end.fault();
            tracing::debug!(flow = %open.flow(), %fault, "refused: {end}");
            open.ended(None, fault);
            let _ = stream.shutdown().await;
            None
        }
    }
}
