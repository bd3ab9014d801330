//! Running a study while the terminal tells how far it is.

use std::time::Instant;

use rayon::ThreadPoolBuilder;
use sharpflow_theorems::evidence::{Circumstances, StudyEvidence};
use sharpflow_theorems::instance::Instance;
use sharpflow_theorems::progress::Progress;
use sharpflow_theorems::runner::{Event, Store, Study, run};

use crate::error::CliError;
use crate::progress::with_bar;

/// Runs a study on threads of its own, under a bar, until it ends or `progress` is stopped. `admitted` is shown the instances before they run.
pub fn judged(
    study: &Study,
    store: &Store,
    threads: Option<u16>,
    hidden: bool,
    progress: &Progress,
    admitted: &(dyn Fn(&[Instance]) + Sync),
) -> Result<(StudyEvidence, Circumstances), CliError> {
    let pool = ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0).into()).build()?;
    let started = Instant::now();
    let evidence = with_bar(hidden, progress, |bar| {
        let tell = |event: Event<'_>| match event {
            Event::Admitted(instances) => admitted(instances),
            Event::Total(steps) => bar.set_length(steps),
            Event::Now(what) => bar.set_message(what),
        };
        pool.install(|| run(study, progress, &tell, store))
    })?;
    Ok((evidence, Circumstances::new(started.elapsed().as_secs_f64(), pool.current_num_threads())))
}
