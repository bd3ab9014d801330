use super::{Descent, Seen, StepError};
use crate::arithmetic::{Real, Scalar, add_scaled, dot, vectorized};
use crate::loss::{Evaluator, Loss};
use crate::sphere::Space;

/// Scalar RMSprop, θ₊ = Π(θ − η∇L(θ)/√v), v₊ = βv + (1−β)‖∇L(θ)‖², β = 1 − C_b η²: on the unit sphere, or on ℝᴰ without Π.
pub struct ScalarRmsprop<'a, L, S> {
    evaluator: Evaluator<'a, L, S>,
    theta: Vec<S>,
    second_moment: S,
    learning_rate: S,
    forgotten: S,
    space: Space,
}

impl<'a, S: Scalar<Base: Real>, L: Loss<S::Base>> ScalarRmsprop<'a, L, S> {
    /// `learning_rate` is η > 0, `decay` is C_b with 0 < C_b η² < 1; starts at `start`, length D, on S at Π(`start`), with
    /// v₀ = `second_moment` > 0.
    ///
    /// # Errors
    /// Hyperparameters out of their domain.
    pub fn new(
        loss: &'a L,
        learning_rate: f64,
        decay: f64,
        (start, space): (&[S], Space),
        second_moment: S,
    ) -> Result<Self, StepError> {
        let forgotten = decay * learning_rate * learning_rate;
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return Err(StepError::LearningRate(learning_rate));
        }
        if !(forgotten > 0.0 && forgotten < 1.0) {
            return Err(StepError::Decay(forgotten));
        }
        for moment in S::planes(&[second_moment]).iter().map(|x| x.to_f64()) {
            if !(moment > 0.0 && moment.is_finite()) {
                return Err(StepError::SecondMoment(moment));
            }
        }
        if start.len() != loss.dimension() {
            return Err(StepError::Dimension { found: start.len(), expected: loss.dimension() });
        }
        let mut theta = start.to_vec();
        space.restrict(&mut theta);
        Ok(Self {
            evaluator: Evaluator::new(loss),
            theta,
            second_moment,
            learning_rate: S::constant(learning_rate),
            forgotten: S::constant(forgotten),
            space,
        })
    }
}

impl<S: Scalar<Base: Real>, L: Loss<S::Base>> Descent<S> for ScalarRmsprop<'_, L, S> {
    fn step(&mut self) -> Seen<S> {
        let (loss, gradient) = self.evaluator.evaluate(&self.theta);
        let step = -(self.learning_rate / self.second_moment.sqrt());
        let gradient_square = vectorized::<S, _>(
            #[inline(always)]
            || {
                add_scaled(&mut self.theta, step, gradient);
                self.space.restrict(&mut self.theta);
                dot(gradient, gradient)
            },
        );
        self.second_moment = self.second_moment + self.forgotten * (gradient_square - self.second_moment);
        Seen { loss, gradient_square }
    }

    fn weights(&self) -> &[S] {
        &self.theta
    }

    /// η/√v.
    fn effective_learning_rate(&self) -> S {
        self.learning_rate / self.second_moment.sqrt()
    }
}
