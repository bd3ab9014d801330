//! Vectors and symmetric matrices of intervals.

use crate::arithmetic::{Base, Enclosure, Scalar};

/// Rows of intervals.
pub type Matrix = Vec<Vec<Enclosure>>;

/// A symmetric matrix, by its lower triangle.
pub fn full(size: usize, entry: impl Fn(usize, usize) -> Enclosure) -> Matrix {
    let lower = lower_triangle(size, entry);
    (0..size).map(|i| (0..size).map(|j| lower[i.max(j)][i.min(j)]).collect()).collect()
}

/// The lower triangle of a symmetric matrix, row by row.
pub fn lower_triangle(size: usize, entry: impl Fn(usize, usize) -> Enclosure) -> Matrix {
    (0..size).map(|i| (0..=i).map(|j| entry(i, j)).collect()).collect()
}

/// Whether every symmetric matrix with this lower triangle is positive definite: all pivots of its elimination are positive.
pub fn is_positive_definite(mut lower: Matrix) -> bool {
    for pivot in 0..lower.len() {
        let by = lower[pivot][pivot];
        if !(by.lower > 0.0) {
            return false;
        }
        let column: Vec<Enclosure> = lower.iter().skip(pivot + 1).map(|row| row[pivot]).collect();
        for (k, row) in lower.iter_mut().skip(pivot + 1).enumerate() {
            let factor = column[k] / by;
            for (x, &above) in row[pivot + 1..].iter_mut().zip(&column) {
                *x = *x - factor * above;
            }
        }
    }
    true
}

/// Whether ‖AB‖ < s is proved: s²I − (AB)ᵀAB is positive definite.
pub fn bounds_product(a: &Matrix, b: &Matrix, s: f64) -> bool {
    let size = a.len();
    let product: Matrix =
        a.iter().map(|row| (0..size).map(|j| sum((0..size).map(|k| row[k] * b[k][j]))).collect()).collect();
    let square = exactly(s) * exactly(s);
    is_positive_definite(lower_triangle(size, |i, j| {
        let entry = -sum((0..size).map(|k| product[k][i] * product[k][j]));
        if i == j { square + entry } else { entry }
    }))
}

/// The interval from −x to x.
pub fn around(x: f64) -> Enclosure {
    Enclosure::new(-x, x)
}

/// The interval of one number.
pub fn exactly(x: f64) -> Enclosure {
    Enclosure::from_f64(x)
}

/// The intervals of some numbers.
pub fn points(x: &[f64]) -> Vec<Enclosure> {
    x.iter().map(|&x| exactly(x)).collect()
}

/// A sum; 0 of no terms.
pub fn sum(terms: impl Iterator<Item = Enclosure>) -> Enclosure {
    terms.reduce(|sum, term| sum + term).unwrap_or(exactly(0.0))
}

/// ⟨a, b⟩.
pub fn dot(a: &[Enclosure], b: &[Enclosure]) -> Enclosure {
    sum(a.iter().zip(b).map(|(&a, &b)| a * b))
}

/// ‖x‖.
pub fn length(x: &[Enclosure]) -> Enclosure {
    let square = sum(x.iter().map(|x| x.absolute() * x.absolute()));
    Enclosure::new(square.lower.max(0.0), square.upper).sqrt()
}
