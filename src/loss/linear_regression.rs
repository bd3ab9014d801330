use faer::{Mat, MatRef};

use super::Loss;
use crate::arithmetic::{Base, Quad, Real, Scalar, apply, apply_there_and_back, dot, norm, sum_of, vectorized};
use crate::data::{DataError, Dataset};

/// Linear regression with batch normalization: L(w) = (1/n)‖s√n·Xw/‖Xw‖ − y‖² = 2s²(1 − cos∠(Xw, y)), s² = ‖y‖²/n.
///
/// X is n×D with centred columns, y centred; the output is batch-normalized and given the targets' own mean and scale.
/// Defined where Xw ≠ 0. Derivation: `proofs-notes/linear_regression_flow.md`.
#[derive(Clone, Debug)]
pub struct LinearRegression<T> {
    /// Xᵀ, D×n: a sample is a column, contiguous in memory, which both of a step's products read fastest.
    samples: Mat<T>,
    targets: Vec<T>,
    unit_targets: Vec<T>,
    /// Xᵀŷ, length D, for the unit targets ŷ.
    correlations: Vec<T>,
    target_variance: T,
    /// For each feature a bound on the norm of its column's error.
    noise: Vec<f64>,
}

impl<T: Real> LinearRegression<T> {
    /// Centres a data set's columns and targets (in double-double, then rounds to `f64` and to `T`).
    ///
    /// # Errors
    /// Fewer than three rows, lengths that differ, constant targets; numbers too large or too small to square in `T`.
    pub fn new(data: &Dataset) -> Result<Self, DataError> {
        let (n, d) = (data.features.nrows(), data.features.ncols());
        let rounded = |x: Quad| T::from_f64(x.to_f64());
        let mut samples = Mat::from_fn(d, n, |_, _| T::from_f64(0.0));
        let mut noise = vec![0.0; d];
        let centred_targets = data.centre_each(|j, column, known_to| {
            column.iter().enumerate().for_each(|(i, &x)| samples[(j, i)] = rounded(x));
            let size = column.iter().map(|x| x.to_f64().powi(2)).sum::<f64>().sqrt();
            noise[j] = known_to + size * T::UNIT_ROUNDOFF.max(f64::UNIT_ROUNDOFF);
        })?;
        let targets: Vec<T> = centred_targets.into_iter().map(rounded).collect();
        let square = dot(&targets, &targets);
        let length = square.sqrt();
        let entries = samples.col_iter().flat_map(|column| column.iter().copied());
        let largest = |values: &mut dyn Iterator<Item = T>| values.map(|x| x.to_f64().abs()).fold(0.0, f64::max);
        let largest_feature = largest(&mut entries.into_iter());
        for (what, largest) in [("targets", largest(&mut targets.iter().copied())), ("features", largest_feature)] {
            // A quarter of the exponent's range on either side leaves room for squares of products and quotients.
            if largest != 0.0 && !(T::LARGEST.powf(-0.25)..T::LARGEST.powf(0.25)).contains(&largest) {
                return Err(DataError::Range { what, largest });
            }
        }
        let unit_targets: Vec<T> = targets.iter().map(|&y| y / length).collect();
        let mut correlations = vec![T::from_f64(0.0); samples.nrows()];
        apply(samples.as_ref(), &unit_targets, &mut correlations);
        Ok(Self {
            unit_targets,
            correlations,
            target_variance: square / T::from_f64(targets.len() as f64),
            samples,
            targets,
            noise,
        })
    }
}

impl<T: Base> LinearRegression<T> {
    /// X, n×D, columns centred.
    pub fn features(&self) -> MatRef<'_, T> {
        self.samples.transpose()
    }

    /// y, length n, centred.
    pub fn targets(&self) -> &[T] {
        &self.targets
    }

    /// For each feature a bound on ‖x̃ − x‖: what its values were rounded by when they were read, centred and stored.
    pub fn noise(&self) -> &[f64] {
        &self.noise
    }

    /// s² = ‖y‖²/n.
    pub fn target_variance(&self) -> T {
        self.target_variance
    }
}

/// How well a gradient at a unit vector θ is known; bounds derived in `proofs-notes/projected_gradient_descent.md`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientConditioning {
    /// ‖X‖_F/‖Xθ‖, the condition of the normalization: infinite where it divides by 0.
    pub condition: f64,
    /// A bound on ‖fl(∇L(θ)) − ∇L(θ)‖.
    pub rounding: f64,
    /// A bound on ‖∇²L(θ)‖.
    pub curvature: f64,
}

impl<T: Real> LinearRegression<T> {
    /// The conditioning of ∇L at the unit vector `theta`, length D.
    pub fn conditioning(&self, theta: &[T]) -> GradientConditioning {
        let (n, d) = (self.targets.len() as f64, theta.len() as f64);
        let mut output = vec![T::from_f64(0.0); self.targets.len()];
        apply(self.features(), theta, &mut output);
        let entries = (0..self.samples.ncols()).flat_map(|j| self.samples.col(j).iter());
        let square: f64 = entries.map(|x| x.to_f64().powi(2)).sum();
        let condition = square.sqrt() / norm(&output).to_f64();
        let variance = self.target_variance.to_f64();
        let operations = 12.0 * (d * condition + n + 5.0);
        GradientConditioning {
            condition,
            rounding: 2.0 * variance * condition * operations * T::UNIT_ROUNDOFF,
            curvature: 6.0 * variance * condition * condition,
        }
    }
}

impl<T: Base> Loss<T> for LinearRegression<T> {
    fn dimension(&self) -> usize {
        self.samples.nrows()
    }

    fn scratch(&self) -> usize {
        self.samples.ncols()
    }

    /// With u = Xw, û = u/‖u‖ and e = û − ŷ, ∇L(w) = (2s²/‖u‖)·[(1 − ½‖e‖²)/‖u‖·Xᵀu − Xᵀŷ].
    fn evaluate<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
        let output = scratch;
        apply_there_and_back(self.features(), w, output, gradient);
        let variance = S::from_base(self.target_variance);
        vectorized::<S, _>(
            #[inline(always)]
            || {
                let inverse_length = S::constant(1.0) / dot(output, output).sqrt();
                let unit_targets = &self.unit_targets[..output.len()];
                // This form is used because 1 − cos cancels near the minimum.
                let square = sum_of(output.len(), |i| {
                    let error = output[i] * inverse_length - S::from_base(unit_targets[i]);
                    error * error
                });
                let factor = (variance + variance) * inverse_length;
                let along = factor * inverse_length * (S::constant(1.0) - square * S::constant(0.5));
                for (g, &correlation) in gradient.iter_mut().zip(&self.correlations) {
                    *g = along * *g - factor * S::from_base(correlation);
                }
                variance * square
            },
        )
    }
}
