//! The claims of the theory of sharpness reduction as values, and their judgement on instances.
//!
//! Data go one way: an [`instance`] is drawn or read; [`records`] of runs are made of it; a claim's file turns records into
//! [`evidence::Measurement`]s; [`verdict`] decides them; [`runner`] does so for all claims; [`evidence`] is kept in a folder, and a
//! [`report`] is made of that folder alone; [`cli`] prints and writes.
//!
//! A claim is one file here, one line in the [`registry`], one note in `proofs-notes/` and one test, all of one name.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checks;
mod cite;
pub mod cli;
pub mod evidence;
mod fit;
pub mod hypotheses;
pub mod inspect;
pub mod instance;
pub mod plot;
pub mod records;
pub mod registry;
pub mod report;
pub mod runner;
mod tables;
pub mod theorem;
pub mod trace;
pub mod verdict;

mod descent_lemma;
mod effective_learning_rate;
mod energy;
mod energy_law;
mod equilibrium_norm;
mod heavy_ball;
mod held_out_error;
mod linear_regression_flow;
mod loss_range;
mod mean_square;
mod minimum_norm_convergence;
mod period_two;
mod pinning;
mod projected_gradient_descent;
mod quasi_rmsprop;
mod scalar_rmsprop;
mod scale_invariance;
mod sharpness_decay;
mod sharpness_reduction_flow;
mod sharpness_scaling;
mod slow_period;
mod small_gradient;
mod stability_threshold;
mod stable_regime_exit;
