//! How far and on which ladder an optimizer runs on an instance: planned from the predicted path alone.

use sharpflow::descent::EdgeConstants;
use sharpflow::flow::FlowConstants;
use sharpflow::measure::{LadderPoint, fit_order, missed_peak, worst};

use super::dynamics::DYNAMICS_READINGS;
use super::optimizers::InstanceOptimizer;
use crate::instance::{Instance, LARGEST_ENERGY, Place, START_ENERGY, integral};

/// The longest horizon in the time of gradient descent, and the least that shows a flow.
const HORIZON: f64 = 0.5;
const LEAST_HORIZON: f64 = 0.1;
/// The widest bounds of an order that a plan may predict: two thirds of what lies between the order ½ and the least that passes, ¼.
const WIDEST: f64 = 1.0 / 6.0;
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
                && planned_order(instance, constants, &intrinsic_lrs) <= WIDEST
                && tells(optimizer, instance, horizon, finest);
            suffices.then_some(Self { intrinsic_lrs, horizon, energy })
        })
    }
}

/// How wide the bounds of an order are predicted to be on a ladder, to either side.
///
/// The term next to the leading one is as large a part of it as the centre q h² of δ is of √ε, wherever on the path that is largest.
fn planned_order(instance: &Instance, constants: EdgeConstants, intrinsic_lrs: &[f64]) -> f64 {
    let next = |place: &Place, intrinsic_lr: f64| {
        let swing = constants.swing(intrinsic_lr, place.law.log_gradient_square);
        place.law.quartic.abs() * swing * swing / (constants.swing_factor() * intrinsic_lr.sqrt())
    };
    bounds_of_order(intrinsic_lrs, |intrinsic_lr| worst(instance.path.iter().map(|place| next(place, intrinsic_lr))))
}

/// The half-width of the bounds of an order ½, where the next term is such a part of the leading one. It may have either sign, and an error is
/// taken to grow by its exponential.
fn bounds_of_order(intrinsic_lrs: &[f64], next: impl Fn(f64) -> f64) -> f64 {
    let point = |&parameter: &f64| LadderPoint { start: 0, parameter, error: parameter.sqrt() * next(parameter).exp() };
    let points: Vec<LadderPoint> = intrinsic_lrs.iter().map(point).collect();
    fit_order(&points, missed_peak(DYNAMICS_READINGS), 0.0).map_or(f64::NAN, |fit| fit.order.half_width)
}

/// How far swings stay small by the energy law, in the time of gradient descent, and the energy that they start with.
fn small_swings(constants: EdgeConstants, instance: &Instance) -> (f64, f64) {
    let end = instance.plan.horizon.min(HORIZON);
    if constants.momentum == 0.0 {
        return (end, START_ENERGY);
    }
    let [least, most] = SMALL_ENERGIES;
    let parts = 512;
    let (mut reach, mut growth) = (0.0, 0f64);
    for k in 1..=parts {
        let tau = end * f64::from(k) / f64::from(parts);
        let grown = growth.max(integral(&instance.path, tau, |law| constants.energy_rate(law)));
        if least * grown.exp() > LARGEST_ENERGY {
            break;
        }
        (reach, growth) = (tau, grown);
    }
    (reach, most.min(LARGEST_ENERGY * (-growth).exp()))
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
        for (from, count, most) in [(0, 4, 0.5), (0, 5, 1.0), (1, 5, 1.8)] {
            let rungs: Vec<f64> = (from..from + count).map(|k| 10f64.powf(-0.5 * f64::from(k))).collect();
            let width = |next: f64| bounds_of_order(&rungs, |parameter| next * parameter.sqrt());
            assert!(width(most) <= WIDEST && width(most + 0.1) > WIDEST, "{from}, {count}: {}", width(most));
        }
        assert!(!(bounds_of_order(&[1.0, 0.3, 0.1, 0.03], |_| f64::NAN) <= WIDEST));
    }
}
