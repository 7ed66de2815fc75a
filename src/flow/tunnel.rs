//! CONNECT, and what a plain request was upgraded to: bytes both ways, whatever they are.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::body::{self, AnswerBody};
use super::bulkhead::Berth;
use super::carrier::Carrier;
use super::end::End;
use super::judge::Verdict;
use super::live::Live;
use crate::base::{EgressId, Fault, Host, Rate, Reason, Side, clock};
use crate::egress::{Buffers, Dialled};
use crate::listen::http2::{Lane, Laned};
use crate::listen::{Door, Stream};
use crate::relay::{Look, Opening, Source, Tunnel, Window, window};
use crate::sniff::tls;
use crate::tube::{self, Pass};

/// Connects, answers 200, and leaves a task that carries the tunnel.
pub async fn open(
    carrier: &Arc<Carrier>,
    live: &Arc<Live>,
    verdict: &Verdict,
    pass: Arc<Pass>,
    mut request: Request<Incoming>,
) -> Result<Response<AnswerBody>, End> {
    let reached = reach(carrier, live, verdict, pass).await?;
    let (client, berth) = (hyper::upgrade::on(&mut request), reached.flow.berth.clone());
    let lane = request.extensions_mut().remove::<Arc<Lane>>();
    live.open.answered(200);
    reached.carry(async move { stream_of(client.await.ok()?, lane, &berth) });
    Ok(Response::new(body::empty()))
}

/// The origin of a tunnel, reached before its client is told yes.
pub struct Reached {
    flow: Opened,
    dialled: Dialled,
    window: Window,
}

/// Connects.
pub async fn reach(
    carrier: &Arc<Carrier>,
    live: &Arc<Live>,
    verdict: &Verdict,
    pass: Arc<Pass>,
) -> Result<Reached, End> {
    let (dialled, window) = dial(carrier, live, &pass, &verdict.egress).await?;
    let flow = Opened {
        carrier: Arc::clone(carrier),
        live: Arc::clone(live),
        berth: live.berth.another(),
        pass,
        egress: verdict.egress.clone(),
    };
    Ok(Reached { flow, dialled, window })
}

impl Reached {
    /// Waits until the client or the origin says something, or closes: who did. Whoever listens for what a server has to say may
    /// do so for long: a queue has nothing to tell until something happens. So no time is set to it but that of any silent
    /// flow. But while neither has said a word it is like a client that has asked for nothing, and makes room for who has.
    pub async fn spoken(&self, client: &TcpStream) -> Result<Side, Fault> {
        if !self.dialled.early.is_empty() {
            return Ok(Side::Origin);
        }
        let spoken = async {
            tokio::select! {
                biased;
                // What it was woken for, if it was broken, is for who reads.
                _ = client.readable() => Ok(Side::Client),
                _ = self.dialled.stream.readable() => Ok(Side::Origin),
                fault = self.flow.live.stopped() => Err(fault),
            }
        };
        self.flow.live.while_resting(spoken).await?
    }

    /// Nothing is to be carried after all.
    pub fn end(self, fault: Fault) {
        self.flow.live.end(fault);
    }

    /// Leaves a task that carries the tunnel of a client that sent this after its request.
    pub fn carry_from(self, client: TcpStream, sent: Bytes) {
        let berth = self.flow.berth.clone();
        self.carry(async move { Some((berth.bring(client.into()).ok()?, sent)) });
    }

    /// Leaves a task that carries the tunnel: with the client's stream, and what it sent after its request.
    pub fn carry(self, client: impl Future<Output = Option<(Stream, Bytes)>> + Send + 'static) {
        let Reached { flow, dialled, window } = self;
        let (bulkheads, berth) = (Arc::clone(&flow.carrier.bulkheads), flow.berth.clone());
        bulkheads.carry(berth, async move {
            let fault = flow.run(client, dialled, window).await;
            flow.live.end(fault);
        });
    }
}

async fn dial(carrier: &Carrier, live: &Live, pass: &Pass, egress: &EgressId) -> Result<(Dialled, Window), End> {
    let opening = pass.open().await;
    live.open.admitted(opening.waited);
    let buffers = buffers(&opening);
    let dialled = carrier.way_of(live).egresses.tunnel(egress, &live.about.destination(), buffers).await?;
    carrier.tubes.round_trip(dialled.peer.ip(), dialled.round_trip);
    live.open.connected(dialled.resolve + dialled.connect);
    live.state().left = Some((egress.clone(), (!dialled.parent).then(|| dialled.peer.ip())));
    let window =
        Window::new(dialled.round_trip, dialled.segment, buffers.receive.unwrap_or(window::MOST), clock::now());
    Ok((dialled, window))
}

/// A round trip of which nothing is known yet.
const ROUND_TRIP: Duration = Duration::from_millis(25);

/// What a new connection may hold, for what its tube could give it now.
pub fn buffers(opening: &tube::Opening) -> Buffers {
    let needed = |rate: Rate| Window::needed(rate, ROUND_TRIP);
    Buffers {
        receive: opening.down.map(|rate| needed(rate).min(FIRST_WINDOW)),
        send: opening.up.map(|rate| needed(rate).max(LEAST_SEND)),
        pace: opening.pace,
    }
}

/// What a handshake can offer without scaling (RFC 9293 section 3.1): more grows with what the flow is given.
const FIRST_WINDOW: usize = 64 * 1024;

/// Less than that and a sender stops for want of bytes between two grants.
const LEAST_SEND: usize = 16 * 1024;

/// A tunnel whose client was told yes.
struct Opened {
    carrier: Arc<Carrier>,
    live: Arc<Live>,
    berth: Berth,
    pass: Arc<Pass>,
    egress: EgressId,
}

impl Opened {
    async fn run(
        &self,
        client: impl Future<Output = Option<(Stream, Bytes)>>,
        dialled: Dialled,
        window: Window,
    ) -> Fault {
        let (lane, mut tunnel) = tokio::select! {
            client = client => match client {
                Some(client) => (lane_of(&client.0), tunnel(client, dialled, window)),
                None => return Fault::new(Side::Client, Reason::Reset),
            },
            fault = self.live.stopped() => return fault,
        };
        tokio::select! {
            // In this order: what the stream itself says of its end is closer than that its lane is over.
            biased;
            ended = self.through(&mut tunnel) => ended.unwrap_or_else(|end| end.fault()),
            fault = self.live.stopped() => fault,
            fault = over(lane) => fault,
        }
    }

    /// Looks at the first bytes, judges again where they say something else than CONNECT did, and relays.
    async fn through(&self, tunnel: &mut Tunnel<Stream, TcpStream>) -> Result<Fault, End> {
        // A client that says nothing and closes said nothing that could be misread.
        let mut hello = tls::Hello::NotTls;
        let mut look = |bytes: &[u8]| {
            hello = tls::hello(bytes);
            if hello == tls::Hello::NeedMore { Look::More } else { Look::Enough }
        };
        let opening = Opening { bytes: tls::MAX_PREFIX, ..Opening::default() };
        if let Err(fault) = tunnel.opening(&self.pass, &*self.live, opening, &mut look).await {
            return Ok(fault);
        }
        if let Some(host) = self.other_name(hello)?
            // In a place of its own: few tunnels say another name, and each would be three times as large.
            && let Some((other, window)) = Box::pin(self.judge_name(host)).await?
        {
            if tunnel.replace_origin(other.stream).is_err() {
                // The origin spoke before the client said where it really goes: what it began cannot go on elsewhere.
                return Ok(Fault::new(Side::Policy, Reason::Blocked));
            }
            tunnel.follow_in(window);
        }
        Ok(tunnel.run(&self.pass, &*self.live).await)
    }

    /// The name that the first bytes say, where the flow was not judged by it yet.
    fn other_name(&self, hello: tls::Hello) -> Result<Option<Host>, End> {
        match hello {
            tls::Hello::Client { name: Some(name), .. } => {
                let host = Host::Name(name);
                let known = self.live.about.target.host == host || self.live.state().said.as_ref() == Some(&host);
                Ok((!known).then_some(host))
            }
            tls::Hello::Client { name: None, .. } | tls::Hello::NotTls => Ok(None),
            // The origin might make something of it that we cannot, a blocked name among other things.
            tls::Hello::Unreadable | tls::Hello::NeedMore => {
                let why = "the first TLS message cannot be read".to_owned();
                Err(End::Broken(Fault::new(Side::Client, Reason::BadRequest), why))
            }
        }
    }

    /// Judges the flow again by the name in its first bytes. Where that verdict leaves by another egress, so does the
    /// flow.
    async fn judge_name(&self, host: Host) -> Result<Option<(Dialled, Window)>, End> {
        self.live.open.said(host.clone());
        let left = {
            let mut state = self.live.state();
            state.said = Some(host);
            state.left.take()
        };
        let (verdict, _) = self.carrier.settle(&self.live)?;
        self.berth.reached().await;
        if verdict.egress == self.egress {
            self.live.state().left = left;
            return Ok(None);
        }
        dial(&self.carrier, &self.live, &self.pass, &verdict.egress).await.map(Some)
    }
}

/// Both streams, and what was read of them before.
fn tunnel((client, sent): (Stream, Bytes), origin: Dialled, window: Window) -> Tunnel<Stream, TcpStream> {
    let mut tunnel = Tunnel::new(client, origin.stream).with_prefix(&sent).with_early(&origin.early);
    tunnel.follow_in(window);
    tunnel
}

/// The client's own stream, and what it sent after the request head.
fn stream_of(upgraded: Upgraded, lane: Option<Arc<Lane>>, berth: &Berth) -> Option<(Stream, Bytes)> {
    if let Some(lane) = lane {
        return Some((Stream::Laned(Box::new(Laned::new(upgraded, lane))), Bytes::new()));
    }
    let parts = upgraded.downcast::<Door>().ok()?;
    let (stream, unread) = parts.io.into_parts();
    let sent = if unread.is_empty() { parts.read_buf } else { [parts.read_buf, unread].concat().into() };
    Some((berth.bring(stream).ok()?, sent))
}

/// The lane of a tunnel that has one.
fn lane_of(client: &Stream) -> Option<Arc<Lane>> {
    match client {
        Stream::Laned(laned) => Some(Arc::clone(laned.lane())),
        Stream::Plain(_) | Stream::Tls(_) => None,
    }
}

/// Waits until the lane of a tunnel is over, if it has one. A client that takes back its stream has closed the tunnel both
/// ways; one whose connection ended was broken off.
async fn over(lane: Option<Arc<Lane>>) -> Fault {
    let Some(lane) = lane else { return std::future::pending().await };
    // In a place of its own: most tunnels have none, and each would be as much larger.
    Box::pin(Arc::clone(&lane).over()).await;
    Fault::new(Side::Client, if lane.is_cut() { Reason::Reset } else { Reason::Finished })
}

/// A plain socket can be asked and told as one; what is made of the bytes of another only at its ends.
impl Source for Stream {
    fn socket(&self) -> Option<&TcpStream> {
        self.plain()
    }
}

/// Carries what a plain request was upgraded to: the origin's side may be TLS, so it is taken as it is.
pub async fn upgraded(live: Arc<Live>, berth: Berth, pass: Arc<Pass>, client: OnUpgrade, origin: OnUpgrade) {
    let both = async {
        let (client, origin) = tokio::join!(client, origin);
        match (client.ok().and_then(|client| stream_of(client, None, &berth)), origin) {
            (Some((client, early)), Ok(origin)) => relay(&live, &pass, client, early, TokioIo::new(origin)).await,
            (None, _) => Fault::new(Side::Client, Reason::Reset),
            (_, Err(_)) => Fault::new(Side::Origin, Reason::Reset),
        }
    };
    let fault = tokio::select! {
        fault = both => fault,
        fault = live.stopped() => fault,
    };
    live.end(fault);
}

async fn relay<O>(live: &Live, pass: &Pass, client: Stream, early: Bytes, origin: O) -> Fault
where
    O: Source + AsyncWrite,
{
    Tunnel::new(client, origin).with_prefix(&early).run(pass, live).await
}
