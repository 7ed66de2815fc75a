//! Both ways until one side is done: tunnels byte by byte, bodies frame by frame, each at the pace its tube gives.

pub mod body;
mod buffer;
mod half;
pub mod http;
mod pipe;
pub mod source;
pub mod tally;
pub mod tunnel;
pub mod window;

pub use body::{BodyError, Course, PacedBody};
pub use source::Source;
pub use tally::Tally;
pub use tunnel::{Look, Opening, Tunnel};
pub use window::Window;
