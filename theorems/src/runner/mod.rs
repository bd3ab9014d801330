//! Judges claims: instances are admitted, records made, claims measured on them, and all of it decided at the end.

mod admission;
mod store;
mod work;

use std::io;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;
use sharpflow::data::{DataError, Dataset};
use sharpflow::descent::StepError;
use sharpflow::network::Network;
use thiserror::Error;

use crate::evidence::{ClaimEvidence, InstanceEvidence, Measurement, PROVENANCE, Provenance, Verdict};
use crate::instance::{Plan, Rejected};
use crate::records::Progress;
use crate::theorem::{Judge, Theorem};
use crate::verdict::{decide, intervals, level_of_one};
use admission::{admit, admit_data, admit_network};
pub use store::Store;
use work::{Finding, Judged, Work};

/// Instances whose hypotheses must hold before a ladder claim is confirmed (one, on a user's own data).
const LEAST_INSTANCES: usize = 3;

/// What is asked of a run.
#[derive(Clone, Debug)]
pub struct Study {
    pub claims: Vec<&'static Theorem>,
    pub seed: u64,
    /// Random linear regressions, besides the digits.
    pub regressions: usize,
    /// Random networks of each kind.
    pub networks: usize,
    pub source: Source,
}

/// Where instances come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The digits, random regressions, random networks.
    BuiltIn,
    /// A user's data and their target column; the only instance.
    Data { path: PathBuf, target: String },
    /// A user's network, under its name; the only instance.
    Network { name: String, network: Box<Network> },
}

impl Source {
    fn is_built_in(&self) -> bool {
        matches!(self, Self::BuiltIn)
    }

    /// Whether a claim can be judged on it.
    pub fn suits(&self, claim: &Theorem) -> bool {
        match (self, claim.judge) {
            (Self::BuiltIn, _) => true,
            // Neither the digits' own experiment nor losses smooth on all of S say anything of a user's instance.
            (_, Judge::HeldOut(_) | Judge::Sphere(_)) | (Self::Network { .. }, Judge::Regression(_)) => false,
            _ => true,
        }
    }
}

/// Why a study has no evidence at all.
#[derive(Debug, Error)]
pub enum StudyError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error("instance {name}: {source}")]
    Rejected { name: String, source: Rejected },
    #[error("what was found cannot be kept: {0}")]
    Store(#[from] io::Error),
}

/// Whether all that was asked was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Complete,
    /// Interrupted: what is here is whole, the rest is missing.
    Partial,
}

/// Everything a study found. The same bytes for the same seed, binary and kind of processor.
#[derive(Debug, Serialize)]
pub struct StudyEvidence {
    pub schema: &'static str,
    pub status: Status,
    pub provenance: Provenance,
    pub parameters: Parameters,
    pub claims: Vec<ClaimEvidence>,
    pub instances: Vec<InstancePlan>,
    /// Draws dropped before they ran, and why.
    pub dropped: Vec<String>,
}

/// What a study was asked, and the confidence its intervals got.
#[derive(Debug, Serialize)]
pub struct Parameters {
    pub seed: u64,
    pub regressions: usize,
    pub networks: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// How many intervals the run has, and the confidence of each.
    pub intervals: usize,
    pub level_of_one: f64,
}

/// An instance and what was run on it.
#[derive(Debug, Serialize)]
pub struct InstancePlan {
    pub name: String,
    #[serde(flatten)]
    pub plan: Plan,
}

/// What a long study tells while it runs.
pub enum Event {
    /// The steps of descent known to lie ahead, in all.
    Total(u64),
    /// What is being done now.
    Now(String),
}

/// Runs a study. `tell` hears of its progress; `progress` can stop it; what `store` holds of it is not done again.
///
/// # Errors
/// The user's data cannot be read; a record cannot be made; the store cannot be written to.
pub fn run(
    study: &Study,
    progress: &Progress,
    tell: &(dyn Fn(Event) + Sync),
    store: &Store,
) -> Result<StudyEvidence, StudyError> {
    let wants = |of: fn(&Judge) -> bool| study.claims.iter().any(|claim| of(&claim.judge));
    let mut found = Found::default();
    // Read even where no claim needs it: a file that cannot be read is the user's to know.
    let data = match &study.source {
        Source::Data { path, target } => Some((path.display().to_string(), Dataset::from_csv(path, target)?)),
        _ => None,
    };
    let mut instances = Vec::new();
    if wants(|judge| judge.needs_instances()) {
        instances = match (&study.source, &data) {
            (Source::Network { name, network }, _) => admit_network(name, network, study.seed, &mut found),
            (_, Some((name, data))) => admit_data(name, data, study.seed, &mut found)?,
            _ => admit(study, progress, &mut found),
        };
    }
    let parts = Work::of(study, &instances);
    tell(Event::Total(parts.iter().map(Work::steps).sum()));
    // Parts side by side: a thread that one leaves idle goes on to the next. `None` when stopped.
    let done = |part: &Work| -> Result<Option<Vec<Finding>>, StudyError> {
        if progress.stopped() {
            return Ok(None);
        }
        let name = part.name();
        tell(Event::Now(name.clone()));
        if let Some(findings) = store.load(&name) {
            progress.add(part.steps());
            return Ok(Some(findings));
        }
        let Some(findings) = part.findings(study, progress)? else { return Ok(None) };
        store.save(&name, &findings)?;
        Ok(Some(findings))
    };
    let findings: Vec<_> = parts.par_iter().with_max_len(1).map(done).collect::<Result<_, _>>()?;
    findings.into_iter().flatten().for_each(|findings| found.add(findings));
    let plans = instances.into_iter().map(|i| InstancePlan { name: i.name, plan: i.plan });
    let status = if progress.stopped() { Status::Partial } else { Status::Complete };
    Ok(found.decide(study, plans.collect(), status))
}

/// What has been measured so far, with the claim it belongs to.
#[derive(Default)]
struct Found {
    measured: Vec<(String, Measurement)>,
    not_judged: Vec<(String, String)>,
    /// Instances whose hypotheses failed before they could run.
    failed: Vec<InstanceEvidence>,
    dropped: Vec<String>,
}

impl Found {
    fn add(&mut self, findings: Vec<Finding>) {
        for Finding { claim, found } in findings {
            match found {
                Judged::Measured(measurement) => self.measured.push((claim, measurement)),
                Judged::Skipped(why) => self.not_judged.push((claim, why)),
            }
        }
    }

    fn decide(self, study: &Study, instances: Vec<InstancePlan>, status: Status) -> StudyEvidence {
        let family: usize = self.measured.iter().map(|(_, m)| intervals(m)).sum();
        let level = level_of_one(family);
        let claims = study.claims.iter().map(|claim| {
            let of_claim = self.measured.iter().filter(|(id, _)| id == claim.id);
            let mut instances: Vec<InstanceEvidence> = of_claim.map(|(_, m)| decide(m.clone(), level)).collect();
            if claim.judge.needs_instances() {
                instances.extend(self.failed.iter().cloned());
            }
            let not_judged = self.not_judged.iter().filter(|(id, _)| id == claim.id);
            claim_evidence(study, status, claim, instances, not_judged.map(|(_, why)| why.clone()).collect())
        });
        StudyEvidence {
            schema: "sharpflow-evidence/1",
            status,
            provenance: PROVENANCE,
            claims: claims.collect(),
            parameters: Parameters {
                seed: study.seed,
                regressions: if study.source.is_built_in() { study.regressions } else { 0 },
                networks: if study.source.is_built_in() { study.networks } else { 0 },
                data: match &study.source {
                    Source::Data { path, .. } => Some(path.display().to_string()),
                    _ => None,
                },
                target: match &study.source {
                    Source::Data { target, .. } => Some(target.clone()),
                    _ => None,
                },
                network: match &study.source {
                    Source::Network { name, .. } => Some(name.clone()),
                    _ => None,
                },
                intervals: family,
                level_of_one: level,
            },
            instances,
            dropped: self.dropped,
        }
    }
}

/// The worst verdict over the instances whose hypotheses held, if there are enough of them.
fn claim_evidence(
    study: &Study,
    status: Status,
    claim: &Theorem,
    instances: Vec<InstanceEvidence>,
    not_judged: Vec<String>,
) -> ClaimEvidence {
    let least = match claim.judge {
        judge if judge.needs_instances() && study.source.is_built_in() => LEAST_INSTANCES,
        _ => 1,
    };
    let (held, failed): (Vec<_>, Vec<_>) = instances.iter().partition(|i| i.verdict != Verdict::HypothesisFailed);
    let said = |instance: &InstanceEvidence| format!("{}: {}", instance.instance, instance.reason);
    let (verdict, reason) = match held.iter().min_by_key(|i| i.verdict) {
        Some(worst) if worst.verdict != Verdict::Confirmed => (worst.verdict, said(worst)),
        Some(_) if held.len() >= least => (Verdict::Confirmed, String::new()),
        _ => match failed.first() {
            Some(first) => (Verdict::HypothesisFailed, said(first)),
            None => {
                let reason = match status {
                    Status::Partial => "interrupted before it was judged".into(),
                    Status::Complete => format!("judged on {} instances, {least} are needed", held.len()),
                };
                (Verdict::Inconclusive, reason)
            }
        },
    };
    ClaimEvidence {
        id: claim.id,
        title: claim.title,
        strength: claim.strength,
        statement: claim.statement,
        latex: claim.latex,
        source: claim.source,
        note: claim.note(),
        verdict,
        reason,
        instances,
        not_judged,
    }
}
