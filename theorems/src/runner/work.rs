//! The parts a study's work is done in: one record each, and what every claim measures on it.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sharpflow::sphere::Space;

use super::{Source, Study, StudyError};
use crate::evidence::{Hypothesis, Measurement, Table};
use crate::hypotheses::of_identities;
use crate::instance::{Instance, Rejected, point_of};
use crate::records::{
    DynamicsRecord, GROWN, GrowthRecord, HeldOutRecord, IdentityRecord, LadderRecord, PortraitRecord, Progress, SEEDS,
    Scope, StableError, StableRecord, SwingRecord, draws, held_out_run,
};
use crate::tables;
use crate::theorem::{Judge, Theorem};

/// What came of a part: findings, and tables to be looked at.
pub(super) type Done = (Vec<Finding>, Vec<Table>);

/// What one claim made of one record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Finding {
    pub claim: String,
    pub found: Judged,
}

/// A measurement, or why there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Judged {
    Measured(Measurement),
    Skipped(String),
}

/// A part of a study's work.
pub(super) enum Work<'a> {
    Identities,
    Steps,
    Smooth,
    On(&'a Instance, Runs),
    HeldOut,
}

/// What is run on an instance.
#[derive(Clone, Copy, Debug)]
pub(super) enum Runs {
    Points,
    Stable,
    Ladder,
    Swings,
    Growth,
    Dynamics,
    Portrait,
}

impl<'a> Work<'a> {
    /// All that a study asks for, in the order in which it is done.
    pub fn of(study: &Study, instances: &'a [Instance]) -> Vec<Self> {
        let mut all = vec![Self::Identities, Self::Steps, Self::Smooth];
        let runs =
            [Runs::Points, Runs::Stable, Runs::Ladder, Runs::Swings, Runs::Growth, Runs::Dynamics, Runs::Portrait];
        for instance in instances {
            let on_sphere = instance.loss.space() == Space::Sphere;
            // Without the sphere the theory speaks of other dynamics alone.
            let runs = runs.into_iter().filter(|runs| on_sphere || matches!(runs, Runs::Dynamics));
            let is_whole = instance.without_runs.is_none();
            let runs = runs.filter(|runs| is_whole || matches!(runs, Runs::Points | Runs::Stable));
            all.extend(runs.map(|runs| Self::On(instance, runs)));
        }
        all.push(Self::HeldOut);
        all.retain(|work| {
            let suits = match work {
                Self::Steps => !matches!(study.source, Source::Network { .. }),
                Self::Smooth | Self::HeldOut => study.source.is_built_in(),
                Self::On(instance, Runs::Portrait) => PortraitRecord::suits(instance),
                _ => true,
            };
            suits && study.claims.iter().any(|claim| work.serves(&claim.judge))
        });
        all
    }

    fn serves(&self, judge: &Judge) -> bool {
        match self {
            Self::Identities => !judge.identities().is_empty(),
            Self::Steps => matches!(judge, Judge::Steps(..)),
            Self::Smooth => matches!(judge, Judge::Stable(_) | Judge::Sphere(_)),
            Self::On(_, Runs::Points) => matches!(judge, Judge::Points(_)),
            Self::On(_, Runs::Stable) => matches!(judge, Judge::Stable(_)),
            Self::On(_, Runs::Ladder | Runs::Portrait) => judge.needs_ladder(),
            Self::On(_, Runs::Swings) => matches!(judge, Judge::Swings(_)),
            Self::On(_, Runs::Growth) => matches!(judge, Judge::Growth(_)),
            Self::On(_, Runs::Dynamics) => matches!(judge, Judge::Dynamics(..)),
            Self::HeldOut => matches!(judge, Judge::HeldOut(_)),
        }
    }

    /// What it is called while it is done, and where its findings are kept.
    pub fn name(&self) -> String {
        match self {
            Self::Identities => "exact identities".into(),
            Self::Steps => "random steps".into(),
            Self::Smooth => "losses smooth on all of S".into(),
            Self::On(instance, runs) => format!("{}: {}", instance.name, format!("{runs:?}").to_lowercase()),
            Self::HeldOut => "held-out error".into(),
        }
    }

    /// Steps of descent it will report.
    pub fn steps(&self) -> u64 {
        match self {
            Self::On(instance, Runs::Ladder) => LadderRecord::steps(instance),
            Self::On(instance, Runs::Swings) => SwingRecord::steps(instance),
            Self::On(instance, Runs::Growth) => GrowthRecord::steps(instance),
            Self::On(instance, Runs::Dynamics) => DynamicsRecord::steps(instance),
            Self::HeldOut => HeldOutRecord::steps(),
            _ => 0,
        }
    }

    /// Makes the record, has it judged, and keeps what is to be looked at. `None` when stopped.
    ///
    /// # Errors
    /// A record that cannot be made.
    pub fn done(&self, study: &Study, progress: &Progress) -> Result<Option<Done>, StudyError> {
        let rejected = |source: Rejected| StudyError::Rejected { name: self.name(), source };
        let mut tables = Vec::new();
        let measured = match self {
            Self::Identities => {
                if let Source::Network { name, network } = &study.source
                    && let Err(unfit) = point_of(network, study.seed).map_err(Rejected::from).map_err(rejected)?
                {
                    let skipped = |claim: &Theorem| match claim.judge.identities() {
                        [] => vec![],
                        _ => vec![Judged::Skipped(format!("{name}: {unfit}"))],
                    };
                    return Ok(Some((judge(study, skipped), tables)));
                }
                let records = match &study.source {
                    Source::Network { name, network } => {
                        let small = network.with_rational_activations();
                        IdentityRecord::new(name, network, &small, study.seed).map(|record| vec![record])
                    }
                    _ => IdentityRecord::all(study.seed),
                };
                let records = records.map_err(rejected)?;
                let mut found = Vec::new();
                for record in &records {
                    found.extend(judge(study, |claim| match claim.judge.identities() {
                        [] => vec![],
                        identities => measured([of_identities(record, identities)]),
                    }));
                }
                Some(found)
            }
            Self::Steps => {
                let mut found = Vec::new();
                for (arithmetic, draws) in draws(study.seed).map_err(rejected)? {
                    let instance = format!("random steps in {arithmetic}");
                    found.extend(judge(study, |claim| match claim.judge {
                        Judge::Steps(_, judge) => {
                            measured([Measurement { instance: instance.clone(), ..judge(&draws) }])
                        }
                        _ => vec![],
                    }));
                }
                Some(found)
            }
            Self::Smooth => {
                let records = StableRecord::smooth(study.seed, progress);
                stable(study, &self.name(), records, Scope::Sphere)
            }
            Self::On(instance, Runs::Stable) => {
                let record = StableRecord::of_instance(instance, study.seed, progress);
                stable(study, &instance.name, record.map(|record| record.map(|r| vec![r])), Scope::Path)
            }
            Self::On(instance, Runs::Points) => Some(judge(study, |claim| match claim.judge {
                Judge::Points(judge) => measured([judge(instance)]),
                _ => vec![],
            })),
            Self::On(instance, Runs::Ladder) => LadderRecord::new(instance, progress)?.map(|record| {
                tables = tables::of_ladder(instance, &record);
                judge(study, |claim| of_ladder(claim, instance, &record))
            }),
            Self::On(instance, Runs::Portrait) => {
                if let Ok(Some(record)) = PortraitRecord::new(instance, progress) {
                    tables = tables::of_portrait(instance, &record);
                }
                // A picture that cannot be made says nothing of any claim.
                Some(vec![])
            }
            Self::On(instance, Runs::Swings) => SwingRecord::new(instance, progress)?.map(|record| {
                tables = tables::of_swings(&instance.name, record.swings.iter());
                judge(study, |claim| match claim.judge {
                    Judge::Swings(judge) => measured([judge(instance, &record)]),
                    _ => vec![],
                })
            }),
            Self::On(instance, Runs::Growth) => {
                let records = GROWN.map(|dynamics| GrowthRecord::new(instance, dynamics, progress).map_err(rejected));
                let records: Option<Vec<GrowthRecord>> = records.into_iter().collect::<Result<_, StudyError>>()?;
                records.map(|records| {
                    judge(study, |claim| records.iter().flat_map(|r| of_growth(claim, instance, r)).collect())
                })
            }
            Self::On(instance, Runs::Dynamics) => DynamicsRecord::all(instance, progress)?.map(|records| {
                judge(study, |claim| records.iter().flat_map(|r| of_dynamics(claim, instance, r)).collect())
            }),
            Self::HeldOut => {
                let runs = (0..SEEDS).into_par_iter().map(|seed| held_out_run(seed, progress));
                let seeds: Option<Vec<_>> =
                    runs.collect::<Result<Vec<_>, _>>().map_err(rejected)?.into_iter().collect();
                seeds.map(|seeds| {
                    let record = HeldOutRecord { seeds };
                    tables = tables::of_held_out(&record);
                    judge(study, |claim| match claim.judge {
                        Judge::HeldOut(judge) => measured([judge(&record)]),
                        _ => vec![],
                    })
                })
            }
        };
        Ok(measured.filter(|_| !progress.stopped()).map(|findings| (findings, tables)))
    }
}

fn measured(measurements: impl IntoIterator<Item = Measurement>) -> Vec<Judged> {
    measurements.into_iter().map(Judged::Measured).collect()
}

/// Asks every claim, in parallel; in the claims' order.
fn judge(study: &Study, of: impl Fn(&Theorem) -> Vec<Judged> + Sync) -> Vec<Finding> {
    let all: Vec<(&'static str, Vec<Judged>)> = study.claims.par_iter().map(|claim| (claim.id, of(claim))).collect();
    let findings = |(id, judged): (&str, Vec<Judged>)| -> Vec<Finding> {
        judged.into_iter().map(|found| Finding { claim: id.into(), found }).collect()
    };
    all.into_iter().flat_map(findings).collect()
}

fn of_ladder(claim: &Theorem, instance: &Instance, record: &LadderRecord) -> Vec<Judged> {
    match claim.judge {
        Judge::Ladder(judge) => measured([judge(instance, record)]),
        Judge::Regression(judge) => match instance.loss.regression().map(|r| judge(instance, r, record)) {
            Some(Some(measurement)) => measured([measurement]),
            Some(None) => {
                vec![Judged::Skipped(format!("{}: its runs are too long to reach the claim's window", instance.name))]
            }
            None => vec![],
        },
        _ => vec![],
    }
}

fn of_growth(claim: &Theorem, instance: &Instance, record: &GrowthRecord) -> Vec<Judged> {
    let skipped = |why: &str| vec![Judged::Skipped(format!("{}: {why}", record.dynamics.name_on(instance)))];
    match claim.judge {
        Judge::Growth(_) if record.runs.is_empty() => skipped("a ladder of small enough ε takes too long"),
        Judge::Growth(judge) => match judge(instance, record) {
            Some(measurement) => measured([measurement]),
            None => skipped("log e moves too little to tell κ from its twins"),
        },
        _ => vec![],
    }
}

fn of_dynamics(claim: &Theorem, instance: &Instance, record: &DynamicsRecord) -> Vec<Judged> {
    match claim.judge {
        Judge::Dynamics(about, _) if !about(record.dynamics) => vec![],
        Judge::Dynamics(..) if record.runs.is_empty() => vec![Judged::Skipped(format!(
            "{}: runs short enough do not come so far as to tell the flow from wrong ones",
            record.dynamics.name_on(instance)
        ))],
        Judge::Dynamics(_, judge) => measured([judge(instance, record)]),
        _ => vec![],
    }
}

/// A record that cannot be made is a failed hypothesis: the loss has no finite curvature where it is run.
fn stable(
    study: &Study,
    name: &str,
    records: Result<Option<Vec<StableRecord>>, StableError>,
    scope: Scope,
) -> Option<Vec<Finding>> {
    let broken = |error: &StableError| Measurement {
        instance: name.into(),
        hypotheses: vec![Hypothesis {
            what: "the curvature is finite along the runs".into(),
            measured: f64::INFINITY,
            bound: 0.0,
            place: error.to_string(),
        }],
        statements: vec![],
        twins: vec![],
        constants: vec![],
    };
    let records = match records {
        Ok(records) => Ok(records?),
        Err(error) => Err(error),
    };
    Some(judge(study, |claim| match (claim.judge, &records) {
        (Judge::Stable(judge), Ok(records)) => measured([judge(records, scope)]),
        (Judge::Sphere(judge), Ok(records)) if scope == Scope::Sphere => measured([judge(records)]),
        (Judge::Stable(_), Err(error)) => measured([broken(error)]),
        (Judge::Sphere(_), Err(error)) if scope == Scope::Sphere => measured([broken(error)]),
        _ => vec![],
    }))
}
