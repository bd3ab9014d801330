//! The largest eigenvalues of a symmetric operator that is known by its products alone: Lanczos' method with thick restarts
//! (Wu and Simon, SIAM J. Matrix Anal. 22, 2000), orthogonalized in full; faer decomposes its small projections.
//!
//! A Krylov space that closes early is continued with a random vector. A converged space is too, where more than one pair is asked
//! for, because a space from one start holds a multiple eigenvalue only once. An operator of few dimensions is decomposed densely,
//! unless [`KrylovOptions::dense_up_to`] forbids it.
//! Residuals are computed anew.
//!
//! ```
//! use sharpflow::krylov::{KrylovOptions, largest_eigenpairs};
//!
//! // diag(1, 2, …, 1000), which is never written out.
//! let apply = |x: &[f64], out: &mut [f64]| {
//!     out.iter_mut().zip(x).enumerate().for_each(|(k, (out, x))| *out = (k + 1) as f64 * x);
//! };
//! let options = KrylovOptions { pairs: 1, ..KrylovOptions::default() };
//! let found = largest_eigenpairs(1000, apply, &options, None)?;
//! assert!(found.converged && (found.pairs[0].value - 1000.0).abs() < 1e-6);
//! # Ok::<(), sharpflow::krylov::KrylovError>(())
//! ```

use std::f64::consts::FRAC_1_SQRT_2;

use faer::{Mat, MatRef};
use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};
use thiserror::Error;

use crate::arithmetic::{Float, Rounding, add_scaled, apply, dot, norm, scale};
use crate::dense::{DenseError, Eigen, symmetric_eigen};
use crate::sphere::project;

/// The largest space before a restart, in vectors, where few pairs are asked for.
const LARGEST_SPACE: usize = 32;
/// The number of products between two checks of convergence.
const STRIDE: usize = 2;
/// A remainder below this part of the image is orthogonalized twice (Daniel, Gragg, Kaufman and Stewart, Math. Comp. 30, 1976). When this constant was a
/// tenth, the basis lost its orthogonality over the restarts, and pairs with estimated residuals of 10⁻⁹ were no eigenpairs at all.
const CANCELLATION: f64 = FRAC_1_SQRT_2;
/// Rows that are combined at a time: what they need beside the basis stays in the cache.
const ROWS: usize = 512;

/// What is asked of the solver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KrylovOptions {
    /// How many eigenpairs.
    pub pairs: usize,
    /// The residual ‖Av − μv‖ at which a pair has converged, relative to the largest |eigenvalue|.
    pub tolerance: f64,
    /// The most restarts, each of some twenty products.
    pub restarts: usize,
    /// The seed of the start.
    pub seed: u64,
    /// Up to this many dimensions the operator is written out and decomposed densely. 0 forces Lanczos' method, so that it can be compared with
    /// a dense decomposition.
    pub dense_up_to: usize,
}

impl Default for KrylovOptions {
    fn default() -> Self {
        Self { pairs: 2, tolerance: 1e-8, restarts: 300, seed: 0, dense_up_to: 128 }
    }
}

/// An approximate eigenvalue, its unit eigenvector, and their residual.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigenpair<T> {
    pub value: T,
    pub vector: Vec<T>,
    /// ‖Av − μv‖, computed from one more product.
    pub residual: T,
}

/// The largest algebraic eigenvalues, in descending order.
#[derive(Clone, Debug, PartialEq)]
pub struct LargestEigenpairs<T> {
    /// The pairs that were found. Where `converged`, these are all that were asked for.
    pub pairs: Vec<Eigenpair<T>>,
    /// Whether every pair asked for is there with a residual within the tolerance.
    pub converged: bool,
    /// How many products with the operator it took.
    pub products: usize,
}

/// Why there are no eigenpairs.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum KrylovError {
    #[error("{pairs} eigenpairs were asked of an operator in {dimension} dimensions")]
    Pairs { pairs: usize, dimension: usize },
    #[error("the tolerance {0} is not a positive number")]
    Tolerance(f64),
    #[error("product {product} with the operator is not finite, or its square is not")]
    NotFinite { product: usize },
    #[error("the start has {found} entries, the operator {expected} dimensions")]
    Start { found: usize, expected: usize },
    #[error(transparent)]
    Dense(#[from] DenseError),
}

/// The largest algebraic eigenvalues of the symmetric operator `apply(x, out)`: `out ← A·x`.
///
/// `warm` is the start. A sum of eigenvectors of a similar operator is the best choice. The solver holds about 40 vectors in memory.
///
/// # Errors
/// A product is not finite, or the number of pairs, the tolerance or the start does not fit. A lack of convergence is no error: see
/// [`LargestEigenpairs::converged`].
pub fn largest_eigenpairs<T: Float>(
    dimension: usize,
    apply: impl FnMut(&[T], &mut [T]),
    options: &KrylovOptions,
    warm: Option<&[T]>,
) -> Result<LargestEigenpairs<T>, KrylovError> {
    let &KrylovOptions { pairs, tolerance, dense_up_to, .. } = options;
    if pairs == 0 || pairs > dimension {
        return Err(KrylovError::Pairs { pairs, dimension });
    }
    if !(tolerance > 0.0 && tolerance.is_finite()) {
        return Err(KrylovError::Tolerance(tolerance));
    }
    if let Some(warm) = warm.filter(|warm| warm.len() != dimension) {
        return Err(KrylovError::Start { found: warm.len(), expected: dimension });
    }
    let mut operator = Counted { apply, products: 0, failed: None };
    let found = if dimension <= dense_up_to {
        dense(dimension, &mut operator, pairs)?
    } else {
        krylov(dimension, &mut operator, options, warm)?
    };
    let (mut found, largest) = (found.0, found.1);
    found.sort_by(|a, b| b.0.to_f64().total_cmp(&a.0.to_f64()));
    let mut result = Vec::with_capacity(found.len());
    for (_, vector) in found {
        result.push(operator.eigenpair(vector)?);
    }
    let converged = result.len() == pairs && result.iter().all(|p| p.residual.to_f64() <= tolerance * largest);
    Ok(LargestEigenpairs { pairs: result, converged, products: operator.products })
}

/// Eigenvalues with their vectors, and the largest |eigenvalue|.
type Found<T> = (Vec<(T, Vec<T>)>, f64);

fn dense<T: Float, F: FnMut(&[T], &mut [T])>(
    dimension: usize,
    operator: &mut Counted<F>,
    pairs: usize,
) -> Result<Found<T>, KrylovError> {
    let zero = T::from_f64(0.0);
    let mut matrix = Mat::from_fn(dimension, dimension, |_, _| zero);
    let (mut unit, mut column) = (vec![zero; dimension], vec![zero; dimension]);
    for j in 0..dimension {
        unit[j] = T::from_f64(1.0);
        operator.product(&unit, &mut column)?;
        unit[j] = zero;
        column.iter().enumerate().for_each(|(i, &entry)| matrix[(i, j)] = entry);
    }
    let eigen = symmetric_eigen(matrix.as_ref())?;
    let largest = eigen.values.iter().map(|v| v.to_f64().abs()).fold(0.0, f64::max);
    Ok(((0..pairs).map(|k| (eigen.values[k], eigen.vector(k))).collect(), largest))
}

fn krylov<T: Float, F: FnMut(&[T], &mut [T])>(
    dimension: usize,
    operator: &mut Counted<F>,
    options: &KrylovOptions,
    warm: Option<&[T]>,
) -> Result<Found<T>, KrylovError> {
    let pairs = options.pairs;
    let mut random = ChaCha12Rng::seed_from_u64(options.seed);
    let mut space = Space::new(dimension, LARGEST_SPACE.max(3 * pairs).min(dimension));
    space.draw(0, &mut random);
    if let Some(warm) = warm.filter(|warm| norm(warm).to_f64() > 0.0) {
        // A small random part is added, because a start that is an eigenvector would find no other eigenvector.
        scale(&mut space.image, T::from_f64(0.01));
        add_scaled(&mut space.image, T::from_f64(1.0) / norm(warm), warm);
        space.push(0);
    }
    let (mut kept, mut confirmed) = (0, pairs == 1);
    for _ in 0..=options.restarts {
        let ritz = space.extend(kept, operator, options, &mut random)?;
        // A space of all dimensions holds every eigenvector.
        let done = (ritz.converged && confirmed) || ritz.eigen.values.len() == dimension;
        // After convergence a random start replaces the remainder, which couples the other Ritz vectors to the rest of the space. No estimate would see this
        // coupling, so that only the converged Ritz vectors are kept.
        kept = if ritz.converged || done { pairs } else { usize::midpoint(ritz.eigen.values.len(), pairs) };
        space.restart(&ritz.eigen, kept);
        if done {
            break;
        }
        if ritz.converged {
            confirmed = true;
            space.draw(kept, &mut random);
        }
    }
    let values = (0..pairs).map(|k| (space.projection[(k, k)], space.basis.vector(k).to_vec()));
    Ok((values.collect(), space.largest))
}

/// An orthonormal basis of a growing space, and the operator's projection on that space.
struct Space<T: Float> {
    basis: Basis<T>,
    /// m×m, symmetric.
    projection: Mat<T>,
    coefficients: Vec<T>,
    image: Vec<T>,
    part: Vec<T>,
    /// The largest |Ritz value| met.
    largest: f64,
}

/// Orthonormal vectors of length D, one after the other in memory that is touched only as far as they go.
struct Basis<T> {
    dimension: usize,
    entries: Vec<T>,
}

impl<T: Float> Basis<T> {
    fn first(&self, count: usize) -> MatRef<'_, T> {
        MatRef::from_column_major_slice(&self.entries[..self.dimension * count], self.dimension, count)
    }

    fn vector(&self, k: usize) -> &[T] {
        &self.entries[self.dimension * k..][..self.dimension]
    }

    /// Replaces the first m vectors by k combinations of them, with m×k coefficients. The vector after the first m then follows.
    fn combine(&mut self, coefficients: MatRef<'_, T>) {
        let (before, after) = (coefficients.nrows(), coefficients.ncols());
        let mut block = Mat::<T>::zeros(ROWS.min(self.dimension), after);
        for first in (0..self.dimension).step_by(ROWS) {
            let rows = ROWS.min(self.dimension - first);
            let old = self.first(before).subrows(first, rows);
            T::matrix_product(block.subrows_mut(0, rows), false, old, coefficients);
            for k in 0..after {
                let column = &block.col_as_slice(k)[..rows];
                self.entries[self.dimension * k + first..][..rows].copy_from_slice(column);
            }
        }
        self.entries.copy_within(self.dimension * before..self.dimension * (before + 1), self.dimension * after);
        self.entries.truncate(self.dimension * (after + 1));
    }
}

/// The eigenpairs of a projection.
struct Ritz<T> {
    eigen: Eigen<T>,
    /// Whether all that are asked for are eigenpairs of the operator, by their estimated residuals.
    converged: bool,
}

impl<T: Float> Space<T> {
    fn new(dimension: usize, most: usize) -> Self {
        let zero = T::from_f64(0.0);
        Self {
            basis: Basis { dimension, entries: Vec::with_capacity(dimension * (most + 1)) },
            projection: Mat::zeros(most, most),
            coefficients: vec![zero; most],
            image: vec![zero; dimension],
            part: vec![zero; dimension],
            largest: 0.0,
        }
    }

    /// Puts the image, made a unit vector, after the first `count` vectors.
    fn push(&mut self, count: usize) {
        project(&mut self.image);
        self.basis.entries.truncate(count * self.image.len());
        self.basis.entries.extend_from_slice(&self.image);
    }

    /// Takes out of the image its part in the first `count` vectors, whose coefficients it leaves behind.
    fn orthogonalize(&mut self, count: usize) {
        let vectors = self.basis.first(count);
        let coefficients = &mut self.coefficients[..count];
        apply(vectors.transpose(), &self.image, coefficients);
        apply(vectors, coefficients, &mut self.part);
        add_scaled(&mut self.image, T::from_f64(-1.0), &self.part);
    }

    /// The vector after the first `count`, at random.
    fn draw(&mut self, count: usize, random: &mut impl Rng) {
        self.image.iter_mut().for_each(|x| *x = T::from_f64(centred(random.next_u64())));
        for _ in 0..2 {
            project(&mut self.image);
            self.orthogonalize(count);
        }
        self.push(count);
    }

    /// Extends the space, from `kept` vectors and the next one, until the pairs asked for have converged or the memory is full.
    fn extend<F: FnMut(&[T], &mut [T])>(
        &mut self,
        kept: usize,
        operator: &mut Counted<F>,
        options: &KrylovOptions,
        random: &mut impl Rng,
    ) -> Result<Ritz<T>, KrylovError> {
        let most = self.projection.ncols();
        let mut last = kept;
        loop {
            operator.product(self.basis.vector(last), &mut self.image)?;
            let size = norm(&self.image).to_f64();
            for i in 0..=last {
                self.projection[(i, last)] = T::from_f64(0.0);
            }
            // Rounding leaves u·size along the basis. This is a large part of a small remainder, which therefore needs a second pass.
            let mut remainder = T::from_f64(0.0);
            for _ in 0..2 {
                self.orthogonalize(last + 1);
                for (i, &coefficient) in self.coefficients[..=last].iter().enumerate() {
                    self.projection[(i, last)] += coefficient;
                    self.projection[(last, i)] = self.projection[(i, last)];
                }
                remainder = norm(&self.image);
                if remainder.to_f64() > CANCELLATION * size {
                    break;
                }
            }
            if remainder.to_f64() <= Rounding::of::<T>().of_operations(4.0) * size {
                remainder = T::from_f64(0.0);
                self.draw(last + 1, random);
            } else {
                self.push(last + 1);
            }
            last += 1;
            if last == most || (last >= 2 * options.pairs && (last - kept).is_multiple_of(STRIDE)) {
                let ritz = self.ritz(last, remainder, options)?;
                if ritz.converged || last == most {
                    return Ok(ritz);
                }
            }
        }
    }

    fn ritz(&mut self, count: usize, remainder: T, options: &KrylovOptions) -> Result<Ritz<T>, KrylovError> {
        let eigen = symmetric_eigen(self.projection.submatrix(0, 0, count, count))?;
        self.largest = eigen.values.iter().map(|value| value.to_f64().abs()).fold(self.largest, f64::max);
        // The estimate may be smaller than the residual, so that it must stay below half of the tolerance.
        let bound = 0.5 * options.tolerance * self.largest;
        let converged = (0..options.pairs).all(|k| (remainder * eigen.vectors[(count - 1, k)]).to_f64().abs() <= bound);
        Ok(Ritz { eigen, converged })
    }

    /// Keeps the first of the Ritz vectors, and the next direction after them.
    fn restart(&mut self, eigen: &Eigen<T>, kept: usize) {
        self.basis.combine(eigen.vectors.subcols(0, kept));
        self.projection.fill(T::from_f64(0.0));
        for (k, &value) in eigen.values[..kept].iter().enumerate() {
            self.projection[(k, k)] = value;
        }
    }
}

/// Uniform in (−1, 1).
fn centred(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// An operator that counts its products and remembers the first that is not finite.
struct Counted<F> {
    apply: F,
    products: usize,
    failed: Option<usize>,
}

impl<F> Counted<F> {
    fn product<T: Float>(&mut self, x: &[T], out: &mut [T]) -> Result<(), KrylovError>
    where
        F: FnMut(&[T], &mut [T]),
    {
        self.products += 1;
        (self.apply)(x, out);
        if self.failed.is_none() && !norm(out).to_f64().is_finite() {
            self.failed = Some(self.products);
        }
        match self.failed {
            Some(product) => Err(KrylovError::NotFinite { product }),
            None => Ok(()),
        }
    }

    /// A unit vector's Rayleigh quotient and residual.
    fn eigenpair<T: Float>(&mut self, mut vector: Vec<T>) -> Result<Eigenpair<T>, KrylovError>
    where
        F: FnMut(&[T], &mut [T]),
    {
        project(&mut vector);
        let mut image = vector.clone();
        self.product(&vector, &mut image)?;
        let value = dot(&vector, &image);
        add_scaled(&mut image, -value, &vector);
        Ok(Eigenpair { value, residual: norm(&image), vector })
    }
}
