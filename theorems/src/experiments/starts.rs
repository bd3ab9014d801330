use std::array;

use sharpflow::arithmetic::Lanes;
use sharpflow::descent::{Descent, GradientDescent, StepError, run};
use sharpflow::measure::{Reading, Tracker};
use sharpflow::minimizers::MinimizersError;

use crate::instance::{Instance, LEARNING_RATE, STARTS};
use crate::progress::Progress;

/// The runs of a rung, one from each start, side by side.
pub type Starts = Lanes<f64, STARTS>;

/// Descents of an intrinsic learning rate from weights, side by side.
pub type Descents<'a> = dyn Fn(f64, &[Starts]) -> Result<Box<dyn Descent<Starts> + 'a>, StepError> + Sync + 'a;

/// Gradient descent with weight decay on an instance.
pub(super) fn gradient_descent<'a>(
    instance: &'a Instance,
) -> impl Fn(f64, &[Starts]) -> Result<Box<dyn Descent<Starts> + 'a>, StepError> + Sync + 'a {
    |intrinsic_lr, weights| Ok(Box::new(GradientDescent::new(&instance.loss, LEARNING_RATE, intrinsic_lr, weights)?))
}

/// A run at one step.
pub(super) struct Sight<'a> {
    pub reading: Reading,
    pub weights: &'a [f64],
    pub theta: &'a [f64],
    /// p(θ).
    pub point: &'a [f64],
}

/// The largest odd stride, of 1 at least, that is no longer than this.
pub(super) fn odd_stride(longest: f64) -> u64 {
    (longest as u64).saturating_sub(1) | 1
}

/// Vectors, one of each start, side by side.
pub(super) fn side_by_side(of_start: impl FnMut(usize) -> Vec<f64>) -> Vec<Starts> {
    let vectors: [Vec<f64>; STARTS] = array::from_fn(of_start);
    Lanes::side_by_side(array::from_fn(|k| vectors[k].as_slice()))
}

/// Reads every run against Γ at the steps that are due, by its start and the step, until it cannot be read any more.
pub(super) fn watch_starts(
    instance: &Instance,
    descent: &mut dyn Descent<Starts>,
    steps: u64,
    due: impl Fn(u64) -> bool,
    progress: &Progress,
    mut see: impl FnMut(usize, u64, Result<Sight<'_>, MinimizersError>),
) {
    let mut trackers: [_; STARTS] = array::from_fn(|_| Some(Tracker::new(instance.minimizers())));
    let mut weights = vec![0.0; descent.weights().len()];
    run(descent, steps, due, progress.pulse(STARTS as u64), |step, lanes, effective, _| {
        for (start, slot) in trackers.iter_mut().enumerate() {
            let Some(tracker) = slot else { continue };
            Lanes::lane(lanes, start, &mut weights);
            match tracker.read(&weights, effective.0[start]) {
                Ok(reading) => {
                    let sight = Sight { reading, weights: &weights, theta: tracker.theta(), point: tracker.point() };
                    see(start, step, Ok(sight));
                }
                Err(error) => {
                    see(start, step, Err(error));
                    *slot = None;
                }
            }
        }
        trackers.iter().any(Option::is_some)
    });
}
