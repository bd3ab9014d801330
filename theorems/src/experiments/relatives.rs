//! Relatives of gradient descent with weight decay that have its theory, and their starts at the edge of stability.

use std::array;

use sharpflow::arithmetic::{Lanes, add_scaled, dot, norm, scale};
use sharpflow::descent::{EdgeStart, HeavyBall, ScalarRmsprop, StepError};
use sharpflow::flow::FlowConstants;
use sharpflow::loss::Derivatives;
use sharpflow::minimizers::EnergyLaw;

use super::starts::{Starts, phase, side_by_side};
use crate::instance::{Instance, InstanceLoss, LEARNING_RATE};

/// A relative of gradient descent with weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dynamics {
    /// Momentum μ; without, it is gradient descent itself.
    HeavyBall { momentum: f64 },
    /// β = 1 − C_b η², on the instance's space.
    Rmsprop { decay: f64 },
}

/// Gradient descent with weight decay itself.
pub const GRADIENT_DESCENT: Dynamics = Dynamics::HeavyBall { momentum: 0.0 };

// How far each is run, and what that tells, is for the records to say.
impl Dynamics {
    /// The instance and the dynamics, as evidence names them.
    pub fn name_on(self, instance: &Instance) -> String {
        match self {
            GRADIENT_DESCENT => instance.name.clone(),
            Self::HeavyBall { momentum } => format!("{}, μ = {momentum}", instance.name),
            Self::Rmsprop { decay } => format!("{}, C_b = {decay}", instance.name),
        }
    }

    /// μ; 0 without.
    pub fn momentum(self) -> f64 {
        match self {
            Self::HeavyBall { momentum } => momentum,
            Self::Rmsprop { .. } => 0.0,
        }
    }

    /// C_b, which is 2 for gradient descent.
    pub fn decay(self) -> f64 {
        match self {
            Self::HeavyBall { .. } => 2.0,
            Self::Rmsprop { decay } => decay,
        }
    }

    /// K = 2C_b + ‖G‖², for ‖G‖².
    pub(crate) fn stiffness(self, log_gradient_square: f64) -> f64 {
        2.0 * self.decay() + log_gradient_square
    }

    /// How long a step lasts on the rung ε, in the dynamics' own time: ηλ/(1−μ) of it is ε; η² of it is 4ε/C_b, which gives δ the
    /// slow oscillation that gradient descent has at ηλ = ε.
    pub fn step_lasts(self, rung: f64) -> f64 {
        match self {
            Self::HeavyBall { .. } => rung,
            Self::Rmsprop { decay } => 4.0 * rung / decay,
        }
    }

    /// The flow it follows in that time.
    pub fn flow(self) -> FlowConstants {
        FlowConstants { numerator: 2.0 / self.step_lasts(1.0), offset: 2.0 * self.decay(), slope: 1.0 }
    }

    /// The flow where a step lasts its rung.
    pub(super) fn flow_by_rungs(self) -> FlowConstants {
        FlowConstants { numerator: 2.0, ..self.flow() }
    }

    /// How fast that goes along the path, over gradient descent.
    pub(super) fn speed(self, law: &EnergyLaw) -> f64 {
        (4.0 + law.log_gradient_square) / self.stiffness(law.log_gradient_square)
    }

    /// κ where a step lasts its rung.
    pub(super) fn rate(self, law: &EnergyLaw) -> f64 {
        match self {
            Self::HeavyBall { momentum } => law.heavy_ball_rate(momentum),
            Self::Rmsprop { decay } => self.step_lasts(1.0) * law.rmsprop_rate(decay),
        }
    }
}

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
pub(super) fn edge(instance: &Instance, dynamics: Dynamics, (rung, energy): (f64, f64), start: usize) -> EdgeStart {
    let mut edge = EdgeStart::at_energy(rung, energy, phase(start));
    let (slower, square) = (slower(dynamics.momentum()), instance.geometry.log_gradient_square());
    // |h|_eq² = 2ε/K for RMSprop and 2ηλ/((1+μ)K), ηλ = ε(1−μ), under momentum, where x′ = δ(1+μ)/(1−μ).
    edge.kick *= slower * ((4.0 + square) / dynamics.stiffness(square)).sqrt();
    edge.edge_offset *= slower;
    edge.edge_offset -= instance.path[0].law.quartic * edge.displacement(&instance.geometry).powi(2);
    edge
}

/// α = ⟨∇³L[v₁, v₁], v₁⟩/λ₁ at the start.
fn skewness(instance: &Instance) -> f64 {
    let (geometry, mut third) = (&instance.geometry, vec![0.0; instance.start.len()]);
    Derivatives::new(&instance.loss).third_derivative(&instance.start, &geometry.direction, &mut third);
    dot(&third, &geometry.direction) / geometry.sharpness
}

/// Gradient descent with momentum, in which a step lasts the rung, from starts of an energy.
pub(super) fn heavy_ball(
    instance: &Instance,
    momentum: f64,
    (rung, energy): (f64, f64),
) -> Result<HeavyBall<'_, InstanceLoss, Starts>, StepError> {
    let intrinsic_lr = rung * (1.0 - momentum);
    let edge = |start| edge(instance, Dynamics::HeavyBall { momentum }, (rung, energy), start);
    // The oscillation is one of h + ½αh²: about −½αh², which momentum would take for a part of its own, (1+μ)/(1−μ) times as large.
    let skewness = skewness(instance);
    let weights = |start| {
        let mut edge = edge(start);
        edge.kick *= 1.0 - 0.5 * skewness * edge.displacement(&instance.geometry);
        let mut weights = edge.weights(&instance.start, &instance.geometry, LEARNING_RATE);
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

/// Scalar RMSprop with η² = 4ε/C_b, ε the rung, from starts of an energy.
pub(super) fn rmsprop(
    instance: &Instance,
    decay: f64,
    (rung, energy): (f64, f64),
) -> Result<ScalarRmsprop<'_, InstanceLoss, Starts>, StepError> {
    let dynamics = Dynamics::Rmsprop { decay };
    let edge = |start| edge(instance, dynamics, (rung, energy), start);
    let space = instance.loss.space();
    let starts = side_by_side(|start| edge(start).theta(&instance.start, &instance.geometry, space));
    let learning_rate = dynamics.step_lasts(rung).sqrt();
    let moment = |start| (learning_rate * instance.geometry.sharpness / (2.0 + edge(start).edge_offset)).powi(2);
    ScalarRmsprop::new(&instance.loss, learning_rate, decay, (&starts, space), Lanes(array::from_fn(moment)))
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
            let dynamics = Dynamics::Rmsprop { decay };
            let place = &instance.path[instance.path.len() / 2];
            let window = integral(&instance.path, place.tau, |law| 1.0 / dynamics.speed(law));
            let there = instance.places(dynamics.flow_by_rungs(), window, 2).unwrap();
            // The trapezoid rule over eight parts errs by some (1/8)²/12 of a speed that changes by its own size.
            let missed = distance(&there[1].point, &place.point) / distance(&instance.start, &place.point);
            assert!(missed < 2e-3 && (window / place.tau - 1.0).abs() > 0.1, "{decay}: {missed:e}");
        }
    }
}
