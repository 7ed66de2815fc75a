//! A gateway between clients and two ways out, in network namespaces: clients that are told of a proxy and clients that are
//! not, brought in by what `clearway gateway nft` prints. One world for all tests, which are played one after another.

#![cfg(test)]
// Tests own their tasks by owning the runtime, and measure a program from outside by the clock on the wall.
#![allow(clippy::disallowed_methods)]

mod world;

mod claims;
mod full;
mod requests;
mod setup;
mod silence;
mod ways;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use world::World;

/// A name, and what it plays.
type Test = (&'static str, fn(&World));

const TESTS: &[Test] = &[
    ("what_the_gateway_prints_can_be_run_again_and_leaves_one_set_up", setup::again),
    ("clients_of_both_kinds_at_once_leave_by_the_way_of_their_tube", ways::both_kinds_at_once),
    ("what_has_a_way_of_its_own_does_not_leave_by_another_when_that_is_gone", ways::gone),
    ("quic_is_refused_at_once", ways::quic),
    ("disagreements_of_name_and_address_are_judged_as_said", claims::disagreements),
    ("redirected_clients_are_judged_alike", claims::redirected),
    ("each_request_on_a_connection_is_judged_by_its_own_host", requests::one_connection),
    ("a_request_reaches_the_address_that_was_chosen_in_the_form_for_origins", requests::form),
    ("what_no_origin_server_would_be_asked_is_refused", requests::refused),
    ("curl_is_served_as_if_nobody_were_in_between", requests::curl),
    ("who_is_no_client_is_refused", silence::strangers),
    ("the_gateways_own_connections_do_not_go_round_in_circles", silence::circles),
    ("who_speaks_second_or_late_is_not_held_up", silence::second_and_late),
    ("who_goes_while_its_flow_waits_is_missed_at_once", silence::gone),
    ("who_was_heard_before_the_process_filled_has_its_flow_or_a_record", full::heard),
    ("a_mute_server_keeps_no_place_from_others", full::mute),
    ("no_address_of_the_gateways_own_is_on_the_way_elsewhere", silence::shared),
    ("who_asks_for_the_listener_itself_gets_nothing", silence::straight),
    ("what_was_made_can_be_taken_away", setup::undone),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let meant = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let tests: Vec<&Test> = TESTS.iter().filter(|(name, _)| meant(name)).collect();
    // A word may mean tests of other programs only; that needs no world.
    if tests.is_empty() {
        println!("\n0 passed, 0 failed");
        return ExitCode::SUCCESS;
    }
    if !world::inside() {
        let why = world::missing().map_or_else(
            || format!("could not enter a sandbox: {}", world::enter()),
            |missing| format!("needs {missing}"),
        );
        eprintln!("gateway: {why}");
        return ExitCode::FAILURE;
    }
    world::leave_on_signal();
    let world = World::build();
    let mut failed = 0;
    for (name, test) in &tests {
        let went_well = catch_unwind(AssertUnwindSafe(|| test(&world))).is_ok();
        println!("test {name} ... {}", if went_well { "ok" } else { "FAILED" });
        failed += usize::from(!went_well);
    }
    println!("\n{} passed, {failed} failed", tests.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
