//! The script itself.

use crate::world::{NEWS, V4, V6, World, ask, tls};

/// It replaces what it made before.
pub fn again(world: &World) {
    let before = world.set_up();
    assert!(before.contains("table inet clearway") && before.contains("lookup 49642"), "{before}");
    world.run(&world.script(&[]));
    assert_eq!(world.set_up(), before);
    // And what it makes works.
    let record = world.record(|| drop(ask(V4.ward, NEWS.at(V4), 443, tls(NEWS.name))));
    assert_eq!(record.text("listener"), "ward-4");
}

/// Nothing of it is left.
pub fn undone(world: &World) {
    world.run(&world.script(&["--undo"]));
    let left = world.set_up();
    for trace in ["clearway", "proto 203", "0xc1ea", "49642", "49643", "fwmark"] {
        assert!(!left.contains(trace), "{trace} is in\n{left}");
    }
    // Once more, where nothing is to be taken away.
    world.run(&world.script(&["--undo"]));
    assert_eq!(world.set_up(), left);
    // And the other way round.
    world.run(&world.script(&[]));
    let record = world.record(|| drop(ask(V6.ward, NEWS.at(V6), 443, tls(NEWS.name))));
    assert_eq!(record.text("listener"), "ward-6");
    world.run(&world.script(&["--undo"]));
}
