use rayon::prelude::*;
use sharpflow::arithmetic::dot;
use sharpflow::descent::{EdgeStart, GradientDescent, StepError, run};
use sharpflow::measure::{Oscillation, OscillationSummary, Reading, Tracker, slow_period, worst};
use sharpflow::minimizers::MinimizersError;

use super::Progress;
use crate::instance::{Instance, LEARNING_RATE, START_ENERGY, STARTS, convergence_window};

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
    /// Makes all runs of an instance, in parallel over runs; the result does not depend on the threads. `None` when stopped.
    ///
    /// # Errors
    /// A start that is no start of gradient descent.
    pub fn new(instance: &Instance, progress: &Progress) -> Result<Option<Self>, StepError> {
        let rungs = &instance.plan.rungs;
        // Longest first, so that no thread is left with one at the end.
        let tasks: Vec<(f64, usize)> =
            (rungs.iter().rev()).flat_map(|&rung| (0..STARTS).map(move |start| (rung, start))).collect();
        let runs: Vec<Run> = tasks
            .into_par_iter()
            // Lengths differ by decades: a thread must not hold several.
            .with_max_len(1)
            .map(|(rung, start)| one_run(instance, rung, start, progress))
            .collect::<Result<_, _>>()?;
        Ok((!progress.stopped()).then_some(Self { runs }))
    }

    /// How many steps the runs of an instance take.
    pub fn steps(instance: &Instance) -> u64 {
        let rungs = instance.plan.rungs.iter();
        rungs.map(|&rung| steps_of(instance, rung).0 * STARTS as u64).sum()
    }

    /// The runs of the `k`-th smallest ηλ.
    pub fn rung(&self, instance: &Instance, k: usize) -> impl Iterator<Item = &Run> {
        let rungs = &instance.plan.rungs;
        let rung = rungs[rungs.len() - 1 - k];
        self.runs.iter().filter(move |run| run.intrinsic_lr == rung)
    }
}

/// Steps and stride of a run.
fn steps_of(instance: &Instance, rung: f64) -> (u64, u64) {
    let plan = &instance.plan;
    let end = if plan.to_convergence { plan.horizon.max(convergence_window(rung).1) } else { plan.horizon };
    let stride = (plan.horizon / rung / instance.reading().kept) as u64 | 1;
    ((end / rung).ceil() as u64, stride)
}

fn one_run(instance: &Instance, rung: f64, start: usize, progress: &Progress) -> Result<Run, StepError> {
    let phase = (start as f64 + 0.5) * std::f64::consts::TAU / STARTS as f64;
    let edge = EdgeStart::at_energy(rung, START_ENERGY, phase);
    let weights = edge.weights(&instance.start, &instance.geometry, LEARNING_RATE);
    let mut descent = GradientDescent::new(&instance.loss, LEARNING_RATE, rung, &weights)?;
    let mut tracker = Tracker::new(instance.minimizers());
    let mut oscillation = Oscillation::default();
    let (steps, stride) = steps_of(instance, rung);
    let mut made = Run {
        intrinsic_lr: rung,
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
        failure: None,
    };
    let flow_end = (instance.plan.horizon / rung).ceil() as u64;
    let window_start = (convergence_window(rung).0 / rung) as u64;
    // The oscillation is read along the whole run, often enough; what claims compare is kept at the stride, in their windows.
    let swing = (slow_period(rung) / instance.reading().of_period) as u64 | 1;
    let due = |step: u64| step.is_multiple_of(stride) || step.is_multiple_of(swing);
    let kept = |step: u64| step.is_multiple_of(stride) && (step <= flow_end || step >= window_start);
    run(&mut descent, steps, due, progress.pulse(), |step, weights, effective, _| {
        let tau = step as f64 * rung;
        match tracker.read(weights, effective) {
            Ok(reading) => {
                if step == 0 {
                    made.energy = energy(&reading, rung);
                }
                oscillation.add(step, &reading);
                made.swings.push(Swing { step, reading, norm_square: dot(weights, weights) });
                if !kept(step) {
                    return true;
                }
                made.times.push(tau);
                made.sharpness.push(reading.sharpness);
                made.thetas.extend_from_slice(tracker.theta());
                made.points.extend_from_slice(tracker.point());
                if made.times.len() % 64 == 1 {
                    let radial = instance.loss.radial_gradient(tracker.theta(), reading.sharpness);
                    made.invariance = worst([made.invariance, radial]);
                }
                true
            }
            Err(error) => {
                made.failure = Some((tau, error));
                false
            }
        }
    });
    made.oscillation = oscillation.summary();
    Ok(made)
}

/// The energy of a reading, from its h, δ and K.
fn energy(reading: &Reading, intrinsic_lr: f64) -> f64 {
    let equilibrium = (2.0 * intrinsic_lr / reading.edge_stiffness).sqrt();
    let (kick, edge_offset) = (reading.displacement / equilibrium, reading.edge_offset);
    EdgeStart { intrinsic_lr, kick, edge_offset }.energy()
}
