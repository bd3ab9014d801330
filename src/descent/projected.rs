use super::{Descent, Seen};
use crate::arithmetic::{Real, add_scaled, dot};
use crate::loss::{Evaluator, Loss};
use crate::sphere::project;

/// Projected gradient descent on the unit sphere: θ₊ = Π(θ − η̃∇L(θ)).
pub struct ProjectedGradientDescent<L, T> {
    evaluator: Evaluator<L, T>,
    theta: Vec<T>,
    /// η̃ of the next step; a schedule writes it between steps.
    pub effective_learning_rate: T,
}

impl<L: Loss<T>, T: Real> ProjectedGradientDescent<L, T> {
    /// Starts at Π(`start`), length D, with step size η̃.
    pub fn new(loss: L, effective_learning_rate: T, start: &[T]) -> Self {
        let mut theta = start.to_vec();
        project(&mut theta);
        Self { evaluator: Evaluator::new(loss), theta, effective_learning_rate }
    }
}

impl<L: Loss<T>, T: Real> Descent<T> for ProjectedGradientDescent<L, T> {
    fn step(&mut self) -> Seen<T> {
        let (loss, gradient) = self.evaluator.evaluate(&self.theta);
        add_scaled(&mut self.theta, -self.effective_learning_rate, gradient);
        project(&mut self.theta);
        Seen { loss, gradient_square: dot(gradient, gradient) }
    }

    fn weights(&self) -> &[T] {
        &self.theta
    }

    fn effective_learning_rate(&self) -> T {
        self.effective_learning_rate
    }
}
