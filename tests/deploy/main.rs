//! x
fn _x() {}
