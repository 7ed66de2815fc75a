//! The streams of an HTTP/2 connection. Each is a flow of its own, with its own place, judgement, tube, record and
//! compartment; the connection itself stays where it was accepted.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;

use super::body::Turn;
use super::bulkhead::{Berth, hold_little};
use super::carrier::Carrier;
use super::run::{Entrance, answer};
use crate::listen::Stream;
use crate::listen::door::Phase;
use crate::listen::http2::{self, Lane, Part, Work};

/// Serves the streams of one connection.
pub async fn serve(
    (carrier, entrance): (Arc<Carrier>, Entrance),
    stream: Stream,
    (phase, keep_alive): (Arc<Phase>, Duration),
) {
    // Whatever is in the kernel goes out in its order: a client that is slow to take a film is not to wait for it with a
    // letter of clinical work behind it.
    if let Err(error) = hold_little(&stream) {
        tracing::debug!(%error, "cannot set TCP_NOTSENT_LOWAT");
    }
    let idle = Arc::clone(&phase);
    let take = |mut request: Request<Incoming>| {
        let around = Turn::new(Arc::clone(&phase), Arc::clone(&entrance.place));
        let entrance = entrance.of_a_stream();
        let turn = Turn::within(around, Arc::clone(&entrance.place));
        let lane = lane(&carrier, &entrance);
        request.extensions_mut().insert(Arc::clone(&lane));
        // From here on it has a record, also where its lane is closed before anybody has looked at it.
        let answer = answer(Arc::clone(&carrier), entrance, request, turn);
        (lane, async move { Ok(answer.await) })
    };
    let served = tokio::select! {
        served = http2::serve(stream, (idle, keep_alive), &carrier.leaving, take) => served,
        () = entrance.cut.cancelled() => Ok(()),
    };
    // What is still under way was for this client.
    entrance.cut.cancel();
    if let Err(error) = served {
        tracing::debug!(listener = %entrance.listener, %error, "not HTTP/2");
        carrier.account.open(entrance.arrival()).ended(None, error.fault());
    }
}

impl Entrance {
    /// For one of the streams: it takes as much room as a connection of its own, and begins in the clear compartment.
    fn of_a_stream(&self) -> Entrance {
        let cut = self.cut.child_token();
        let (place, filled) = self.place.another(cut.clone());
        Entrance { filled, place, cut, berth: Berth::default(), ..self.clone() }
    }
}

/// The lane of a stream: its work is carried where the stream is.
fn lane(carrier: &Carrier, entrance: &Entrance) -> Arc<Lane> {
    let (bulkheads, berth) = (Arc::clone(&carrier.bulkheads), entrance.berth.clone());
    Lane::new(entrance.cut.clone(), move |part: Part, work: Work| {
        let berth = if part == Part::Answer { berth.clone() } else { berth.another() };
        bulkheads.carry(berth, work);
    })
}
