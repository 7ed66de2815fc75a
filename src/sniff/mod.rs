//! What the first bytes inside a tunnel say of where it goes. Pure: whoever owns the bytes asks again when more came.

pub mod tls;

pub use tls::Hello;
