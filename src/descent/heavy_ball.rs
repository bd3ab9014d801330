use super::{Descent, GradientDescent, Seen, StepError};
use crate::arithmetic::{Real, Scalar, dot, vectorized};
use crate::loss::{Evaluator, Loss};

/// Gradient descent with weight decay and heavy-ball momentum: m₊ = μm + ∇L(w) + λw, w₊ = w − ηm₊.
pub struct HeavyBall<'a, L, S> {
    evaluator: Evaluator<'a, L, S>,
    weights: Vec<S>,
    velocity: Vec<S>,
    learning_rate: S,
    decay: S,
    momentum: S,
}

impl<'a, S: Scalar<Base: Real>, L: Loss<S::Base>> HeavyBall<'a, L, S> {
    /// `learning_rate` is η > 0, `intrinsic_lr` is ηλ ∈ [0, 1), `momentum` is μ ∈ [0, 1); `start` is w₀ and `velocity` is m₀, both of
    /// length D.
    ///
    /// # Errors
    /// Hyperparameters or a start out of their domain.
    pub fn new(
        loss: &'a L,
        learning_rate: f64,
        intrinsic_lr: f64,
        momentum: f64,
        [start, velocity]: [&[S]; 2],
    ) -> Result<Self, StepError> {
        // Its domain is gradient descent's, with a momentum.
        GradientDescent::new(loss, learning_rate, intrinsic_lr, start)?;
        GradientDescent::new(loss, learning_rate, intrinsic_lr, velocity)?;
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

impl<S: Scalar<Base: Real>, L: Loss<S::Base>> Descent<S> for HeavyBall<'_, L, S> {
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
