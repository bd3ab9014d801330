use rayon::prelude::*;
use sharpflow::descent::{Descent, EdgeStart, GradientDescent, StepError, run};
use sharpflow::measure::{Reading, Tracker};
use sharpflow::minimizers::MinimizersError;

use super::Progress;
use crate::instance::{Instance, LEARNING_RATE, STARTS};

/// Energies of the swings, a small one and a large one.
pub const ENERGIES: [f64; 2] = [0.1, 4.0];
/// Readings of a period.
const READINGS: f64 = 32.0;
/// How long a run is, in periods: two upward crossings of δ lie within it, wherever it starts.
const PERIODS: f64 = 2.2;
const RUNGS: i32 = 5;
/// How far the energy may move in a period of the coarsest rung, |κ|·ηλ·T, for a swing to have one.
const LARGEST_DRIFT: f64 = 0.25;

/// Short runs on one instance: two slow periods of a small and of a large oscillation, on a ladder of their own.
#[derive(Debug)]
pub struct SwingRecord {
    pub swings: Vec<ShortRun>,
}

/// One short run.
#[derive(Debug)]
pub struct ShortRun {
    pub intrinsic_lr: f64,
    pub start: usize,
    /// e₀, as it was asked for.
    pub energy: f64,
    /// Steps and readings, in order.
    pub readings: Vec<(u64, Reading)>,
    pub failure: Option<MinimizersError>,
}

impl ShortRun {
    /// The number of steps from one upward crossing of δ to the next; NaN where there are not two.
    pub fn period(&self) -> f64 {
        let crossings: Vec<f64> = self.crossings().map(|(_, step)| step).collect();
        if let [first, second, ..] = crossings[..] { second - first } else { f64::NAN }
    }

    /// The mean of a quantity from one upward crossing of δ to the next, by the trapezoid rule with parts of cells at both ends; NaN
    /// where there are not two.
    pub fn mean(&self, of: impl Fn(&Reading) -> f64) -> f64 {
        let crossings: Vec<f64> = self.crossings().map(|(_, step)| step).collect();
        let [first, second, ..] = crossings[..] else { return f64::NAN };
        let mut sum = 0.0;
        for pair in self.readings.windows(2) {
            let [(before, earlier), (after, later)] = [pair[0], pair[1]];
            let (before, after) = (before as f64, after as f64);
            let (from, to) = (before.max(first), after.min(second));
            if from < to {
                let (start, end) = (of(&earlier), of(&later));
                let at = |step: f64| start + (step - before) / (after - before) * (end - start);
                sum += 0.5 * (to - from) * (at(from) + at(to));
            }
        }
        sum / (second - first)
    }

    /// Readings between the first upward crossing of δ and the next.
    pub fn whole(&self) -> &[(u64, Reading)] {
        let mut crossings = self.crossings();
        match (crossings.next(), crossings.next()) {
            (Some((first, _)), Some((second, _))) => &self.readings[first..=second],
            _ => &[],
        }
    }

    /// Readings at which δ has become positive, and when it did.
    fn crossings(&self) -> impl Iterator<Item = (usize, f64)> {
        let offset = |k: usize| self.readings[k].1.edge_offset;
        let up = move |&k: &usize| offset(k - 1) < 0.0 && offset(k) >= 0.0;
        (1..self.readings.len()).filter(up).map(|k| (k, self.crossing(k)))
    }

    /// The zero of the cubic through the four readings around it, or through as many as there are, by bisection.
    fn crossing(&self, k: usize) -> f64 {
        let around = &self.readings[k.saturating_sub(2)..(k + 2).min(self.readings.len())];
        let value = |step: f64| -> f64 {
            let term = |i: usize| -> f64 {
                let others = (0..around.len()).filter(|&j| j != i);
                let (at, step_of) = (around[i].0 as f64, |j: usize| around[j].0 as f64);
                let weight: f64 = others.map(|j| (step - step_of(j)) / (at - step_of(j))).product();
                around[i].1.edge_offset * weight
            };
            (0..around.len()).map(term).sum()
        };
        let (mut low, mut high) = (self.readings[k - 1].0 as f64, self.readings[k].0 as f64);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if value(middle) < 0.0 { low = middle } else { high = middle }
        }
        low
    }
}

impl SwingRecord {
    /// The ladder: half decades from where the energy law lets an oscillation keep its energy for a period.
    pub(super) fn rungs(instance: &Instance) -> Vec<f64> {
        let rate = instance.path[0].law.rate().abs();
        let steady = (LARGEST_DRIFT / (rate * EdgeStart::period(1.0, ENERGIES[1]))).powi(2);
        let top = instance.plan.rungs[0].min(steady);
        (0..RUNGS).map(|k| top * 10f64.powf(-0.5 * f64::from(k))).collect()
    }

    /// How many steps its runs take.
    pub fn steps(instance: &Instance) -> u64 {
        let steps = |rung: f64| ENERGIES.map(|energy| steps_of(rung, energy)).iter().sum::<u64>();
        Self::rungs(instance).into_iter().map(steps).sum::<u64>() * STARTS as u64
    }

    /// Makes all runs of an instance, in parallel over runs. `None` when stopped.
    ///
    /// # Errors
    /// A start that is no start of gradient descent.
    pub fn new(instance: &Instance, progress: &Progress) -> Result<Option<Self>, StepError> {
        let of_rung =
            |rung: f64| ENERGIES.into_iter().flat_map(move |energy| (0..STARTS).map(move |k| (rung, energy, k)));
        let tasks: Vec<(f64, f64, usize)> = Self::rungs(instance).into_iter().rev().flat_map(of_rung).collect();
        let swings = tasks
            .into_par_iter()
            // Lengths differ by decades: a thread must not hold several.
            .with_max_len(1)
            .map(|(rung, energy, start)| short_run(instance, rung, energy, start, progress))
            .collect::<Result<_, _>>()?;
        Ok((!progress.stopped()).then_some(Self { swings }))
    }

    /// The runs of one energy on the `k`-th smallest ηλ.
    pub fn rung(&self, energy: f64, k: i32) -> impl Iterator<Item = &ShortRun> {
        let finest = self.swings.iter().map(|run| run.intrinsic_lr).fold(f64::INFINITY, f64::min);
        let rung = finest * 10f64.powf(0.5 * f64::from(k));
        // Rungs are half decades apart.
        self.of_energy(energy).filter(move |run| (run.intrinsic_lr / rung - 1.0).abs() < 0.1)
    }

    /// The runs of one energy.
    pub fn of_energy(&self, energy: f64) -> impl Iterator<Item = &ShortRun> {
        self.swings.iter().filter(move |run| run.energy == energy)
    }
}

fn steps_of(rung: f64, energy: f64) -> u64 {
    (PERIODS * EdgeStart::period(rung, energy)).ceil() as u64
}

fn short_run(
    instance: &Instance,
    rung: f64,
    energy: f64,
    start: usize,
    progress: &Progress,
) -> Result<ShortRun, StepError> {
    let phase = (start as f64 + 0.5) * std::f64::consts::TAU / STARTS as f64;
    let weights = EdgeStart::at_energy(rung, energy, phase).weights(&instance.start, &instance.geometry, LEARNING_RATE);
    let mut descent = GradientDescent::new(&instance.loss, LEARNING_RATE, rung, &weights)?;
    let made = ShortRun { intrinsic_lr: rung, start, energy, readings: Vec::new(), failure: None };
    Ok(watch(instance, &mut descent, EdgeStart::period(rung, energy), made, progress))
}

/// Two periods of an oscillation, whatever makes it.
pub(super) fn watch(
    instance: &Instance,
    descent: &mut impl Descent<f64>,
    period: f64,
    mut made: ShortRun,
    progress: &Progress,
) -> ShortRun {
    let mut tracker = Tracker::new(instance.minimizers());
    let stride = (period / READINGS) as u64 | 1;
    run(
        descent,
        (PERIODS * period).ceil() as u64,
        |step| step.is_multiple_of(stride),
        progress.pulse(),
        |step, weights, effective, _| {
            match tracker.read(weights, effective) {
                Ok(reading) => made.readings.push((step, reading)),
                Err(error) => made.failure = Some(error),
            }
            made.failure.is_none()
        },
    );
    made
}
