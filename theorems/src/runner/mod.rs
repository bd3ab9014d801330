//! Judges claims: instances are admitted, records made, claims measured on them, and all of it decided at the end.

mod admission;
mod store;

use std::io;

use rayon::prelude::*;
use sharpflow::data::DataError;
use thiserror::Error;

use crate::evidence::{
    ClaimEvidence, Dropped, InstanceEvidence, InstancePlan, Measurement, PROVENANCE, Parameters, SCHEMA, Status,
    StudyEvidence, Summary, Table, Verdict,
};
use crate::experiments::EXPERIMENTS;
use crate::instance::{Instance, Rejected};
use crate::judging::{Done, Finding, Found, Part};
use crate::population::{Population, Source};
use crate::progress::Progress;
use crate::theorem::Theorem;
use crate::verdict::{decide, intervals, level_of_one};
use admission::{admit, admit_data, admit_network};
pub use store::Store;

/// Distinct instances whose hypotheses must hold before a ladder claim is confirmed (one, on a user's own data).
const LEAST_INSTANCES: usize = 3;

/// The question that a study answers: which claims, on which population.
#[derive(Clone, Debug)]
pub struct Study {
    pub claims: Vec<&'static Theorem>,
    pub population: Population,
}

/// Why a study has no evidence at all.
#[derive(Debug, Error)]
pub enum StudyError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("instance {name}: {source}")]
    Rejected { name: String, source: Box<Rejected> },
    #[error("what was found cannot be kept: {0}")]
    Store(#[from] io::Error),
}

/// The messages that a long study sends while it runs.
pub enum Event<'a> {
    /// The instances that claims are judged on.
    Admitted(&'a [Instance]),
    /// The steps of descent known to lie ahead, in all.
    Total(u64),
    /// What is being done now.
    Now(String),
}

/// Runs a study. `tell` receives its progress, `progress` can stop the study, and parts that `store` holds are not done again.
///
/// # Errors
/// The user's data cannot be read; a record cannot be made; the store cannot be written to.
pub fn run(
    study: &Study,
    progress: &Progress,
    tell: &(dyn Fn(Event<'_>) + Sync),
    store: &Store,
) -> Result<StudyEvidence, StudyError> {
    let population = &study.population;
    let mut gathered = Gathered::default();
    let mut instances = Vec::new();
    if study.claims.iter().any(|claim| claim.is_about_instances()) {
        instances = match &population.source {
            Source::Network { network, most_steps, .. } => {
                admit_network(&population.source.name(), network, (population.seed, *most_steps), &mut gathered)
            }
            Source::Data { data, .. } => admit_data(&population.source.name(), data, population.seed, &mut gathered)?,
            Source::BuiltIn => admit(population, progress, &mut gathered),
        };
    }
    tell(Event::Admitted(&instances));
    for (instance, why) in instances.iter().filter_map(|one| Some((one, one.without_runs.as_ref()?))) {
        let claims = study.claims.iter().filter(|claim| claim.is_at_the_edge());
        gathered.not_judged.extend(claims.map(|claim| (claim.id.into(), format!("{}: {why}", instance.name))));
    }
    let parts = EXPERIMENTS.iter().flat_map(|experiment| experiment.parts(&study.claims, population, &instances));
    let parts: Vec<Part<'_>> = parts.collect();
    tell(Event::Total(parts.iter().map(|part| part.steps).sum()));
    // Parts run side by side, and an idle thread takes the next part. The result is `None` when stopped.
    let of_part = |part: &Part<'_>| -> Result<Option<Done>, StudyError> {
        if progress.stopped() {
            return Ok(None);
        }
        let name = &part.name;
        tell(Event::Now(name.clone()));
        if let Some(done) = store.load(name) {
            progress.add(part.steps);
            return Ok(Some(done));
        }
        let rejected = |source| StudyError::Rejected { name: name.clone(), source: Box::new(source) };
        let Some(done) = part.done(progress).map_err(rejected)? else { return Ok(None) };
        store.save(name, &done)?;
        Ok(Some(done))
    };
    let done: Vec<_> = parts.par_iter().with_max_len(1).map(of_part).collect::<Result<_, _>>()?;
    done.into_iter().flatten().for_each(|(findings, tables)| {
        gathered.add(findings);
        gathered.tables.extend(tables);
    });
    drop(parts);
    // The tables of an instance stand together; those of no instance come last.
    gathered.tables.sort_by_key(|table| {
        let place = instances.iter().position(|instance| instance.name == table.instance);
        place.unwrap_or(instances.len())
    });
    let plans = instances.into_iter().map(|i| InstancePlan { name: i.name, plan: i.plan });
    let status = if progress.stopped() { Status::Partial } else { Status::Complete };
    Ok(gathered.decide(study, plans.collect(), status))
}

/// The measurements so far, each with its claim.
#[derive(Default)]
struct Gathered {
    measured: Vec<(String, Measurement)>,
    not_judged: Vec<(String, String)>,
    /// Instances that could not be made, and why.
    not_admitted: Vec<String>,
    dropped: Vec<Dropped>,
    tables: Vec<Table>,
}

impl Gathered {
    fn add(&mut self, findings: Vec<Finding>) {
        for Finding { claim, found } in findings {
            match found {
                Found::Measured(measurement) => self.measured.push((claim, measurement)),
                Found::Skipped(why) => self.not_judged.push((claim, why)),
            }
        }
    }

    fn decide(self, study: &Study, instances: Vec<InstancePlan>, status: Status) -> StudyEvidence {
        let family: usize = self.measured.iter().map(|(_, m)| intervals(m)).sum();
        let level = level_of_one(family);
        let names: Vec<String> = instances.iter().map(|instance| instance.name.clone()).collect();
        let claims = study.claims.iter().map(|claim| {
            let of_claim = self.measured.iter().filter(|(id, _)| id == claim.id);
            let instances: Vec<InstanceEvidence> = of_claim.map(|(_, m)| decide(m.clone(), level)).collect();
            let not_judged = self.not_judged.iter().filter(|(id, _)| id == claim.id).map(|(_, why)| why.clone());
            let mut not_judged: Vec<String> = not_judged.collect();
            if claim.is_about_instances() {
                not_judged.extend(self.not_admitted.iter().cloned());
            }
            claim_evidence(study, status, claim, (instances, not_judged), &names)
        });
        let (regressions, networks) = study.population.draws();
        let parameters = Parameters {
            claims: study.claims.iter().map(|claim| claim.id.into()).collect(),
            seed: study.population.seed,
            regressions,
            networks,
            input: study.population.source.input(),
            intervals: family,
            level_of_one: level,
        };
        let claims = claims.collect();
        let schema = SCHEMA.into();
        let summary = Summary { schema, status, provenance: PROVENANCE, parameters, instances, dropped: self.dropped };
        StudyEvidence { summary, claims, tables: self.tables }
    }
}

/// The worst verdict over the instances whose hypotheses held, if there are enough of them.
fn claim_evidence(
    study: &Study,
    status: Status,
    claim: &Theorem,
    (instances, not_judged): (Vec<InstanceEvidence>, Vec<String>),
    names: &[String],
) -> ClaimEvidence {
    let is_drawn = claim.is_about_instances() && study.population.source.is_built_in();
    let least = if is_drawn { LEAST_INSTANCES } else { 1 };
    let (held, failed): (Vec<_>, Vec<_>) = instances.iter().partition(|i| i.verdict != Verdict::HypothesisFailed);
    let said = |instance: &InstanceEvidence| format!("{}: {}", instance.instance, instance.reason);
    // Several optimizers on one instance are one instance.
    let is_on = |name: &str, one: &InstanceEvidence| {
        one.instance.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(", "))
    };
    let distinct = match names.iter().filter(|name| held.iter().any(|one| is_on(name, one))).count() {
        0 => held.len(),
        count => count,
    };
    let (verdict, reason) = match held.iter().min_by_key(|i| i.verdict) {
        Some(worst) if worst.verdict != Verdict::Confirmed => (worst.verdict, said(worst)),
        Some(_) if failed.len() > held.len() => {
            let (failed, tried) = (failed.len(), instances.len());
            (Verdict::Inconclusive, format!("its hypotheses failed on {failed} of {tried} instances"))
        }
        Some(_) if distinct >= least => (Verdict::Confirmed, String::new()),
        Some(_) if status == Status::Partial => (Verdict::Inconclusive, "interrupted before it was judged".into()),
        Some(_) => (Verdict::Inconclusive, format!("judged on {distinct} instances, {least} are needed")),
        None => match failed.first() {
            Some(first) => (Verdict::HypothesisFailed, said(first)),
            None => match (status, not_judged.first()) {
                (Status::Partial, _) => (Verdict::Inconclusive, "interrupted before it was judged".into()),
                (Status::Complete, why) => {
                    (Verdict::NotJudged, why.cloned().unwrap_or_else(|| "no instance of this study concerns it".into()))
                }
            },
        },
    };
    ClaimEvidence {
        id: claim.id.into(),
        title: claim.title.into(),
        strength: claim.strength,
        statement: claim.statement.into(),
        latex: claim.latex.into(),
        source: claim.source.into(),
        note: claim.note(),
        coefficients: claim.coefficients.map(Into::into),
        verdict,
        reason,
        instances,
        not_judged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::find;

    fn verdict_on(instances: &[(&str, Verdict)]) -> (Verdict, String) {
        let source = Source::BuiltIn;
        let study = Study { claims: vec![], population: Population { seed: 0, regressions: 3, networks: 1, source } };
        let of = |&(instance, verdict): &(&str, Verdict)| InstanceEvidence::bare(instance, verdict);
        let names = ["one", "two", "three", "three more"].map(String::from);
        let judged = (instances.iter().map(of).collect(), vec![]);
        let found = claim_evidence(&study, Status::Complete, find("heavy_ball").unwrap(), judged, &names);
        (found.verdict, found.reason)
    }

    /// Several optimizers on one instance are one instance, and three different ones are needed.
    #[test]
    fn three_distinct_instances_are_needed() {
        let confirmed = |name| (name, Verdict::Confirmed);
        let variants = ["one", "one, μ = 0.25", "two, μ = 0.25", "two, μ = 0.5"].map(confirmed);
        assert_eq!(verdict_on(&variants), (Verdict::Inconclusive, "judged on 2 instances, 3 are needed".into()));
        let distinct = ["one, μ = 0.25", "two", "three more, μ = 0.5"].map(confirmed);
        assert_eq!(verdict_on(&distinct).0, Verdict::Confirmed);
    }

    /// A claim whose hypotheses fail on most of what was tried is not confirmed on the rest.
    #[test]
    fn hypotheses_must_hold_on_most() {
        let mut all: Vec<_> = ["one", "two", "three"].map(|name| (name, Verdict::Confirmed)).to_vec();
        let failed = |k: usize| ["a", "b", "c", "d"][k];
        all.extend((0..3).map(|k| (failed(k), Verdict::HypothesisFailed)));
        assert_eq!(verdict_on(&all).0, Verdict::Confirmed);
        all.push((failed(3), Verdict::HypothesisFailed));
        let (verdict, reason) = verdict_on(&all);
        assert_eq!(verdict, Verdict::Inconclusive);
        assert_eq!(reason, "its hypotheses failed on 4 of 7 instances");
    }
}
