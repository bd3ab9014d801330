//! Discrete dynamics: gradient descent with weight decay, with momentum, projected, scalar RMSprop; starts at the edge of stability.

mod gradient_descent;
mod heavy_ball;
mod projected;
mod rmsprop;
mod start;

pub use gradient_descent::{GradientDescent, StepError};
pub use heavy_ball::HeavyBall;
pub use projected::ProjectedGradientDescent;
pub use rmsprop::ScalarRmsprop;
pub use start::EdgeStart;

use crate::arithmetic::Scalar;

/// What a step saw at the weights it started from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<S> {
    /// L(w).
    pub loss: S,
    /// ‖∇L(w)‖².
    pub gradient_square: S,
}

/// A discrete dynamics on weights: one run, or with [`Lanes`](crate::arithmetic::Lanes) several side by side.
pub trait Descent<S: Scalar> {
    /// One step. Allocates nothing; from weights outside the loss's domain it goes to NaN.
    fn step(&mut self) -> Seen<S>;

    /// The current weights, length D.
    fn weights(&self) -> &[S];

    /// η̃, the step size of the projected gradient descent on S that this step is.
    fn effective_learning_rate(&self) -> S;
}

/// Runs until state `steps` and hands the states that are `due`, by their number, to `observe`, the last one always: the
/// step's number, the weights, the effective learning rate, what the next step saw. Either `observe` or `alive`, which is
/// asked every 2¹⁴ steps, ends the run by returning `false`; whether it came to its end is returned.
///
/// Constant memory. Afterwards the descent stands one step beyond the last state observed.
pub fn run<S: Scalar>(
    descent: &mut impl Descent<S>,
    steps: u64,
    due: impl Fn(u64) -> bool,
    mut alive: impl FnMut(u64) -> bool,
    mut observe: impl FnMut(u64, &[S], S, Seen<S>) -> bool,
) -> bool {
    const PULSE: u64 = 1 << 14;
    let mut weights = descent.weights().to_vec();
    for step in 0..=steps {
        if step.is_multiple_of(PULSE) && !alive(step) {
            return false;
        }
        if !due(step) && step != steps {
            descent.step();
            continue;
        }
        weights.copy_from_slice(descent.weights());
        let effective_learning_rate = descent.effective_learning_rate();
        let seen = descent.step();
        if !observe(step, &weights, effective_learning_rate, seen) {
            return false;
        }
    }
    true
}

/// States at a stride; an odd one meets both phases of an oscillation of period two. Stride 0: state 0 alone.
pub fn every(stride: u64) -> impl Fn(u64) -> bool {
    move |step| step.is_multiple_of(stride)
}
