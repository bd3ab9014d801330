//! Bounds of what rounding makes of results of linear algebra, each with its derivation.

use super::Real;

/// How far rounding moves an eigenvalue or a projection of a dense computation in D dimensions, over the largest eigenvalue or the norm: 64·D·u.
///
/// A backward-stable solver returns the eigenvalues of H + E with ‖E‖ ≤ c·D·u·‖H‖: reflections to a tridiagonal matrix cost some 20 roundings for each of D steps, the
/// iterations on it fewer (N. Higham, *Accuracy and Stability of Numerical Algorithms*, section 19.3), and by Weyl's inequality no eigenvalue moves farther than ‖E‖. A
/// sum of D products errs by D·u of the sum of their sizes. 64 bounds c and leaves room for a product with the matrix before.
pub fn dense_rounding<T: Real>(dimension: usize) -> f64 {
    64.0 * dimension as f64 * T::UNIT_ROUNDOFF
}
