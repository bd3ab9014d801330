//! An experiment with the claims that read it: the parts of a study's work.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::evidence::{Hypothesis, Measurement, Table};
use crate::experiment::{Experiment, Judged, NotJudged, NotRun, Readers, Subject};
use crate::instance::{Instance, Rejected};
use crate::population::Population;
use crate::progress::Progress;
use crate::theorem::Theorem;
use crate::verdict::is_for_finer_rungs;

/// The result of a part: findings, and tables to be looked at.
pub type Done = (Vec<Finding>, Vec<Table>);

/// What one claim made of one record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    pub claim: String,
    pub found: Found,
}

/// A measurement, or why there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Found {
    Measured(Measurement),
    Skipped(String),
}

/// An experiment on one subject.
pub struct Part<'a> {
    /// What it is called while it is done, and where its findings are kept.
    pub name: String,
    /// The steps of descent that it will report.
    pub steps: u64,
    #[expect(clippy::type_complexity, reason = "it is told here alone")]
    work: Box<dyn Fn(&Progress) -> Result<Option<Done>, Rejected> + Sync + 'a>,
}

impl Part<'_> {
    /// Makes the records, has them judged, and keeps what is to be looked at. `None` when stopped.
    ///
    /// # Errors
    /// A record cannot be made.
    pub fn done(&self, progress: &Progress) -> Result<Option<Done>, Rejected> {
        (self.work)(progress)
    }
}

/// An [`Experiment`] of whatever record.
pub trait AnyExperiment: Sync {
    /// The parts of a study that are this experiment.
    fn parts<'a>(
        &self,
        claims: &'a [&'static Theorem],
        population: &'a Population,
        instances: &'a [Instance],
    ) -> Vec<Part<'a>>;
}

impl<E: Experiment> AnyExperiment for E {
    fn parts<'a>(
        &self,
        claims: &'a [&'static Theorem],
        population: &'a Population,
        instances: &'a [Instance],
    ) -> Vec<Part<'a>> {
        if !claims.iter().any(|claim| E::serves(claim.judged_on)) {
            return vec![];
        }
        let subjects = E::On::all(population, instances).into_iter();
        let run = subjects.filter(|on| (on.has_runs() || !E::AT_THE_EDGE) && E::suits(population, on));
        let part = |on: &'a E::On| Part {
            name: on.part(E::NAME),
            steps: E::steps(on),
            work: Box::new(move |progress| done::<E>(claims, population, on, progress)),
        };
        run.map(part).collect()
    }
}

fn done<E: Experiment>(
    claims: &[&'static Theorem],
    population: &Population,
    on: &E::On,
    progress: &Progress,
) -> Result<Option<Done>, Rejected> {
    let mut reading = Reading { claims, findings: Vec::new(), last: 0 };
    let ran = E::run(population, on, progress, &mut reading);
    let mut findings = reading.findings;
    let tables = match ran {
        Ok(tables) => tables,
        Err(NotRun::Stopped) => return Ok(None),
        Err(NotRun::Rejected(rejected)) => return Err(rejected),
        Err(NotRun::Skipped(why)) => {
            findings = ask::<E>(claims, |_| Err(NotJudged::Because(why.clone())));
            vec![]
        }
        Err(NotRun::Broken { instance, hypothesis }) => {
            let broken = Measurement {
                instance,
                hypotheses: vec![hypothesis],
                statements: vec![],
                twins: vec![],
                constants: vec![],
                sensitivity: vec![],
            };
            findings = ask::<E>(claims, |_| Ok(broken.clone()));
            vec![]
        }
    };
    Ok((!progress.stopped()).then_some((findings, tables)))
}

/// Claims that read records, and what they found so far.
struct Reading<'a> {
    claims: &'a [&'static Theorem],
    findings: Vec<Finding>,
    /// Where the findings on the last record begin.
    last: usize,
}

impl<E: Experiment> Readers<E> for Reading<'_> {
    fn read(&mut self, seen: E::Seen<'_>) -> bool {
        self.last = self.findings.len();
        self.findings.extend(ask::<E>(self.claims, |judge| judge(seen)));
        self.is_undecided()
    }

    fn read_again(&mut self, seen: E::Seen<'_>) -> bool {
        let found = ask::<E>(self.claims, |judge| judge(seen));
        let breaks = |finding: &Finding| match &finding.found {
            Found::Measured(measurement) => !measurement.hypotheses.iter().all(Hypothesis::holds),
            Found::Skipped(_) => false,
        };
        if found.iter().any(breaks) {
            return false;
        }
        self.findings.truncate(self.last);
        self.findings.extend(found);
        self.is_undecided()
    }
}

impl Reading<'_> {
    /// Whether finer rungs may decide what is undecided on the last record.
    fn is_undecided(&self) -> bool {
        let of_record = &self.findings[self.last..];
        of_record
            .iter()
            .any(|finding| matches!(&finding.found, Found::Measured(measurement) if is_for_finer_rungs(measurement)))
    }
}

/// What every claim that reads the experiment says, asked in parallel; in the claims' order.
fn ask<E: Experiment>(
    claims: &[&'static Theorem],
    of: impl Fn(for<'a> fn(E::Seen<'a>) -> Judged) -> Judged + Sync,
) -> Vec<Finding> {
    let found = claims.par_iter().filter_map(|claim| {
        let found = match of(claim.on::<E>()?) {
            Ok(measurement) => Found::Measured(measurement),
            Err(NotJudged::Because(why)) => Found::Skipped(why),
            Err(NotJudged::Unconcerned) => return None,
        };
        Some(Finding { claim: claim.id.into(), found })
    });
    found.collect()
}
