//! The chance that a false law holds at a random point. Derivation: `proofs-notes/exact_map.md`.

use super::theme::Theme;
use crate::arithmetic::Field;

/// How small the chance of an accident is made in each of two fields, as log₂: in both together 2⁻¹⁰⁰.
const TARGET: f64 = -50.0;
/// The most points in a field, whatever chance is left.
const MOST_POINTS: usize = 32;

/// What the probability of an accident depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Degrees {
    pub dimension: usize,
    /// A bound on the degrees of the derivatives of L up to the fourth, denominators cleared.
    pub derivatives: f64,
    pub roots: usize,
    /// The number of values that Λ can have: the rank, because Λ is a root of a polynomial of that degree. It is 1 where Λ itself is drawn.
    pub conjugates: usize,
}

impl Degrees {
    /// log₂ of a bound on the probability that a false law holds at one point. Derivation: `proofs-notes/exact_map.md`.
    pub fn log2_accident<F: Field>(&self, theme: Theme) -> f64 {
        /// Different denominators that are no atoms' own: powers of ‖w‖², ν, Λ, K, 1−μ, 1+μ, C_b and of the first coefficient of ∂x₀/∂ξ.
        const DENOMINATORS: f64 = 8.0;
        let (dimension, conjugates) = (self.dimension as f64, self.conjugates as f64);
        let derivatives = self.derivatives + 1.0;
        // For two eigenvalues the loss has two weights that are made of a resolvent, in which Λ occurs. This raises the degrees of all derivatives.
        let more = if theme == Theme::TwoEigenvalues { 4.0 * (dimension + 1.0) } else { 1.0 };
        let atoms = 2.0 * (1.0 + DENOMINATORS) * theme.size(self.dimension) * more;
        let degree = atoms * 2.0 * (dimension + 1.0) * derivatives;
        let degree_in_value = atoms * 2.0 * dimension;
        // The coefficients of the polynomial of which Λ is a root are made of plain derivatives.
        let of_conjugates = if self.conjugates == 1 { 0.0 } else { degree_in_value * (dimension + 2.0) * derivatives };
        let zeros = conjugates * (conjugates * degree + of_conjugates);
        (2.0 * self.roots as f64 + zeros.log2() - (F::ORDER as f64).log2()).min(0.0)
    }
}

/// The number of points at which the chance of an accident falls below the target, if it is 2^`log2` at one point.
pub(super) fn points_for(log2: f64) -> usize {
    // A bound of 1 stays 1 at any number of points.
    if log2 < 0.0 { ((TARGET / log2).ceil() as usize).min(MOST_POINTS) } else { MOST_POINTS }
}
