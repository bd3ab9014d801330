//! One instance, one ηλ: gradient descent with weight decay and the flow, side by side.

mod setup;

use serde::Serialize;
use sharpflow::arithmetic::{distance, norm};
use sharpflow::data::DataError;
use sharpflow::dense::{is_affordable, symmetric_eigen};
use sharpflow::descent::{GradientDescent, StepError, run};
use sharpflow::flow::{Flow, FlowConstants, FlowError, integrate};
use sharpflow::krylov::{KrylovError, KrylovOptions};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::measure::{Oscillation, OscillationSummary, Reading, Tracker, slow_period, worst};
use sharpflow::minimizers::{Geometry, Minimizers, MinimizersError};
use sharpflow::sharpness::{HessianKind, SharpnessError, largest_sharpnesses, spherical_sharpness};
use thiserror::Error;

use crate::instance::{InstanceLoss, Rejected};
use crate::progress::Progress;

pub use setup::{Decay, Request, Setup};

/// Local error of the flow beside the trace.
const TOLERANCE: f64 = 1e-10;

/// τ by which the flow stands at its fixed point, tan φ(0)e^{−τ} below rounding; further on an integrator would call it stiff.
const SETTLED: f64 = 60.0;

/// Why there is no trace, or only its beginning.
#[derive(Debug, Error)]
pub enum TraceError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error("the flow: {0}")]
    Flow(#[from] FlowError),
    #[error("{name}: {source}")]
    Input { name: String, source: Box<TraceError> },
    #[error("no instance {0:?}; there are: digits, random (or --data FILE --target COLUMN, or --network NETWORK)")]
    NoSuchInstance(String),
    #[error("the start is off Γ: angle {0} is not in [0, π/2)")]
    Angle(f64),
    #[error("the start is off Γ: a kick of {kick} is a displacement |h| = {displacement:.3}; the theory needs |h| ≪ 1")]
    Kick { kick: f64, displacement: f64 },
    #[error("the edge offset {0} leaves no positive η̃₀λ₁ = 2 + offset")]
    EdgeOffset(f64),
    #[error("ηλ = {0} is not in (0, 1); without decay: --weight-decay 0 --steps N")]
    IntrinsicLearningRate(f64),
    #[error("the length τ = {0} is not positive and finite")]
    Tau(f64),
    #[error("a run without weight decay has no τ: give its length by --steps")]
    StepsNeeded,
    #[error("a run of {0:.1e} steps is too long (the limit is 2⁵³)")]
    TooLong(f64),
    #[error("step {step}: {source}")]
    Lost { step: u64, source: Lost },
}

/// Why a trace ended before its time.
#[derive(Debug, Error)]
pub enum Lost {
    #[error(transparent)]
    Minimizers(#[from] MinimizersError),
    #[error(transparent)]
    Sharpness(#[from] SharpnessError),
    #[error("the weights are not finite")]
    NotFinite,
    #[error("λ₁ at θ: {0}")]
    Krylov(#[from] KrylovError),
}

/// One line of a trace. λ₁ on Γ, h, δ are those of p, the point of Γ nearest to θ.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    pub step: u64,
    pub tau: f64,
    pub loss: f64,
    /// ‖w‖.
    pub weight_norm: f64,
    /// η̃.
    pub effective_learning_rate: f64,
    /// η̃λ₁(p).
    pub edge: f64,
    /// λ₁ at θ, of the Euclidean Hessian.
    pub sharpness: f64,
    /// λ₁ at p.
    pub sharpness_on_gamma: f64,
    /// λ₁ at ζ(τ).
    pub sharpness_predicted: f64,
    /// h.
    pub displacement: f64,
    /// φ, the angle of p to the minimum-norm solution of a regression.
    pub angle: Option<f64>,
    /// ‖θ − ζ(τ)‖.
    pub distance_to_flow: f64,
    /// ‖p − ζ(τ)‖.
    pub projected_distance_to_flow: f64,
}

/// How a trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceStatus {
    Complete,
    Interrupted,
    Failed,
}

/// The summary of a trace.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TraceSummary {
    pub status: TraceStatus,
    pub rows: u64,
    pub oscillations: u64,
    /// ⟨K h²⟩/(2ηλ) over whole slow oscillations; theory: 1.
    pub mean_square_ratio: Option<f64>,
    /// The slow period over π/√(2ηλ).
    pub period_ratio: Option<f64>,
    /// Readings whose h had not the sign that period two gives it.
    pub sign_failures: u64,
    pub largest_displacement: f64,
    pub largest_edge_offset: f64,
    pub largest_distance_to_gamma: f64,
    pub largest_distance_to_flow: f64,
    pub largest_projected_distance_to_flow: f64,
}

/// Runs a trace and hands each row to `sink`; ends early when `progress` is stopped.
///
/// # Errors
/// A row that cannot be computed or written; rows before it have been handed on.
pub fn trace<E: From<TraceError>>(
    setup: &Setup,
    progress: &Progress,
    sink: &mut dyn FnMut(&Row) -> Result<(), E>,
) -> (TraceSummary, Result<(), E>) {
    let mut gathered = Gathered::default();
    let outcome = follow(setup, progress, sink, &mut gathered);
    let status = match &outcome {
        Ok(true) => TraceStatus::Complete,
        Ok(false) => TraceStatus::Interrupted,
        Err(_) => TraceStatus::Failed,
    };
    (gathered.summary(setup, status), outcome.map(|_| ()))
}

#[derive(Default)]
struct Gathered {
    rows: u64,
    oscillation: Oscillation,
    raw: f64,
    projected: f64,
}

impl Gathered {
    fn row(&mut self, row: &Row) {
        self.rows += 1;
        self.raw = worst([self.raw, row.distance_to_flow]);
        self.projected = worst([self.projected, row.projected_distance_to_flow]);
    }

    fn summary(&self, setup: &Setup, status: TraceStatus) -> TraceSummary {
        let summary: OscillationSummary = self.oscillation.summary();
        let seen = |x: f64| (summary.oscillations > 0).then_some(x);
        let intrinsic_lr = setup.descent_intrinsic_lr();
        TraceSummary {
            status,
            rows: self.rows,
            oscillations: summary.oscillations,
            mean_square_ratio: seen(summary.mean_square / (2.0 * intrinsic_lr)),
            period_ratio: seen(summary.period / slow_period(intrinsic_lr)),
            sign_failures: summary.sign_failures,
            largest_displacement: summary.largest_displacement,
            largest_edge_offset: summary.largest_offset,
            largest_distance_to_gamma: summary.largest_distance,
            largest_distance_to_flow: self.raw,
            largest_projected_distance_to_flow: self.projected,
        }
    }
}

/// Computes rows; its buffers live as long as the trace.
struct Reader<'a> {
    setup: &'a Setup,
    tracker: Tracker<Box<dyn Minimizers<f64> + 'a>, f64>,
    derivatives: Derivatives<&'a InstanceLoss, f64>,
    flow: Flow<f64>,
    predicted: Vec<f64>,
    geometry: Geometry<f64>,
    minimizers: Box<dyn Minimizers<f64> + 'a>,
}

fn follow<E: From<TraceError>>(
    setup: &Setup,
    progress: &Progress,
    sink: &mut dyn FnMut(&Row) -> Result<(), E>,
    gathered: &mut Gathered,
) -> Result<bool, E> {
    let intrinsic_lr = setup.descent_intrinsic_lr();
    let mut descent = GradientDescent::new(&setup.loss, setup.learning_rate, intrinsic_lr, &setup.weights)
        .map_err(TraceError::from)?;
    let mut minimizers = setup.loss.minimizers(setup.rank);
    // Without decay τ stays 0; the flow still needs an interval.
    let end = (setup.steps as f64 * intrinsic_lr).clamp(f64::MIN_POSITIVE, SETTLED);
    let law = FlowConstants::SHARPNESS_REDUCTION;
    let dimension = setup.loss.dimension();
    let mut reader = Reader {
        setup,
        tracker: Tracker::new(setup.loss.minimizers(setup.rank)),
        derivatives: Derivatives::new(&setup.loss),
        flow: integrate(&mut minimizers, law, &setup.start, end, TOLERANCE).map_err(TraceError::from)?,
        predicted: vec![0.0; dimension],
        geometry: Geometry::new(dimension),
        minimizers,
    };
    // Rows come at the stride asked for. The oscillation is read often enough at any stride.
    let swing = (slow_period(setup.nominal_intrinsic_lr()) / 32.0) as u64 | 1;
    let due = |step: u64| step.is_multiple_of(setup.stride) || step.is_multiple_of(swing);
    let alive = |step: u64| {
        progress.reach(step);
        !progress.stopped()
    };
    let mut failure = None;
    let whole = run(&mut descent, setup.steps, due, alive, |step, weights, effective, seen| {
        let is_row = step.is_multiple_of(setup.stride) || step == setup.steps;
        let state = State { step, weights, effective_learning_rate: effective, loss: seen.loss };
        match reader.observe(&state, is_row, gathered, sink) {
            Ok(()) => true,
            Err(error) => {
                failure = Some(error);
                false
            }
        }
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(whole),
    }
}

/// A state of the descent, before its step.
struct State<'a> {
    step: u64,
    weights: &'a [f64],
    effective_learning_rate: f64,
    loss: f64,
}

impl Reader<'_> {
    fn observe<E: From<TraceError>>(
        &mut self,
        state: &State<'_>,
        is_row: bool,
        gathered: &mut Gathered,
        sink: &mut dyn FnMut(&Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let lost = |source: Lost| TraceError::Lost { step: state.step, source };
        if !(state.effective_learning_rate.is_finite() && state.loss.is_finite()) {
            // Beyond its piece a loss with kinks is not a number.
            let why = if self.setup.loss.is_piece() { MinimizersError::LeftDomain.into() } else { Lost::NotFinite };
            return Err(lost(why).into());
        }
        let reading = self.tracker.read(state.weights, state.effective_learning_rate);
        let reading = reading.map_err(|error| lost(error.into()))?;
        gathered.oscillation.add(state.step, &reading);
        if is_row {
            let row = self.row(state, &reading).map_err(lost)?;
            gathered.row(&row);
            sink(&row)?;
        }
        Ok(())
    }

    /// λ₁ at θ of the latest reading, near `near`. Double-double is used where doubles may leave less than half of its digits, and where
    /// the weights are so few that a row does not take seconds.
    fn sharpness(&mut self, near: f64) -> Result<f64, Lost> {
        const HALF: f64 = 1e-8;
        let (loss, theta) = (&self.setup.loss, self.tracker.theta());
        let can_be_dense = is_affordable(theta.len(), theta.len(), theta.len());
        let in_doubles = match loss.regression() {
            Some(regression) => {
                let conditioning = regression.loss.conditioning(theta);
                if can_be_dense && 3.0 * conditioning.rounding * conditioning.condition > HALF * near {
                    None
                } else {
                    Some(spherical_sharpness(&mut self.derivatives, theta, HessianKind::Euclidean)?.value)
                }
            }
            None => {
                let options = KrylovOptions { pairs: 1, tolerance: HALF, ..KrylovOptions::default() };
                let found = largest_sharpnesses(&mut self.derivatives, theta, HessianKind::Euclidean, &options, None)?;
                match found.pairs.first() {
                    Some(pair) if found.converged => Some(pair.value),
                    Some(pair) if !can_be_dense => {
                        let (residual, bound) = (pair.residual, HALF * pair.value.abs());
                        return Err(SharpnessError::NotConverged { residual, bound }.into());
                    }
                    _ => None,
                }
            }
        };
        match in_doubles {
            Some(value) => Ok(value),
            None => Ok(symmetric_eigen(loss.precise_hessian(theta).as_ref()).map_err(SharpnessError::from)?.values[0]),
        }
    }

    /// The row of the latest reading.
    fn row(&mut self, state: &State<'_>, reading: &Reading) -> Result<Row, Lost> {
        let tau = state.step as f64 * self.setup.descent_intrinsic_lr();
        let sharpness = self.sharpness(reading.sharpness)?;
        let (theta, point) = (self.tracker.theta(), self.tracker.point());
        self.flow.at(tau, &mut self.predicted);
        self.minimizers.geometry(&self.predicted, &mut self.geometry)?;
        Ok(Row {
            step: state.step,
            tau,
            loss: state.loss,
            weight_norm: norm(state.weights),
            effective_learning_rate: state.effective_learning_rate,
            edge: reading.edge_offset + 2.0,
            sharpness,
            sharpness_on_gamma: reading.sharpness,
            sharpness_predicted: self.geometry.sharpness,
            displacement: reading.displacement,
            angle: self.setup.loss.regression().map(|regression| regression.minimizers.angle(point)),
            distance_to_flow: distance(theta, &self.predicted),
            projected_distance_to_flow: distance(point, &self.predicted),
        })
    }
}
