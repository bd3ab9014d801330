use super::gradient_descent::{check_rates, check_vector};
use super::{Descent, EdgeConstants, EdgeDescent, EdgePlace, Optimizer, Seen, StepError};
use crate::arithmetic::{Lanes, Real, Scalar, add_scaled, dot, norm, scale, vectorized};
use crate::loss::{Evaluator, Loss};
use crate::sphere::Space;

/// Gradient descent with weight decay and heavy-ball momentum: m₊ = μm + ∇L(w) + λw, w₊ = w − ηm₊.
pub struct HeavyBall<L, S> {
    evaluator: Evaluator<L, S>,
    weights: Vec<S>,
    velocity: Vec<S>,
    learning_rate: S,
    decay: S,
    momentum: S,
}

impl<S: Scalar<Base: Real>, L: Loss<S::Base>> HeavyBall<L, S> {
    /// `learning_rate` is η > 0, `intrinsic_lr` is ηλ ∈ [0, 1), `momentum` is μ ∈ [0, 1); `start` is w₀ and `velocity` is m₀, both of
    /// length D.
    ///
    /// # Errors
    /// Hyperparameters or a start out of their domain.
    pub fn new(
        loss: L,
        learning_rate: f64,
        intrinsic_lr: f64,
        momentum: f64,
        [start, velocity]: [&[S]; 2],
    ) -> Result<Self, StepError> {
        check_rates(learning_rate, intrinsic_lr)?;
        check_vector(loss.dimension(), start)?;
        check_vector(loss.dimension(), velocity)?;
        if !(0.0..1.0).contains(&momentum) {
            return Err(StepError::Momentum(momentum));
        }
        Ok(Self {
            evaluator: Evaluator::new(loss),
            weights: start.to_vec(),
            velocity: velocity.to_vec(),
            learning_rate: S::constant(learning_rate),
            decay: S::constant(intrinsic_lr / learning_rate),
            momentum: S::constant(momentum),
        })
    }
}

impl<S: Scalar<Base: Real>, L: Loss<S::Base>> Descent<S> for HeavyBall<L, S> {
    fn step(&mut self) -> Seen<S> {
        let (loss, gradient) = self.evaluator.evaluate(&self.weights);
        vectorized::<S, _>(
            #[inline(always)]
            || {
                for ((w, m), &g) in self.weights.iter_mut().zip(&mut self.velocity).zip(gradient) {
                    *m = self.momentum * *m + g + self.decay * *w;
                    *w = *w - self.learning_rate * *m;
                }
            },
        );
        Seen { loss, gradient_square: dot(gradient, gradient) }
    }

    fn weights(&self) -> &[S] {
        &self.weights
    }

    /// η/((1+μ−ηλ)‖w‖²), gradient descent's at μ = 0: the edge of stability is where λ₁ times this is 2.
    fn effective_learning_rate(&self) -> S {
        let kept = S::constant(1.0) + self.momentum - self.learning_rate * self.decay;
        self.learning_rate / (kept * dot(&self.weights, &self.weights))
    }
}

/// Gradient descent with weight decay and heavy-ball momentum as an [`Optimizer`]. Its direction does not depend on η.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// η.
    pub learning_rate: f64,
    /// μ ∈ [0, 1).
    pub momentum: f64,
}

impl Optimizer for Momentum {
    fn setting(&self) -> Option<String> {
        Some(format!("μ = {}", self.momentum))
    }

    fn constants(&self) -> EdgeConstants {
        EdgeConstants { momentum: self.momentum, ..EdgeConstants::GRADIENT_DESCENT }
    }

    fn own_time(&self) -> f64 {
        1.0
    }

    fn suits(&self, space: &Space) -> bool {
        *space == Space::Sphere
    }
}

impl<L: Loss<f64>, const N: usize> EdgeDescent<L, N> for Momentum {
    fn descend<'a>(
        &self,
        loss: &'a L,
        place: &EdgePlace<'_>,
        intrinsic_lr: f64,
        swings: [(f64, f64); N],
    ) -> Result<Box<dyn Descent<Lanes<f64, N>> + 'a>, StepError>
    where
        L: 'a,
    {
        let (momentum, geometry) = (self.momentum, place.geometry);
        // ηλ: a step lasts ηλ/(1−μ).
        let product = intrinsic_lr * (1.0 - momentum);
        let starts = swings.map(|swing| self.constants().start(place, intrinsic_lr, swing));
        // The quantity h + ½αh² oscillates about 0, so h oscillates about −½αh².
        // Momentum would take this offset for a part of the oscillation, (1+μ)/(1−μ) times as large.
        let weights = starts.map(|mut start| {
            start.kick *= 1.0 - 0.5 * place.skewness * start.displacement(geometry);
            let mut weights = start.weights(place.point, geometry, self.learning_rate);
            // η/((1+μ−ηλ)‖w‖²) in place of η/((1−ε)‖w‖²).
            scale(&mut weights, ((1.0 - intrinsic_lr) / (1.0 + momentum - product)).sqrt());
            weights
        });
        // In phase: the momentum that an oscillation of period two has.
        let velocities: [Vec<f64>; N] = std::array::from_fn(|k| {
            let mut velocity = vec![0.0; weights[k].len()];
            let h = starts[k].displacement(geometry);
            let along = -geometry.sharpness * h / (norm(&weights[k]) * (1.0 + momentum));
            add_scaled(&mut velocity, along, &geometry.direction);
            velocity
        });
        let weights = Lanes::side_by_side(weights.each_ref().map(Vec::as_slice));
        let velocities = Lanes::side_by_side(velocities.each_ref().map(Vec::as_slice));
        Ok(Box::new(HeavyBall::new(loss, self.learning_rate, product, momentum, [&weights, &velocities])?))
    }
}
