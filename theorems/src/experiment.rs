//! An experiment is a kind of run that claims are judged on. Each kind is a file in [`crate::experiments`].

use std::any::Any;
use std::fmt;

use thiserror::Error;

use crate::evidence::{Hypothesis, Measurement, Table};
use crate::instance::{Instance, Rejected};
use crate::population::Population;
use crate::progress::Progress;

/// A kind of run. An experiment makes records and shows them to claims, without knowing the claims.
pub trait Experiment: Sized + Sync + 'static {
    /// What it is run on.
    type On: Subject;
    /// What a claim is shown: a record, and what it is a record of.
    type Seen<'a>: Copy + Send + Sync;

    /// What it is called while it runs, and where its findings are kept.
    const NAME: &'static str;
    /// Whether it needs runs at the edge of stability, beyond what a point of Γ shows.
    const AT_THE_EDGE: bool;

    /// Whether it has anything to say on a subject.
    fn suits(population: &Population, on: &Self::On) -> bool;

    /// How many steps of descent it takes on a subject.
    fn steps(on: &Self::On) -> u64;

    /// Makes the records of a subject and lets the claims read each of them; returns the tables to be looked at.
    ///
    /// # Errors
    /// Why there is no record.
    fn run(
        population: &Population,
        on: &Self::On,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun>;

    /// Whether the experiment is run for a claim with these judges: only if the claim reads its records.
    fn serves(judges: &[&'static dyn Judge]) -> bool {
        reads::<Self>(judges).is_some()
    }
}

/// The claims that read the records of an experiment.
pub trait Readers<E: Experiment> {
    /// Reads a record. Returns whether finer rungs may decide what is undecided on it.
    fn read(&mut self, seen: E::Seen<'_>) -> bool;

    /// Reads the last record again, which has finer rungs now. The new findings replace the former ones, unless a hypothesis fails on the finer rungs.
    fn read_again(&mut self, seen: E::Seen<'_>) -> bool;
}

/// How many rungs are added to a ladder at most while its claims are undecided. The first one takes about twice as long as the whole ladder that was planned.
const FINER: usize = 2;

/// Lets claims read the record of a ladder, and adds a finer rung as long as they are undecided on it (`proofs-notes/README.md`).
pub(crate) fn read_ladder<E, R: 'static>(
    claims: &mut dyn Readers<E>,
    instance: &Instance,
    record: &mut R,
    mut add_finer: impl FnMut(&mut R) -> Result<(), NotRun>,
) -> Result<(), NotRun>
where
    E: for<'a> Experiment<Seen<'a> = (&'a Instance, &'a R)>,
{
    let mut is_undecided = claims.read((instance, record));
    for _ in 0..FINER {
        if !is_undecided {
            break;
        }
        add_finer(record)?;
        is_undecided = claims.read_again((instance, record));
    }
    Ok(())
}

/// What an experiment is run on: the population of a study as a whole, or each instance.
pub trait Subject: Sync {
    /// Whether it is one instance of several.
    const IS_INSTANCE: bool;

    /// All subjects of a study.
    fn all<'a>(population: &'a Population, instances: &'a [Instance]) -> Vec<&'a Self>;

    /// The population itself, if subjects of this kind are populations.
    fn whole(population: &Population) -> Option<&Self>;

    /// The name of a part of a study's work: an experiment on this subject.
    fn part(&self, experiment: &str) -> String;

    /// Whether runs at the edge of stability can be made on it.
    fn has_runs(&self) -> bool;
}

impl Subject for Population {
    const IS_INSTANCE: bool = false;

    fn all<'a>(population: &'a Population, _: &'a [Instance]) -> Vec<&'a Self> {
        vec![population]
    }

    fn whole(population: &Population) -> Option<&Self> {
        Some(population)
    }

    fn part(&self, experiment: &str) -> String {
        experiment.into()
    }

    fn has_runs(&self) -> bool {
        true
    }
}

impl Subject for Instance {
    const IS_INSTANCE: bool = true;

    fn all<'a>(_: &'a Population, instances: &'a [Instance]) -> Vec<&'a Self> {
        instances.iter().collect()
    }

    fn whole(_: &Population) -> Option<&Self> {
        None
    }

    fn part(&self, experiment: &str) -> String {
        format!("{}: {experiment}", self.name)
    }

    fn has_runs(&self) -> bool {
        self.without_runs.is_none()
    }
}

/// Why an experiment has no record.
#[derive(Debug, Error)]
pub enum NotRun {
    #[error("it was stopped")]
    Stopped,
    /// There is nothing to be measured.
    #[error("{0}")]
    Skipped(String),
    /// Its runs break what every claim on them assumes.
    #[error("{instance}: {}: {}", hypothesis.what, hypothesis.place)]
    Broken { instance: String, hypothesis: Hypothesis },
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl Progress {
    /// Passes unless the work was asked to stop.
    pub(crate) fn goes_on(&self) -> Result<(), NotRun> {
        if self.stopped() { Err(NotRun::Stopped) } else { Ok(()) }
    }
}

/// What a claim makes of a record.
pub type Judged = Result<Measurement, NotJudged>;

/// Why a claim makes nothing of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum NotJudged {
    /// The claim concerns the record, but the record does not show enough, for this reason.
    Because(String),
    /// The claim does not concern such a record.
    Unconcerned,
}

/// What a claim measures on an experiment's records.
pub struct On<E: Experiment>(pub for<'a> fn(E::Seen<'a>) -> Judged);

impl<E: Experiment> fmt::Debug for On<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "On({})", E::NAME)
    }
}

/// An [`On`] of any experiment, so that a claim can be judged on several experiments.
pub trait Judge: Any + fmt::Debug + Sync {
    /// Whether it is judged on instances, each by itself.
    fn is_about_instances(&self) -> bool;

    /// Whether it needs runs at the edge of stability.
    fn is_at_the_edge(&self) -> bool;

    /// Whether the experiment has anything to say on a population.
    fn suits(&self, population: &Population) -> bool;
}

impl<E: Experiment> Judge for On<E> {
    fn is_about_instances(&self) -> bool {
        E::On::IS_INSTANCE
    }

    fn is_at_the_edge(&self) -> bool {
        E::On::IS_INSTANCE && E::AT_THE_EDGE
    }

    fn suits(&self, population: &Population) -> bool {
        E::On::whole(population).is_none_or(|whole| E::suits(population, whole))
    }
}

/// What a claim with these judges measures on the records of an experiment.
pub fn reads<E: Experiment>(judges: &[&'static dyn Judge]) -> Option<for<'a> fn(E::Seen<'a>) -> Judged> {
    judges.iter().find_map(|&judge| (judge as &dyn Any).downcast_ref::<On<E>>()).map(|on| on.0)
}
