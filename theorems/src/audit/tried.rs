//! The claims of an audit: rules with their twins, tried at every step, and their verdicts.

use sharpflow::arithmetic::Rounding;
use sharpflow::data::{LogRow, Measured};

use super::rules::{ROUNDINGS, Rule, Step};
use super::tally::Tally;
use super::{Finding, Logged};
use crate::assumption::Assumption;
use crate::evidence::{Hypothesis, Measurement, Verdict};
use crate::verdict::{FAMILY_CONFIDENCE, decide};

/// A twin is tried where its prediction is farther than this from the claim's at some step, in tolerances.
const TELLS: f64 = 3.0;

/// A set of rules, the first of which is the claim, tried with both meanings of a row.
pub(super) struct Tried {
    rules: &'static [Rule],
    /// For each rule: its residuals, and how far its prediction is from the claim's at most.
    of_logged: [Vec<(Tally, f64)>; 2],
}

impl Tried {
    pub fn new(rules: &'static [Rule]) -> Self {
        let tallies = || rules.iter().map(|_| (Tally::new(), 0.0)).collect();
        Self { rules, of_logged: [tallies(), tallies()] }
    }

    pub fn add(&mut self, logged: Logged, step: &Step, line: u64, rounding: Rounding) {
        let claim = (self.rules[0].predict)(step);
        for (rule, (tally, apart)) in self.rules.iter().zip(&mut self.of_logged[logged as usize]) {
            if let Some((residual, from_claim)) = step.compare(rule, claim, rounding) {
                tally.add(residual, line);
                *apart = apart.max(from_claim);
            }
        }
    }

    pub fn claim(&self, logged: Logged) -> &Tally {
        &self.of_logged[logged as usize][0].0
    }

    /// The verdict on the claim. If the claim is refuted and every step follows another of the rules, the reason names that rule.
    pub fn judged(&self, named: Named, logged: Logged, measurement: Measurement) -> Finding {
        let mut finding = judged(named, measurement);
        let follows = |(tally, _): &&(Tally, f64)| tally.trials() > 0 && tally.largest() <= 1.0;
        if finding.verdict == Verdict::Refuted
            && let Some(k) = self.of_logged[logged as usize].iter().position(|one| follows(&one))
        {
            finding.reason += &format!("; every step is that of {}", self.rules[k].what);
        }
        finding
    }

    /// The claim as a statement and its rules as twins. Twins that no step could tell from the claim are noted.
    pub fn measurement(
        &self,
        logged: Logged,
        name: &str,
        hypotheses: Vec<Hypothesis>,
        notes: &mut Vec<String>,
    ) -> Measurement {
        let tallies = &self.of_logged[logged as usize];
        let mut twins = Vec::new();
        for (rule, (tally, apart)) in self.rules.iter().zip(tallies).skip(1) {
            if *apart > TELLS {
                twins.push(tally.statement(rule.what));
            } else if *apart > 0.0 {
                notes.push(format!("the digits and the steps do not tell {} from {}", rule.what, self.rules[0].what));
            }
        }
        Measurement {
            instance: name.to_owned(),
            hypotheses,
            statements: vec![tallies[0].0.statement(self.rules[0].what)],
            twins,
            constants: vec![],
            sensitivity: vec![],
        }
    }
}

/// ⟨w, ∇L⟩ = 0, and ⟨w, ∇L⟩ = ±L, against rounding.
#[derive(Clone)]
pub(super) struct Invariance {
    pub claim: Tally,
    twins: [Tally; 2],
    /// The largest ‖w‖‖∇L‖ so far: a gradient's rounding is that of the terms it is a sum of, and does not vanish with the gradient.
    largest: f64,
}

impl Invariance {
    pub fn new() -> Self {
        Self { claim: Tally::new(), twins: [Tally::new(), Tally::new()], largest: 0.0 }
    }

    pub fn measurement(&self, name: &str) -> Measurement {
        Measurement {
            instance: name.to_owned(),
            hypotheses: vec![],
            statements: vec![self.claim.statement("⟨w, ∇L(w)⟩ = 0")],
            twins: vec![self.twins[0].statement("⟨w, ∇L(w)⟩ = L(w)"), self.twins[1].statement("⟨w, ∇L(w)⟩ = −L(w)")],
            constants: vec![],
            sensitivity: vec![],
        }
    }

    /// The hypothesis that the loss is scale-invariant, as far as the log shows.
    pub fn hypothesis(&self) -> Hypothesis {
        Hypothesis {
            of: Assumption::ScaleInvariance,
            what: "scale invariance: |⟨w, ∇L(w)⟩| over its tolerance".into(),
            measured: self.claim.largest(),
            bound: 1.0,
            place: format!("at line {}", self.claim.line()),
        }
    }

    pub fn add(&mut self, row: &LogRow, radial: Measured, rounding: Rounding) {
        let (Some(norm), Some(gradient), Some(loss)) = (row.norm_square, row.gradient_square, row.loss) else { return };
        self.largest = self.largest.max((norm.size() * gradient.size()).sqrt());
        let tolerance = radial.error + rounding.of_operations(ROUNDINGS) * self.largest;
        self.claim.add(radial.value.abs() / tolerance, row.line);
        for (twin, degree) in self.twins.iter_mut().zip([1.0, -1.0]) {
            twin.add((radial.value - degree * loss.value).abs() / (tolerance + loss.error), row.line);
        }
    }
}

/// A claim's name and title.
pub(super) type Named = (&'static str, &'static str);

pub(super) const SCALE_INVARIANCE: Named = ("scale_invariance", "The loss is scale-invariant");
pub(super) const NORM_RECURSION: Named = ("gradient_descent", "Every step is gradient descent with this weight decay");
pub(super) const EFFECTIVE: Named = ("effective_learning_rate", "Recursion of the effective learning rate");
pub(super) const RMSPROP: Named = ("quasi_rmsprop", "The step size is that of scalar RMSprop, up to its remainder");
pub(super) const MOMENTUM: Named = ("heavy_ball", "Every step is heavy-ball momentum with this weight decay");

pub(super) fn judged((id, title): Named, measurement: Measurement) -> Finding {
    let evidence = decide(measurement, FAMILY_CONFIDENCE);
    Finding { id, title, verdict: evidence.verdict, reason: evidence.reason.clone(), evidence: Some(evidence) }
}

pub(super) fn not_judged((id, title): Named, reason: String) -> Finding {
    Finding { id, title, verdict: Verdict::NotJudged, reason, evidence: None }
}
