//! The claims on random instances, their hypotheses, and what refutes them.

mod audits;
mod bounds;
mod certified;
mod derivatives;
mod effective_learning_rate;
mod energy_law;
mod heavy_ball;
mod held_out_error;
mod hypotheses;
mod impostors;
mod judging;
mod laws;
mod networks;
mod refutations;
mod registry;
mod scalar_rmsprop;
mod scale_invariance;
mod slow_period;
mod stability_threshold;
mod suite;
