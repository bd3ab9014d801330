//! How far and on which ladder an optimizer runs on an instance: planned from the predicted path alone.

use sharpflow::descent::{EdgeConstants, EdgeStart};
use sharpflow::flow::FlowConstants;
use sharpflow::measure::{Interval, LadderPoint, fit_order, missed_peak, worst};
use sharpflow::minimizers::EnergyLaw;

use super::dynamics::DYNAMICS_READINGS;
use super::growth::{Energy, late};
use super::optimizers::InstanceOptimizer;
use crate::instance::{Instance, LARGEST_ENERGY, Place, START_ENERGY, integral};
use crate::verdict::LEAST_ORDER;

/// The order of what vanishes at the edge of stability: the oscillation itself is of the order √(ηλ), and the leading term that the
/// law neglects is as large.
pub(crate) const ORDER: f64 = 0.5;
/// The longest horizon in the time of gradient descent, and the least that shows a flow.
const HORIZON: f64 = 0.5;
const LEAST_HORIZON: f64 = 0.1;
/// The longest run, in steps, on a regression and on a network: there are four times as many runs as in a ladder.
const LONGEST_RUN: [f64; 2] = [1.5e6, 2e5];
/// The least and the largest energy of starts under momentum, which makes swings grow. The least is still above the energy that a
/// start gets from its own errors of order ε.
const SMALL_ENERGIES: [f64; 2] = [0.002, 0.05];

/// The plan of an optimizer's runs on an instance.
pub(super) struct Extent {
    pub intrinsic_lrs: Vec<f64>,
    /// How far, in the time of gradient descent.
    pub horizon: f64,
    /// e₀ of every start.
    pub energy: f64,
}

impl Extent {
    /// Plans the runs; `None` where runs that are short enough end too early to show a flow and to tell it from wrong flows, or leave the order
    /// of what they show undecided.
    ///
    /// The plan takes the first ladder that suffices: the instance's ladder without its finest rung, which takes two thirds of the
    /// time, the whole ladder, or a ladder of as many rungs that starts one or two rungs lower.
    pub fn of(instance: &Instance, optimizer: &InstanceOptimizer) -> Option<Self> {
        let constants = optimizer.constants();
        let (reach, energy) = small_swings(constants, instance);
        let ladder = instance.plan.intrinsic_lrs.as_slice();
        let top = ladder[0] * constants.memory_factor();
        let rungs = |from: usize, to: usize| (from..to).map(|k| top * 10f64.powf(-0.5 * k as f64)).collect();
        let count = ladder.len();
        let ladders: [Vec<f64>; 4] = [rungs(0, count - 1), rungs(0, count), rungs(1, count + 1), rungs(2, count + 2)];
        let longest = LONGEST_RUN[usize::from(instance.loss.regression().is_none())] / part(constants);
        // Momentum's next terms are larger than the centre of δ, and take the whole ladder at least.
        let first = usize::from(constants.momentum > 0.0);
        ladders.into_iter().skip(first).find_map(|intrinsic_lrs| {
            let &finest = intrinsic_lrs.last()?;
            let horizon = reach.min(longest * finest);
            let suffices = horizon >= LEAST_HORIZON
                && shows_the_order(instance, constants, &intrinsic_lrs, (horizon, energy))
                && tells(optimizer, instance, horizon, finest);
            suffices.then_some(Self { intrinsic_lrs, horizon, energy })
        })
    }
}

/// How far swings stay small by the energy law, and the energy that they start with. Runs take [`part`] of what is returned.
fn small_swings(constants: EdgeConstants, instance: &Instance) -> (f64, f64) {
    let end = instance.plan.horizon.min(HORIZON);
    let [least, most] = if constants.momentum > 0.0 { SMALL_ENERGIES } else { [START_ENERGY; 2] };
    let speed = |law: &EnergyLaw| constants.speed(law.log_gradient_square);
    let parts = 512;
    let (mut reach, mut growth) = (0.0, 0f64);
    for k in 1..=parts {
        // How far along the path, in the time of gradient descent, and when the optimizer comes there.
        let there = end * f64::from(k) / f64::from(parts);
        let time = integral(&instance.path, there, |law| 1.0 / speed(law)) / part(constants);
        let grown = integral(&instance.path, there, |law| constants.energy_rate(law) / speed(law)).max(growth);
        if least * grown.exp() > LARGEST_ENERGY {
            break;
        }
        (reach, growth) = (time.min(end), grown);
        if time >= end {
            break;
        }
    }
    (reach, most.min(LARGEST_ENERGY * (-growth).exp()))
}

/// Whether the largest errors of runs are predicted to show the order ½ with margin: bounds that hold it, and are narrow enough to exclude ¼.
fn shows_the_order(
    instance: &Instance,
    constants: EdgeConstants,
    intrinsic_lrs: &[f64],
    (horizon, energy): (f64, f64),
) -> bool {
    let end = part(constants) * horizon;
    let point = |&parameter: &f64| LadderPoint {
        start: 0,
        parameter,
        error: predicted_error(&instance.path, constants, parameter, (end, energy)),
    };
    let points: Vec<LadderPoint> = intrinsic_lrs.iter().map(point).collect();
    fit_order(&points, missed_peak(DYNAMICS_READINGS), 0.0).is_ok_and(|fit| is_decisive(fit.order))
}

/// Whether planned bounds decide for the order ½ with a third of them to spare on each side.
fn is_decisive(planned: Interval) -> bool {
    const PART: f64 = 2.0 / 3.0;
    (planned.value - ORDER).abs() <= PART * planned.half_width && planned.half_width <= PART * (ORDER - LEAST_ORDER)
}

/// The largest swing of a run that ends at a time, by the energy law with the late answers of normal directions, times what the next term may
/// make of it: that term is as large a part of √ε as the centre q h² of δ is, may have either sign, and grows by its exponential.
fn predicted_error(path: &[Place], constants: EdgeConstants, intrinsic_lr: f64, (end, energy): (f64, f64)) -> f64 {
    let speed = |place: &Place| constants.speed(place.law.log_gradient_square);
    let rate =
        |place: &Place| (constants.energy_rate(&place.law) + late(constants, place, intrinsic_lr)) / speed(place);
    let (mut time, mut grown, mut largest, mut next) = (0.0, 0.0, 0f64, 0f64);
    for (k, place) in path.iter().enumerate() {
        if let Some(before) = k.checked_sub(1).map(|k| &path[k]) {
            let by = 0.5 * (place.tau - before.tau);
            time += by * (1.0 / speed(before) + 1.0 / speed(place));
            grown += by * (rate(before) + rate(place));
        }
        if time > end {
            break;
        }
        let swing = constants.swing(intrinsic_lr, place.law.log_gradient_square);
        let energy = Energy::of(energy).after(grown);
        largest = worst([largest, swing * EdgeStart::at_energy(1.0, energy, 0.0).kick]);
        let centre = place.law.quartic.abs() * swing * swing;
        next = worst([next, centre / (constants.swing_factor() * intrinsic_lr.sqrt())]);
    }
    largest * next.exp()
}

/// Whether runs down to an intrinsic learning rate tell the law's flow from its twins.
fn tells(optimizer: &InstanceOptimizer, instance: &Instance, horizon: f64, finest: f64) -> bool {
    let (law, constants) = (optimizer.flow(), optimizer.constants());
    let offset = |factor: f64| FlowConstants { offset: factor * law.offset, ..law };
    let twins = if constants.momentum > 0.0 {
        vec![offset(1.0 - constants.momentum), offset(1.0 + constants.momentum)]
    } else {
        vec![offset(0.5), offset(2.0), FlowConstants { slope: 2.0 * law.slope, ..law }]
    };
    let swing = constants.swing(finest, instance.geometry.log_gradient_square());
    let horizon = part(constants) * horizon * optimizer.own_time();
    let tells = |twins: &[FlowConstants]| instance.tells(law, twins, horizon, swing);
    if instance.shows_four { tells(&twins) } else { twins.iter().any(|&twin| tells(&[twin])) }
}

/// The part of gradient descent's horizon that an optimizer's runs take. RMSprop with C_b < 2 is up to 2/C_b times as fast along the
/// path, and must not go further along the path than gradient descent.
pub(super) fn part(constants: EdgeConstants) -> f64 {
    (0.5 * constants.decay).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `proofs-notes/scalar_rmsprop.md` has it: up to which size of the next term on the instance's coarsest rung a ladder suffices.
    #[test]
    fn ladders_suffice_up_to_the_next_terms_of_the_note() {
        let decides = |rungs: std::ops::Range<i32>, error: &dyn Fn(f64) -> f64| {
            let parameters = rungs.map(|k| 10f64.powf(-0.5 * f64::from(k)));
            let points: Vec<LadderPoint> =
                parameters.map(|parameter| LadderPoint { start: 0, parameter, error: error(parameter) }).collect();
            fit_order(&points, missed_peak(DYNAMICS_READINGS), 0.0).is_ok_and(|fit| is_decisive(fit.order))
        };
        for (rungs, most) in [(0..4, 0.5), (0..5, 1.0), (1..6, 1.8)] {
            let decides = |next: f64| decides(rungs.clone(), &|x| x.sqrt() * (next * x.sqrt()).exp());
            assert!(decides(most) && !decides(most + 0.1), "{rungs:?}");
        }
        // An error that goes on falling faster, as that of swings which grow less on every finer rung.
        assert!(!decides(0..5, &|x| x.powf(0.58)));
        assert!(!decides(0..5, &|_| f64::NAN));
    }
}
