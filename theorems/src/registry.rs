//! All claims, one line each.

use crate::theorem::Theorem;

/// The claims in the order of the theory.
pub static REGISTRY: [&Theorem; 24] = [
    &crate::scale_invariance::THEOREM,
    &crate::sharpness_scaling::THEOREM,
    &crate::projected_gradient_descent::THEOREM,
    &crate::effective_learning_rate::THEOREM,
    &crate::quasi_rmsprop::THEOREM,
    &crate::loss_range::THEOREM,
    &crate::descent_lemma::THEOREM,
    &crate::stable_regime_exit::THEOREM,
    &crate::small_gradient::THEOREM,
    &crate::stability_threshold::THEOREM,
    &crate::period_two::THEOREM,
    &crate::pinning::THEOREM,
    &crate::mean_square::THEOREM,
    &crate::slow_period::THEOREM,
    &crate::energy::THEOREM,
    &crate::equilibrium_norm::THEOREM,
    &crate::sharpness_reduction_flow::THEOREM,
    &crate::sharpness_decay::THEOREM,
    &crate::scalar_rmsprop::THEOREM,
    &crate::linear_regression_flow::THEOREM,
    &crate::minimum_norm_convergence::THEOREM,
    &crate::heavy_ball::THEOREM,
    &crate::energy_law::THEOREM,
    &crate::held_out_error::THEOREM,
];

/// The claim of this name.
pub fn find(id: &str) -> Option<&'static Theorem> {
    REGISTRY.into_iter().find(|theorem| theorem.id == id)
}
