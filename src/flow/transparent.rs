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

/// What came of waiting for a client.
enum Heard {
    /// Nothing.
    Silence,
    /// It closed, or broke, without a word.
    Gone,
    /// Its first bytes, as far as they are needed, and what they are.
    Bytes(Bytes, First),
    /// It began a message that did not come whole.
    Slow,
}

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
        let heard = tokio::select! {
            heard = hear(&mut stream) => heard,
            () = carrier.drain.cancelled() => return,
            () = entrance.cut.cancelled() => return,
        };
        // Whatever happens to a client's first words happens to a flow.
        let ended = |fault| {
            let open = carrier.account.open(entrance.arrival());
            open.chose(chosen.ip(), &bare(chosen));
            open.ended(None, fault);
        };
        match heard {
            // It asked for nothing.
            Heard::Gone => return,
            Heard::Slow => return ended(Fault::new(Side::Client, Reason::SlowHead)),
            Heard::Bytes(_, First::Unreadable | First::NeedMore) => {
                return ended(Fault::new(Side::Client, Reason::BadRequest));
            }
            Heard::Bytes(bytes, First::Http) => {
                let (phase, keep_alive) = (Arc::default(), entrance.keep_alive());
                return run::serve_http((carrier, entrance), (stream.into(), bytes), (phase, keep_alive), None).await;
            }
            Heard::Bytes(bytes, First::Tls { name, ech }) => {
                let said = Said { host: name.map(Host::Name), hides: ech };
                return carry(&carrier, &entrance, (stream, bytes), said).await;
            }
            Heard::Bytes(bytes, First::Other) => {
                return carry(&carrier, &entrance, (stream, bytes), Said::NOTHING).await;
            }
            Heard::Silence => match ask_the_origin(&carrier, &entrance, stream, chosen).await {
                Some(client) => stream = client,
                None => return,
            },
        }
    }
}

/// Waits for a client's first words, and reads of them what is needed to tell what they are.
async fn hear(stream: &mut TcpStream) -> Heard {
    let mut bytes = match connect::first_bytes(stream, SILENCE).await {
        Ok(bytes) if bytes.is_empty() => return Heard::Gone,
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Heard::Silence,
        Err(_) => return Heard::Gone,
    };
    // As long as explicit clients have for a head or a hello.
    let whole = tokio::time::timeout(HEAD_TIMEOUT, async {
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
    });
    whole.await.map_or(Heard::Slow, |(bytes, said)| Heard::Bytes(bytes, said))
}

/// Carries what is no HTTP to the address that was chosen.
async fn carry(carrier: &Arc<Carrier>, entrance: &Entrance, (stream, sent): (TcpStream, Bytes), said: Said) {
    let Some(chosen) = entrance.chosen else { return };
    // Who may not use this gateway has no name looked up by it.
    let said = if carrier.admits(&entrance.listener, entrance.client.ip()) { said } else { Said::NOTHING };
    let claim = claim::examine(carrier, entrance.client.ip(), chosen, said).await;
    if let Some((reached, stream)) = reach(carrier, entrance, stream, claim).await {
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
    let (reached, stream) = reach(carrier, entrance, stream, Claim::of(bare(chosen))).await?;
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

/// Judges, admits and connects. Who is refused finds the connection closed: without TLS of its own the gateway has no words
/// that a client would take.
async fn reach(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    mut stream: TcpStream,
    claim: Claim,
) -> Option<(Reached, TcpStream)> {
    if entrance.cut.is_cancelled() {
        // It had to make room just before.
        return None;
    }
    let turn = Turn::new(Arc::default(), Arc::clone(&entrance.place));
    let open = Arc::new(carrier.account.open(entrance.arrival()));
    match run::reach(carrier, entrance, (&open, &turn), claim).await {
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
