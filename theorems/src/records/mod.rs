//! Runs, made once and judged by every claim they concern.

mod draw;
mod dynamics;
mod growth;
mod held_out;
mod identity;
mod ladder;
mod portrait;
mod relatives;
mod stable;
mod starts;
mod swing;

pub use draw::{Draw, Recursion, Remainder, draws};
pub use dynamics::{DYNAMICS, DynamicsRecord, OtherRun};
pub use growth::{GROWN, GrowthRecord, GrowthRun, LARGEST as GROWTH_ENERGY, READINGS as PERIOD_READINGS, Swung};
pub use held_out::{Ending, HeldOutRecord, Path, SEEDS, SeedRecord, held_out_run};
pub use identity::{FloatTrial, IdentityRecord};
pub use ladder::{LadderRecord, Run, Swing};
pub use portrait::{PortraitError, PortraitRecord};
pub(crate) use relatives::slower;
pub use relatives::{Dynamics, GRADIENT_DESCENT};
pub use stable::{Exit, MARGINS, Scope, StableError, StableRecord, StableRun, StableStep};
pub(crate) use swing::displacement_noise;
pub use swing::{DEEP, ENERGIES, ShortRun, SwingRecord};

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What long work looks at and reports to.
#[derive(Debug, Default)]
pub struct Progress {
    stop: AtomicBool,
    steps: AtomicU64,
}

impl Progress {
    /// Asks the work to end soon; what is whole is kept.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to end.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Steps of descent done so far.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Sets the steps done.
    pub(crate) fn reach(&self, steps: u64) {
        self.steps.store(steps, Ordering::Relaxed);
    }

    /// What `runs` runs side by side are asked at their pulses: reports the steps since the last one, and says whether to go on.
    pub(crate) fn pulse(&self, runs: u64) -> impl FnMut(u64) -> bool + '_ {
        let mut last = 0;
        move |step| {
            self.add(runs * (step - last));
            last = step;
            !self.stopped()
        }
    }

    pub(crate) fn add(&self, steps: u64) {
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }
}

/// The runs of the `k`-th smallest rung.
fn of_rung<R>(runs: &[R], rung: impl Fn(&R) -> f64, k: usize) -> impl Iterator<Item = &R> {
    let mut rungs: Vec<f64> = runs.iter().map(&rung).collect();
    rungs.sort_by(f64::total_cmp);
    rungs.dedup();
    let wanted = rungs.get(k).copied();
    runs.iter().filter(move |run| Some(rung(run)) == wanted)
}
