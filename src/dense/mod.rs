//! Decompositions of dense matrices by faer, always sequential: the same bits whatever the threads around them.

mod graded;
mod tall;

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Mat, MatRef, Par};
use thiserror::Error;

use crate::arithmetic::{Float, Real};

pub(crate) use graded::graded_svd;
pub use graded::is_affordable;
pub(crate) use tall::tall_svd;

/// Why a decomposition has no result.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DenseError {
    /// An entry is NaN or infinite.
    #[error("entry ({row}, {column}) of a {rows}×{columns} matrix is not finite")]
    NotFinite { row: usize, column: usize, rows: usize, columns: usize },
    /// faer's iteration gave up.
    #[error("the decomposition of a {rows}×{columns} matrix did not converge")]
    NoConvergence { rows: usize, columns: usize },
}

/// Eigenvalues in descending order, and their orthonormal eigenvectors as columns.
#[derive(Clone, Debug)]
pub struct Eigen<T> {
    pub values: Vec<T>,
    pub vectors: Mat<T>,
}

impl<T: Float> Eigen<T> {
    /// The k-th eigenvector.
    pub fn vector(&self, k: usize) -> Vec<T> {
        column(&self.vectors, k)
    }
}

/// X = U·diag(σ)·Vᵀ with min(n, d) singular values in descending order.
#[derive(Clone, Debug)]
pub struct Svd<T> {
    pub left: Mat<T>,
    pub values: Vec<T>,
    pub right: Mat<T>,
}

/// Column `k` of a matrix, copied.
pub fn column<T: Copy>(matrix: &Mat<T>, k: usize) -> Vec<T> {
    (0..matrix.nrows()).map(|i| matrix[(i, k)]).collect()
}

/// All eigenpairs of a symmetric matrix (the mean of it and its transpose is decomposed).
///
/// # Errors
/// An entry that is not finite, or no convergence.
pub fn symmetric_eigen<T: Float>(matrix: MatRef<'_, T>) -> Result<Eigen<T>, DenseError> {
    check_finite(matrix)?;
    let n = matrix.nrows();
    let half = T::from_f64(0.5);
    let symmetric = Mat::from_fn(n, n, |i, j| half * (matrix[(i, j)] + matrix[(j, i)]));
    let mut vectors = Mat::<T>::zeros(n, n);
    let mut values = Diag::<T>::zeros(n);
    let compute = ComputeEigenvectors::Yes;
    let scratch = self_adjoint_evd_scratch::<T>(n, compute, Par::Seq, Default::default());
    self_adjoint_evd(
        symmetric.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| DenseError::NoConvergence { rows: n, columns: n })?;
    Ok(Eigen {
        values: (0..n).rev().map(|k| values.column_vector()[k]).collect(),
        vectors: Mat::from_fn(n, n, |i, j| vectors[(i, n - 1 - j)]),
    })
}

/// The thin singular value decomposition.
///
/// # Errors
/// An entry that is not finite, or no convergence.
pub(crate) fn thin_svd<T: Float>(matrix: MatRef<'_, T>) -> Result<Svd<T>, DenseError> {
    check_finite(matrix)?;
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let size = rows.min(columns);
    let mut left = Mat::<T>::zeros(rows, size);
    let mut right = Mat::<T>::zeros(columns, size);
    let mut values = Diag::<T>::zeros(size);
    let thin = ComputeSvdVectors::Thin;
    let scratch = svd_scratch::<T>(rows, columns, thin, thin, Par::Seq, Default::default());
    svd(
        matrix,
        values.as_mut(),
        Some(left.as_mut()),
        Some(right.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| DenseError::NoConvergence { rows, columns })?;
    Ok(Svd { left, values: (0..size).map(|k| values.column_vector()[k]).collect(), right })
}

fn check_finite<T: Real>(matrix: MatRef<'_, T>) -> Result<(), DenseError> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    for column in 0..columns {
        for row in 0..rows {
            if !matrix[(row, column)].to_f64().is_finite() {
                return Err(DenseError::NotFinite { row, column, rows, columns });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn eigenvalues_descend_and_belong_to_their_vectors() {
        // Eigenvalues 3, 1 with eigenvectors (1, 1)/√2, (1, −1)/√2.
        let matrix = Mat::from_fn(2, 2, |i, j| if i == j { 2.0f64 } else { 1.0 });
        let eigen = symmetric_eigen(matrix.as_ref()).unwrap();
        assert_relative_eq!(eigen.values[0], 3.0, max_relative = 4.0 * f64::EPSILON);
        assert_relative_eq!(eigen.values[1], 1.0, max_relative = 4.0 * f64::EPSILON);
        let top = eigen.vector(0);
        assert_relative_eq!(top[0], top[1], max_relative = 4.0 * f64::EPSILON);
    }

    #[test]
    fn nan_is_named_by_its_place() {
        let mut matrix = Mat::<f64>::zeros(3, 2);
        matrix[(2, 1)] = f64::NAN;
        assert_eq!(
            thin_svd(matrix.as_ref()).unwrap_err(),
            DenseError::NotFinite { row: 2, column: 1, rows: 3, columns: 2 }
        );
    }
}
