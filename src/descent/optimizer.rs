use std::any::Any;
use std::fmt;

use super::{Descent, EdgeStart, StepError};
use crate::arithmetic::Lanes;
use crate::flow::FlowConstants;
use crate::minimizers::{EnergyLaw, Geometry};
use crate::sphere::Space;

/// The two numbers by which optimizers differ at the edge of stability.
///
/// Gradient descent with weight decay is quasi-RMSprop with C_b = 2 (`proofs-notes/quasi_rmsprop.md`), whatever its momentum. All formulas use
/// the time τ, in which a step lasts the intrinsic learning rate: ηλ for gradient descent, ηλ/(1−μ) with momentum, C_b η²/4 for scalar RMSprop
/// (`proofs-notes/heavy_ball.md`, `scalar_rmsprop.md`, `energy_law.md`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeConstants {
    /// C_b: scalar RMSprop forgets by 1 − β = C_b η².
    pub decay: f64,
    /// μ ∈ [0, 1).
    pub momentum: f64,
}

impl EdgeConstants {
    /// The constants of gradient descent with weight decay.
    pub const GRADIENT_DESCENT: Self = Self { decay: 2.0, momentum: 0.0 };

    /// K = 2C_b + ‖G‖², for ‖G‖².
    pub fn stiffness(&self, log_gradient_square: f64) -> f64 {
        2.0 * self.decay + log_gradient_square
    }

    /// The flow dζ/dτ = −2G/(2C_b + ‖G‖²).
    pub fn flow(&self) -> FlowConstants {
        FlowConstants { numerator: 2.0, offset: 2.0 * self.decay, slope: 1.0 }
    }

    /// How fast the flow goes along the path, over gradient descent's, for ‖G‖².
    pub fn speed(&self, log_gradient_square: f64) -> f64 {
        Self::GRADIENT_DESCENT.stiffness(log_gradient_square) / self.stiffness(log_gradient_square)
    }

    /// κ of de/dτ = κe for small swings: (8C_b + 6‖G‖² + 4q)/K − 2⟨G, ∇_Γ‖G‖²⟩/K² + 32μ/(1−μ)².
    pub fn energy_rate(&self, law: &EnergyLaw) -> f64 {
        let stiffness = self.stiffness(law.log_gradient_square);
        let sum = 8.0 * self.decay + 6.0 * law.log_gradient_square + 4.0 * law.quartic;
        let at_once = sum / stiffness - 2.0 * law.slope_along_gradient / (stiffness * stiffness);
        at_once + self.energy_rate_of_momentum()
    }

    /// Momentum's part of κ, 32μ/(1−μ)².
    pub fn energy_rate_of_momentum(&self) -> f64 {
        32.0 * self.momentum / (1.0 - self.momentum).powi(2)
    }

    /// √((1−μ)/(1+μ)): the factor by which momentum changes the period of swings, and |h| and |δ| at a given energy.
    pub fn swing_factor(&self) -> f64 {
        ((1.0 - self.momentum) / (1.0 + self.momentum)).sqrt()
    }

    /// |h|_eq, the equilibrium of the oscillation on a rung, for ‖G‖².
    pub fn swing(&self, intrinsic_lr: f64, log_gradient_square: f64) -> f64 {
        self.swing_factor() * (2.0 * intrinsic_lr / self.stiffness(log_gradient_square)).sqrt()
    }

    /// The factor by which momentum changes the largest intrinsic learning rate of a ladder. Momentum remembers a gradient for 1/(1−μ) steps. These
    /// must be as small a part of a swing's period as one step is without momentum.
    pub fn memory_factor(&self) -> f64 {
        (self.swing_factor() * (1.0 - self.momentum)).powi(2)
    }

    /// A start of an energy and a phase near a point of Γ; δ swings around its centre −(q − s/(2K))h².
    pub fn start(&self, place: &EdgePlace<'_>, intrinsic_lr: f64, (energy, phase): (f64, f64)) -> EdgeStart {
        let mut start = EdgeStart::at_energy(intrinsic_lr, energy, phase);
        let square = place.geometry.log_gradient_square();
        // |h|_eq² is 2ε/K for RMSprop and 2ηλ/((1+μ)K), ηλ = ε(1−μ), under momentum, where x′ = δ(1+μ)/(1−μ).
        start.kick *= self.swing_factor() * self.speed(square).sqrt();
        start.edge_offset *= self.swing_factor();
        start.edge_offset -= place.law.centre(self.stiffness(square)) * start.displacement(place.geometry).powi(2);
        start
    }
}

/// A point of Γ with what starts near it need.
#[derive(Clone, Copy, Debug)]
pub struct EdgePlace<'a> {
    /// p, length D.
    pub point: &'a [f64],
    pub geometry: &'a Geometry<f64>,
    pub law: EnergyLaw,
    /// α = ⟨∇³L[v₁, v₁], v₁⟩/λ₁: along v₁ the oscillation is one of h + ½αh².
    pub skewness: f64,
    /// Where Γ lies.
    pub space: &'a Space,
}

/// A rule of steps with what the theory says of it at the edge of stability.
pub trait Optimizer: Any + fmt::Debug + Send + Sync {
    /// The setting that distinguishes this optimizer, such as `μ = 0.25`; nothing for gradient descent with weight decay itself.
    fn setting(&self) -> Option<String>;

    /// Its constants at the edge of stability.
    fn constants(&self) -> EdgeConstants;

    /// By how much the optimizer's own time, in which its flow is stated, grows while τ grows by 1.
    fn own_time(&self) -> f64;

    /// The flow that it follows, in its own time.
    fn flow(&self) -> FlowConstants {
        let flow = self.constants().flow();
        FlowConstants { numerator: flow.numerator / self.own_time(), ..flow }
    }

    /// Whether the theory speaks of it where Γ lies in this space.
    fn suits(&self, space: &Space) -> bool;
}

/// An [`Optimizer`] that runs on a loss from N starts side by side.
pub trait EdgeDescent<L, const N: usize>: Optimizer {
    /// Descents from starts of an intrinsic learning rate, by the energies and the phases of their swings.
    ///
    /// # Errors
    /// A start that is no start of such a descent.
    fn descend<'a>(
        &self,
        loss: &'a L,
        place: &EdgePlace<'_>,
        intrinsic_lr: f64,
        swings: [(f64, f64); N],
    ) -> Result<Box<dyn Descent<Lanes<f64, N>> + 'a>, StepError>
    where
        L: 'a;
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};

    use super::*;

    /// How long a step lasts: ηλ/(1−μ), or η².
    const RUNG: f64 = 5e-8;
    /// The step of a finite difference.
    const BY: f64 = 1e-4;

    /// Against the eigenvalues of the step itself, linearized at its equilibrium with nothing eliminated.
    #[test]
    fn momentum_adds_its_part_to_the_rate_of_the_whole_linearized_step() {
        for momentum in [0.1f64, 0.25, 0.5, 0.8] {
            for (square, quartic) in [(0.5, -2.0), (3.0, 1.5), (9.0, -12.0)] {
                let law = EnergyLaw { log_gradient_square: square, quartic, slope_along_gradient: 0.0 };
                let rate = |rung: f64| {
                    let (step, near) = heavy_ball(momentum, law, rung);
                    modulus(step, near).ln() * 2.0 / rung
                };
                // Extrapolated to ηλ = 0: the error is of first order.
                let measured = 2.0 * rate(RUNG) - rate(2.0 * RUNG);
                let predicted = EdgeConstants { decay: 2.0, momentum }.energy_rate(&law);
                // What is left is the rounding of the differences, over the rung and what momentum makes of a change.
                let rounding = 16.0 * f64::EPSILON / ((1.0 - momentum) * BY * RUNG);
                assert!((measured - predicted).abs() < rounding, "{momentum}: {measured} {predicted}");
            }
        }
    }

    /// The same of scalar RMSprop, v in its own variable δ; p's drift enters through K, as the note has it.
    #[test]
    fn the_rate_of_rmsprop_is_that_of_its_linearized_step() {
        for decay in [0.5, 1.0, 3.0] {
            for (square, quartic, slope) in [(0.5, -2.0, 0.0), (3.0, 1.5, 20.0), (9.0, -12.0, -30.0)] {
                let law = EnergyLaw { log_gradient_square: square, quartic, slope_along_gradient: slope };
                let stiffness = 2.0 * decay + square;
                let rate = |rung: f64| {
                    // [log(|h|/|h|_eq), δ]; |h|_eq moves with K.
                    let step = |[x, delta]: [f64; 2]| -> [f64; 2] {
                        let swing = decay * rung / (2.0 * stiffness) * (2.0 * x).exp();
                        let second_moment = 1.0 + decay * rung * ((2.0 + delta).powi(2) * swing / rung - 1.0);
                        let drift = (1.0 + 0.5 * delta) * swing * square;
                        [
                            x + (delta + quartic * swing).ln_1p() - 0.5 * slope * swing / stiffness,
                            (2.0 + delta) * (-drift).exp() / second_moment.sqrt() - 2.0,
                        ]
                    };
                    modulus(step, [0.0; 2]).ln() * 2.0 / rung
                };
                let measured = 2.0 * rate(RUNG) - rate(2.0 * RUNG);
                // Per unit of η², of which τ is C_b/4.
                let predicted = 0.25 * decay * EdgeConstants { decay, momentum: 0.0 }.energy_rate(&law);
                let rounding = 16.0 * f64::EPSILON / (BY * RUNG);
                assert!((measured - predicted).abs() < rounding, "{decay}: {measured} {predicted}");
            }
        }
    }

    /// One step of heavy-ball momentum: [log|h|, r of the last step, δ of η/((1+μ)‖w‖²), and the gains of log‖w‖² and log λ₁ that momentum remembers].
    fn heavy_ball(momentum: f64, law: EnergyLaw, rung: f64) -> (impl Fn([f64; 5]) -> [f64; 5], [f64; 5]) {
        let intrinsic_lr = rung * (1.0 - momentum);
        let step = move |[x, last, delta, radial, along]: [f64; 5]| -> [f64; 5] {
            let square = (2.0 * x).exp();
            let stiff = (1.0 + momentum) * (2.0 + delta) * (1.0 + 0.5 * (law.quartic + 2.0) * square);
            let ratio = stiff + intrinsic_lr - (1.0 + momentum) - momentum / (1.0 + last);
            let radial = momentum * radial - intrinsic_lr;
            let moved = (1.0 + ratio).powi(2) * square;
            let along = momentum * along - (1.0 + momentum) * (1.0 + 0.5 * delta) * square * law.log_gradient_square;
            let grown = 2.0 * radial + moved;
            [
                x + ratio.ln() - 0.5 * grown,
                ratio - 1.0,
                (2.0 + delta) * (along - grown).exp() - 2.0,
                radial + moved,
                along,
            ]
        };
        let stiffness = 4.0 + law.log_gradient_square;
        let square = 2.0 * rung * (1.0 - momentum) / ((1.0 + momentum) * stiffness);
        (step, [0.5 * square.ln(), 0.0, 0.0, 0.0, 0.0])
    }

    /// |z| of the largest eigenvalue, one of the slow pair, of a step about its equilibrium near `at`.
    fn modulus<const N: usize>(step: impl Fn([f64; N]) -> [f64; N], mut at: [f64; N]) -> f64 {
        // The equilibrium by Newton's method.
        for _ in 0..20 {
            let excess = DVector::from_fn(N, |i, _| step(at)[i] - at[i]);
            let slope = jacobian(&step, at) - DMatrix::identity(N, N);
            let by = slope.lu().solve(&excess).unwrap();
            (0..N).for_each(|i| at[i] -= by[i]);
        }
        let eigenvalues = jacobian(&step, at).complex_eigenvalues();
        eigenvalues.iter().map(|z| z.norm()).fold(0.0, f64::max)
    }

    /// The Jacobian by central differences.
    fn jacobian<const N: usize>(step: &impl Fn([f64; N]) -> [f64; N], at: [f64; N]) -> DMatrix<f64> {
        let moved = |j: usize, by: f64| {
            let mut at = at;
            at[j] += by;
            step(at)
        };
        DMatrix::from_fn(N, N, |i, j| {
            // Extrapolated: the differences err by the fourth power.
            let difference = |by: f64| (moved(j, by)[i] - moved(j, -by)[i]) / (2.0 * by);
            (4.0 * difference(BY) - difference(2.0 * BY)) / 3.0
        })
    }
}
