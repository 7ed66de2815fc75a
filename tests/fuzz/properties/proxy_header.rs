//! A PROXY header is read alike however it arrives: no panic, no byte beyond it, and the first answer stands when more bytes
//! come.

use clearway::listen::proxy_header::{Head, LONGEST, parse};

/// Holds for any bytes.
pub fn holds(bytes: &[u8]) {
    let whole = parse(bytes);
    match &whole {
        Ok(Head::More) => assert!(bytes.len() < LONGEST, "wants more than it may"),
        Ok(Head::Whole(length, _)) => {
            assert!(*length <= bytes.len().min(LONGEST), "reads beyond what there is");
            assert_eq!(parse(&bytes[..*length]).unwrap(), *whole.as_ref().unwrap(), "what follows it matters");
        }
        Err(_) => {}
    }
    for cut in 0..bytes.len() {
        match (parse(&bytes[..cut]), &whole) {
            (Ok(Head::More), _) => {}
            (Ok(found), Ok(whole)) => assert_eq!(found, *whole, "at {cut}"),
            (Err(_), Err(_)) => {}
            (found, whole) => panic!("{found:?} at {cut}, {whole:?} of the whole"),
        }
    }
}
