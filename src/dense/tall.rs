//! The singular value decomposition of a matrix that has many more rows than columns, in its own memory.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Mat, MatRef, Par};

use super::{DenseError, Svd, check_finite, thin_svd};
use crate::arithmetic::{Float, Rounding};

/// From this many entries on a matrix is not copied.
const LARGE: usize = 1 << 20;
/// Rows that are taken together.
const BLOCK: usize = 1 << 13;
/// The least quotient of rows and columns.
const TALL: usize = 8;

/// The thin singular value decomposition, whose left vectors take the matrix's place where it is large. Left vectors of vanishing values are then 0.
///
/// The small matrix ΣVᵀ stands for all rows so far. Each further block of rows is put below it, and the decomposition of both gives the next ΣVᵀ. Every such
/// step is backward stable, and so is the whole (the idea of Demmel, Grigori, Hoemmen and Langou, SIAM J. Sci. Comput. 34, 2012). Then U = A·VΣ⁻¹, whose
/// columns err by u·σ₁/σ_k. One step of Newton and Schulz, U ← ½U(3 − UᵀU), squares this error.
///
/// # Errors
/// See [`thin_svd`].
pub(crate) fn tall_svd<T: Float>(matrix: Mat<T>) -> Result<Svd<T>, DenseError> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    if rows * columns < LARGE || rows < TALL * columns || columns == 0 {
        return thin_svd(matrix.as_ref());
    }
    in_blocks(matrix, BLOCK.max(TALL * columns))
}

fn in_blocks<T: Float>(mut matrix: Mat<T>, block: usize) -> Result<Svd<T>, DenseError> {
    check_finite(matrix.as_ref())?;
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
    let mut folded = Mat::from_fn(columns, columns, |_, _| zero);
    let (mut values, mut right) = (vec![], folded.clone());
    for first in (0..rows).step_by(block) {
        let count = block.min(rows - first);
        let stacked = Mat::from_fn(columns + count, columns, |i, j| {
            if i < columns { folded[(i, j)] } else { matrix[(first + i - columns, j)] }
        });
        (values, right) = right_vectors(stacked.as_ref())?;
        folded = Mat::from_fn(columns, columns, |i, j| values[i] * right[(j, i)]);
    }
    let floor = Rounding::of::<T>().of_dense(rows) * values.first().map_or(0.0, |value| value.to_f64());
    let inverse = |k: usize| if values[k].to_f64() > floor { one / values[k] } else { zero };
    let factor = Mat::from_fn(columns, columns, |i, k| right[(i, k)] * inverse(k));
    multiply(&mut matrix, factor.as_ref(), block);
    let mut gram = Mat::from_fn(columns, columns, |_, _| zero);
    for first in (0..rows).step_by(block) {
        let part = matrix.get(first..rows.min(first + block), ..);
        T::matrix_product(gram.as_mut(), true, part.transpose(), part);
    }
    let half = T::from_f64(0.5);
    let corrected = |i: usize, j: usize| half * (T::from_f64(if i == j { 3.0 } else { 0.0 }) - gram[(i, j)]);
    multiply(&mut matrix, Mat::from_fn(columns, columns, corrected).as_ref(), block);
    Ok(Svd { left: matrix, values, right })
}

/// matrix ← matrix·factor, some rows at a time.
fn multiply<T: Float>(matrix: &mut Mat<T>, factor: MatRef<'_, T>, block: usize) {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    for first in (0..rows).step_by(block) {
        let end = rows.min(first + block);
        let mut product = Mat::from_fn(end - first, columns, |_, _| T::from_f64(0.0));
        T::matrix_product(product.as_mut(), false, matrix.get(first..end, ..), factor);
        matrix.get_mut(first..end, ..).copy_from(product);
    }
}

/// Σ and V of a matrix with no fewer rows than columns.
fn right_vectors<T: Float>(matrix: MatRef<'_, T>) -> Result<(Vec<T>, Mat<T>), DenseError> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let (mut values, mut right) = (Diag::<T>::zeros(columns), Mat::<T>::zeros(columns, columns));
    let (none, thin) = (ComputeSvdVectors::No, ComputeSvdVectors::Thin);
    let scratch = svd_scratch::<T>(rows, columns, none, thin, Par::Seq, Default::default());
    svd(
        matrix,
        values.as_mut(),
        None,
        Some(right.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| DenseError::NoConvergence { rows, columns })?;
    Ok(((0..columns).map(|k| values.column_vector()[k]).collect(), right))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of sizes from 1 to 10⁻⁵, and a last one that is the sum of the first two.
    #[test]
    fn a_tall_matrix_is_decomposed_in_blocks_as_it_is_whole() {
        let (rows, columns) = (1000, 7);
        let entry = |i: usize, j: usize| ((3 * i + 7 * j * j + i * j) as f64).sin() * 10f64.powi(-(j as i32));
        let matrix = Mat::from_fn(rows, columns, |i, j| if j < 6 { entry(i, j) } else { entry(i, 0) + entry(i, 1) });
        let whole = thin_svd(matrix.as_ref()).unwrap();
        for block in [56, 300, 1000] {
            let found = in_blocks(matrix.clone(), block).unwrap();
            let noise = 100.0 * f64::EPSILON * whole.values[0];
            for (a, b) in whole.values.iter().zip(&found.values) {
                assert!((a - b).abs() <= noise, "{a} {b}");
            }
            assert!(found.values[6] <= noise && (0..rows).all(|i| found.left[(i, 6)] == 0.0));
            for (j, k) in (0..6).flat_map(|j| (0..6).map(move |k| (j, k))) {
                let product: f64 = (0..rows).map(|i| found.left[(i, j)] * found.left[(i, k)]).sum();
                assert!((product - f64::from(u8::from(j == k))).abs() < 1e-13, "{j} {k}: {product}");
            }
            for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                let sum: f64 = (0..columns).map(|k| found.left[(i, k)] * found.values[k] * found.right[(j, k)]).sum();
                assert!((sum - matrix[(i, j)]).abs() <= noise, "{i} {j}");
            }
        }
        assert!(in_blocks(Mat::from_fn(9, 1, |i, _| if i == 3 { f64::NAN } else { 1.0 }), 4).is_err());
    }
}
