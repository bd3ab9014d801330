//! Principal components: the rank of a data set, and coordinates in which a regression has no more weights than samples.

use faer::{Mat, MatRef};
use thiserror::Error;

use super::{DataError, Dataset};
use crate::arithmetic::{Quad, Real, Rounding, add_scaled, dot, norm};
use crate::dense::{DenseError, Svd, graded_svd, is_affordable, thin_svd};

/// How far above the noise a singular value that counts must stand: its component is then known to two digits at least.
pub(super) const CLEAR: f64 = 100.0;

/// How far a number may move, relative to itself, when it is rounded to 15 digits.
const LAST_DIGIT: f64 = 5e-15;

/// Why a data set has no rank.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum RankError {
    #[error(transparent)]
    Dense(#[from] DenseError),
    /// A singular value of the features, columns scaled to length 1, is neither clearly there nor clearly 0.
    #[error(
        "the rank of the features is ambiguous: singular value {number} is {value:.1e} (columns scaled to length 1), the numbers are known to {noise:.1e}"
    )]
    Ambiguous { number: usize, value: f64, noise: f64 },
    /// A feature moves by little more than its values are known to.
    #[error(
        "feature {feature} is constant up to the rounding of its values: it varies by {spread:.1e}, they are known to {noise:.1e}"
    )]
    NearlyConstant { feature: usize, spread: f64, noise: f64 },
    /// The arithmetic does not see the smallest component beside the largest one: doubles, where double-double would take too long, or double-double, where columns depend on
    /// each other and their rounding hides the smallest ones.
    #[error(
        "the features' scales are too different for the arithmetic: the smallest one is {smallest:.1e} of a larger one, and rounding reaches {noise:.1e}; rescale the columns, or leave out those that depend on others"
    )]
    Scales { smallest: f64, noise: f64 },
}

/// X = UΣVᵀ of the centred features (n×d), of rank r.
///
/// The rank is that of the columns scaled to length 1, so that no unit hides a feature; at most n − 1, as centred columns sum to 0. What
/// is left out lies at the noise. Derivation: `proofs-notes/rank.md`.
#[derive(Clone, Debug)]
pub struct PrincipalComponents {
    /// U, n×r.
    pub left: Mat<Quad>,
    /// Σ: r singular values in descending order.
    pub values: Vec<Quad>,
    /// V, d×r.
    pub right: Mat<f64>,
    /// The smallest of the r singular values of the columns scaled to length 1; infinite where r = 0.
    pub smallest: f64,
    /// How much the numbers' errors turn the range of X, over its norm: the noise over `smallest`.
    pub uncertainty: f64,
}

impl PrincipalComponents {
    /// Decomposes centred features, n×d, whose columns are known up to errors of these norms.
    ///
    /// # Errors
    /// An ambiguous rank, a feature that rounding alone may move; no decomposition.
    pub fn new(features: MatRef<'_, Quad>, noise: &[f64]) -> Result<Self, RankError> {
        let (n, d) = (features.nrows(), features.ncols());
        let size = |j: usize| (0..n).map(|i| features[(i, j)].to_f64().powi(2)).sum::<f64>().sqrt();
        let sizes: Vec<f64> = (0..d).map(size).collect();
        let rounding = |of: Rounding| of.of_operations(8.0 * n.max(d) as f64);
        let is_constant = |j: usize| sizes[j] <= noise[j].max(f64::MIN_POSITIVE);
        let kept: Vec<usize> = (0..d).filter(|&j| !is_constant(j)).collect();
        let spoilt = |&&j: &&usize| sizes[j] < CLEAR * noise[j];
        if let Some(&j) = kept.iter().find(spoilt) {
            return Err(RankError::NearlyConstant { feature: j + 1, spread: sizes[j], noise: noise[j] });
        }
        let most = kept.len().min(n - 1);
        let is_small = is_affordable(n, d, most);
        // Powers of two, so that nothing is rounded.
        let scales: Vec<f64> = kept.iter().map(|&j| (-sizes[j].log2().round()).exp2()).collect();
        let scaled = |i: usize, k: usize| features[(i, kept[k])] * Quad::from_f64(scales[k]);
        let decompose = |matrix: Mat<Quad>, rank: usize| -> Result<Svd<Quad>, DenseError> {
            if is_small { graded_svd(matrix.as_ref(), rank) } else { in_doubles(matrix.as_ref(), rank) }
        };
        let unit = if is_small { Rounding::of::<Quad>() } else { Rounding::of::<f64>() };
        let whole = decompose(Mat::from_fn(n, kept.len(), scaled), most)?;
        let errors = kept.iter().zip(&scales).map(|(&j, scale)| (noise[j] * scale).powi(2));
        let largest = whole.values.first().map_or(0.0, |value| value.to_f64());
        let floor = errors.sum::<f64>().sqrt() + rounding(unit) * largest;
        let rank = rank_above(&whole.values, floor)?;
        let smallest = rank.checked_sub(1).map_or(f64::INFINITY, |last| whole.values[last].to_f64());
        let all_features = Mat::from_fn(n, kept.len(), |i, k| features[(i, kept[k])]);
        let components = if rank == most {
            decompose(all_features, rank)?
        } else {
            // The columns are projected on the span of the singular vectors that count, and the projections are decomposed.
            let span = whole.left.get(.., ..rank);
            let times = if is_small { product } else { product_in_doubles };
            let of_span = decompose(times(span.transpose(), all_features.as_ref()), rank)?;
            Svd { left: times(span, of_span.left.as_ref()), ..of_span }
        };
        let ratio = |k: usize| (components.values[k] / components.values[0]).to_f64();
        if rank > 0 && !is_small && ratio(rank - 1) < CLEAR * CLEAR * rounding(unit) {
            return Err(RankError::Scales { smallest: ratio(rank - 1), noise: rounding(unit) });
        }
        if is_small && kept.len() > rank {
            let columns = kept.iter().zip(&scales).enumerate().map(|(k, (&j, &scale))| Column {
                scaled: (0..n).map(|i| scaled(i, k)).collect(),
                size: sizes[j],
                hides: (CLEAR * noise[j]).max(CLEAR * CLEAR * rounding(unit) * sizes[j]),
                floor: CLEAR * (noise[j] * scale + rounding(unit)),
            });
            none_is_hidden(columns.collect(), rounding(unit))?;
        }
        let mut right = Mat::zeros(d, rank);
        for (row, &j) in kept.iter().enumerate() {
            (0..rank).for_each(|k| right[(j, k)] = components.right[(row, k)].to_f64());
        }
        Ok(Self { left: components.left, values: components.values, right, smallest, uncertainty: floor / smallest })
    }

    /// r.
    pub fn rank(&self) -> usize {
        self.values.len()
    }

    /// The coordinates Vᵀx of a vector of length d, and what is left of it.
    pub fn coordinates(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut rest = x.to_vec();
        let mut coordinates = vec![0.0; self.rank()];
        // Twice: the first pass leaves rounding of the size of what it removed.
        for _ in 0..2 {
            for (k, sum) in coordinates.iter_mut().enumerate() {
                let basis = self.right.col_as_slice(k);
                let along = dot(basis, &rest);
                add_scaled(&mut rest, -along, basis);
                *sum += along;
            }
        }
        (coordinates, rest)
    }
}

impl Dataset {
    /// The principal components of the features, and the centred targets.
    ///
    /// # Errors
    /// See [`Dataset::centred`] and [`PrincipalComponents::new`].
    pub fn principal_components(&self) -> Result<(PrincipalComponents, Vec<Quad>), DataError> {
        let centred = self.centred()?;
        let components = PrincipalComponents::new(centred.features.as_ref(), &centred.noise)?;
        Ok((components, centred.targets))
    }

    /// Whether the rank that was found rests on the last digits: if every number that is not whole were known to 15 digits, the smallest singular value
    /// would not stand clearly above the noise. Programs such as R print no more digits. `proofs-notes/rank.md` has the noise.
    ///
    /// # Errors
    /// See [`Dataset::centred`].
    pub fn rests_on_last_digits(&self, components: &PrincipalComponents) -> Result<bool, DataError> {
        let mut squares = 0.0;
        self.centre_each(|j, centred, noise| {
            let column = (0..centred.len()).map(|i| self.features[(i, j)]);
            let spread = norm(centred).to_f64();
            // Whole numbers are printed in full, and a constant column does not count.
            if column.clone().any(|x| x.round() != x) && spread > noise {
                let size = column.map(|x| x * x).sum::<f64>().sqrt();
                squares += (LAST_DIGIT * size / spread).powi(2);
            }
        })?;
        Ok(components.smallest < CLEAR * squares.sqrt())
    }
}

/// A feature beside others that it may depend on.
struct Column {
    /// Its centred values, near the length 1.
    scaled: Vec<Quad>,
    /// The length of its values.
    size: f64,
    /// Columns that are smaller than this may be hidden by what rounding leaves of it.
    hides: f64,
    /// How long the part of `scaled` that does not depend on other columns must be.
    floor: f64,
}

/// Passes unless what rounding leaves of a column that depends on larger ones reaches the size of a column that does not.
fn none_is_hidden(mut columns: Vec<Column>, noise: f64) -> Result<(), RankError> {
    columns.sort_by(|a, b| b.size.total_cmp(&a.size));
    let mut basis: Vec<Vec<Quad>> = Vec::new();
    // Columns smaller than this are hidden, by a column of that size.
    let (mut hidden, mut by) = (0.0, 0.0);
    for Column { scaled, size, hides, floor } in columns {
        let mut rest = scaled;
        // Twice: the first pass leaves rounding of the size of what it removed.
        for _ in 0..2 {
            for unit in &basis {
                let along = dot(unit, &rest);
                add_scaled(&mut rest, -along, unit);
            }
        }
        let length = norm(&rest);
        if length.to_f64() <= floor {
            if hides > hidden {
                (hidden, by) = (hides, size);
            }
        } else if size < hidden {
            return Err(RankError::Scales { smallest: size / by, noise });
        } else {
            rest.iter_mut().for_each(|x| *x /= length);
            basis.push(rest);
        }
    }
    Ok(())
}

/// How many of the descending values stand clearly above a noise, where all others lie at it.
fn rank_above(values: &[Quad], noise: f64) -> Result<usize, RankError> {
    let above = values.iter().take_while(|value| value.to_f64() > noise).count();
    match above.checked_sub(1).map(|last| values[last].to_f64()) {
        Some(value) if value < CLEAR * noise => Err(RankError::Ambiguous { number: above, value, noise }),
        _ => Ok(above),
    }
}

fn product(a: MatRef<'_, Quad>, b: MatRef<'_, Quad>) -> Mat<Quad> {
    Mat::from_fn(a.nrows(), b.ncols(), |i, k| {
        (0..a.ncols()).fold(Quad::from_f64(0.0), |sum, j| sum + a[(i, j)] * b[(j, k)])
    })
}

fn product_in_doubles(a: MatRef<'_, Quad>, b: MatRef<'_, Quad>) -> Mat<Quad> {
    let product = rounded(a) * rounded(b);
    Mat::from_fn(product.nrows(), product.ncols(), |i, k| Quad::from_f64(product[(i, k)]))
}

fn rounded(matrix: MatRef<'_, Quad>) -> Mat<f64> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)].to_f64())
}

fn in_doubles(matrix: MatRef<'_, Quad>, rank: usize) -> Result<Svd<Quad>, DenseError> {
    let svd = thin_svd(rounded(matrix).as_ref())?;
    let wide = |side: &Mat<f64>| Mat::from_fn(side.nrows(), rank, |i, k| Quad::from_f64(side[(i, k)]));
    Ok(Svd {
        left: wide(&svd.left),
        values: svd.values[..rank].iter().map(|&value| Quad::from_f64(value)).collect(),
        right: wide(&svd.right),
    })
}
