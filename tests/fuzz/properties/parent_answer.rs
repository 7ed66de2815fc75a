//! A parent's answer is read alike however it arrives: no panic, the first answer stands when more bytes come, and an
//! open tunnel begins within what was sent.

use clearway::egress::parent::{MAX_HEAD, ParentAnswer, answer};

/// Holds for any bytes.
pub fn holds(bytes: &[u8]) {
    let whole = answer(bytes);
    match whole {
        ParentAnswer::Open { head } => assert!(head <= bytes.len() && head <= MAX_HEAD, "head of {head}"),
        ParentAnswer::Refused { status } => assert!(status >= 300, "refused with {status}"),
        ParentAnswer::NeedMore => assert!(bytes.len() < MAX_HEAD, "wants more than it may"),
        ParentAnswer::Garbled => {}
    }
    for cut in 0..bytes.len() {
        let early = answer(&bytes[..cut]);
        assert!(early == ParentAnswer::NeedMore || early == whole, "{early:?} at {cut}, {whole:?} of the whole");
    }
}
