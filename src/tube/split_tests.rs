//! What a split of the budgets never does, and what it comes to.

use proptest::prelude::*;

use super::*;

const MBIT: f64 = 1e6;

fn plot(id: &str, within: Option<usize>, priority: u8, ceiling: Option<f64>) -> Plot {
    Plot { id: TubeId::from(id), within, priority, ceiling, floor: None }
}

/// A link of 100, internet with 40 of it, and social with 10 within that.
fn ground() -> Ground {
    let tubes = vec![
        plot("clinical", None, 0, None),
        plot("internet", None, 1, Some(40.0 * MBIT)),
        plot("social", Some(1), 2, Some(10.0 * MBIT)),
    ];
    Ground { link: Some(100.0 * MBIT), turns: None, tubes }
}

fn hungry(sharers: f64) -> Need {
    // It used as much as there is.
    Need { knows: true, has_flows: true, used: 40.0 * MBIT, hungry: true, sharers }
}

fn uses(used: f64) -> Need {
    Need { knows: true, has_flows: used > 0.0, used, hungry: false, sharers: 0.0 }
}

fn demand(needs: [Need; 3]) -> Demand {
    Demand { clear: 0.0, clear_waits: false, tubes: needs.to_vec() }
}

fn near(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() <= 0.02 * expected + 0.02 * MBIT)
}

#[test]
fn people_who_wait_have_the_same_wherever_they_are_carried() {
    let old = demand([uses(0.0), hungry(30.0), uses(0.0)]);
    let new = demand([uses(0.0), hungry(10.0), uses(0.0)]);
    let shares = split(&ground(), &[new, old]);
    // Social keeps a little for who begins.
    assert!(near(shares[0].tubes[1], 9.9 * MBIT) && near(shares[1].tubes[1], 29.9 * MBIT), "{shares:?}");
}

#[test]
fn who_wants_no_more_keeps_what_it_uses_and_the_other_has_the_rest() {
    let old = demand([uses(0.0), uses(4.0 * MBIT), uses(0.0)]);
    let new = demand([uses(0.0), hungry(500.0), uses(0.0)]);
    let shares = split(&ground(), &[new, old]);
    let [new, old] = [0, 1].map(|side| shares[side].tubes[1].unwrap());
    // As 500 wait, nobody has a claim to more than one part of them.
    assert!(new >= 0.85 * 40.0 * MBIT && old >= 0.02 * MBIT, "{shares:?}");
    let shares = split(
        &ground(),
        &[demand([uses(0.0), hungry(2.0), uses(0.0)]), demand([uses(0.0), uses(4.0 * MBIT), uses(0.0)])],
    );
    assert!(shares[1].tubes[1].unwrap() >= 4.4 * MBIT && shares[0].tubes[1].unwrap() >= 34.5 * MBIT, "{shares:?}");
}

#[test]
fn nobody_wants_anything_and_either_may_begin_with_half() {
    let shares = split(&ground(), &[demand([uses(0.0); 3]), demand([uses(0.0); 3])]);
    assert!(near(shares[0].tubes[1], 20.0 * MBIT) && near(shares[1].link, 50.0 * MBIT), "{shares:?}");
}

#[test]
fn priorities_and_clear_traffic_count_across_processes() {
    let mut ground = ground();
    ground.link = Some(50.0 * MBIT);
    // Clinical work of the old process takes 30 of 50: internet of the new one yields to it.
    let old = Demand { clear: 30.0 * MBIT, ..demand([uses(0.0); 3]) };
    let shares = split(&ground, &[demand([uses(0.0), hungry(5.0), uses(0.0)]), old]);
    assert!(near(shares[0].link, 18.6 * MBIT), "{shares:?}");
    // Social flows of the new process yield to internet flows of the old.
    let old = demand([uses(0.0), hungry(1.0), uses(0.0)]);
    let new = demand([uses(0.0), uses(0.0), hungry(50.0)]);
    let shares = split(&ground, &[new, old]);
    assert!(shares[1].tubes[1].unwrap() > 0.95 * 40.0 * MBIT * 0.97, "{shares:?}");
    assert!(shares[0].tubes[2].unwrap() > 0.05 * 10.0 * MBIT, "{shares:?}");
}

#[test]
fn clear_uploads_take_turns_across_processes() {
    let ground = Ground { turns: Some(20.0 * MBIT), ..ground() };
    let waits = Demand { clear: 20.0 * MBIT, clear_waits: true, ..demand([uses(0.0); 3]) };
    let shares = split(&ground, &[waits.clone(), waits.clone()]);
    assert!(near(shares[0].turns, 10.0 * MBIT) && near(shares[1].turns, 10.0 * MBIT));
    let shares = split(&ground, &[waits, demand([uses(0.0); 3])]);
    assert!(near(shares[0].turns, 19.8 * MBIT), "{shares:?}");
}

#[test]
fn who_does_not_know_a_tube_keeps_next_to_nothing_of_it() {
    let stranger = demand([uses(0.0), Need::default(), Need::default()]);
    let shares = split(&ground(), &[demand([uses(0.0); 3]), stranger]);
    assert!(near(shares[0].tubes[1], 39.96 * MBIT), "{shares:?}");
    assert!(shares[1].tubes[1].unwrap() > 0.0);
}

fn any_need() -> impl Strategy<Value = Need> {
    (any::<bool>(), any::<bool>(), 0.0..200.0 * MBIT, any::<bool>(), 0.0..1000.0)
        .prop_map(|(knows, has_flows, used, hungry, sharers)| Need { knows, has_flows, used, hungry, sharers })
}

fn any_demand(tubes: usize) -> impl Strategy<Value = Demand> {
    (0.0..150.0 * MBIT, any::<bool>(), prop::collection::vec(any_need(), tubes))
        .prop_map(|(clear, clear_waits, tubes)| Demand { clear, clear_waits, tubes })
}

fn any_ground() -> impl Strategy<Value = Ground> {
    let rate = || prop::option::of(64e3..1e9f64);
    let tube = (0u8..4, rate(), rate(), any::<prop::sample::Index>());
    (rate(), rate(), prop::collection::vec(tube, 1..6)).prop_map(|(link, turns, tubes)| Ground {
        link,
        turns,
        tubes: tubes
            .into_iter()
            .enumerate()
            .map(|(at, (priority, ceiling, floor, within))| Plot {
                id: TubeId::from(at.to_string().as_str()),
                // In one before it, or in the link.
                within: within.index(at + 1).checked_sub(1),
                priority,
                ceiling,
                floor,
            })
            .collect(),
    })
}

proptest! {
    #[test]
    fn the_sum_is_the_whole_and_nobody_has_nothing(
        (ground, demands) in any_ground().prop_flat_map(|ground| {
            let tubes = ground.tubes.len();
            (Just(ground), prop::collection::vec(any_demand(tubes), 1..4))
        }),
    ) {
        let shares = split(&ground, &demands);
        let mut wholes = vec![(ground.link, shares.iter().map(|share| share.link).collect::<Vec<_>>())];
        wholes.push((ground.turns, shares.iter().map(|share| share.turns).collect()));
        for (at, plot) in ground.tubes.iter().enumerate() {
            wholes.push((plot.ceiling, shares.iter().map(|share| share.tubes[at]).collect()));
        }
        for (whole, parts) in wholes {
            let Some(whole) = whole else {
                prop_assert!(parts.iter().all(Option::is_none));
                continue;
            };
            let sum: f64 = parts.iter().map(|part| part.unwrap()).sum();
            prop_assert!(sum <= whole * (1.0 + 1e-9), "{sum} of {whole}");
            prop_assert!(parts.iter().all(|part| part.unwrap() >= 0.99 * LEAST * whole), "{parts:?} of {whole}");
        }
    }

    /// Two processes with steady demands, looked at again and again: what is used comes to nearly all that there is or is
    /// wanted, and each has at least its people's part or what it wants.
    #[test]
    fn it_converges_to_a_fair_split_that_is_used(
        ceiling in 1e6..1e9f64,
        wants in prop::array::uniform2(0.0..2.0f64),
        people in prop::array::uniform2(1u32..300),
    ) {
        let mut ground = ground();
        (ground.link, ground.tubes[1].ceiling) = (Some(2e9), Some(ceiling));
        let mut used = [0.0f64; 2];
        let mut part = [ceiling / 2.0; 2];
        let (mut sums, mut rounds) = ([0.0; 2], 0.0);
        for round in 0..200 {
            let demands: Vec<Demand> = (0..2).map(|side| {
                let want = wants[side] * ceiling;
                used[side] = want.min(part[side]);
                let need = Need {
                    knows: true,
                    has_flows: true,
                    used: used[side],
                    hungry: want > part[side],
                    sharers: f64::from(people[side]),
                };
                demand([uses(0.0), need, uses(0.0)])
            }).collect();
            let shares = split(&ground, &demands);
            part = [0, 1].map(|side| shares[side].tubes[1].unwrap());
            if round >= 100 {
                rounds += 1.0;
                (0..2).for_each(|side| sums[side] += used[side]);
            }
        }
        let mean = sums.map(|sum| sum / rounds);
        let possible = (wants[0] + wants[1]).min(1.0) * ceiling;
        prop_assert!(mean[0] + mean[1] >= 0.94 * possible, "{mean:?} of {possible}");
        let all = f64::from(people[0] + people[1]);
        for side in 0..2 {
            let fair = (f64::from(people[side]) / all).min(wants[side]) * ceiling;
            prop_assert!(mean[side] >= 0.85 * fair, "{mean:?}, fair is {fair}");
        }
    }
}
