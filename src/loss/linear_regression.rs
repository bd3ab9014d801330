use faer::Mat;

use super::Loss;
use crate::arithmetic::{Base, Real, Scalar, apply, dot, sum_of};
use crate::data::{DataError, Dataset};

/// Linear regression with batch normalization: L(w) = (1/n)‖s√n·Xw/‖Xw‖ − y‖² = 2s²(1 − cos∠(Xw, y)), s² = ‖y‖²/n.
///
/// X is n×D with centred columns, y centred; the output is batch-normalized and given the targets' own mean and scale.
/// Defined where Xw ≠ 0. Derivation: `proofs-notes/linear_regression_flow.md`.
#[derive(Clone, Debug)]
pub struct LinearRegression<T> {
    features: Mat<T>,
    targets: Vec<T>,
    unit_targets: Vec<T>,
    target_variance: T,
}

impl<T: Base> LinearRegression<T> {
    /// Centres a data set's columns and targets (in `f64`, then rounds to `T`).
    ///
    /// # Errors
    /// [`DataError::ConstantTargets`] when the centred targets vanish.
    pub fn new(data: &Dataset) -> Result<Self, DataError> {
        let centred = data.centred()?;
        let features = Mat::from_fn(centred.features.nrows(), centred.features.ncols(), |i, j| {
            T::from_f64(centred.features[(i, j)])
        });
        let targets: Vec<T> = centred.targets.iter().map(|&y| T::from_f64(y)).collect();
        let square = dot(&targets, &targets);
        let length = square.sqrt();
        Ok(Self {
            unit_targets: targets.iter().map(|&y| y / length).collect(),
            target_variance: square / T::from_f64(targets.len() as f64),
            features,
            targets,
        })
    }

    /// X, n×D, columns centred.
    pub fn features(&self) -> &Mat<T> {
        &self.features
    }

    /// y, length n, centred.
    pub fn targets(&self) -> &[T] {
        &self.targets
    }

    /// s² = ‖y‖²/n.
    pub fn target_variance(&self) -> T {
        self.target_variance
    }
}

impl<T: Real> LinearRegression<T> {
    /// A bound on ‖fl(∇L(w)) − ∇L(w)‖, as (absolute error, ‖w‖‖X‖_F/‖Xw‖): the second number is the condition of the
    /// normalization, infinite where it divides by 0.
    ///
    /// First-order rounding analysis; derived in `proofs-notes/projected_gradient_descent.md`.
    pub fn gradient_rounding(&self, w: &[T]) -> (f64, f64) {
        let (n, d) = (self.features.nrows(), self.features.ncols());
        let mut output = vec![T::from_f64(0.0); n];
        apply(self.features.as_ref(), w, &mut output);
        let frobenius = (0..d)
            .flat_map(|j| (0..n).map(move |i| (i, j)))
            .map(|ij| self.features[ij].to_f64().powi(2))
            .sum::<f64>()
            .sqrt();
        let length = |x: &[T]| dot(x, x).to_f64().sqrt();
        let condition = frobenius * length(w) / length(&output);
        let scale = 2.0 * self.target_variance.to_f64() * frobenius / length(&output);
        let operations = 4.0 * d as f64 * condition + 4.0 * n as f64 + 16.0;
        (scale * operations * T::UNIT_ROUNDOFF, condition)
    }
}

impl<T: Base> Loss<T> for LinearRegression<T> {
    fn dimension(&self) -> usize {
        self.features.ncols()
    }

    fn scratch(&self) -> usize {
        self.features.nrows()
    }

    fn evaluate<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
        let output = scratch;
        apply(self.features.as_ref(), w, output);
        let inverse_length = S::constant(1.0) / dot(output, output).sqrt();
        for u in output.iter_mut() {
            *u = *u * inverse_length;
        }
        // With e = û − ŷ: 1 − cos = ½‖e‖² and ŷ − cos·û = ½‖e‖²û − e, neither of which cancels near the minimum.
        let unit_targets = &self.unit_targets[..output.len()];
        let square = sum_of(output.len(), |i| {
            let error = output[i] - S::from_base(unit_targets[i]);
            error * error
        });
        let variance = S::from_base(self.target_variance);
        let factor = (variance + variance) * inverse_length;
        let half_square = square * S::constant(0.5);
        for (u, &y) in output.iter_mut().zip(unit_targets) {
            *u = factor * ((*u - S::from_base(y)) - half_square * *u);
        }
        apply(self.features.transpose(), output, gradient);
        variance * square
    }
}
