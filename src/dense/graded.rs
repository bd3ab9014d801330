//! The singular value decomposition of graded matrices: small singular values as well known as large ones.

use faer::{Mat, MatRef};

use super::{DenseError, Svd};
use crate::arithmetic::{Real, Rounding, add_scaled, dot, norm, scale};

/// The first `rank` singular triples of a matrix whose columns may be of very different sizes, in any [`Real`] arithmetic.
///
/// A decomposition through orthogonal transformations of the whole matrix errs by u·σ₁ in every singular value. Here X = BD with D
/// diagonal, and every singular value has a relative error of the order of u times the condition of B alone. The columns of X are
/// orthogonalized with pivoting, X = QR; then the rows of R, X = QLQ₂; and last the columns of Lᵀ by plane rotations (one-sided
/// Jacobi), Lᵀ = WΣJᵀ.
/// (Z. Drmač, K. Veselić, *New fast and accurate Jacobi SVD algorithm I*, SIAM J. Matrix Anal. Appl. 29, 2008.) `rank` is at most the
/// smaller side; `proofs-notes/rank.md` says how it is decided.
///
/// # Errors
/// An entry that is not finite, or no convergence.
pub(crate) fn graded_svd<T: Real>(matrix: MatRef<'_, T>, rank: usize) -> Result<Svd<T>, DenseError> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    super::check_finite(matrix)?;
    let (left, upper) =
        pivoted_orthogonalization((0..columns).map(|j| (0..rows).map(|i| matrix[(i, j)]).collect()).collect(), rank);
    // Rows of R, in the order in which they were found: their sizes descend.
    let (right, lower) = pivoted_orthogonalization(upper, rank);
    // `lower[i][k]` is ⟨row i of R, k-th right vector⟩: L by rows, the columns of Lᵀ.
    let Rotated { values, rotation, turned } = orthogonalized(lower, (rows, columns))?;
    let combine = |length: usize, basis: &[Vec<T>], by: &dyn Fn(usize, usize) -> T| {
        Mat::from_fn(length, values.len(), |i, k| {
            (0..basis.len()).fold(T::from_f64(0.0), |sum, l| sum + basis[l][i] * by(l, k))
        })
    };
    Ok(Svd {
        left: combine(rows, &left, &|l, k| rotation[k][l]),
        right: combine(columns, &right, &|l, k| turned[k][l]),
        values,
    })
}

/// Whether a singular value decomposition by Jacobi rotations in double-double takes seconds at most; a larger one is decomposed in doubles.
pub fn is_affordable(rows: usize, columns: usize, rank: usize) -> bool {
    /// Multiplications in double-double.
    const MOST: f64 = 2e8;
    (4 * rows * columns * rank) as f64 + 30.0 * (rank as f64).powi(3) <= MOST
}

/// Modified Gram–Schmidt: `rank` orthonormal vectors that span the largest parts of `vectors`, and for each of those its products
/// with all vectors.
fn pivoted_orthogonalization<T: Real>(mut vectors: Vec<Vec<T>>, rank: usize) -> (Vec<Vec<T>>, Vec<Vec<T>>) {
    let zero = T::from_f64(0.0);
    let count = vectors.len();
    let mut taken = vec![false; count];
    let (mut basis, mut products): (Vec<Vec<T>>, Vec<Vec<T>>) = (Vec::new(), Vec::new());
    for _ in 0..rank {
        let mut best = (None, zero);
        for (j, vector) in vectors.iter().enumerate().filter(|&(j, _)| !taken[j]) {
            let size = dot(vector, vector);
            if best.0.is_none() || size > best.1 {
                best = (Some(j), size);
            }
        }
        let Some(pivot) = best.0 else { break };
        let mut unit = vectors[pivot].clone();
        // After cancellation, parts along earlier vectors remain at the size of rounding. They are removed once more.
        for earlier in &basis {
            let along = dot(earlier, &unit);
            add_scaled(&mut unit, -along, earlier);
        }
        let length = norm(&unit);
        let inverse = if length > zero { T::from_f64(1.0) / length } else { zero };
        scale(&mut unit, inverse);
        let mut of_all = vec![zero; count];
        for (j, vector) in vectors.iter_mut().enumerate().filter(|&(j, _)| !taken[j]) {
            let along = dot(&unit, vector);
            add_scaled(vector, -along, &unit);
            of_all[j] = along;
        }
        taken[pivot] = true;
        basis.push(unit);
        products.push(of_all);
    }
    (basis, products)
}

type Rows<T> = Vec<Vec<T>>;

/// Vectors that plane rotations made orthogonal, longest first.
struct Rotated<T> {
    /// Their lengths.
    values: Vec<T>,
    /// The rotation's columns.
    rotation: Rows<T>,
    /// The vectors' directions.
    turned: Rows<T>,
}

/// Rotates vectors in pairs until all are orthogonal.
fn orthogonalized<T: Real>(by_right: Rows<T>, (rows, columns): (usize, usize)) -> Result<Rotated<T>, DenseError> {
    const SWEEPS: usize = 60;
    let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
    let count = by_right.len();
    // `by_right[k]` holds the k-th right vector's products with all rows; each vector to rotate holds one row's products with all right vectors.
    let mut vectors: Rows<T> = (0..count).map(|i| (0..count).map(|k| by_right[k][i]).collect()).collect();
    let mut rotation: Rows<T> =
        (0..count).map(|i| (0..count).map(|k| if i == k { one } else { zero }).collect()).collect();
    let tolerance = T::from_f64(Rounding::of::<T>().of_operations(4.0 * (count as f64).max(1.0)));
    let mut squares: Vec<T> = vectors.iter().map(|vector| dot(vector, vector)).collect();
    let mut turned = true;
    for _ in 0..SWEEPS {
        if !turned {
            break;
        }
        turned = false;
        for p in 0..count {
            for q in p + 1..count {
                let along = dot(&vectors[p], &vectors[q]);
                let size = if along < zero { -along } else { along };
                // Written so that a pair with a vanishing vector is left alone.
                if !(size > tolerance * (squares[p].sqrt() * squares[q].sqrt())) {
                    continue;
                }
                turned = true;
                let cotangent = (squares[q] - squares[p]) / (along + along);
                let tangent = tangent(cotangent);
                let cosine = one / (one + tangent * tangent).sqrt();
                let sine = cosine * tangent;
                for pairs in [&mut vectors, &mut rotation] {
                    let (first, second) = pairs.split_at_mut(q);
                    for (a, b) in first[p].iter_mut().zip(second[0].iter_mut()) {
                        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
                    }
                }
                squares[p] = dot(&vectors[p], &vectors[p]);
                squares[q] = dot(&vectors[q], &vectors[q]);
            }
        }
    }
    if turned {
        return Err(DenseError::NoConvergence { rows, columns });
    }
    let lengths: Vec<T> = vectors.iter().map(|vector| norm(vector)).collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| lengths[b].to_f64().total_cmp(&lengths[a].to_f64()));
    let direction = |&k: &usize| -> Vec<T> {
        let inverse = if lengths[k] > zero { one / lengths[k] } else { zero };
        vectors[k].iter().map(|&x| x * inverse).collect()
    };
    Ok(Rotated {
        values: order.iter().map(|&k| lengths[k]).collect(),
        rotation: order.iter().map(|&k| rotation[k].clone()).collect(),
        turned: order.iter().map(direction).collect(),
    })
}

/// t = tan φ of the smaller angle with cot 2φ = `cotangent`: 1/(c ± √(1 + c²)).
fn tangent<T: Real>(cotangent: T) -> T {
    /// Above this size 1 is negligible beside the square, and the square might overflow.
    const LARGE: f64 = 1e40;
    let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
    if cotangent.to_f64().abs() > LARGE {
        return one / (cotangent + cotangent);
    }
    let root = (one + cotangent * cotangent).sqrt();
    if cotangent < zero { -one / (root - cotangent) } else { one / (root + cotangent) }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;
    use crate::arithmetic::Quad;

    /// B = [[1, 1], [1, −1], [0, 1]] with columns scaled by 1 and 10⁻²⁰: XᵀX is known, and its smaller eigenvalue is the quotient of its
    /// determinant and the larger.
    #[test]
    fn a_small_column_is_known_as_well_as_a_large_one() {
        let small = 1e-20;
        let matrix = Mat::from_fn(3, 2, |i, j| [[1.0, small], [1.0, -small], [0.0, small]][i][j]);
        let svd = graded_svd(matrix.as_ref(), 2).unwrap();
        assert_relative_eq!(svd.values[0], 2f64.sqrt(), max_relative = 8.0 * f64::EPSILON);
        assert_relative_eq!(svd.values[1], 3f64.sqrt() * small, max_relative = 8.0 * f64::EPSILON);
    }

    /// The product of the factors is the matrix again, column by column in its own size, and the factors are orthonormal.
    #[test]
    fn factors_multiply_to_the_matrix() {
        let entry = |i: usize, j: usize| ((3 * i + 5 * j * j + 1) as f64).sin() * 10f64.powi(3 * j as i32 - 9);
        for (rows, columns) in [(5, 7), (7, 4), (4, 4)] {
            let matrix = Mat::from_fn(rows, columns, |i, j| Quad::from_f64(entry(i, j)));
            let svd = graded_svd(matrix.as_ref(), rows.min(columns)).unwrap();
            let unit = Quad::UNIT_ROUNDOFF;
            for j in 0..columns {
                let size = (0..rows).map(|i| entry(i, j).powi(2)).sum::<f64>().sqrt();
                for i in 0..rows {
                    let product = (0..svd.values.len())
                        .fold(Quad::from_f64(0.0), |sum, k| sum + svd.left[(i, k)] * svd.values[k] * svd.right[(j, k)]);
                    assert!((product - matrix[(i, j)]).to_f64().abs() <= 1e3 * unit * size, "{rows}×{columns} {i} {j}");
                }
            }
            for (side, length) in [(&svd.left, rows), (&svd.right, columns)] {
                for (k, l) in (0..svd.values.len()).flat_map(|k| (0..=k).map(move |l| (k, l))) {
                    let product = (0..length).fold(Quad::from_f64(0.0), |sum, i| sum + side[(i, k)] * side[(i, l)]);
                    let expected = if k == l { 1.0 } else { 0.0 };
                    assert!((product.to_f64() - expected).abs() < 1e-24, "{rows}×{columns} {k} {l}");
                }
            }
        }
    }

    #[test]
    fn a_vanishing_part_has_the_value_0() {
        let matrix = Mat::from_fn(3, 3, |i, j| if j == 2 { 0.0 } else { (i + j) as f64 });
        let svd = graded_svd(matrix.as_ref(), 3).unwrap();
        assert_eq!(svd.values[2], 0.0);
    }
}
