//! Listening sockets: from a connection to a request and what it asks for. Nothing here knows a category, a rule or a
//! tube; `explicit` hands each request to whoever carries flows, `transparent` says where a client wanted to go that knows of
//! no proxy.

pub mod accept;
pub mod connect;
pub mod door;
pub mod explicit;
pub mod http2;
pub mod identity;
pub mod intake;
pub mod pac;
pub mod proxy_header;
pub mod socket;
pub mod spec;
pub mod stream;
pub mod tls;
pub mod transparent;

pub use accept::accept;
pub use door::Door;
pub use explicit::{Ask, AskError, ask};
pub use intake::Intake;
pub use pac::Pac;
pub use socket::{adopt, bind, bind_beside};
pub use spec::{Mode, Spec, Via};
pub use stream::Stream;
pub use tls::Tls;
