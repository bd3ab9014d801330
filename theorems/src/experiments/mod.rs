//! The experiments, a file each. An experiment makes runs once, for every claim that reads its records.

mod certified;
mod dynamics;
mod extent;
mod growth;
mod held_out;
mod hypotheses;
mod identities;
mod ladder;
mod largest;
mod laws;
mod optimizers;
mod points;
mod portrait;
mod random_steps;
mod short_run;
mod single_steps;
mod stable;
mod stable_run;
mod starts;
mod swings;

pub use certified::{CertifiedOrbit, CertifiedOrbits, LinePlace};
pub use dynamics::{DynamicsRecord, OtherDynamics, OtherRun};
pub use growth::{Energy, Growth, GrowthRecord, GrowthRun, Swung};
pub use held_out::{Ending, HeldOut, HeldOutRecord, Path, RATES, SEEDS, SeedRecord};
pub use identities::{FloatTrial, Identities, IdentityRecord};
pub use ladder::{Ladder, LadderRecord, Run, Swing};
pub use laws::{Laws, LawsRecord};
pub use optimizers::{InstanceOptimizer, OPTIMIZERS};
pub use points::Points;
pub use portrait::Portrait;
pub use random_steps::{Draw, RandomSteps, Recursion, Remainder, draws};
pub use short_run::ShortRun;
pub use single_steps::StableStep;
pub use stable::{Scope, SmoothLosses, StableDescents, StableError, StableRecord};
pub use stable_run::{Exit, StableRun};
pub use starts::{Descents, Starts};
pub use swings::{DEEP, ENERGIES, SwingRecord, Swings};

pub(crate) use certified::of_orbit;
pub(crate) use dynamics::of_dynamics;
pub(crate) use extent::DYNAMICS_READINGS;
pub(crate) use growth::of_growth;
pub(crate) use identities::of_identities;
pub(crate) use ladder::{of_ladder, of_regression};
pub(crate) use largest::ORDER;
pub(crate) use laws::{LOST_PROOF, keeps_its_proof, of_laws};
pub(crate) use optimizers::name_on;
pub(crate) use points::of_points;
pub(crate) use random_steps::of_steps;
pub(crate) use stable::MARGINS;
pub(crate) use stable::of_stable;
pub(crate) use swings::READINGS as SWING_READINGS;
pub(crate) use swings::of_swings;

use crate::judging::AnyExperiment;

/// All experiments, in the order in which a study does them.
pub static EXPERIMENTS: [&dyn AnyExperiment; 13] = [
    &Identities,
    &Laws,
    &RandomSteps,
    &SmoothLosses,
    &Points,
    &StableDescents,
    &Ladder,
    &Swings,
    &Growth,
    &OtherDynamics,
    &Portrait,
    &CertifiedOrbits,
    &HeldOut,
];

/// The runs of the `k`-th smallest intrinsic learning rate, which `intrinsic_lr` says of each.
fn of_rung<R>(runs: &[R], intrinsic_lr: impl Fn(&R) -> f64, k: usize) -> impl Iterator<Item = &R> {
    let mut rungs: Vec<f64> = runs.iter().map(&intrinsic_lr).collect();
    rungs.sort_by(f64::total_cmp);
    rungs.dedup();
    let wanted = rungs.get(k).copied();
    runs.iter().filter(move |run| Some(intrinsic_lr(run)) == wanted)
}
