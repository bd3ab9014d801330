//! Evidence as plain data: what was measured, and what was decided of it.

use serde::Serialize;
use sharpflow::measure::{ErrorModel, Interval, LadderPoint, OrderFit};

use crate::theorem::Strength;
use crate::verdict::{Outcome, Verdict};

/// A hypothesis with its margin: it holds when `measured` ≤ `bound`.
#[derive(Clone, Debug, Serialize)]
pub struct Hypothesis {
    pub what: &'static str,
    pub measured: f64,
    pub bound: f64,
    /// Where the measured value was met.
    pub place: String,
}

impl Hypothesis {
    /// NaN never holds.
    pub fn holds(&self) -> bool {
        self.measured <= self.bound
    }
}

/// Data with what they must show for a statement to stand.
#[derive(Clone, Debug, Serialize)]
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
}

/// A named check.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    pub what: &'static str,
    pub check: Check,
}

/// A constant measured once a start, with a bound on the bias its finite ηλ leaves.
#[derive(Clone, Debug, Serialize)]
pub struct Constant {
    pub what: &'static str,
    /// What the theory says; none for a plain report.
    pub theory: Option<f64>,
    pub values: Vec<f64>,
    pub bias: f64,
}

/// What one claim measured on one instance, before anything is decided.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub instance: String,
    pub hypotheses: Vec<Hypothesis>,
    pub statements: Vec<Statement>,
    /// The same checks with a constant changed: each must fail on the same data.
    pub twins: Vec<Statement>,
    pub constants: Vec<Constant>,
}

/// A check with its decision.
#[derive(Clone, Debug, Serialize)]
pub struct Decided {
    pub what: &'static str,
    pub outcome: Outcome,
    /// What the data show, in words: the order with its interval, the largest ratio, …
    pub shows: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<OrderFit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Interval>,
    pub check: Check,
}

/// A constant with its interval.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    pub what: &'static str,
    pub theory: Option<f64>,
    pub estimate: Interval,
}

/// A hypothesis with its decision.
#[derive(Clone, Debug, Serialize)]
pub struct DecidedHypothesis {
    #[serde(flatten)]
    pub hypothesis: Hypothesis,
    pub holds: bool,
}

/// One claim on one instance.
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
pub struct ClaimEvidence {
    pub id: &'static str,
    pub title: &'static str,
    pub strength: Strength,
    pub statement: &'static str,
    pub latex: &'static str,
    pub source: &'static str,
    pub note: String,
    pub verdict: Verdict,
    pub reason: String,
    pub instances: Vec<InstanceEvidence>,
    /// Instances the claim was not judged on, and why.
    pub not_judged: Vec<String>,
}

/// What every output records besides its numbers.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Provenance {
    pub version: &'static str,
    pub commit: &'static str,
    pub compiler: &'static str,
    pub target: &'static str,
    /// "name version" of every numeric crate, comma-separated.
    pub crates: &'static str,
    /// The generator behind the seeds.
    pub generator: &'static str,
}

/// The provenance of this binary.
pub const PROVENANCE: Provenance = Provenance {
    version: env!("CARGO_PKG_VERSION"),
    commit: env!("SHARPFLOW_COMMIT"),
    compiler: env!("SHARPFLOW_RUSTC"),
    target: env!("SHARPFLOW_TARGET"),
    crates: env!("SHARPFLOW_CRATES"),
    generator: sharpflow::data::GENERATOR,
};
