use thiserror::Error;

use super::{Descent, EdgeConstants, EdgeDescent, EdgePlace, Optimizer, Seen};
use crate::arithmetic::{Lanes, Real, Scalar, dot, vectorized};
use crate::loss::{Evaluator, Loss};
use crate::sphere::Space;

/// Hyperparameters for which gradient descent with weight decay is not defined.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum StepError {
    #[error("the learning rate η = {0} is not positive and finite")]
    LearningRate(f64),
    #[error("the weight decay gives ηλ = {0}; it must lie in [0, 1)")]
    IntrinsicLearningRate(f64),
    #[error("the momentum μ = {0} does not lie in [0, 1)")]
    Momentum(f64),
    #[error("C_b η² = 1 − β = {0} does not lie in (0, 1)")]
    Decay(f64),
    #[error("the second moment v = {0} is not positive and finite")]
    SecondMoment(f64),
    #[error("the start has {found} weights, the loss {expected}")]
    Dimension { found: usize, expected: usize },
    #[error("the start's weight {index} is {value}")]
    NotFinite { index: usize, value: f64 },
}

/// Gradient descent with weight decay: w₊ = (1−ηλ)w − η∇L(w).
pub struct GradientDescent<L, S> {
    evaluator: Evaluator<L, S>,
    weights: Vec<S>,
    learning_rate: S,
    shrinkage: S,
}

impl<S: Scalar<Base: Real>, L: Loss<S::Base>> GradientDescent<L, S> {
    /// `learning_rate` is η > 0, `intrinsic_lr` is ηλ ∈ [0, 1) (0: no decay), `start` has length D.
    ///
    /// # Errors
    /// Hyperparameters or a start out of their domain.
    pub fn new(loss: L, learning_rate: f64, intrinsic_lr: f64, start: &[S]) -> Result<Self, StepError> {
        check_rates(learning_rate, intrinsic_lr)?;
        check_vector(loss.dimension(), start)?;
        Ok(Self {
            evaluator: Evaluator::new(loss),
            weights: start.to_vec(),
            learning_rate: S::constant(learning_rate),
            shrinkage: S::constant(1.0) - S::constant(intrinsic_lr),
        })
    }
}

impl<S: Scalar<Base: Real>, L: Loss<S::Base>> Descent<S> for GradientDescent<L, S> {
    fn step(&mut self) -> Seen<S> {
        let (loss, gradient) = self.evaluator.evaluate(&self.weights);
        let gradient_square = vectorized::<S, _>(
            #[inline(always)]
            || {
                for (w, &g) in self.weights.iter_mut().zip(gradient) {
                    *w = self.shrinkage * *w - self.learning_rate * g;
                }
                dot(gradient, gradient)
            },
        );
        Seen { loss, gradient_square }
    }

    fn weights(&self) -> &[S] {
        &self.weights
    }

    /// η̃ = η / ((1−ηλ)‖w‖²).
    fn effective_learning_rate(&self) -> S {
        self.learning_rate / (self.shrinkage * dot(&self.weights, &self.weights))
    }
}

/// Whether η and ηλ are those of a descent.
pub(super) fn check_rates(learning_rate: f64, intrinsic_lr: f64) -> Result<(), StepError> {
    if !(learning_rate > 0.0 && learning_rate.is_finite()) {
        return Err(StepError::LearningRate(learning_rate));
    }
    if !(0.0..1.0).contains(&intrinsic_lr) {
        return Err(StepError::IntrinsicLearningRate(intrinsic_lr));
    }
    Ok(())
}

/// Whether a vector is one of `dimension` finite numbers.
pub(super) fn check_vector<S: Scalar<Base: Real>>(dimension: usize, vector: &[S]) -> Result<(), StepError> {
    if vector.len() != dimension {
        return Err(StepError::Dimension { found: vector.len(), expected: dimension });
    }
    if let Some((index, w)) = S::planes(vector).iter().enumerate().find(|(_, w)| !w.to_f64().is_finite()) {
        let (index, value) = (index / S::PLANES, w.to_f64());
        return Err(StepError::NotFinite { index, value });
    }
    Ok(())
}

/// Gradient descent with weight decay as an [`Optimizer`]. Its direction does not depend on η.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightDecay {
    /// η.
    pub learning_rate: f64,
}

impl Optimizer for WeightDecay {
    fn setting(&self) -> Option<String> {
        None
    }

    fn constants(&self) -> EdgeConstants {
        EdgeConstants::GRADIENT_DESCENT
    }

    fn own_time(&self) -> f64 {
        1.0
    }

    fn suits(&self, space: &Space) -> bool {
        *space == Space::Sphere
    }
}

impl<L: Loss<f64>, const N: usize> EdgeDescent<L, N> for WeightDecay {
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
        let weights = swings.map(|swing| {
            let start = self.constants().start(place, intrinsic_lr, swing);
            start.weights(place.point, place.geometry, self.learning_rate)
        });
        let weights = Lanes::side_by_side(weights.each_ref().map(Vec::as_slice));
        Ok(Box::new(GradientDescent::new(loss, self.learning_rate, intrinsic_lr, &weights)?))
    }
}
