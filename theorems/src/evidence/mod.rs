//! Evidence as plain data: what was measured, and what was decided of it; how a folder keeps it.

mod compare;
mod folder;
mod headlines;
mod study;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use sharpflow::measure::{ErrorModel, Interval, LadderPoint, OrderFit, null_is_nan};

pub use compare::{Comparison, Difference};
pub use folder::{Circumstances, Damage, FolderError, Kept, PARTIAL, read, write};
pub use study::{
    Input, InstancePlan, PROVENANCE, Parameters, Provenance, SCHEMA, Status, StudyEvidence, Summary, Table,
};

/// How much a claim says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// An algebraic identity, true for every input.
    Exact,
    /// An inequality with explicit constants.
    Bound,
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
    /// Errors must fall with an order above `above` (and equal to `holding`, where given).
    Order {
        points: Vec<LadderPoint>,
        model: ErrorModel,
        above: f64,
        holding: Option<f64>,
        /// What rounding alone makes of an error.
        floor: f64,
    },
    /// |residual| ≤ bound: `ratios` are measured/bound, one a trial, each ≤ 1.
    Bound { ratios: Vec<f64> },
    /// The mean of independent values must be positive.
    Positive { values: Vec<f64> },
    /// The mean of the values must be 0, up to the `bias` that the finite parameter leaves, and must be known to `within` at least.
    Zero { values: Vec<f64>, bias: f64, within: f64 },
    /// There are no data, for this reason. The check decides nothing.
    Missing { reason: String },
}

/// The order above which an error must fall with ηλ. Most errors are of order ½; those of wrong twins do not fall at all, and ¼ lies between.
pub const LEAST_ORDER: f64 = 0.25;

/// A named check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Statement {
    pub what: Name,
    pub check: Check,
}

/// A constant measured once a start, with a bound on the bias its finite ηλ leaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Constant {
    pub what: Name,
    /// The value of the theory; none for a plain report.
    pub theory: Option<f64>,
    pub values: Vec<f64>,
    pub bias: f64,
}

impl Constant {
    /// A constant from the finest rung of a ladder, with the bias that the next rung shows, or several next ones (the largest).
    ///
    /// If the bias falls at least like (ηλ)^¼, as the claims demand of their errors, then over a half decade it falls by
    /// r ≤ 10^(−1/8), and what is left is at most r/(1−r) < 3 times the last difference.
    pub fn of_rungs(what: &'static str, theory: f64, values: Vec<f64>, next: &[f64]) -> Self {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let bias = 3.0 * (mean(&values) - mean(next)).abs();
        Self { what: what.into(), theory: Some(theory), values, bias }
    }
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
}

/// A check with its decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decided {
    pub what: Name,
    pub outcome: Outcome,
    /// What the data show, in words: the order with its interval, the largest ratio, …
    pub shows: String,
    pub data: Data,
}

/// What a check was decided on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Data {
    /// A ladder, and the order fitted to it where it can be.
    Order {
        points: Vec<LadderPoint>,
        model: ErrorModel,
        above: f64,
        holding: Option<f64>,
        floor: f64,
        fit: Option<OrderFit>,
    },
    /// How many trials there were, and measured/bound of the largest and of the middle one.
    Bound {
        trials: usize,
        #[serde(deserialize_with = "null_is_nan")]
        largest: f64,
        #[serde(deserialize_with = "null_is_nan")]
        median: f64,
    },
    /// Values whose mean must be positive, and the mean.
    Positive {
        #[serde(deserialize_with = "nulls_are_nan")]
        values: Vec<f64>,
        mean: Option<Interval>,
    },
    /// Values whose mean must be 0, known to `within`, and the mean.
    Zero {
        #[serde(deserialize_with = "nulls_are_nan")]
        values: Vec<f64>,
        within: f64,
        mean: Option<Interval>,
    },
    /// There are none.
    Missing,
}

fn nulls_are_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let values: Vec<Option<f64>> = Vec::deserialize(deserializer)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// A constant with its interval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Estimate {
    pub what: Name,
    pub theory: Option<f64>,
    pub estimate: Interval,
    /// The smallest change of the theory's value, up or down, that the interval would exclude.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notices: Option<f64>,
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
    pub verdict: Verdict,
    pub reason: String,
    pub instances: Vec<InstanceEvidence>,
    /// Instances the claim was not judged on, and why.
    pub not_judged: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The series of what is left after the last rung: r/(1−r) of the last difference, r = 10^(−1/8).
    #[test]
    fn the_bias_left_is_the_sum_of_the_differences_to_come() {
        let constant = Constant::of_rungs("c", 2.0, vec![1.9, 2.1], &[2.3, 1.9]);
        let ratio = 10f64.powf(-0.125);
        let left: f64 = (1..200).map(|k| 0.1 * ratio.powi(k)).sum();
        assert!(constant.bias >= left && constant.bias < 1.001 * left, "{} {left}", constant.bias);
    }
}
