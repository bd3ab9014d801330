//! Linear algebra over a field, in which nothing rounds: a pivot is whatever is not 0.

use faer::{Mat, MatRef};

use crate::arithmetic::{Field, Scalar};

/// a·b, for shapes m×k and k×n.
pub fn product<T: Scalar>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> Mat<T> {
    let zero = T::constant(0.0);
    Mat::from_fn(a.nrows(), b.ncols(), |i, j| (0..a.ncols()).fold(zero, |sum, k| sum + a[(i, k)] * b[(k, j)]))
}

/// a, plus `shift` times the identity.
pub(crate) fn shifted<F: Field>(a: MatRef<'_, F>, shift: F) -> Mat<F> {
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| if i == j { a[(i, j)] + shift } else { a[(i, j)] })
}

/// x xᵀ/s.
pub(crate) fn outer<F: Field>(x: &[F], s: F) -> Mat<F> {
    Mat::from_fn(x.len(), x.len(), |i, j| x[i] * x[j] / s)
}

/// Brings `[a | b]` to reduced row echelon form by elimination, and returns it with the columns of its pivots. Columns of `b` have no pivots.
fn reduced<F: Field>(a: MatRef<'_, F>, b: MatRef<'_, F>) -> (Mat<F>, Vec<usize>) {
    let (rows, columns) = (a.nrows(), a.ncols());
    let mut m =
        Mat::from_fn(rows, columns + b.ncols(), |i, j| if j < columns { a[(i, j)] } else { b[(i, j - columns)] });
    let zero = F::constant(0.0);
    let mut pivots = Vec::new();
    for column in 0..columns {
        let row = pivots.len();
        let Some(found) = (row..rows).find(|&i| m[(i, column)] != zero) else { continue };
        let factor = F::constant(1.0) / m[(found, column)];
        for j in column..m.ncols() {
            let entry = m[(found, j)];
            m[(found, j)] = m[(row, j)];
            m[(row, j)] = entry * factor;
        }
        for i in (0..rows).filter(|&i| i != row) {
            let factor = m[(i, column)];
            if factor != zero {
                for j in column..m.ncols() {
                    m[(i, j)] = m[(i, j)] - factor * m[(row, j)];
                }
            }
        }
        pivots.push(column);
    }
    (m, pivots)
}

fn nothing<F: Field>(rows: usize) -> Mat<F> {
    Mat::from_fn(rows, 0, |_, _| F::constant(0.0))
}

/// The rank of a matrix.
pub fn rank<F: Field>(a: MatRef<'_, F>) -> usize {
    reduced(a, nothing(a.nrows()).as_ref()).1.len()
}

/// A basis of {x : a·x = 0}, n×k, as its columns.
pub fn kernel<F: Field>(a: MatRef<'_, F>) -> Mat<F> {
    let (m, pivots) = reduced(a, nothing(a.nrows()).as_ref());
    let free: Vec<usize> = (0..a.ncols()).filter(|j| !pivots.contains(j)).collect();
    let entry = |i: usize, k: usize| match pivots.iter().position(|&pivot| pivot == i) {
        Some(row) => -m[(row, free[k])],
        None => F::constant(if free[k] == i { 1.0 } else { 0.0 }),
    };
    Mat::from_fn(a.ncols(), free.len(), entry)
}

/// X with a·X = b, for a square matrix `a`; `None` where `a` is singular.
pub fn solve<F: Field>(a: MatRef<'_, F>, b: MatRef<'_, F>) -> Option<Mat<F>> {
    let (m, pivots) = reduced(a, b);
    (a.nrows() == a.ncols() && pivots.len() == a.ncols())
        .then(|| Mat::from_fn(a.nrows(), b.ncols(), |i, j| m[(i, a.ncols() + j)]))
}

/// The inverse of a square matrix; `None` where it is singular.
pub fn inverse<F: Field>(a: MatRef<'_, F>) -> Option<Mat<F>> {
    let identity = Mat::from_fn(a.nrows(), a.nrows(), |i, j| F::constant(if i == j { 1.0 } else { 0.0 }));
    solve(a, identity.as_ref())
}

/// The coefficients c₀, c₁, …, c_n = 1 of det(x·1 − a), by the recursion of Faddeev and LeVerrier, over any scalar in which n! divides.
pub fn characteristic_polynomial<T: Scalar>(a: MatRef<'_, T>) -> Vec<T> {
    let n = a.nrows();
    let mut coefficients = vec![T::constant(1.0); n + 1];
    let mut m = Mat::from_fn(n, n, |i, j| T::constant(if i == j { 1.0 } else { 0.0 }));
    for k in 1..=n {
        let image = product(a, m.as_ref());
        let trace = (0..n).fold(T::constant(0.0), |sum, i| sum + image[(i, i)]);
        let coefficient = -(trace / T::constant(k as f64));
        coefficients[n - k] = coefficient;
        m = Mat::from_fn(n, n, |i, j| if i == j { image[(i, j)] + coefficient } else { image[(i, j)] });
    }
    coefficients
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::PrimeField;
    use proptest::prelude::*;

    /// A field so small that everything in it can be tried.
    type Small = PrimeField<7>;

    fn matrix(n: usize, m: usize, entries: &[u64]) -> Mat<Small> {
        Mat::from_fn(n, m, |i, j| Small::new(entries[i * m + j]))
    }

    /// All vectors of length `n`.
    fn vectors(n: u32) -> impl Iterator<Item = Mat<Small>> {
        (0..7u64.pow(n)).map(move |code| Mat::from_fn(n as usize, 1, |i, _| Small::new(code / 7u64.pow(i as u32))))
    }

    /// The determinant by its definition, over all permutations of three places.
    fn determinant(a: MatRef<'_, Small>) -> Small {
        let places = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]];
        let term = |p: [usize; 3]| a[(0, p[0])] * a[(1, p[1])] * a[(2, p[2])];
        let [even, odd] =
            [&places[..3], &places[3..]].map(|half| half.iter().fold(Small::new(0), |sum, &p| sum + term(p)));
        even - odd
    }

    proptest! {
        #[test]
        fn solutions_kernels_and_ranks_are_those_of_all_vectors(
            entries in prop::collection::vec(0u64..7, 12), right in prop::collection::vec(0u64..7, 3)
        ) {
            let (wide, square) = (matrix(3, 4, &entries), matrix(3, 3, &entries));
            let right = matrix(3, 1, &right);
            let killed = vectors(4).filter(|x| product(wide.as_ref(), x.as_ref()) == matrix(3, 1, &[0; 3])).count();
            let kernel = kernel(wide.as_ref());
            prop_assert_eq!(killed, 7usize.pow(kernel.ncols() as u32));
            prop_assert_eq!(product(wide.as_ref(), kernel.as_ref()), Mat::from_fn(3, kernel.ncols(), |_, _| Small::new(0)));
            prop_assert_eq!(rank(wide.as_ref()) + kernel.ncols(), 4);
            let found: Vec<_> = vectors(3).filter(|x| product(square.as_ref(), x.as_ref()) == right).collect();
            match solve(square.as_ref(), right.as_ref()) {
                Some(x) => prop_assert_eq!(found, vec![x]),
                None => prop_assert!(found.len() != 1 && determinant(square.as_ref()) == Small::new(0)),
            }
        }

        #[test]
        fn the_characteristic_polynomial_is_the_determinant_at_every_place(entries in prop::collection::vec(0u64..7, 9)) {
            let a = matrix(3, 3, &entries);
            let coefficients = characteristic_polynomial(a.as_ref());
            for x in (0..7).map(Small::new) {
                let value = coefficients.iter().rev().fold(Small::new(0), |sum, &c| sum * x + c);
                let shifted = Mat::from_fn(3, 3, |i, j| if i == j { x - a[(i, j)] } else { -a[(i, j)] });
                prop_assert!(value == determinant(shifted.as_ref()));
            }
        }
    }
}
