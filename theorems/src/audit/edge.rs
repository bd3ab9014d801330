//! The edge of stability in a log: η̃λ₁, its distance from 2, and how fast λ₁ falls there.

use sharpflow::data::LogRow;

use super::Finding;
use super::rules::Step;
use super::tried::{judged, not_judged};
use crate::evidence::{Check, Measurement, Statement, Verdict};

const EDGE: (&str, &str) = ("edge_of_stability", "η̃λ₁ stays at the edge of stability");

/// The part of the steps of a run on the full batch that may change the loss by more than their length explains.
const FEW: f64 = 0.01;
/// The fewest steps, and the fewest readings of λ₁ at the edge, that decide.
const LEAST_STEPS: u64 = 20;
const LEAST_READINGS: usize = 5;

/// What is gathered of the edge, in memory that grows with the readings of λ₁ alone.
#[derive(Default)]
pub(super) struct Edge {
    /// Readings of λ₁: their τ, ηλ₁, its edge, √(ηλ), λ₁.
    readings: Vec<Reading>,
    tau: f64,
    steps: u64,
    too_far: u64,
    /// Σ‖w₊ − w‖²/‖w‖² and Σ2ηλ/(1+μ).
    turned: f64,
    decayed: f64,
    broken: bool,
    /// Whether some step was another optimizer's, whose length and edge the log does not tell.
    is_other: bool,
}

#[derive(Clone, Copy)]
struct Reading {
    tau: f64,
    product: f64,
    edge: f64,
    root: f64,
    sharpness: f64,
}

impl Edge {
    /// A gap or a restart: what lies before it is forgotten.
    pub fn lost(&mut self) {
        self.readings.clear();
        self.broken = true;
    }

    pub fn step(&mut self, row: &LogRow, next: &LogRow, step: &Step) {
        self.is_other |= row.momentum.is_none();
        let [rate, decay, momentum] = [step.rate, step.decay, step.momentum].map(|x| x.value);
        if let Some(sharpness) = row.sharpness.map(|x| x.value) {
            let edge = 2.0 * (1.0 + momentum);
            let product = rate * sharpness / if momentum == 0.0 { 1.0 - rate * decay } else { 1.0 };
            self.readings.push(Reading { tau: self.tau, product, edge, root: (rate * decay).sqrt(), sharpness });
        }
        self.tau += rate * decay / (1.0 - momentum);
        self.steps += 1;
        let gradient = step.gradient.value;
        let plain = rate * rate * (gradient + decay * decay * step.before.value + 2.0 * decay * step.radial.value);
        let moved = step.remembered.map_or(if momentum == 0.0 { plain } else { f64::NAN }, |known| known.moved.value);
        self.turned += moved / step.before.value;
        self.decayed += 2.0 * rate * decay / (1.0 + momentum);
        if let (Some(before), Some(after)) = (row.loss, next.loss) {
            // |ΔL| ≤ ‖∇L‖‖Δw‖ + ½λ‖Δw‖², with a curvature along the step of up to twice the edge.
            let bound = (gradient * moved).sqrt() + 2.0 * (1.0 + momentum) / rate * moved;
            let change = (after.value - before.value).abs() - after.error - before.error;
            self.too_far += u64::from(!(change <= bound));
        }
    }

    /// Whether the changes of the loss fit steps on the same data; `None` where there are too few steps, or their lengths are not known.
    pub fn is_full_batch(&self) -> Option<bool> {
        (self.steps >= LEAST_STEPS && self.turned.is_finite() && !self.is_other)
            .then_some(self.too_far as f64 <= FEW * self.steps as f64)
    }

    /// The readings from the first one on that comes to the edge from below: a run may also start above it.
    fn at_the_edge(&self) -> &[Reading] {
        let is_below = |one: &Reading| one.product < one.edge - 4.0 * one.root;
        let arrived = self.readings.windows(2).position(|pair| is_below(&pair[0]) && !is_below(&pair[1]));
        arrived.map_or(&[], |before| &self.readings[before + 1..])
    }

    pub fn findings(&self, name: &str) -> Vec<Finding> {
        let there = self.at_the_edge();
        let why_not = match self.is_full_batch() {
            _ if self.readings.is_empty() => Some("the log has no readings of λ₁ (a column lambda1)".to_owned()),
            _ if self.is_other => Some("the log names no momentum, so that its edge is not known".to_owned()),
            None => Some("the log does not tell whether every step saw the same data".to_owned()),
            Some(false) => Some(format!(
                "the steps saw different data: the loss changed by more than a step on the full batch can in {} of {} steps",
                self.too_far, self.steps
            )),
            Some(true) if there.len() < LEAST_READINGS => {
                Some(format!("λ₁ was read {} times at the edge, and {LEAST_READINGS} are needed", there.len()))
            }
            Some(true) => None,
        };
        if let Some(why_not) = why_not {
            return vec![not_judged(EDGE, why_not)];
        }
        let mean = |of: fn(&Reading) -> f64| there.iter().map(of).sum::<f64>() / there.len() as f64;
        let (product, edge, root) = (mean(|one| one.product), mean(|one| one.edge), mean(|one| one.root));
        let at = |what: &'static str, factor: f64| Statement {
            what: what.into(),
            check: Check::bound([(product - factor * edge).abs() / (4.0 * root)]),
        };
        let mut finding = judged(
            EDGE,
            Measurement {
                instance: name.to_owned(),
                hypotheses: vec![],
                statements: vec![at("the mean of η̃λ₁ is 2(1+μ), within 4√(ηλ)", 1.0)],
                twins: vec![at("half of the edge", 0.5), at("twice the edge", 2.0)],
                constants: vec![],
                sensitivity: vec![],
            },
        );
        // The claim is about small ηλ, and a run has only one ηλ. So a mean that is far off may come from a large swing, and does not refute the claim.
        if finding.verdict == Verdict::Refuted {
            finding.verdict = Verdict::Inconclusive;
            finding.reason += "; one run has one ηλ, and a large swing does as much";
        }
        vec![finding]
    }

    /// What is measured without a verdict.
    pub fn readings(&self) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        if self.steps > 0 && self.decayed > 0.0 && self.turned.is_finite() && !self.is_other {
            let turn = (self.turned / self.decayed).sqrt();
            found.push(("rotation per step over √(2ηλ/(1+μ)), root mean square of the run".to_owned(), turn));
        }
        let there = self.at_the_edge();
        if let (Some(true), [first, .., last]) = (self.is_full_batch(), there) {
            if !self.broken {
                found.push(("time to the edge, in τ".to_owned(), first.tau));
            }
            let rate = (first.sharpness / last.sharpness).ln() / (last.tau - first.tau);
            found.push(("rate of −log λ₁ at the edge, in τ (theory: from 0 to 2)".to_owned(), rate));
        }
        found
    }
}
