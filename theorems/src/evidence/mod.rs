//! Evidence as plain data: what was measured, and what was decided of it; how a folder keeps it.

mod compare;
mod folder;
mod headlines;
mod study;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use sharpflow::measure::{Interval, LadderPoint, OrderFit, null_is_nan, worst};

use crate::assumption::Assumption;

pub use compare::{Comparison, Difference};
pub use folder::{Circumstances, Damage, FolderError, INDEX, Kept, PARTIAL, read, write};
pub use headlines::{Pooled, measured, significant};
pub use study::{
    Dropped, Input, InstancePlan, PROVENANCE, Parameters, Provenance, SCHEMA, Status, StudyEvidence, Summary, Table,
};

/// How much a claim says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// An algebraic identity, true for every input.
    Exact,
    /// An inequality with explicit constants.
    Bound,
    /// True of the orbits that the evidence names, in real numbers: enclosed by interval arithmetic.
    Enclosed,
    /// True as ηλ → 0, with an order.
    Limit,
    /// A statement that is not a theorem of the paper.
    Beyond,
}

/// A claim's fate, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The data can tell the claim from its twins, and it loses.
    Refuted,
    /// A measured hypothesis does not hold.
    HypothesisFailed,
    /// The data cannot tell.
    Inconclusive,
    /// There is no instance on which it could be judged.
    NotJudged,
    /// Every hypothesis holds, every check passes, every twin is rejected.
    Confirmed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Refuted => "refuted",
            Verdict::HypothesisFailed => "hypothesis failed",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotJudged => "not judged",
            Verdict::Confirmed => "confirmed",
        })
    }
}

/// The outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passes,
    Fails,
    /// The check neither passes nor fails at the confidence asked, or its value is NaN or has no interval.
    Undecided,
}

/// What something measured is called: written in a claim's file, or read back from a folder of records.
pub type Name = Cow<'static, str>;

/// A hypothesis with its margin: it holds when `measured` ≤ `bound`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hypothesis {
    /// Which hypothesis of a claim this is a part of.
    pub of: Assumption,
    /// What is measured.
    pub what: Name,
    #[serde(deserialize_with = "null_is_nan")]
    pub measured: f64,
    #[serde(deserialize_with = "null_is_nan")]
    pub bound: f64,
    /// Where the measured value was met.
    pub place: String,
}

impl Hypothesis {
    /// Whether the hypothesis holds: never if the measured value is NaN or nothing was measured.
    pub fn holds(&self) -> bool {
        self.measured.is_finite() && self.measured <= self.bound
    }
}

/// Data with what they must show for a statement to stand.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Check {
    /// The largest error must fall with `order`.
    Order {
        points: Vec<LadderPoint>,
        order: f64,
        /// The part of an error's peak that readings in time may miss.
        missed: f64,
        /// What rounding alone makes of an error.
        floor: f64,
        /// Whether an error that falls faster is stated too, as O(·) states it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        at_least: bool,
    },
    /// measured/bound must be at most 1 in every trial: how many trials there were, the largest ratio and the middle one.
    Bound {
        trials: usize,
        #[serde(deserialize_with = "null_is_nan")]
        largest: f64,
        #[serde(deserialize_with = "null_is_nan")]
        median: f64,
        /// All of them, as long as the measurement is in memory.
        #[serde(skip)]
        ratios: Vec<f64>,
    },
    /// The limit of values must be `expected`, and its interval must not reach as far as `apart`, the distance of the nearest twin.
    Limit {
        values: Rungs,
        #[serde(deserialize_with = "null_is_nan")]
        expected: f64,
        apart: f64,
    },
    /// The mean of independent values must be positive.
    Positive {
        #[serde(deserialize_with = "nulls_are_nan")]
        values: Vec<f64>,
    },
    /// An identity of a prime field must hold at every point that was drawn.
    Exact { fields: Vec<InField> },
    /// There are no data, for this reason. The check decides nothing.
    Missing { reason: String },
}

/// An identity, tried at random points of one prime field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InField {
    pub prime: u64,
    pub points: usize,
    /// At how many points it held.
    pub held: usize,
    /// The number that it compares, at the first point; none is kept of a twin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
}

impl Check {
    /// A bound, from measured/bound of every trial.
    pub fn bound(ratios: impl IntoIterator<Item = f64>) -> Self {
        let ratios: Vec<f64> = ratios.into_iter().collect();
        let largest = worst(ratios.iter().copied());
        let mut sorted = ratios.clone();
        sorted.sort_by(f64::total_cmp);
        // The middle one, or the larger of the middle two; NaN counts as larger than all.
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        Self::Bound { trials: ratios.len(), largest, median, ratios }
    }
}

/// Values on a ladder: those of each start, finest rung first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rungs {
    #[serde(deserialize_with = "rungs_with_nulls")]
    pub rungs: Vec<Vec<f64>>,
    /// The parameter of each rung over that of the next finer one.
    pub ratio: f64,
    /// How far every value may be off by the way in which it is read, whatever the rung.
    pub error: f64,
}

/// The parameters of ladders fall by half a decade from rung to rung.
pub const HALF_DECADE: f64 = 3.162_277_660_168_379_5;

impl Rungs {
    /// Values that are known up to an error.
    pub fn known_to(self, error: f64) -> Self {
        Self { error, ..self }
    }

    /// The values of the three finest rungs of a ladder in half decades; `of` gives those of the k-th finest rung.
    pub fn finest(of: impl FnMut(usize) -> Vec<f64>) -> Self {
        Self { rungs: (0..3).map(of).collect(), ratio: HALF_DECADE, error: 0.0 }
    }
}

/// A named check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Statement {
    pub what: Name,
    pub check: Check,
}

/// A constant that is measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Constant {
    pub what: Name,
    pub values: Values,
}

/// What a constant is read from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Values {
    /// A constant of the theory: the limit of values on a ladder. `apart` is the distance of its nearest twin.
    Limit { values: Rungs, theory: f64, apart: f64 },
    /// A plain report: a number that follows from what was done, and has no error.
    Computed {
        #[serde(deserialize_with = "null_is_nan")]
        value: f64,
    },
    /// A plain report: values of independent draws.
    Drawn {
        #[serde(deserialize_with = "nulls_are_nan")]
        values: Vec<f64>,
    },
}

/// What one claim measured on one instance, before anything is decided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measurement {
    pub instance: String,
    pub hypotheses: Vec<Hypothesis>,
    pub statements: Vec<Statement>,
    /// The same checks with a constant changed: each must fail on the same data.
    pub twins: Vec<Statement>,
    pub constants: Vec<Constant>,
    /// How small a change of each constant its checks notice; that of the constants above follows from their intervals.
    pub sensitivity: Vec<Sensitivity>,
}

/// The smallest relative changes of a constant that the verdict would notice, up and down; none where a change by its own size would pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sensitivity {
    pub constant: Name,
    pub value: f64,
    pub up: Option<f64>,
    pub down: Option<f64>,
}

/// A check with its decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decided {
    pub what: Name,
    pub outcome: Outcome,
    /// What the data show, in words: the order with its interval, the largest ratio, …
    pub shows: String,
    pub check: Check,
    /// The order fitted to a ladder, where it can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<OrderFit>,
    /// The limit, or the mean, of values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Interval>,
}

fn nulls_are_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let values: Vec<Option<f64>> = Vec::deserialize(deserializer)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

fn rungs_with_nulls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<f64>>, D::Error> {
    let rungs: Vec<Vec<Option<f64>>> = Vec::deserialize(deserializer)?;
    let rung = |values: Vec<Option<f64>>| values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    Ok(rungs.into_iter().map(rung).collect())
}

/// A constant with its interval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Estimate {
    pub what: Name,
    pub values: Values,
    pub estimate: Interval,
    /// Whether the interval holds the theory's value and does not reach the nearest twin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

impl Estimate {
    /// The relative changes of the theory's value that the interval would exclude.
    pub fn sensitivity(&self) -> Option<Sensitivity> {
        let theory = self.theory().filter(|theory| *theory != 0.0 && self.estimate.contains(*theory))?;
        let excluded = |away: f64| (away.is_finite()).then_some(away / theory.abs());
        let (above, below) = (self.estimate.upper() - theory, theory - self.estimate.lower());
        // A relative change upwards moves a negative value down.
        let (up, down) = if theory > 0.0 { (above, below) } else { (below, above) };
        Some(Sensitivity { constant: self.what.clone(), value: theory, up: excluded(up), down: excluded(down) })
    }

    /// The value of the theory; none for a plain report.
    pub fn theory(&self) -> Option<f64> {
        match self.values {
            Values::Limit { theory, .. } => Some(theory),
            Values::Drawn { .. } | Values::Computed { .. } => None,
        }
    }
}

/// A hypothesis with its decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecidedHypothesis {
    #[serde(flatten)]
    pub hypothesis: Hypothesis,
    pub holds: bool,
}

/// One claim on one instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceEvidence {
    pub instance: String,
    pub verdict: Verdict,
    /// Why the verdict is not better; empty when confirmed.
    pub reason: String,
    pub hypotheses: Vec<DecidedHypothesis>,
    pub statements: Vec<Decided>,
    pub twins: Vec<Decided>,
    pub estimates: Vec<Estimate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitivity: Vec<Sensitivity>,
}

#[cfg(test)]
impl InstanceEvidence {
    /// A verdict alone, for tests.
    pub(crate) fn bare(instance: &str, verdict: Verdict) -> Self {
        Self {
            instance: instance.into(),
            verdict,
            reason: String::new(),
            hypotheses: vec![],
            statements: vec![],
            twins: vec![],
            estimates: vec![],
            sensitivity: vec![],
        }
    }
}

/// One claim over all its instances.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimEvidence {
    pub id: Name,
    pub title: Name,
    pub strength: Strength,
    pub statement: Name,
    pub latex: Name,
    pub source: Name,
    pub note: String,
    /// The claim that proves the coefficients on which this one rests, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coefficients: Option<Name>,
    pub verdict: Verdict,
    pub reason: String,
    pub instances: Vec<InstanceEvidence>,
    /// Instances the claim was not judged on, and why.
    pub not_judged: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_keeps_the_largest_and_the_middle_ratio() {
        let kept = |ratios: &[f64]| match Check::bound(ratios.iter().copied()) {
            Check::Bound { trials, largest, median, .. } => (trials, largest, median),
            other => panic!("{other:?}"),
        };
        assert_eq!(kept(&[3.0, 1.0, 2.0]), (3, 3.0, 2.0));
        assert_eq!(kept(&[4.0, 1.0, 3.0, 2.0]), (4, 4.0, 3.0));
        let (trials, largest, median) = kept(&[1.0, f64::NAN, 0.0]);
        assert!(trials == 3 && largest.is_nan() && median == 1.0);
        assert!(kept(&[]).0 == 0 && kept(&[]).2.is_nan());
    }
}
