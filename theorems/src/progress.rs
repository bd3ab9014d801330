//! How far long work is, and whether it is asked to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The signal by which long work is stopped, and the counter that it reports to.
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

    /// A function that `runs` runs side by side call at each pulse. It reports the steps since the last pulse, and says whether to go on.
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
