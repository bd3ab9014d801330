use sharpflow::arithmetic::{add_scaled, norm, scale};
use sharpflow::descent::{EdgeStart, HeavyBall, StepError};

use super::starts::{Starts, phase, side_by_side};
use crate::instance::{Instance, InstanceLoss, LEARNING_RATE};

/// √((1−μ)/(1+μ)): the period of swings, and |h| and |δ| in those of one energy, over what they are without momentum on the same rung.
pub(crate) fn slower(momentum: f64) -> f64 {
    ((1.0 - momentum) / (1.0 + momentum)).sqrt()
}

/// The top of a ladder over what it is without momentum: a step's gradient is remembered for 1/(1−μ) steps, which are to be as small a
/// part of a swing's period as one step is then; √ε/slower/(1−μ) stays.
pub(super) fn remembering(momentum: f64) -> f64 {
    (slower(momentum) * (1.0 - momentum)).powi(2)
}

/// A start of an energy on a rung, by its phase; δ swings around its centre −q h² (`energy_law.md`).
pub(super) fn edge(instance: &Instance, momentum: f64, (rung, energy): (f64, f64), start: usize) -> EdgeStart {
    let mut edge = EdgeStart::at_energy(rung, energy, phase(start));
    // |h|_eq² = 2ηλ/((1+μ)K) with ηλ = ε(1−μ), and x′ = δ(1+μ)/(1−μ).
    edge.kick *= slower(momentum);
    edge.edge_offset *= slower(momentum);
    edge.edge_offset -= instance.path[0].law.quartic * edge.displacement(&instance.geometry).powi(2);
    edge
}

/// Gradient descent with momentum, in which a step lasts the rung, from starts of an energy.
pub(super) fn heavy_ball(
    instance: &Instance,
    momentum: f64,
    (rung, energy): (f64, f64),
) -> Result<HeavyBall<'_, InstanceLoss, Starts>, StepError> {
    let intrinsic_lr = rung * (1.0 - momentum);
    let edge = |start| edge(instance, momentum, (rung, energy), start);
    let weights = |start| {
        let mut weights = edge(start).weights(&instance.start, &instance.geometry, LEARNING_RATE);
        // η/((1+μ−ηλ)‖w‖²) in place of η/((1−ε)‖w‖²).
        scale(&mut weights, ((1.0 - rung) / (1.0 + momentum - intrinsic_lr)).sqrt());
        weights
    };
    // In phase: the momentum an oscillation of period two has.
    let velocity = |start| {
        let (weights, h) = (weights(start), edge(start).displacement(&instance.geometry));
        let mut velocity = vec![0.0; weights.len()];
        let (sharpness, v) = (instance.geometry.sharpness, &instance.geometry.direction);
        add_scaled(&mut velocity, -sharpness * h / (norm(&weights) * (1.0 + momentum)), v);
        velocity
    };
    let starts = [&*side_by_side(weights), &*side_by_side(velocity)];
    HeavyBall::new(&instance.loss, LEARNING_RATE, intrinsic_lr, momentum, starts)
}
