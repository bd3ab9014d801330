use faer::{Mat, MatRef};

use super::Loss;
use crate::arithmetic::{
    Base, Quad, Real, Rounding, Scalar, add_scaled, apply, apply_there_and_back, dot, norm, sum_of, vectorized,
};
use crate::data::{DataError, Dataset, PrincipalComponents};

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
    /// n.
    count: usize,
    /// The diagonal of X, where the regression is in its principal components.
    diagonal: Option<Vec<T>>,
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
        Self::of(samples, centred_targets.into_iter().map(rounded).collect(), noise, (n, None))
    }

    /// A data set's regression in its principal components X = UΣVᵀ, with the weights Vᵀw and, where X has a kernel, one more weight for all
    /// directions of the kernel.
    ///
    /// L depends on Xw through its length and its product with y alone, so that the samples can be rotated too: X becomes Σ, and y becomes Uᵀy with
    /// the length of what is left of y behind it. There are r + 1 rotated samples, and a step costs O(r). `targets` are centred, length n.
    ///
    /// # Errors
    /// Numbers too large or too small to square in `T`.
    pub fn in_components(components: &PrincipalComponents, targets: &[Quad]) -> Result<Self, DataError> {
        let (rank, n) = (components.rank(), targets.len());
        let weights = rank + usize::from(components.right.nrows() > rank);
        let zero = T::from_f64(0.0);
        let rounded = |x: Quad| T::from_f64(x.to_f64());
        let values: Vec<T> = components.values.iter().map(|&value| rounded(value)).collect();
        let samples = Mat::from_fn(weights, rank + 1, |j, i| if i == j && i < rank { values[i] } else { zero });
        let mut rest = targets.to_vec();
        let mut rotated = Vec::with_capacity(rank + 1);
        for k in 0..rank {
            let left: Vec<Quad> = (0..n).map(|i| components.left[(i, k)]).collect();
            let along = dot(&left, &rest);
            add_scaled(&mut rest, -along, &left);
            rotated.push(rounded(along));
        }
        rotated.push(rounded(norm(&rest)));
        let unit = T::UNIT_ROUNDOFF.max(f64::UNIT_ROUNDOFF);
        let noise = (0..weights).map(|j| values.get(j).map_or(0.0, |value| value.to_f64() * unit)).collect();
        Self::of(samples, rotated, noise, (n, Some(values)))
    }

    fn of(
        samples: Mat<T>,
        targets: Vec<T>,
        noise: Vec<f64>,
        (count, diagonal): (usize, Option<Vec<T>>),
    ) -> Result<Self, DataError> {
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
            target_variance: square / T::from_f64(count as f64),
            samples,
            targets,
            noise,
            count,
            diagonal,
        })
    }
}

impl<T: Base> LinearRegression<T> {
    /// n.
    pub fn sample_count(&self) -> usize {
        self.count
    }

    /// Whether the samples are rotated, so that columns and targets need not sum to 0: see [`LinearRegression::in_components`].
    pub fn is_rotated(&self) -> bool {
        self.diagonal.is_some()
    }

    /// X, n×D with centred columns; where the samples are rotated, (r+1)×D.
    pub fn features(&self) -> MatRef<'_, T> {
        self.samples.transpose()
    }

    /// y, length n, centred; where the samples are rotated, of length r + 1.
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
            rounding: 2.0 * variance * condition * Rounding::of::<T>().of_operations(operations),
            curvature: 6.0 * variance * condition * condition,
        }
    }
}

/// image ← Xw and back ← Xᵀ·image of a diagonal X.
fn there_and_back<S: Scalar>(diagonal: &[S::Base], w: &[S], image: &mut [S], back: &mut [S]) {
    vectorized::<S, _>(
        #[inline(always)]
        || {
            let zero = S::constant(0.0);
            for (k, &value) in diagonal.iter().enumerate() {
                image[k] = S::from_base(value) * w[k];
                back[k] = S::from_base(value) * image[k];
            }
            image[diagonal.len()..].fill(zero);
            back[diagonal.len()..].fill(zero);
        },
    );
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
        match &self.diagonal {
            Some(diagonal) => there_and_back(diagonal, w, output, gradient),
            None => apply_there_and_back(self.features(), w, output, gradient),
        }
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
