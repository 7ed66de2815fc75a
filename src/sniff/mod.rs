//! What the first bytes of a client say of where it goes. Pure: whoever owns the bytes asks again when more came.

pub mod first;
pub mod tls;

pub use first::First;
pub use tls::Hello;
