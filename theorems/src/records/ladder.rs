use rayon::prelude::*;
use sharpflow::arithmetic::dot;
use sharpflow::descent::{EdgeStart, GradientDescent, StepError, run};
use sharpflow::flow::angle_at;
use sharpflow::loss::{Evaluator, Loss};
use sharpflow::measure::{Oscillation, OscillationSummary, Tracker, slow_period};
use sharpflow::minimizers::{Geometry, Minimizers, NumericMinimizers};
use sharpflow::sphere::direction;

use super::Progress;
use crate::evidence::Hypothesis;
use crate::instance::{Instance, START_ENERGY, STARTS, convergence_window};

/// Readings kept of the flow's window of a run.
const READINGS: f64 = 1024.0;

/// All runs of one instance: every rung from every start.
#[derive(Debug)]
pub struct LadderRecord {
    pub runs: Vec<Run>,
    /// What was measured of the flow's hypotheses along all of them.
    pub hypotheses: Vec<Hypothesis>,
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
    dimension: usize,
    thetas: Vec<f64>,
    points: Vec<f64>,
    oscillation: OscillationSummary,
    energy: f64,
    /// The largest |⟨∇L(θ), θ⟩| against its rounding bound.
    invariance: f64,
    /// Why the run ended before its time, with τ.
    failure: Option<String>,
}

impl Run {
    /// θ of reading `k`.
    pub fn theta(&self, k: usize) -> &[f64] {
        &self.thetas[k * self.dimension..][..self.dimension]
    }

    /// p of reading `k`.
    pub fn point(&self, k: usize) -> &[f64] {
        &self.points[k * self.dimension..][..self.dimension]
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
            .map(|(rung, start)| one_run(instance, rung, start, progress))
            .collect::<Result<_, _>>()?;
        Ok((!progress.stopped()).then(|| Self { hypotheses: hypotheses(instance, &runs), runs }))
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
    let stride = (plan.horizon / rung / READINGS) as u64 | 1;
    ((end / rung).ceil() as u64, stride)
}

fn one_run(instance: &Instance, rung: f64, start: usize, progress: &Progress) -> Result<Run, StepError> {
    const LEARNING_RATE: f64 = 0.1;
    let phase = (start as f64 + 0.5) * std::f64::consts::TAU / STARTS as f64;
    let edge = EdgeStart::at_energy(rung, START_ENERGY, phase);
    let weights = edge.weights(&instance.start, &instance.geometry, LEARNING_RATE);
    let mut descent = GradientDescent::new(&instance.loss, LEARNING_RATE, rung, &weights)?;
    let mut tracker = Tracker::new(instance.minimizers.clone());
    let mut evaluator = Evaluator::new(&instance.loss);
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
        oscillation: OscillationSummary::default(),
        energy: edge.energy(),
        invariance: 0.0,
        failure: None,
    };
    run(&mut descent, steps, stride, |step, weights, effective, _| {
        progress.add(stride);
        let tau = step as f64 * rung;
        match tracker.read(weights, effective) {
            Ok(reading) => {
                oscillation.add(step, &reading);
                made.times.push(tau);
                made.sharpness.push(reading.sharpness);
                made.thetas.extend_from_slice(tracker.theta());
                made.points.extend_from_slice(tracker.point());
                if made.times.len() % 64 == 1 {
                    let gradient = evaluator.evaluate(tracker.theta()).1;
                    let rounding = instance.loss.conditioning(tracker.theta()).rounding;
                    let ratio = dot(gradient, tracker.theta()).abs() / rounding;
                    made.invariance = if ratio.is_nan() { ratio } else { made.invariance.max(ratio) };
                }
                !progress.stopped()
            }
            Err(error) => {
                made.failure = Some(format!("ηλ = {rung:.1e}, start {start}, τ = {tau:.3}: {error}"));
                false
            }
        }
    });
    made.oscillation = oscillation.summary();
    Ok(made)
}

/// The hypotheses of the flow, measured along every run of a record; bounds derived in
/// `proofs-notes/sharpness_reduction_flow.md`.
fn hypotheses(instance: &Instance, runs: &[Run]) -> Vec<Hypothesis> {
    let failures: Vec<&String> = runs.iter().filter_map(|run| run.failure.as_ref()).collect();
    // The largest value over runs of measured/bound, and where it is.
    let worst = |what: &'static str, ratio: &dyn Fn(&Run) -> f64| {
        let mut found = (f64::NEG_INFINITY, String::from("nowhere"));
        for run in runs {
            let value = ratio(run);
            if value.is_nan() || value > found.0 {
                found = (value, format!("at ηλ = {:.1e}, start {}", run.intrinsic_lr, run.start));
            }
            if value.is_nan() {
                break;
            }
        }
        Hypothesis { what, measured: found.0, bound: 1.0, place: found.1 }
    };
    let highest = EdgeStart::at_energy(1.0, START_ENERGY, 0.0).kick;
    let unit = f64::EPSILON / 2.0;
    let mut hypotheses = vec![
        Hypothesis {
            what: "every run keeps a nearest point on Γ",
            measured: failures.len() as f64,
            bound: 0.0,
            place: failures.first().map_or(String::new(), |f| f.to_string()),
        },
        worst("scale invariance: |⟨∇L(θ), θ⟩| over its rounding bound", &|run| run.invariance),
        worst("bounded starting energy: e₀", &|run| run.energy),
        worst("near Γ: ‖θ − p‖ over twice the swing of the start's energy", &|run| {
            let swing = highest * (run.intrinsic_lr / 2.0).sqrt();
            run.oscillation.largest_distance / (2.0 * swing)
        }),
        worst("at the edge: |η̃λ₁ − 2| over 4√(ηλ)", &|run| {
            run.oscillation.largest_offset / (4.0 * run.intrinsic_lr.sqrt())
        }),
        worst("λ₁ is simple: η̃λ₂ over 2", &|run| {
            (2.0 + run.oscillation.largest_offset) * (1.0 - run.oscillation.least_gap) / 2.0
        }),
        worst("|h| above rounding: its noise, a thousandfold, over min |h|", &|run| {
            let noise = unit * (run.dimension as f64 * slow_period(run.intrinsic_lr)).sqrt();
            1e3 * noise / run.oscillation.least_displacement
        }),
    ];
    hypotheses.push(rank_hypothesis(instance));
    hypotheses
}

/// The rank of ∇²L along the flow, and λ₁ there, by the route that knows only derivatives.
fn rank_hypothesis(instance: &Instance) -> Hypothesis {
    const PLACES: usize = 5;
    let mut minimizers = instance.minimizers.clone();
    let dimension = instance.loss.dimension();
    let mut numeric = NumericMinimizers::through(&instance.loss, &instance.start);
    let (mut closed, mut other) = (Geometry::new(dimension), Geometry::new(dimension));
    let mut unit = vec![0.0; dimension];
    let mut hypothesis = Hypothesis {
        what: "constant rank, and λ₁ of the Hessian as in the closed form, over its rounding bound",
        measured: 0.0,
        bound: 1.0,
        place: format!("rank {} of {dimension}", instance.minimizers.rank() - 1),
    };
    for k in 0..PLACES {
        let tau = instance.plan.horizon * k as f64 / (PLACES - 1) as f64;
        let angle = angle_at(instance.plan.angle, tau);
        let measured = numeric.as_mut().map_err(|e| *e).and_then(|numeric| {
            let point = minimizers.at_angle(angle, &instance.start)?;
            direction(&point, &mut unit);
            numeric.geometry(&point, &mut other)?;
            minimizers.geometry(&point, &mut closed)?;
            let conditioning = instance.loss.conditioning(&point);
            // Entries of ∇²L are sums of terms of the size of `curvature`, with the gradient's relative error each.
            let relative = conditioning.rounding * conditioning.condition / closed.sharpness;
            Ok((other.sharpness / closed.sharpness - 1.0).abs() / (3.0 * relative))
        });
        match measured {
            Ok(ratio) if ratio <= hypothesis.measured => {}
            Ok(ratio) => {
                hypothesis.measured = ratio;
                hypothesis.place = format!("at angle {angle:.3}");
            }
            Err(error) => {
                hypothesis.measured = f64::INFINITY;
                hypothesis.place = format!("at angle {angle:.3}: {error}");
            }
        }
    }
    hypothesis
}
