//! Bounds of what rounding makes of results, each with its derivation.

use super::Real;

/// What rounding makes of results, relative to their size. It follows from the unit roundoff u of the numbers that they are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    unit: f64,
}

impl Rounding {
    /// The rounding of a number type.
    pub const fn of<T: Real>() -> Self {
        Self { unit: T::UNIT_ROUNDOFF }
    }

    /// u, a bound on the relative error of one operation.
    pub const fn unit(self) -> f64 {
        self.unit
    }

    /// The error of a result after `count` operations, one after another: (1 + u)^count − 1 = count·u to first order (N. Higham, *Accuracy and Stability of
    /// Numerical Algorithms*, section 3.1).
    pub const fn of_operations(self, count: f64) -> f64 {
        count * self.unit
    }

    /// The error of a sum to which `count` operations add independent errors of either sign: √count·u, as in a random walk. It is an estimate and no bound.
    pub fn of_random_walk(self, count: f64) -> f64 {
        count.sqrt() * self.unit
    }

    /// The error of an eigenvalue or a projection in a dense computation in D dimensions, over the largest eigenvalue or the norm: 64·D·u.
    ///
    /// A backward-stable solver returns the eigenvalues of H + E with ‖E‖ ≤ c·D·u·‖H‖: reflections to a tridiagonal matrix cost some 20 roundings for each of D steps,
    /// the iterations on it fewer (Higham, section 19.3), and by Weyl's inequality no eigenvalue moves farther than ‖E‖. A sum of D products errs by D·u of the sum of
    /// their sizes. 64 bounds c and leaves room for a product with the matrix before.
    pub const fn of_dense(self, dimension: usize) -> f64 {
        self.of_operations(64.0 * dimension as f64)
    }
}
