//! How far and on which ladder an optimizer runs on an instance: planned from the predicted path alone.

use sharpflow::descent::EdgeConstants;
use sharpflow::flow::FlowConstants;
use sharpflow::measure::missed_peak;
use sharpflow::minimizers::EnergyLaw;

use super::largest::{Largest, decides};
use super::optimizers::InstanceOptimizer;
use crate::instance::{Instance, LARGEST_ENERGY, START_ENERGY, integral};

/// Readings of the first and of the last slow period of a run.
pub(crate) const DYNAMICS_READINGS: f64 = 24.0;
/// The longest horizon in the time of gradient descent, and the least that shows a flow.
const HORIZON: f64 = 0.5;
const LEAST_HORIZON: f64 = 0.1;
/// The longest run, in steps, on a regression and on a network. It is short, because four optimizers make four times as many runs as a ladder has.
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
    /// Plans the runs. The result is `None` if runs that are short enough end too early to show a flow and to tell it from wrong flows, or if they
    /// would leave the order of their errors undecided.
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

/// Whether the largest |h| and the largest |δ| of runs are predicted to show the order ½ with margin: bounds that hold it, and are narrow
/// enough to exclude ¼.
fn shows_the_order(
    instance: &Instance,
    constants: EdgeConstants,
    intrinsic_lrs: &[f64],
    (horizon, energy): (f64, f64),
) -> bool {
    let end = part(constants) * horizon;
    let largest = |&intrinsic_lr: &f64| Largest::of(&instance.path, constants, intrinsic_lr, (end, energy));
    let rungs: Vec<Largest> = intrinsic_lrs.iter().map(largest).collect();
    let missed = missed_peak(DYNAMICS_READINGS);
    decides(&rungs, missed, 1.0, |largest| largest.swing) && decides(&rungs, missed, 0.0, |largest| largest.offset)
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
