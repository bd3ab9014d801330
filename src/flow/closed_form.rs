/// φ(τ) of linear regression with batch normalization: tan φ(τ) = tan φ(0)·e^{−τ}.
///
/// `angle` ∈ [0, π/2) is φ(0), the angle to the minimum-norm solution. Derivation: `proofs-notes/linear_regression_flow.md`.
pub fn angle_at(angle: f64, tau: f64) -> f64 {
    // atan2 keeps full precision where tan overflows.
    (angle.sin() * (-tau).exp()).atan2(angle.cos())
}
