//! Judges claims: instances are admitted, records made, claims measured on them, and all of it decided at the end.

mod admission;

use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;
use sharpflow::data::{DataError, Dataset};
use sharpflow::descent::StepError;
use sharpflow::network::Network;
use thiserror::Error;

use crate::evidence::{ClaimEvidence, InstanceEvidence, Measurement, PROVENANCE, Provenance, Verdict};
use crate::hypotheses::of_identities;
use crate::instance::{Instance, Plan, Rejected};
use crate::records::{
    Draw, DynamicsRecord, HeldOutRecord, IdentityRecord, LadderRecord, Progress, SEEDS, SwingRecord, draws,
    held_out_run,
};
use crate::theorem::{Judge, Theorem};
use crate::verdict::{decide, intervals, level_of_one};
use admission::{admit, admit_data, admit_network};

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
            // The digits' own experiment has nothing to say of a user's instance.
            (_, Judge::HeldOut(_)) | (Self::Network { .. }, Judge::Regression(_)) => false,
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

/// Runs a study. `tell` hears of its progress; `progress` can stop it.
///
/// # Errors
/// The user's data cannot be read; a record cannot be made.
pub fn run(study: &Study, progress: &Progress, tell: &(dyn Fn(Event) + Sync)) -> Result<StudyEvidence, StudyError> {
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
    let held_out = study.source.is_built_in() && wants(|judge| matches!(judge, Judge::HeldOut(_)));
    let steps = |wanted: bool, of: fn(&Instance) -> u64| if wanted { instances.iter().map(of).sum() } else { 0 };
    tell(Event::Total(
        steps(wants(Judge::needs_ladder), LadderRecord::steps)
            + steps(wants(|judge| matches!(judge, Judge::Swings(_))), SwingRecord::steps)
            + steps(wants(|judge| matches!(judge, Judge::Dynamics(_))), DynamicsRecord::steps)
            + if held_out { HeldOutRecord::steps() } else { 0 },
    ));

    if wants(|judge| !judge.identities().is_empty()) {
        tell(Event::Now("exact identities".into()));
        let rejected = |source| StudyError::Rejected { name: "identities".into(), source };
        let records = match &study.source {
            Source::Network { name, network } => {
                let small = network.with_rational_activations();
                IdentityRecord::new(name, network, &small, study.seed).map(|record| vec![record])
            }
            _ => IdentityRecord::all(study.seed),
        };
        for record in records.map_err(rejected)? {
            found.measure(study, |claim| match claim.judge.identities() {
                [] => Judged::Other,
                identities => Judged::Measured(of_identities(&record, identities)),
            });
        }
    }
    if !matches!(study.source, Source::Network { .. }) && wants(|judge| matches!(judge, Judge::Steps(..))) {
        tell(Event::Now("random steps".into()));
        let rejected = |source| StudyError::Rejected { name: "random steps".into(), source };
        for (arithmetic, draws) in draws(study.seed).map_err(rejected)? {
            found.measure(study, |claim| measure_steps(claim, arithmetic, &draws));
        }
    }
    for instance in &instances {
        tell(Event::Now(instance.name.clone()));
        if progress.stopped() {
            break;
        }
        found.measure(study, |claim| match claim.judge {
            Judge::Points(judge) => Judged::Measured(judge(instance)),
            _ => Judged::Other,
        });
        if wants(Judge::needs_ladder)
            && let Some(record) = LadderRecord::new(instance, progress)?
        {
            found.measure(study, |claim| measure_ladder(claim, instance, &record));
        }
        if wants(|judge| matches!(judge, Judge::Swings(_)))
            && let Some(record) = SwingRecord::new(instance, progress)?
        {
            found.measure(study, |claim| match claim.judge {
                Judge::Swings(judge) => Judged::Measured(judge(instance, &record)),
                _ => Judged::Other,
            });
        }
        if wants(|judge| matches!(judge, Judge::Dynamics(_)))
            && let Some(records) = DynamicsRecord::all(instance, progress)?
        {
            found.measure(study, |claim| match claim.judge {
                Judge::Dynamics(_) if records.is_empty() => {
                    Judged::Skipped(format!("{}: its runs are too long to come far enough", instance.name))
                }
                Judge::Dynamics(judge) => Judged::Several(judge(instance, &records)),
                _ => Judged::Other,
            });
        }
    }
    if held_out {
        tell(Event::Now("held-out error".into()));
        if let Some(record) = held_out_record(progress)? {
            found.measure(study, |claim| measure_held_out(claim, &record));
        }
    }
    let plans = instances.into_iter().map(|i| InstancePlan { name: i.name, plan: i.plan });
    let status = if progress.stopped() { Status::Partial } else { Status::Complete };
    Ok(found.decide(study, plans.collect(), status))
}

/// What has been measured so far, with the claim it belongs to.
#[derive(Default)]
struct Found {
    measured: Vec<(&'static str, Measurement)>,
    not_judged: Vec<(&'static str, String)>,
    /// Instances whose hypotheses failed before they could run.
    failed: Vec<InstanceEvidence>,
    dropped: Vec<String>,
}

/// What a claim makes of a record: a measurement, a reason why not, or nothing (a record of another kind).
enum Judged {
    Measured(Measurement),
    Several(Vec<Measurement>),
    Skipped(String),
    Other,
}

fn measure_steps(claim: &Theorem, arithmetic: &str, draws: &[Draw]) -> Judged {
    match claim.judge {
        Judge::Steps(_, judge) => {
            Judged::Measured(Measurement { instance: format!("random steps in {arithmetic}"), ..judge(draws) })
        }
        _ => Judged::Other,
    }
}

fn measure_ladder(claim: &Theorem, instance: &Instance, record: &LadderRecord) -> Judged {
    match claim.judge {
        Judge::Ladder(judge) => Judged::Measured(judge(instance, record)),
        Judge::Regression(judge) => match instance.loss.regression().map(|r| judge(instance, r, record)) {
            Some(Some(measurement)) => Judged::Measured(measurement),
            Some(None) => {
                Judged::Skipped(format!("{}: its runs are too long to reach the claim's window", instance.name))
            }
            None => Judged::Other,
        },
        _ => Judged::Other,
    }
}

fn measure_held_out(claim: &Theorem, record: &HeldOutRecord) -> Judged {
    match claim.judge {
        Judge::HeldOut(judge) => Judged::Measured(judge(record)),
        _ => Judged::Other,
    }
}

impl Found {
    fn measure(&mut self, study: &Study, judge: impl Fn(&Theorem) -> Judged + Sync) {
        let judged: Vec<(&'static str, Judged)> =
            study.claims.par_iter().map(|claim| (claim.id, judge(claim))).collect();
        for (id, judged) in judged {
            match judged {
                Judged::Measured(measurement) => self.measured.push((id, measurement)),
                Judged::Several(several) => self.measured.extend(several.into_iter().map(|m| (id, m))),
                Judged::Skipped(why) => self.not_judged.push((id, why)),
                Judged::Other => {}
            }
        }
    }

    fn decide(self, study: &Study, instances: Vec<InstancePlan>, status: Status) -> StudyEvidence {
        let family: usize = self.measured.iter().map(|(_, m)| intervals(m)).sum();
        let level = level_of_one(family);
        let claims = study.claims.iter().map(|claim| {
            let of_claim = self.measured.iter().filter(|(id, _)| *id == claim.id);
            let mut instances: Vec<InstanceEvidence> = of_claim.map(|(_, m)| decide(m.clone(), level)).collect();
            if claim.judge.needs_instances() {
                instances.extend(self.failed.iter().cloned());
            }
            let not_judged = self.not_judged.iter().filter(|(id, _)| *id == claim.id);
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

fn held_out_record(progress: &Progress) -> Result<Option<HeldOutRecord>, StudyError> {
    let run = |seed: u64| {
        held_out_run(seed, progress)
            .map_err(|source| StudyError::Rejected { name: format!("digits (seed {seed})"), source })
    };
    let seeds = (0..SEEDS).into_par_iter().map(run);
    let seeds: Option<Vec<_>> = seeds.collect::<Result<Vec<_>, _>>()?.into_iter().collect();
    Ok(seeds.map(|seeds| HeldOutRecord { seeds }))
}
