//! How a flow ended: which side, and why, from a closed set. The same words are the metric labels, the log fields
//! and the answer to the client.

use std::fmt;

/// Whose doing an ending was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The one who asked.
    Client,
    /// The server asked for.
    Origin,
    /// The next proxy on the way, where an egress names one.
    Parent,
    /// A rule, guard or limit that people wrote down.
    Policy,
    /// Clearway itself.
    Proxy,
}

impl Side {
    /// The word in labels and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Origin => "origin",
            Side::Parent => "parent",
            Side::Policy => "policy",
            Side::Proxy => "proxy",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// Why a flow ended.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The word in labels and logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $word,)* }
            }
        }
    };
}

reasons! {
    /// Came to its natural end: both sides closed, or the answer was given whole.
    Finished = "finished";
    /// The request could not be read: not HTTP, or not a target a proxy can serve.
    BadRequest = "bad-request";
    /// The request head is larger than the limit.
    HeadTooLarge = "head-too-large";
    /// The request head, the first TLS message in a tunnel, or a handshake or PROXY header before them, did not come whole in
    /// time.
    SlowHead = "slow-head";
    /// What came from one of the listener's balancers did not begin with a PROXY header.
    BadProxyHeader = "bad-proxy-header";
    /// The client's address is not among the listener's `clients`.
    ClientNotAllowed = "client-not-allowed";
    /// Came to a transparent listener without having been on its way elsewhere, or from this gateway itself.
    NoDestination = "no-destination";
    /// A rule, or the default, says block.
    Blocked = "blocked";
    /// The port is not among `[guard] ports`.
    PortRefused = "port-refused";
    /// Every address of the target is in `[guard] deny`.
    AddressDenied = "address-denied";
    /// No such name, or no address for it.
    NameNotFound = "name-not-found";
    /// The resolver failed or did not answer in time.
    ResolverFailed = "resolver-failed";
    /// The connection was refused.
    ConnectRefused = "connect-refused";
    /// No route, or the network said unreachable.
    Unreachable = "unreachable";
    /// The connection was not made in time.
    ConnectTimeout = "connect-timeout";
    /// TLS failed: towards an https origin, or with the client of a listener that speaks it.
    TlsFailed = "tls-failed";
    /// The parent proxy refused, or answered what could not be read.
    ParentRefused = "parent-refused";
    /// The answer to a request did not begin in time.
    AnswerTimeout = "answer-timeout";
    /// The answer could not be read as HTTP.
    BadAnswer = "bad-answer";
    /// The connection was reset or broke off in the middle.
    Reset = "reset";
    /// No byte passed in either direction for the idle limit.
    Idle = "idle";
    /// The tube carries as many flows as it may.
    TubeFull = "tube-full";
    /// The process carries as many flows as it can.
    ProcessFull = "process-full";
    /// A drain's time ran out, or the process stopped.
    Drained = "drained";
    /// A fault in Clearway itself, or of its machine (descriptors, memory, local address).
    Internal = "internal";
}

/// A side and a reason.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fault {
    /// Whose doing.
    pub side: Side,
    /// Why.
    pub reason: Reason,
}

impl Fault {
    /// A side and a reason.
    pub const fn new(side: Side, reason: Reason) -> Self {
        Fault { side, reason }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.side, self.reason)
    }
}
