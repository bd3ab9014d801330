use rayon::prelude::*;
use sharpflow::arithmetic::Rounding;
use sharpflow::descent::{Descent, EdgeConstants, EdgeStart, StepError};
use sharpflow::flow::FlowConstants;
use sharpflow::measure::Reading;
use sharpflow::minimizers::MinimizersError;
use sharpflow::sphere::Space;

use super::extent::{DYNAMICS_READINGS, Extent, part};
use super::hypotheses::{Watched, Window, along, invariance_hypothesis, largest, rank_hypothesis};
use super::optimizers::{InstanceOptimizer, OPTIMIZERS, descend, name_on, swings_of_energy};
use super::starts::{Sight, Starts, odd_stride, watch_starts};
use super::swings::watch;
use super::{ENERGIES, ShortRun, SwingRecord, of_rung};
use crate::assumption::Assumption;
use crate::evidence::{HALF_DECADE, Hypothesis, Table};
use crate::experiment::{Experiment, NotJudged, NotRun, Readers, read_ladder};
use crate::instance::{Instance, LARGEST_ENERGY, Rejected, STARTS};
use crate::population::Population;
use crate::progress::Progress;

/// Readings of a run, besides those of its first and its last period.
const READINGS: f64 = 64.0;
/// One optimizer on one instance: a ladder of rungs from several starts.
#[derive(Debug)]
pub struct DynamicsRecord {
    pub optimizer: &'static InstanceOptimizer,
    /// The end of its runs, in its own time.
    pub horizon: f64,
    /// e₀ of every start.
    energy: f64,
    pub runs: Vec<OtherRun>,
    /// Under momentum, two periods each of small swings.
    pub swings: Vec<ShortRun>,
}

/// One run, read at an odd stride.
#[derive(Debug)]
pub struct OtherRun {
    /// ε: how much of τ a step lasts.
    pub intrinsic_lr: f64,
    pub start: usize,
    /// The optimizer's own time of each reading.
    pub times: Vec<f64>,
    pub readings: Vec<Reading>,
    /// p of each reading.
    pub points: Vec<Vec<f64>>,
    /// θ of each reading.
    pub thetas: Vec<Vec<f64>>,
    pub failure: Option<MinimizersError>,
}

impl OtherRun {
    /// Times and points of Γ.
    pub fn path(&self) -> Vec<(f64, &[f64])> {
        self.times.iter().zip(&self.points).map(|(&tau, point)| (tau, point.as_slice())).collect()
    }
}

impl DynamicsRecord {
    /// The relatives of gradient descent that concern an instance: without the sphere RMSprop alone has this theory.
    pub fn optimizers(instance: &Instance) -> impl Iterator<Item = &'static InstanceOptimizer> {
        let space = instance.loss.space();
        OPTIMIZERS
            .into_iter()
            .filter(move |one| one.constants() != EdgeConstants::GRADIENT_DESCENT && one.suits(&space))
    }

    /// The record of an optimizer on an instance. It has no runs if they would end too early.
    ///
    /// # Errors
    /// It was stopped, or a start is no start.
    pub fn new(
        instance: &Instance,
        optimizer: &'static InstanceOptimizer,
        progress: &Progress,
    ) -> Result<Self, NotRun> {
        let Some(Extent { intrinsic_lrs, horizon, energy }) = Extent::of(instance, optimizer) else {
            return Ok(Self { optimizer, horizon: 0.0, energy: f64::NAN, runs: vec![], swings: vec![] });
        };
        let constants = optimizer.constants();
        let end = part(constants) * horizon;
        let descending: Vec<f64> = intrinsic_lrs.iter().rev().copied().collect();
        let runs: Vec<Vec<OtherRun>> = descending
            .into_par_iter()
            .with_max_len(1)
            .map(|intrinsic_lr| runs_of(instance, optimizer, end, (intrinsic_lr, energy), progress))
            .collect::<Result<_, StepError>>()
            .map_err(Rejected::from)?;
        let swings: Vec<Vec<ShortRun>> = if constants.momentum > 0.0 {
            let intrinsic_lrs = SwingRecord::rungs(instance, constants, ENERGIES[0]);
            let swing = |intrinsic_lr| swings_of(instance, optimizer, intrinsic_lr, progress);
            let swings = intrinsic_lrs.into_par_iter().rev().with_max_len(1).map(swing);
            swings.collect::<Result<_, StepError>>().map_err(Rejected::from)?
        } else {
            vec![]
        };
        progress.goes_on()?;
        let (runs, swings) = (runs.into_iter().flatten().collect(), swings.into_iter().flatten().collect());
        Ok(Self { optimizer, horizon: end * optimizer.own_time(), energy, runs, swings })
    }

    /// Adds the runs of the rung below the finest one.
    ///
    /// # Errors
    /// See [`DynamicsRecord::new`].
    pub fn add_finer(&mut self, instance: &Instance, progress: &Progress) -> Result<(), NotRun> {
        let Some(finest) = self.rung(0).next().map(|run| run.intrinsic_lr) else { return Ok(()) };
        let (end, start) = (self.horizon / self.optimizer.own_time(), (finest / HALF_DECADE, self.energy));
        self.runs.extend(runs_of(instance, self.optimizer, end, start, progress).map_err(Rejected::from)?);
        progress.goes_on()
    }

    /// Passes unless no runs were long enough.
    pub(crate) fn has_runs(&self, instance: &Instance) -> Result<(), NotJudged> {
        if !self.runs.is_empty() {
            return Ok(());
        }
        let name = name_on(self.optimizer, instance);
        let why = format!(
            "{name}: no ladder of runs that are short enough is predicted to tell the flow from wrong ones with order ½"
        );
        Err(NotJudged::Because(why))
    }

    /// Whether its runs can tell the law's flow from that of other constants. Those of an instance that was asked to show the 4 can.
    pub(crate) fn tells(&self, instance: &Instance, twin: FlowConstants) -> bool {
        let finest = self.runs.iter().map(|run| run.intrinsic_lr).fold(f64::INFINITY, f64::min);
        let swing = self.optimizer.constants().swing(finest, instance.geometry.log_gradient_square());
        instance.shows_four || instance.tells(self.optimizer.flow(), &[twin], self.horizon, swing)
    }

    /// The runs of the `k`-th smallest rung.
    pub fn rung(&self, k: usize) -> impl Iterator<Item = &OtherRun> {
        of_rung(&self.runs, |run| run.intrinsic_lr, k)
    }

    /// How many steps all of them take on an instance.
    pub fn steps(instance: &Instance) -> u64 {
        let steps = |optimizer: &InstanceOptimizer| -> u64 {
            let of = |extent: Extent| {
                extent
                    .intrinsic_lrs
                    .iter()
                    .map(|intrinsic_lr| (part(optimizer.constants()) * extent.horizon / intrinsic_lr).ceil() as u64)
                    .sum()
            };
            Extent::of(instance, optimizer).map_or(0, of)
        };
        Self::optimizers(instance).map(steps).sum::<u64>() * STARTS as u64
    }
}

/// The runs of an intrinsic learning rate, from every start.
fn runs_of(
    instance: &Instance,
    optimizer: &InstanceOptimizer,
    end: f64,
    (intrinsic_lr, energy): (f64, f64),
    progress: &Progress,
) -> Result<Vec<OtherRun>, StepError> {
    let period = optimizer.constants().swing_factor() * EdgeStart::period(intrinsic_lr, LARGEST_ENERGY);
    let length = [end / intrinsic_lr, optimizer.own_time() * intrinsic_lr, period];
    let mut descent = descend(optimizer, instance, intrinsic_lr, swings_of_energy(energy))?;
    Ok(observe(instance, descent.as_mut(), intrinsic_lr, length, progress))
}

fn swings_of(
    instance: &Instance,
    optimizer: &InstanceOptimizer,
    intrinsic_lr: f64,
    progress: &Progress,
) -> Result<Vec<ShortRun>, StepError> {
    let start = (intrinsic_lr, ENERGIES[0]);
    let mut descent = descend(optimizer, instance, intrinsic_lr, swings_of_energy(ENERGIES[0]))?;
    let period = optimizer.constants().swing_factor() * EdgeStart::period(intrinsic_lr, ENERGIES[0]);
    Ok(watch(instance, descent.as_mut(), start, period, progress))
}

fn observe(
    instance: &Instance,
    descent: &mut dyn Descent<Starts>,
    intrinsic_lr: f64,
    [end, step_lasts, period]: [f64; 3],
    progress: &Progress,
) -> Vec<OtherRun> {
    let steps = end.ceil() as u64;
    let stride = (steps as f64 / READINGS) as u64 | 1;
    // A swing that dies out is largest in its first period, and a swing that grows in its last period. The stride may miss both
    // periods, or be as long as one.
    let period = period as u64;
    let swing = odd_stride(period as f64 / DYNAMICS_READINGS);
    let near_an_end = |step: u64| step.min(steps.saturating_sub(step)) <= period;
    // The first step shows whether momentum starts in phase.
    let due = |step: u64| step == 1 || step.is_multiple_of(stride) || (step.is_multiple_of(swing) && near_an_end(step));
    let new = |start| OtherRun {
        intrinsic_lr,
        start,
        times: Vec::new(),
        readings: Vec::new(),
        points: Vec::new(),
        thetas: Vec::new(),
        failure: None,
    };
    let mut made: Vec<OtherRun> = (0..STARTS).map(new).collect();
    watch_starts(instance, descent, steps, due, progress, |start, step, seen| {
        let made = &mut made[start];
        match seen {
            Ok(Sight { reading, theta, point, .. }) => {
                // The last step may lie a fraction of a step beyond the flow's end.
                made.times.push((step as f64).min(end) * step_lasts);
                made.readings.push(reading);
                made.points.push(point.to_vec());
                made.thetas.push(theta.to_vec());
            }
            Err(error) => made.failure = Some(error),
        }
    });
    made
}

/// Relatives of gradient descent with weight decay.
pub struct OtherDynamics;

impl Experiment for OtherDynamics {
    type On = Instance;
    type Seen<'a> = (&'a Instance, &'a DynamicsRecord);
    const NAME: &'static str = "dynamics";
    const AT_THE_EDGE: bool = true;

    fn suits(_: &Population, _: &Instance) -> bool {
        true
    }

    fn steps(instance: &Instance) -> u64 {
        DynamicsRecord::steps(instance)
    }

    fn run(
        _: &Population,
        instance: &Instance,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        for optimizer in DynamicsRecord::optimizers(instance) {
            let mut record = DynamicsRecord::new(instance, optimizer, progress)?;
            read_ladder(claims, instance, &mut record, |record| record.add_finer(instance, progress))?;
        }
        Ok(vec![])
    }
}

/// The hypothesis that momentum starts in phase: then h₁ = −h₀ up to O(√ε), while a start at rest has h₁ = −(1 + 2μ)h₀. The bound is
/// half of that difference.
fn in_phase(record: &DynamicsRecord, momentum: f64) -> Hypothesis {
    let off = |run: &OtherRun| match run.readings.as_slice() {
        [first, second, ..] => (second.displacement / first.displacement + 1.0).abs() / momentum,
        _ => f64::NAN,
    };
    let at = |run: &OtherRun| format!("at ε = {:.1e}, start {}", run.intrinsic_lr, run.start);
    largest(Assumption::MomentumInPhase, "momentum in phase: |h₁ + h₀|/|h₀| over μ", &record.runs, off, at)
}

/// The hypotheses of another dynamics, measured at its readings. Their window is that of an energy of 8
/// (`proofs-notes/heavy_ball.md`).
pub(crate) fn of_dynamics(instance: &Instance, record: &DynamicsRecord) -> Vec<Hypothesis> {
    let watched = |run: &OtherRun| Watched {
        intrinsic_lr: run.intrinsic_lr,
        start: run.start,
        rounding: Rounding::of::<f64>(),
        readings: run.readings.clone(),
        failure: run.failure,
    };
    let runs: Vec<Watched> = record.runs.iter().map(watched).collect();
    let swings: Vec<Watched> = record.swings.iter().map(Watched::of_swing).collect();
    let constants = record.optimizer.constants();
    let mut hypotheses = along("", instance, &runs, Window { near: 4.0, edge: 8.0 }.of(constants));
    if constants.momentum > 0.0 {
        hypotheses.push(in_phase(record, constants.momentum));
    }
    if !swings.is_empty() {
        hypotheses.extend(along("swings, ", instance, &swings, Window::of_energy(ENERGIES[0]).of(constants)));
    }
    hypotheses.push(rank_hypothesis(instance));
    if instance.loss.space() == Space::Sphere {
        hypotheses.push(invariance_hypothesis(instance));
    }
    hypotheses
}
