//! The optimizers that experiments run, and their starts on an instance.

use std::array;

use sharpflow::descent::{Descent, EdgeDescent, EdgePlace, Momentum, Optimizer, Rmsprop, StepError, WeightDecay};

use super::starts::Starts;
use crate::instance::{Instance, InstanceLoss, LEARNING_RATE, STARTS, phase};

/// An optimizer that runs on instances.
pub type InstanceOptimizer = dyn EdgeDescent<InstanceLoss, STARTS>;

/// Gradient descent with weight decay itself, and its relatives.
pub static OPTIMIZERS: [&InstanceOptimizer; 5] = [
    &WeightDecay { learning_rate: LEARNING_RATE },
    &Momentum { learning_rate: LEARNING_RATE, momentum: 0.25 },
    &Momentum { learning_rate: LEARNING_RATE, momentum: 0.5 },
    &Rmsprop { decay: 1.0 },
    &Rmsprop { decay: 4.0 },
];

/// The instance and the optimizer, as evidence names them.
pub(crate) fn name_on(optimizer: &dyn Optimizer, instance: &Instance) -> String {
    match optimizer.setting() {
        Some(setting) => format!("{}, {setting}", instance.name),
        None => instance.name.clone(),
    }
}

/// Swings of one energy, evenly spaced in their phases.
pub(super) fn swings_of_energy(energy: f64) -> [(f64, f64); STARTS] {
    array::from_fn(|start| (energy, phase(start)))
}

/// A descent from starts of an intrinsic learning rate, by the energies and the phases of their swings.
pub(super) fn descend<'a>(
    optimizer: &InstanceOptimizer,
    instance: &'a Instance,
    intrinsic_lr: f64,
    swings: [(f64, f64); STARTS],
) -> Result<Box<dyn Descent<Starts> + 'a>, StepError> {
    let place = EdgePlace {
        point: &instance.start,
        geometry: &instance.geometry,
        law: instance.path[0].law,
        skewness: instance.skewness(),
        space: &instance.loss.space(),
    };
    optimizer.descend(&instance.loss, &place, intrinsic_lr, swings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::integral;
    use sharpflow::arithmetic::distance;
    use sharpflow::data::Dataset;

    /// RMSprop comes in its time to where gradient descent comes in τ.
    #[test]
    fn the_speed_is_that_along_the_path() {
        let instance = Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap();
        for decay in [1.0, 4.0] {
            let constants = Rmsprop { decay }.constants();
            let place = &instance.path[instance.path.len() / 2];
            let window = integral(&instance.path, place.tau, |law| 1.0 / constants.speed(law.log_gradient_square));
            let there = instance.places(constants.flow(), window, 2).unwrap();
            // The trapezoid rule over eight parts errs by some (1/8)²/12 of a speed that changes by its own size.
            let missed = distance(&there[1].point, &place.point) / distance(&instance.start, &place.point);
            assert!(missed < 2e-3 && (window / place.tau - 1.0).abs() > 0.1, "{decay}: {missed:e}");
        }
    }
}
