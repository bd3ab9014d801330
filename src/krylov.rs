//! The largest eigenvalues of a symmetric operator that is known by its products alone, by faer's Krylov solver.
//!
//! The solver finds the largest *magnitudes*, never returns on an operator that is zero or not a number or from a start that
//! is an eigenvector, panics in few dimensions and tells of convergence by a count. What is here asks it in ways that have an
//! answer: few dimensions are decomposed densely, the operator is scaled and, where needed, shifted; noise at the level of
//! rounding keeps the Krylov space from closing; residuals are computed anew.
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

use std::fmt;
use std::sync::Mutex;

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::matrix_free::LinOp;
use faer::matrix_free::eigen::{PartialEigenParams, partial_self_adjoint_eigen, partial_self_adjoint_eigen_scratch};
use faer::{ColRef, Mat, MatMut, MatRef, Par};
use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};
use thiserror::Error;

use crate::arithmetic::{Float, add_scaled, dot, norm, scale};
use crate::dense::{DenseError, symmetric_eigen};
use crate::sphere::project;

/// Up to this many dimensions the operator is written out and decomposed densely.
pub const MOST_DENSE: usize = 128;

/// What is asked of the solver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KrylovOptions {
    /// How many eigenpairs.
    pub pairs: usize,
    /// The residual ‖Av − μv‖ at which a pair has converged, relative to the largest |eigenvalue|.
    pub tolerance: f64,
    /// The most restarts, each of some thirty products.
    pub restarts: usize,
    /// The seed of the start.
    pub seed: u64,
}

impl Default for KrylovOptions {
    fn default() -> Self {
        Self { pairs: 2, tolerance: 1e-8, restarts: 300, seed: 0 }
    }
}

/// An eigenvalue, its unit eigenvector, and what they miss being so.
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
    /// Those found; all that were asked for where `converged`.
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
/// `warm` is where to start, best a sum of eigenvectors of an operator nearby. Memory: about 130 vectors.
///
/// # Errors
/// A product that is not finite, or a question without an answer. No convergence is no error: see
/// [`LargestEigenpairs::converged`].
pub fn largest_eigenpairs<T: Float>(
    dimension: usize,
    apply: impl FnMut(&[T], &mut [T]) + Send,
    options: &KrylovOptions,
    warm: Option<&[T]>,
) -> Result<LargestEigenpairs<T>, KrylovError> {
    let &KrylovOptions { pairs, tolerance, .. } = options;
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
    let found = if dimension <= MOST_DENSE.max(4 * pairs) {
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

fn krylov<T: Float, F: FnMut(&[T], &mut [T]) + Send>(
    dimension: usize,
    operator: &mut Counted<F>,
    options: &KrylovOptions,
    warm: Option<&[T]>,
) -> Result<Found<T>, KrylovError> {
    let mut random = ChaCha12Rng::seed_from_u64(options.seed);
    let mut start: Vec<T> = (0..dimension).map(|_| T::from_f64(centred(random.next_u64()))).collect();
    project(&mut start);
    // A few powers: enough to scale by, and to see an operator that is zero.
    let (mut size, mut image) = (0.0f64, start.clone());
    for _ in 0..4 {
        let before = image.clone();
        operator.product(&before, &mut image)?;
        let length = norm(&image);
        size = size.max(length.to_f64());
        if !(length.to_f64() > 0.0) {
            break;
        }
        scale(&mut image, T::from_f64(1.0) / length);
    }
    if size == 0.0 {
        let unit = |k: usize| (0..dimension).map(|i| T::from_f64(if i == k { 1.0 } else { 0.0 })).collect();
        return Ok(((0..options.pairs).map(|k| (T::from_f64(0.0), unit(k))).collect(), 0.0));
    }
    if let Some(warm) = warm.filter(|warm| norm(warm).to_f64() > 0.0) {
        // A little of everything: a start that is an eigenvector would find nothing else.
        scale(&mut start, T::from_f64(0.01));
        add_scaled(&mut start, T::from_f64(1.0) / norm(warm), warm);
    }
    // By magnitude first. Where these are positive they are the largest algebraically too; else the most negative is shifted
    // to 0, and the order of magnitudes is that of values.
    let found = solve(dimension, operator, options, &start, size, 0.0)?;
    let largest = found.iter().map(|(value, _)| value.to_f64().abs()).fold(size, f64::max);
    if found.len() == options.pairs && found.iter().all(|(value, _)| value.to_f64() > 0.0) {
        return Ok((found, largest));
    }
    Ok((solve(dimension, operator, options, &start, size, largest)?, largest))
}

/// The largest magnitudes of A + shift·I, as eigenvalues of A.
fn solve<T: Float, F: FnMut(&[T], &mut [T]) + Send>(
    dimension: usize,
    operator: &mut Counted<F>,
    options: &KrylovOptions,
    start: &[T],
    size: f64,
    shift: f64,
) -> Result<Vec<(T, Vec<T>)>, KrylovError> {
    let KrylovOptions { pairs, tolerance, restarts, seed } = *options;
    let zero = T::from_f64(0.0);
    let mut vectors = Mat::<T>::zeros(dimension, pairs);
    let mut values = vec![zero; pairs];
    let params = PartialEigenParams { max_restarts: restarts, ..Default::default() };
    let buffers = (vec![zero; dimension], vec![zero; dimension]);
    let scaled = 1.0 / (size + shift);
    let noise = ChaCha12Rng::seed_from_u64(seed ^ 1);
    let linear = Shifted { dimension, shift, scaled, inner: Mutex::new(Inner { operator, buffers, noise }) };
    let scratch = partial_self_adjoint_eigen_scratch::<T>(&linear, pairs, Par::Seq, params);
    let found = partial_self_adjoint_eigen(
        vectors.as_mut(),
        &mut values,
        &linear,
        ColRef::from_slice(start),
        // Half of it: the solver's own estimate is not the residual.
        T::from_f64(0.5 * tolerance * size * scaled),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        params,
    );
    if let Some(product) = operator.failed {
        return Err(KrylovError::NotFinite { product });
    }
    let back = |value: T| T::from_f64(value.to_f64() / scaled - shift);
    let count = found.n_converged_eigen.min(pairs);
    Ok((0..count).map(|k| (back(values[k]), vectors.col_as_slice(k).to_vec())).collect())
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

/// (A + shift·I)·scaled as faer asks for it.
struct Shifted<'a, T, F> {
    dimension: usize,
    shift: f64,
    scaled: f64,
    inner: Mutex<Inner<'a, T, F>>,
}

struct Inner<'a, T, F> {
    operator: &'a mut Counted<F>,
    buffers: (Vec<T>, Vec<T>),
    noise: ChaCha12Rng,
}

impl<T, F> fmt::Debug for Shifted<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a symmetric operator in {} dimensions", self.dimension)
    }
}

impl<T: Float, F: FnMut(&[T], &mut [T]) + Send> LinOp<T> for Shifted<'_, T, F> {
    fn apply_scratch(&self, _rhs_ncols: usize, _par: Par) -> StackReq {
        StackReq::EMPTY
    }

    fn nrows(&self) -> usize {
        self.dimension
    }

    fn ncols(&self) -> usize {
        self.dimension
    }

    fn apply(&self, mut out: MatMut<'_, T>, rhs: MatRef<'_, T>, _par: Par, _stack: &mut MemStack) {
        // The solver works in one thread; a lock is what makes this `Sync`.
        let mut inner = self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Inner { operator, buffers: (x, image), noise } = &mut *inner;
        let (shift, scaled) = (T::from_f64(self.shift), T::from_f64(self.scaled));
        let rounding = 4.0 * T::UNIT_ROUNDOFF / (self.dimension as f64).sqrt();
        for j in 0..rhs.ncols() {
            (0..self.dimension).for_each(|i| x[i] = rhs[(i, j)]);
            let finite = operator.product(x, image).is_ok();
            for i in 0..self.dimension {
                // Once a product was not finite, any operator with an end will do: the result is not used.
                let exact = if finite { (image[i] + shift * x[i]) * scaled } else { T::from_f64(i as f64) * x[i] };
                out[(i, j)] = exact + T::from_f64(rounding * centred(noise.next_u64()));
            }
        }
    }

    fn conj_apply(&self, out: MatMut<'_, T>, rhs: MatRef<'_, T>, par: Par, stack: &mut MemStack) {
        self.apply(out, rhs, par, stack);
    }
}
