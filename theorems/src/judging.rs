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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assumption::Assumption;
    use crate::evidence::{Check, Statement, Strength, Verdict};
    use crate::experiment::{On, read_ladder};
    use crate::population::Source;
    use crate::theorem::Concerns;
    use crate::verdict::{FAMILY_CONFIDENCE, decide};
    use sharpflow::data::Dataset;
    use sharpflow::measure::LadderPoint;

    /// A ladder of errors √x·exp(c√x) whose next term c is half of the seed of its study. Its hypothesis allows `most` rungs.
    struct Synthetic;

    struct Errors {
        points: Vec<LadderPoint>,
        next: f64,
        most: f64,
    }

    impl Errors {
        fn add_finer(&mut self) {
            let root = 10f64.powf(-0.25 * self.points.len() as f64);
            self.points.push(LadderPoint::new(0, root * root, root * (self.next * root).exp()));
        }
    }

    impl Experiment for Synthetic {
        type On = Instance;
        type Seen<'a> = (&'a Instance, &'a Errors);
        const NAME: &'static str = "synthetic";
        const AT_THE_EDGE: bool = false;

        fn suits(_: &Population, _: &Instance) -> bool {
            true
        }

        fn steps(_: &Instance) -> u64 {
            0
        }

        fn run(
            population: &Population,
            instance: &Instance,
            _: &Progress,
            claims: &mut dyn Readers<Self>,
        ) -> Result<Vec<Table>, NotRun> {
            let (next, most) = (0.5 * population.seed as f64, population.regressions as f64);
            let mut errors = Errors { points: vec![], next, most };
            (0..4).for_each(|_| errors.add_finer());
            read_ladder(claims, instance, &mut errors, |errors| {
                errors.add_finer();
                Ok(())
            })?;
            Ok(vec![])
        }
    }

    static CLAIM: Theorem = Theorem {
        id: "synthetic",
        title: "",
        strength: Strength::Limit,
        statement: "",
        latex: "",
        hypotheses: &[],
        source: "",
        coefficients: None,
        concerns: Concerns::Every,
        judged_on: &[&On::<Synthetic>(judge)],
    };

    fn judge((_, errors): (&Instance, &Errors)) -> Judged {
        let falls = |error: fn(&LadderPoint) -> f64| {
            let points = errors.points.iter().map(|p| LadderPoint::new(0, p.parameter, error(p))).collect();
            let check = Check::Order { points, order: 0.5, missed: 0.0, floor: 0.0, at_least: false };
            Statement { what: "".into(), check }
        };
        Ok(Measurement {
            instance: "any".into(),
            hypotheses: vec![Hypothesis {
                of: Assumption::AboveRounding,
                what: "".into(),
                measured: errors.points.len() as f64,
                bound: errors.most,
                place: String::new(),
            }],
            statements: vec![falls(|point| point.error)],
            twins: vec![falls(|_| 1.0)],
            constants: vec![],
            sensitivity: vec![],
        })
    }

    /// The number of rungs that a claim is judged on, and its verdict.
    fn judged(next: u64, most: usize) -> (usize, Verdict) {
        let instance = Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap();
        let population = Population { seed: next, regressions: most, networks: 0, source: Source::BuiltIn };
        let claims = [&CLAIM];
        let (findings, _) = done::<Synthetic>(&claims, &population, &instance, &Progress::default()).unwrap().unwrap();
        let [Finding { found: Found::Measured(measurement), .. }] = &findings[..] else { panic!("{findings:?}") };
        let rungs = measurement.hypotheses[0].measured as usize;
        (rungs, decide(measurement.clone(), FAMILY_CONFIDENCE).verdict)
    }

    /// Of √x·exp(c√x), x = 1, 10^−½, …: the bounds of the order are ±0.236 of four rungs at c = 1, ±0.199 of five at 1.5, ±0.149 of six at 2, and
    /// still ±0.298 of six at 4.
    #[test]
    fn rungs_are_added_while_a_claim_is_undecided() {
        assert_eq!(judged(2, 9), (4, Verdict::Confirmed));
        assert_eq!(judged(3, 9), (5, Verdict::Confirmed));
        assert_eq!(judged(4, 9), (6, Verdict::Confirmed));
        assert_eq!(judged(8, 9), (6, Verdict::Inconclusive));
    }

    /// Rungs that break a hypothesis are left out, and the claim stays undecided. It does not vanish among those whose hypotheses failed.
    #[test]
    fn finer_rungs_that_break_a_hypothesis_are_left_out() {
        assert_eq!(judged(4, 5), (5, Verdict::Inconclusive));
        assert_eq!(judged(3, 4), (4, Verdict::Inconclusive));
    }
}
