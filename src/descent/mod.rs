//! Discrete dynamics: gradient descent with weight decay, with momentum, projected, scalar RMSprop; starts at the edge of stability.
//!
//! Gradient descent with weight decay, w₊ = (1−ηλ)w − η∇L(w), is on S projected gradient descent θ₊ = Π(θ − η̃∇L(θ)) with the effective
//! learning rate η̃ = η/((1−ηλ)‖w‖²), which the run sets itself: η̃₊ = η̃(1−ηλ)⁻²(1 + η̃²‖∇L(θ)‖²)⁻¹. Near Γ it contracts while η̃λ₁ < 2;
//! decay lets η̃ grow, and at η̃λ₁ = 2, the edge of stability, the run begins to swing about Γ along v₁ and drifts along it.
//!
//! ```
//! use sharpflow::data::Dataset;
//! use sharpflow::descent::{Descent, GradientDescent, ProjectedGradientDescent};
//! use sharpflow::loss::LinearRegression;
//! use sharpflow::sphere::direction;
//!
//! let loss = LinearRegression::<f64>::new(&Dataset::random(6, 9, 0))?;
//! let start: Vec<f64> = (1..=9).map(f64::from).collect();
//! let mut descent = GradientDescent::new(&loss, 0.1, 1e-3, &start)?;
//! let mut projected = ProjectedGradientDescent::new(&loss, 0.0, &start);
//! let mut theta = vec![0.0; 9];
//! for _ in 0..10 {
//!     projected.effective_learning_rate = descent.effective_learning_rate();
//!     projected.step();
//!     descent.step();
//! }
//! direction(descent.weights(), &mut theta);
//! assert!(theta.iter().zip(projected.weights()).all(|(a, b)| (a - b).abs() < 1e-12));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod gradient_descent;
mod heavy_ball;
mod optimizer;
mod projected;
mod rmsprop;
mod start;

pub use gradient_descent::{GradientDescent, StepError, WeightDecay};
pub use heavy_ball::{HeavyBall, Momentum};
pub use optimizer::{EdgeConstants, EdgeDescent, EdgePlace, Optimizer};
pub use projected::ProjectedGradientDescent;
pub use rmsprop::{Rmsprop, ScalarRmsprop};
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

/// Runs until state `steps`, and hands `observe` the last state and every state whose number is `due`: the step's number,
/// the weights, the effective learning rate, what the next step saw. The run ends early where `observe` returns `false`, or
/// `alive`, which is asked every 2¹⁴ steps. Returns whether the run came to its end.
///
/// Constant memory. Afterwards the descent stands one step beyond the last state observed.
pub fn run<S: Scalar>(
    descent: &mut (impl Descent<S> + ?Sized),
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
