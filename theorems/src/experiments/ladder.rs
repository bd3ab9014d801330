use rayon::prelude::*;
use sharpflow::arithmetic::{Quad, Real, Rounding, distance, dot, norm};
use sharpflow::descent::{EdgeStart, StepError};
use sharpflow::loss::Loss;
use sharpflow::measure::{Oscillation, OscillationSummary, Reading, slow_period, worst};
use sharpflow::minimizers::MinimizersError;

use super::hypotheses::{displacement_noise, largest, lost_runs, rank_hypothesis, simple_sharpness};
use super::of_rung;
use super::starts::{Descents, Sight, gradient_descent, odd_stride, side_by_side, watch_starts};
use crate::assumption::Assumption;
use crate::evidence::{HALF_DECADE, Hypothesis, Table};
use crate::experiment::{Experiment, NotRun, Readers, read_ladder};
use crate::instance::{
    Instance, LARGEST_ENERGY, LEARNING_RATE, READINGS, Regression, Rejected, START_ENERGY, STARTS, convergence_window,
};
use crate::population::Population;
use crate::progress::Progress;

/// All runs of one instance: every rung from every start.
#[derive(Debug)]
pub struct LadderRecord {
    pub runs: Vec<Run>,
}

/// One run of gradient descent with weight decay, read at an odd stride.
#[derive(Debug)]
pub struct Run {
    pub intrinsic_lr: f64,
    pub start: usize,
    /// τ of each reading.
    pub times: Vec<f64>,
    /// λ₁(p) of each reading.
    pub sharpness: Vec<f64>,
    pub dimension: usize,
    thetas: Vec<f64>,
    points: Vec<f64>,
    /// Every reading of the run, in order.
    pub swings: Vec<Swing>,
    pub oscillation: OscillationSummary,
    /// e₀ as the first reading shows it.
    pub energy: f64,
    /// The largest |⟨∇L(θ), θ⟩| against its rounding bound.
    pub invariance: f64,
    /// The largest difference of a step from (1−ηλ)w − η∇L(w) against its rounding bound, over the first steps.
    pub step_error: f64,
    /// Why the run ended before its time, and at which τ.
    pub failure: Option<(f64, MinimizersError)>,
}

/// A reading, its step, and ‖w‖² there.
#[derive(Clone, Copy, Debug)]
pub struct Swing {
    pub step: u64,
    pub reading: Reading,
    pub norm_square: f64,
}

impl Run {
    /// Readings of the flow's window, τ ≤ `horizon`.
    pub fn swings_within(&self, horizon: f64) -> impl Iterator<Item = &Swing> {
        let end = (horizon / self.intrinsic_lr).ceil() as u64;
        self.swings.iter().take_while(move |swing| swing.step <= end)
    }

    /// θ of reading `k`.
    pub fn theta(&self, k: usize) -> &[f64] {
        &self.thetas[k * self.dimension..][..self.dimension]
    }

    /// p of reading `k`.
    pub fn point(&self, k: usize) -> &[f64] {
        &self.points[k * self.dimension..][..self.dimension]
    }

    /// Another path in place of the one read, for tests of what is fitted to it.
    #[cfg(test)]
    pub(crate) fn replace_points(&mut self, point: impl Fn(f64, &mut [f64])) {
        for (tau, slot) in self.times.iter().zip(self.points.chunks_mut(self.dimension)) {
            point(*tau, slot);
        }
    }

    /// Times and points of Γ up to τ = `horizon`.
    pub fn path(&self, horizon: f64) -> Vec<(f64, &[f64])> {
        self.window(0.0, horizon).map(|k| (self.times[k], self.point(k))).collect()
    }

    /// The readings with τ in [from, to].
    pub fn window(&self, from: f64, to: f64) -> impl Iterator<Item = usize> {
        let times = &self.times;
        // Half a step of slack: τ = t·ηλ is rounded.
        let slack = 0.5 * self.intrinsic_lr;
        (0..times.len()).filter(move |&k| times[k] >= from - slack && times[k] <= to + slack)
    }
}

impl LadderRecord {
    /// Makes all runs of an instance, in parallel over rungs, the starts of one side by side; the result does not depend on the
    /// threads.
    ///
    /// # Errors
    /// It was stopped, or a start is no start of gradient descent.
    pub fn new(instance: &Instance, progress: &Progress) -> Result<Self, NotRun> {
        Self::of(instance, &gradient_descent(instance), progress)
    }

    /// The same with other descents, which are read as if they were gradient descent: what a wrong dynamics would leave.
    ///
    /// # Errors
    /// See [`LadderRecord::new`].
    pub fn of(instance: &Instance, descents: &Descents<'_>, progress: &Progress) -> Result<Self, NotRun> {
        // Longest first, so that no thread is left with one at the end.
        let intrinsic_lrs: Vec<f64> = instance.plan.intrinsic_lrs.iter().rev().copied().collect();
        let runs: Vec<Vec<Run>> = intrinsic_lrs
            .into_par_iter()
            // Lengths differ by decades: a thread must not hold several.
            .with_max_len(1)
            .map(|intrinsic_lr| runs_of(instance, descents, intrinsic_lr, progress))
            .collect::<Result<_, StepError>>()
            .map_err(Rejected::from)?;
        progress.goes_on()?;
        Ok(Self { runs: runs.into_iter().flatten().collect() })
    }

    /// Adds the runs of the rung below the finest one.
    ///
    /// # Errors
    /// See [`LadderRecord::new`].
    pub fn add_finer(&mut self, instance: &Instance, progress: &Progress) -> Result<(), NotRun> {
        let Some(&finest) = self.intrinsic_lrs().last() else { return Ok(()) };
        let runs = runs_of(instance, &gradient_descent(instance), finest / HALF_DECADE, progress);
        self.runs.extend(runs.map_err(Rejected::from)?);
        progress.goes_on()
    }

    /// The ηλ of the rungs, from the coarsest to the finest.
    pub fn intrinsic_lrs(&self) -> Vec<f64> {
        let mut intrinsic_lrs: Vec<f64> = self.runs.iter().map(|run| run.intrinsic_lr).collect();
        intrinsic_lrs.sort_by(|a, b| b.total_cmp(a));
        intrinsic_lrs.dedup();
        intrinsic_lrs
    }

    /// How many steps the runs of an instance take.
    pub fn steps(instance: &Instance) -> u64 {
        let intrinsic_lrs = instance.plan.intrinsic_lrs.iter();
        intrinsic_lrs.map(|&intrinsic_lr| steps_of(instance, intrinsic_lr).0 * STARTS as u64).sum()
    }

    /// The runs of the `k`-th smallest ηλ.
    pub fn rung(&self, k: usize) -> impl Iterator<Item = &Run> {
        of_rung(&self.runs, |run| run.intrinsic_lr, k)
    }
}

/// The first steps of a run, each of which is compared with gradient descent's.
const WATCHED: u64 = 20;

/// Compares steps with (1−ηλ)w − η∇L(w) in double-double.
struct StepWatch<'a> {
    instance: &'a Instance,
    intrinsic_lr: f64,
    /// What doubles may make of a step, relative to ‖w‖: the gradient's error, which is that of λ₁, times η̃λ₁ ≈ 2, and a sum's.
    rounding: f64,
    /// The step before, and the weights that should follow.
    next: Option<(u64, Vec<f64>)>,
}

impl<'a> StepWatch<'a> {
    fn new(instance: &'a Instance, intrinsic_lr: f64) -> Self {
        let of_gradient = instance.path.first().map_or(f64::NAN, |place| instance.loss.curvature_rounding(place));
        let rounding = 8.0 * of_gradient + Rounding::of::<f64>().of_dense(instance.loss.dimension());
        Self { instance, intrinsic_lr, rounding, next: None }
    }

    /// The error of the step to these weights over its bound; 0 where it is not watched.
    fn error(&mut self, step: u64, weights: &[f64]) -> f64 {
        let error = match &self.next {
            Some((before, expected)) if before + 1 == step => {
                distance(weights, expected) / (self.rounding * norm(weights))
            }
            _ => 0.0,
        };
        self.next = (step < WATCHED).then(|| {
            let wide: Vec<Quad> = weights.iter().map(|&x| Quad::from_f64(x)).collect();
            let gradient = self.instance.loss.precise(&wide).1;
            let (kept, rate) = (Quad::from_f64(1.0) - Quad::from_f64(self.intrinsic_lr), Quad::from_f64(LEARNING_RATE));
            (step, wide.iter().zip(&gradient).map(|(&w, &g)| (kept * w - rate * g).to_f64()).collect())
        });
        error
    }
}

/// Steps and stride of a run.
fn steps_of(instance: &Instance, intrinsic_lr: f64) -> (u64, u64) {
    let plan = &instance.plan;
    let end = if plan.to_convergence { plan.horizon.max(convergence_window(intrinsic_lr).1) } else { plan.horizon };
    let stride = (plan.horizon / intrinsic_lr / instance.kept_readings()) as u64 | 1;
    ((end / intrinsic_lr).ceil() as u64, stride)
}

/// The runs of a rung, from every start.
fn runs_of(
    instance: &Instance,
    descents: &Descents<'_>,
    intrinsic_lr: f64,
    progress: &Progress,
) -> Result<Vec<Run>, StepError> {
    let weights = side_by_side(|start| instance.weights(intrinsic_lr, start));
    let mut descent = descents(intrinsic_lr, &weights)?;
    let (steps, stride) = steps_of(instance, intrinsic_lr);
    let new = |start| Run {
        intrinsic_lr,
        start,
        times: Vec::new(),
        sharpness: Vec::new(),
        dimension: weights.len(),
        thetas: Vec::new(),
        points: Vec::new(),
        swings: Vec::new(),
        oscillation: OscillationSummary::default(),
        energy: f64::NAN,
        invariance: 0.0,
        step_error: 0.0,
        failure: None,
    };
    let mut made: Vec<(Run, Oscillation)> = (0..STARTS).map(|start| (new(start), Oscillation::default())).collect();
    let flow_end = (instance.plan.horizon / intrinsic_lr).ceil() as u64;
    let window_start = (convergence_window(intrinsic_lr).0 / intrinsic_lr) as u64;
    // The oscillation is read often enough along the whole run. Readings that claims compare are kept at the stride, in their windows.
    let swing = odd_stride(slow_period(intrinsic_lr) / READINGS);
    let due = |step: u64| step <= WATCHED || step.is_multiple_of(stride) || step.is_multiple_of(swing);
    let mut watches: Vec<StepWatch<'_>> = (0..STARTS).map(|_| StepWatch::new(instance, intrinsic_lr)).collect();
    // A swing that dies out is largest in its first period, and one that grows in its last: the stride may step over both.
    let period = EdgeStart::period(intrinsic_lr, LARGEST_ENERGY) as u64;
    let near_an_end = |step: u64| step <= period || (step <= flow_end && flow_end - step <= period);
    let kept = |step: u64| {
        (step.is_multiple_of(stride) && (step <= flow_end || step >= window_start))
            || (step.is_multiple_of(swing) && near_an_end(step))
    };
    watch_starts(instance, descent.as_mut(), steps, due, progress, |start, step, seen| {
        let (made, oscillation) = &mut made[start];
        let tau = step as f64 * intrinsic_lr;
        let Sight { reading, weights, theta, point } = match seen {
            Ok(sight) => sight,
            Err(error) => return made.failure = Some((tau, error)),
        };
        if step == 0 {
            made.energy = energy(&reading, intrinsic_lr);
        }
        made.step_error = worst([made.step_error, watches[start].error(step, weights)]);
        oscillation.add(step, &reading);
        made.swings.push(Swing { step, reading, norm_square: dot(weights, weights) });
        if kept(step) {
            made.times.push(tau);
            made.sharpness.push(reading.sharpness);
            made.thetas.extend_from_slice(theta);
            made.points.extend_from_slice(point);
            if made.times.len() % 64 == 1 {
                let radial = instance.loss.radial_gradient(theta, reading.sharpness);
                made.invariance = worst([made.invariance, radial]);
            }
        }
    });
    let summed = made.into_iter().map(|(run, oscillation)| Run { oscillation: oscillation.summary(), ..run });
    Ok(summed.collect())
}

/// The energy of a reading, from its h, δ and K.
fn energy(reading: &Reading, intrinsic_lr: f64) -> f64 {
    let equilibrium = (2.0 * intrinsic_lr / reading.edge_stiffness()).sqrt();
    let (kick, edge_offset) = (reading.displacement / equilibrium, reading.edge_offset);
    EdgeStart { intrinsic_lr, kick, edge_offset }.energy()
}

/// A ladder of intrinsic learning rates.
pub struct Ladder;

impl Experiment for Ladder {
    type On = Instance;
    type Seen<'a> = (&'a Instance, &'a LadderRecord);
    const NAME: &'static str = "ladder";
    const AT_THE_EDGE: bool = true;

    fn suits(_: &Population, instance: &Instance) -> bool {
        instance.is_on_sphere()
    }

    fn steps(instance: &Instance) -> u64 {
        LadderRecord::steps(instance)
    }

    fn run(
        _: &Population,
        instance: &Instance,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        let mut record = LadderRecord::new(instance, progress)?;
        read_ladder(claims, instance, &mut record, |record| record.add_finer(instance, progress))?;
        Ok(tables(instance, &record))
    }
}

/// The hypotheses of the flow, measured at the start of every run, along it, and along the predicted path; bounds derived in
/// `proofs-notes/sharpness_reduction_flow.md`.
pub(crate) fn of_ladder(instance: &Instance, record: &LadderRecord) -> Vec<Hypothesis> {
    let runs = &record.runs;
    let at = |run: &Run| format!("at ηλ = {:.1e}, start {}", run.intrinsic_lr, run.start);
    let failed =
        runs.iter().filter_map(|run| run.failure.map(|(tau, error)| (format!("{}, τ = {tau:.3}", at(run)), error)));
    let failed: Vec<_> = failed.collect();
    let largest = |of, what: &'static str, ratio: &dyn Fn(&Run) -> f64| largest(of, what, runs, ratio, at);
    let start = |what: &'static str, ratio: fn(&Run, &Reading) -> f64| {
        let of_run = |run: &Run| run.swings.first().map_or(f64::NAN, |swing| ratio(run, &swing.reading));
        largest(Assumption::StartAtTheEdge, what, &of_run)
    };
    // |δ| of a swing of energy e is at most √(8ηλe), and the energy law says how far e grows.
    let coarsest = worst(runs.iter().map(|run| run.intrinsic_lr));
    let offset = (8.0 * coarsest * instance.largest_energy()).sqrt();
    let mut hypotheses = Vec::from(lost_runs("", &failed));
    hypotheses.extend([
        largest(
            Assumption::GradientDescent,
            "the first steps are gradient descent's: ‖w' − (1−ηλ)w + η∇L(w)‖ over its rounding bound",
            &|run| run.step_error,
        ),
        largest(Assumption::ScaleInvariance, "scale invariance: |⟨∇L(θ), θ⟩| over its rounding bound", &|run| {
            run.invariance
        }),
        largest(Assumption::StartAtTheEdge, "bounded starting energy: e₀", &|run| run.energy),
        start("the start is near Γ: ‖θ − p‖ over twice the swing of its energy", |run, reading| {
            let highest = EdgeStart::at_energy(1.0, START_ENERGY, 0.0).kick;
            reading.distance_to_manifold / (2.0 * highest * (run.intrinsic_lr / 2.0).sqrt())
        }),
        start("the start is at the edge: |η̃λ₁ − 2| over 4√(ηλ)", |run, reading| {
            reading.edge_offset.abs() / (4.0 * run.intrinsic_lr.sqrt())
        }),
        simple_sharpness("", instance, offset),
        largest(Assumption::AboveRounding, "|h| above rounding: its noise, a thousandfold, over min |h|", &|run| {
            let noise = displacement_noise(Rounding::of::<f64>(), run.dimension, run.intrinsic_lr);
            1e3 * noise / run.oscillation.least_displacement
        }),
        rank_hypothesis(instance),
    ]);
    hypotheses
}

/// The hypotheses of the flow on a linear regression, with that of a kernel.
pub(crate) fn of_regression(instance: &Instance, regression: &Regression, record: &LadderRecord) -> Vec<Hypothesis> {
    // ∇²L has rank r − 1 where X has rank r, and Γ has a direction for every one that X does not see.
    let kernel = Hypothesis {
        of: Assumption::Kernel,
        what: "X has a kernel: its rank over the number of its columns less one".into(),
        measured: (instance.rank() + 1) as f64 / (regression.loss.dimension() as f64 - 1.0),
        bound: 1.0,
        place: instance.name.clone(),
    };
    std::iter::once(kernel).chain(of_ladder(instance, record)).collect()
}

/// Rows kept of a run.
const ROWS: usize = 400;

/// The runs of a ladder from the first start, and the path predicted.
fn tables(instance: &Instance, record: &LadderRecord) -> Vec<Table> {
    let columns = ["intrinsic_lr", "step", "tau", "sharpness_on_gamma", "edge_product", "displacement", "norm_square"];
    let mut ladder = Table::new("ladder", &instance.name, &columns);
    let mut runs: Vec<_> = record.runs.iter().filter(|run| run.start == 0).collect();
    runs.sort_by(|a, b| b.intrinsic_lr.total_cmp(&a.intrinsic_lr));
    for run in runs {
        let within = run.swings_within(instance.plan.horizon).count();
        for swing in run.swings_within(instance.plan.horizon).step_by(within.div_ceil(ROWS).max(1)) {
            let reading = &swing.reading;
            ladder.rows.push(vec![
                run.intrinsic_lr,
                swing.step as f64,
                swing.step as f64 * run.intrinsic_lr,
                reading.sharpness,
                2.0 + reading.edge_offset,
                reading.displacement,
                swing.norm_square,
            ]);
        }
    }
    let mut flow = Table::new("flow", &instance.name, &["tau", "sharpness_on_gamma"]);
    flow.rows = instance.path.iter().map(|place| vec![place.tau, place.geometry.sharpness]).collect();
    vec![ladder, flow]
}
