//! The claims, a file each.

pub(crate) mod alignment;
pub(crate) mod certified_mean_square;
pub(crate) mod certified_pinning;
pub(crate) mod certified_tracking;
pub(crate) mod descent_lemma;
pub(crate) mod effective_learning_rate;
pub(crate) mod energy;
pub(crate) mod energy_law;
pub(crate) mod equilibrium_norm;
pub(crate) mod exact_energy_rate;
pub(crate) mod exact_gradient_of_sharpness;
pub(crate) mod exact_heavy_ball;
pub(crate) mod exact_map;
pub(crate) mod exact_scalar_rmsprop;
pub(crate) mod exact_second_order;
pub(crate) mod exact_two_eigenvalues;
pub(crate) mod heavy_ball;
pub(crate) mod held_out_error;
pub(crate) mod linear_regression_flow;
pub(crate) mod loss_range;
pub(crate) mod mean_square;
pub(crate) mod minimum_norm_convergence;
pub(crate) mod period_two;
pub(crate) mod pinning;
pub(crate) mod projected_gradient_descent;
pub(crate) mod quasi_rmsprop;
pub(crate) mod scalar_rmsprop;
pub(crate) mod scale_invariance;
pub(crate) mod sharpness_decay;
pub(crate) mod sharpness_reduction_flow;
pub(crate) mod sharpness_scaling;
pub(crate) mod slow_period;
pub(crate) mod small_gradient;
pub(crate) mod stability_threshold;
pub(crate) mod stable_regime_exit;

/// Hands the names of all claims, in the order of the theory, to a macro: to the registry, and to the suite that tests each of them.
#[macro_export]
macro_rules! claims {
    ($macro:ident) => {
        $macro! {
            scale_invariance
            sharpness_scaling
            projected_gradient_descent
            effective_learning_rate
            quasi_rmsprop
            loss_range
            descent_lemma
            stable_regime_exit
            small_gradient
            stability_threshold
            period_two
            alignment
            pinning
            mean_square
            slow_period
            energy
            equilibrium_norm
            sharpness_reduction_flow
            sharpness_decay
            scalar_rmsprop
            linear_regression_flow
            minimum_norm_convergence
            heavy_ball
            energy_law
            certified_tracking
            certified_pinning
            certified_mean_square
            exact_map
            exact_gradient_of_sharpness
            exact_second_order
            exact_energy_rate
            exact_scalar_rmsprop
            exact_heavy_ball
            exact_two_eigenvalues
            held_out_error
        }
    };
}
