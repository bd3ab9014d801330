use super::{Descent, GradientDescent, Seen, StepError};
use crate::arithmetic::{Real, dot, vectorized};
use crate::loss::{Evaluator, Loss};

/// Gradient descent with weight decay and heavy-ball momentum: m₊ = μm + ∇L(w) + λw, w₊ = w − ηm₊.
pub struct HeavyBall<'a, L, T> {
    evaluator: Evaluator<'a, L, T>,
    weights: Vec<T>,
    velocity: Vec<T>,
    learning_rate: T,
    decay: T,
    momentum: T,
}

impl<'a, L: Loss<T>, T: Real> HeavyBall<'a, L, T> {
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
        [start, velocity]: [&[T]; 2],
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
            learning_rate: T::from_f64(learning_rate),
            decay: T::from_f64(intrinsic_lr / learning_rate),
            momentum: T::from_f64(momentum),
        })
    }
}

impl<L: Loss<T>, T: Real> Descent<T> for HeavyBall<'_, L, T> {
    fn step(&mut self) -> Seen<T> {
        let (loss, gradient) = self.evaluator.evaluate(&self.weights);
        vectorized::<T, _>(
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

    fn weights(&self) -> &[T] {
        &self.weights
    }

    /// η/((1+μ)‖w‖²): the edge of stability is where λ₁ times this is 2.
    fn effective_learning_rate(&self) -> T {
        let one = T::from_f64(1.0);
        self.learning_rate / ((one + self.momentum) * dot(&self.weights, &self.weights))
    }
}
