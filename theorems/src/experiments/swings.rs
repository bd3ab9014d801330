use rayon::prelude::*;
use sharpflow::arithmetic::{Quad, Real, Rounding, add_scaled, dot, norm};
use sharpflow::descent::{Descent, EdgeConstants, EdgeStart, GradientDescent, StepError, every, run};
use sharpflow::loss::{Evaluator, Loss};
use sharpflow::measure::{Tracker, worst};
use sharpflow::minimizers::{EnergyLaw, Geometry};

use super::hypotheses::{Watched, Window, along, invariance_hypothesis, rank_hypothesis};
use super::short_run::ShortRun;
use super::starts::{Descents, Sight, Starts, gradient_descent, odd_stride, side_by_side, watch_starts};
use crate::evidence::{HALF_DECADE, Hypothesis, Table};
use crate::experiment::{Experiment, NotRun, Readers, read_ladder};
use crate::instance::{Instance, LEARNING_RATE, Precise, Rejected, STARTS, phase};
use crate::population::Population;
use crate::progress::Progress;

/// Energies of the swings, a small one and a large one.
pub const ENERGIES: [f64; 2] = [0.1, 4.0];
/// The energy of deep swings: |h| falls to e^{−30} of its equilibrium, below what doubles can follow.
pub const DEEP: f64 = 30.0;
/// The ηλ of deep swings, or less: |δ| stays below √(8·30ηλ).
const DEEP_LR: f64 = 2e-5;
/// The longest run of them.
const DEEP_STEPS: u64 = 15_000;
/// Only every second start has a deep swing, because deep swings take double-double.
const DEEP_STARTS: usize = 2;
/// Below this |h|, the gradient gives more digits of h than θ − p in doubles does.
const SMALL: f64 = 1e-8;
/// Readings of a period.
pub(crate) const READINGS: f64 = 32.0;
/// How long a run is, in periods: two upward crossings of δ lie within it, wherever it starts.
const PERIODS: f64 = 2.2;
/// The number of rungs, half a decade apart. The finest rung is left out if its runs would be longer than `LONGEST_RUN`.
const RUNGS: i32 = 5;
const LONGEST_RUN: u64 = 100_000;
/// How far the energy may move in a period of the coarsest rung, |κ|·ηλ·T, while a swing still counts as keeping its energy.
const LARGEST_DRIFT: f64 = 0.25;

/// How far the energy may move within a period of a large swing on the coarsest rung, in units of the energy itself (`energy.md`).
const LARGEST_VARIATION: f64 = 0.1;

/// Short runs on one instance: two slow periods of a small and of a large oscillation, on a ladder of their own.
#[derive(Debug)]
pub struct SwingRecord {
    pub swings: Vec<ShortRun>,
}

impl SwingRecord {
    /// The ηλ up to which the energy law lets an oscillation keep its energy for a period.
    pub(super) fn steady(instance: &Instance, optimizer: EdgeConstants, energy: f64) -> f64 {
        let rate = optimizer.energy_rate(&instance.path[0].law).abs();
        (LARGEST_DRIFT / (rate * optimizer.swing_factor() * EdgeStart::period(1.0, energy))).powi(2)
    }

    /// The ladder, in half decades down from the ηλ at which the energy law lets an oscillation keep its energy for a period. For a
    /// large swing the ladder starts so low that the energy varies little enough to be told from wrong energies.
    pub(super) fn rungs(instance: &Instance, optimizer: EdgeConstants, energy: f64) -> Vec<f64> {
        let mut top =
            (instance.plan.intrinsic_lrs[0] * optimizer.memory_factor()).min(Self::steady(instance, optimizer, energy));
        if energy == ENERGIES[1] {
            // The variation is predicted at a small ηλ, from where it grows like √(ηλ).
            let lower = 0.1 * top;
            let moves = predicted_variation(&instance.path[0].law, lower, energy);
            top = top.min(lower * (LARGEST_VARIATION / moves).powi(2));
        }
        let rung = |k: i32| top * 10f64.powf(-0.5 * f64::from(k));
        let count = if steps_of(rung(RUNGS - 1), energy) > LONGEST_RUN { RUNGS - 1 } else { RUNGS };
        (0..count).map(rung).collect()
    }

    /// ηλ of the deep swings; `None` where it is so small that they take too long.
    fn deep_rung(instance: &Instance) -> Option<f64> {
        let intrinsic_lr = Self::steady(instance, EdgeConstants::GRADIENT_DESCENT, DEEP)
            .min(instance.plan.intrinsic_lrs[0])
            .min(DEEP_LR);
        (steps_of(intrinsic_lr, DEEP) <= DEEP_STEPS).then_some(intrinsic_lr)
    }

    /// How many steps its runs take.
    pub fn steps(instance: &Instance) -> u64 {
        let steps = |intrinsic_lr: f64| ENERGIES.map(|energy| steps_of(intrinsic_lr, energy)).iter().sum::<u64>();
        // Once in doubles and once in double-double.
        let runs = STARTS + STARTS / DEEP_STARTS;
        let deep = Self::deep_rung(instance).map_or(0, |intrinsic_lr| steps_of(intrinsic_lr, DEEP) * runs as u64);
        Self::rungs(instance, EdgeConstants::GRADIENT_DESCENT, ENERGIES[1]).into_iter().map(steps).sum::<u64>()
            * STARTS as u64
            + deep
    }

    /// Makes all runs of an instance, in parallel over rungs, the starts of one side by side.
    ///
    /// # Errors
    /// It was stopped, or a start is no start of gradient descent.
    pub fn new(instance: &Instance, progress: &Progress) -> Result<Self, NotRun> {
        Self::of(instance, &gradient_descent(instance), progress)
    }

    /// The same with other descents, which are read as if they were gradient descent; a run that is repeated in double-double is
    /// gradient descent's.
    ///
    /// # Errors
    /// See [`SwingRecord::new`].
    pub fn of(instance: &Instance, descents: &Descents<'_>, progress: &Progress) -> Result<Self, NotRun> {
        let of_rung = |intrinsic_lr: f64| ENERGIES.map(|energy| (intrinsic_lr, energy));
        let deep = Self::deep_rung(instance).map(|intrinsic_lr| (intrinsic_lr, DEEP));
        let tasks: Vec<(f64, f64)> = deep
            .into_iter()
            .chain(
                Self::rungs(instance, EdgeConstants::GRADIENT_DESCENT, ENERGIES[1]).into_iter().rev().flat_map(of_rung),
            )
            .collect();
        let swings: Vec<Vec<ShortRun>> = tasks
            .into_par_iter()
            // Lengths differ by decades: a thread must not hold several.
            .with_max_len(1)
            .map(|(intrinsic_lr, energy)| runs_of(instance, descents, (intrinsic_lr, energy), progress))
            .collect::<Result<_, StepError>>()
            .map_err(Rejected::from)?;
        progress.goes_on()?;
        Ok(Self { swings: swings.into_iter().flatten().collect() })
    }

    /// Adds the runs of the rung below the finest one, of either energy.
    ///
    /// # Errors
    /// See [`SwingRecord::new`].
    pub fn add_finer(&mut self, instance: &Instance, progress: &Progress) -> Result<(), NotRun> {
        for energy in ENERGIES {
            let finest = self.of_energy(energy).map(|run| run.intrinsic_lr).fold(f64::INFINITY, f64::min);
            let runs = runs_of(instance, &gradient_descent(instance), (finest / HALF_DECADE, energy), progress);
            self.swings.extend(runs.map_err(Rejected::from)?);
        }
        progress.goes_on()
    }

    /// The runs of one energy on the `k`-th smallest ηλ.
    pub fn rung(&self, energy: f64, k: usize) -> impl Iterator<Item = &ShortRun> {
        let finest = self.of_energy(energy).map(|run| run.intrinsic_lr).fold(f64::INFINITY, f64::min);
        let intrinsic_lr = finest * HALF_DECADE.powi(k as i32);
        self.of_energy(energy).filter(move |run| (run.intrinsic_lr / intrinsic_lr - 1.0).abs() < 0.1)
    }

    /// The runs of one energy.
    pub fn of_energy(&self, energy: f64) -> impl Iterator<Item = &ShortRun> {
        self.swings.iter().filter(move |run| run.energy == energy)
    }
}

/// The largest change of E within a period, in units of the energy, by the second-order map of `energy_law.md` at one point of Γ.
fn predicted_variation(law: &EnergyLaw, intrinsic_lr: f64, energy: f64) -> f64 {
    let EnergyLaw { log_gradient_square: mut square, quartic, slope_along_gradient } = *law;
    // The lowest |h| of the swing, where δ = 0.
    let lowest = EdgeStart::at_energy(intrinsic_lr, energy, std::f64::consts::PI).kick;
    let (mut log_h, mut offset) = (lowest.ln() + 0.5 * (2.0 * intrinsic_lr / (4.0 + square)).ln(), 0.0f64);
    let of = |square: f64, log_h: f64, offset: f64| {
        0.5 * offset * offset - 4.0 * intrinsic_lr * log_h + (4.0 + square) * (2.0 * log_h).exp()
    };
    let first = of(square, log_h, offset);
    let changes = (0..steps_of(intrinsic_lr, energy)).map_while(|_| {
        let (h, kept) = ((2.0 * log_h).exp(), offset);
        log_h += (kept + quartic * h).ln_1p();
        let shrinks = (2.0 + kept).powi(2) + (1.0 + 0.5 * kept) * square;
        offset += (2.0 + kept) * (2.0 * intrinsic_lr - shrinks * h);
        square -= slope_along_gradient * h;
        (kept >= 0.0 || offset < 0.0).then(|| (of(square, log_h, offset) - first).abs())
    });
    worst(changes) / (4.0 * intrinsic_lr * energy)
}

fn steps_of(intrinsic_lr: f64, energy: f64) -> u64 {
    (PERIODS * EdgeStart::period(intrinsic_lr, energy)).ceil() as u64
}

/// The runs of one energy on a rung. A run whose |h| sinks into rounding is repeated in double-double.
fn runs_of(
    instance: &Instance,
    descents: &Descents<'_>,
    (intrinsic_lr, energy): (f64, f64),
    progress: &Progress,
) -> Result<Vec<ShortRun>, StepError> {
    let mut made = swings(instance, descents, (intrinsic_lr, energy), progress)?;
    if energy == DEEP {
        made.retain(|run| run.start.is_multiple_of(DEEP_STARTS));
    }
    let dimension = instance.loss.dimension();
    let repeated = made.into_par_iter().with_max_len(1).map(|run| {
        if run.sinks(dimension) { precise_run(instance, (intrinsic_lr, energy), run.start, progress) } else { Ok(run) }
    });
    repeated.collect()
}

/// Swings of one energy, from every start, in doubles.
pub(super) fn swings(
    instance: &Instance,
    descents: &Descents<'_>,
    (intrinsic_lr, energy): (f64, f64),
    progress: &Progress,
) -> Result<Vec<ShortRun>, StepError> {
    let edge = |start| EdgeStart::at_energy(intrinsic_lr, energy, phase(start));
    let weights = side_by_side(|start| edge(start).weights(&instance.start, &instance.geometry, LEARNING_RATE));
    let mut descent = descents(intrinsic_lr, &weights)?;
    Ok(watch(instance, descent.as_mut(), (intrinsic_lr, energy), EdgeStart::period(intrinsic_lr, energy), progress))
}

fn precise_run(
    instance: &Instance,
    (intrinsic_lr, energy): (f64, f64),
    start: usize,
    progress: &Progress,
) -> Result<ShortRun, StepError> {
    let edge = EdgeStart::at_energy(intrinsic_lr, energy, phase(start));
    let wide = |v: &[f64]| -> Vec<Quad> { v.iter().map(|&x| Quad::from_f64(x)).collect() };
    let loss = Precise(&instance.loss);
    let mut evaluator = Evaluator::new(loss);
    let mut weights = wide(&edge.weights(&instance.start, &instance.geometry, LEARNING_RATE));
    // The point of Γ, and so h, is known only in doubles. The missing part of h is added along v₁.
    let found = precise_displacement(&mut evaluator, &weights, &instance.geometry);
    let lacks = (Quad::from_f64(edge.displacement(&instance.geometry)) - found) * norm(&weights);
    add_scaled(&mut weights, lacks, &wide(&instance.geometry.direction));
    let mut descent = GradientDescent::new(&loss, LEARNING_RATE, intrinsic_lr, &weights)?;
    let mut tracker = Tracker::new(instance.minimizers());
    let mut near = vec![0.0; weights.len()];
    let mut made = ShortRun::new((intrinsic_lr, energy), start, Rounding::of::<Quad>());
    let (steps, due) = length(EdgeStart::period(intrinsic_lr, energy));
    run(&mut descent, steps, due, progress.pulse(1), |step, weights, effective, _| {
        near.iter_mut().zip(weights).for_each(|(near, x)| *near = x.to_f64());
        match tracker.read(&near, effective.to_f64()) {
            Ok(mut reading) => {
                if reading.displacement.abs() < SMALL {
                    reading.displacement = precise_displacement(&mut evaluator, weights, tracker.geometry()).to_f64();
                }
                made.readings.push((step, reading));
            }
            Err(error) => made.failure = Some(error),
        }
        made.failure.is_none()
    });
    Ok(made)
}

/// h = ⟨∇L(θ), v₁⟩/λ₁ up to O(h²), of weights in double-double.
fn precise_displacement(
    evaluator: &mut Evaluator<Precise<'_>, Quad>,
    weights: &[Quad],
    geometry: &Geometry<f64>,
) -> Quad {
    let direction: Vec<Quad> = geometry.direction.iter().map(|&x| Quad::from_f64(x)).collect();
    let along = dot(evaluator.evaluate(weights).1, &direction);
    along * norm(weights) / Quad::from_f64(geometry.sharpness)
}

/// Two periods of an oscillation from every start, under any descent.
pub(super) fn watch(
    instance: &Instance,
    descent: &mut dyn Descent<Starts>,
    (intrinsic_lr, energy): (f64, f64),
    period: f64,
    progress: &Progress,
) -> Vec<ShortRun> {
    let new = |start| ShortRun::new((intrinsic_lr, energy), start, Rounding::of::<f64>());
    let mut made: Vec<ShortRun> = (0..STARTS).map(new).collect();
    let (steps, due) = length(period);
    watch_starts(instance, descent, steps, due, progress, |start, step, seen| match seen {
        Ok(Sight { reading, .. }) => made[start].readings.push((step, reading)),
        Err(error) => made[start].failure = Some(error),
    });
    made
}

/// Steps and what is read of a run, by its period.
fn length(period: f64) -> (u64, impl Fn(u64) -> bool) {
    let stride = odd_stride(period / READINGS);
    ((PERIODS * period).ceil() as u64, every(stride))
}

/// Short runs of two slow periods.
pub struct Swings;

impl Experiment for Swings {
    type On = Instance;
    type Seen<'a> = (&'a Instance, &'a SwingRecord);
    const NAME: &'static str = "swings";
    const AT_THE_EDGE: bool = true;

    fn suits(_: &Population, instance: &Instance) -> bool {
        instance.is_on_sphere()
    }

    fn steps(instance: &Instance) -> u64 {
        SwingRecord::steps(instance)
    }

    fn run(
        _: &Population,
        instance: &Instance,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        let mut record = SwingRecord::new(instance, progress)?;
        read_ladder(claims, instance, &mut record, |record| record.add_finer(instance, progress))?;
        Ok(tables(&instance.name, record.swings.iter()))
    }
}

/// The largest energy of short runs.
const LARGEST: f64 = ENERGIES[1];

/// The hypotheses of the slow oscillation, measured along short runs.
pub(crate) fn of_swings(instance: &Instance, record: &SwingRecord) -> Vec<Hypothesis> {
    let (deep, swings): (Vec<&ShortRun>, Vec<&ShortRun>) = record.swings.iter().partition(|run| run.energy == DEEP);
    let watched = |runs: Vec<&ShortRun>| -> Vec<Watched> { runs.into_iter().map(Watched::of_swing).collect() };
    let mut hypotheses = along("", instance, &watched(swings), Window::of_energy(LARGEST));
    if !deep.is_empty() {
        hypotheses.extend(along("deep swings, ", instance, &watched(deep), Window::of_energy(DEEP)));
    }
    hypotheses.extend([invariance_hypothesis(instance), rank_hypothesis(instance)]);
    hypotheses
}

/// Swings from the first start, and the period of every one.
pub(super) fn tables<'a>(name: &str, runs: impl Iterator<Item = &'a ShortRun>) -> Vec<Table> {
    let columns = ["intrinsic_lr", "energy", "step", "displacement", "edge_offset", "stiffness"];
    let mut swings = Table::new("swings", name, &columns);
    let mut periods = Table::new("periods", name, &["intrinsic_lr", "energy", "start", "period", "predicted"]);
    for run in runs {
        let predicted = EdgeStart::period(run.intrinsic_lr, run.energy);
        periods.rows.push(vec![run.intrinsic_lr, run.energy, run.start as f64, run.period(), predicted]);
        let first = run.start == 0;
        swings.rows.extend(run.readings.iter().filter(|_| first).map(|(step, reading)| {
            let (h, delta) = (reading.displacement, reading.edge_offset);
            vec![run.intrinsic_lr, run.energy, *step as f64, h, delta, reading.edge_stiffness()]
        }));
    }
    vec![swings, periods]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::FAMILIES;

    /// The terms of the next order that E leaves out have the relative size √(ηλ). Those of κ also make the energy drift.
    #[test]
    fn the_variation_predicted_goes_like_the_root() {
        for (quartic, slope_along_gradient) in [(0.0, 0.0), (-40.0, 60.0), (5.0, -20.0)] {
            let law = EnergyLaw { log_gradient_square: 6.0, quartic, slope_along_gradient };
            let [coarse, fine] = [1e-6, 1e-8].map(|lr| predicted_variation(&law, lr, ENERGIES[1]));
            assert!((0.1 * coarse / fine - 1.0).abs() < 0.05 && fine < 1e-2, "{law:?}: {coarse:e}, {fine:e}");
        }
    }

    /// In doubles, rounding changes the depth of a deep swing, and so its period. In double-double, rounding changes neither.
    #[test]
    fn a_deep_swing_needs_double_double() {
        let drawn = (0..32).find_map(|seed| {
            let instance = FAMILIES[0].instance(seed).ok()?;
            SwingRecord::deep_rung(&instance).map(|intrinsic_lr| (instance, intrinsic_lr))
        });
        let (instance, intrinsic_lr) = drawn.unwrap();
        let (dimension, progress) = (instance.loss.dimension(), Progress::default());
        let plain = swings(&instance, &gradient_descent(&instance), (intrinsic_lr, DEEP), &progress).unwrap();
        let precise = |start| precise_run(&instance, (intrinsic_lr, DEEP), start, &progress).unwrap();
        let mut moved: f64 = 0.0;
        for (start, plain) in plain.iter().enumerate() {
            let precise = precise(start);
            assert!(plain.sinks(dimension) && !precise.sinks(dimension));
            // The first term of the bound on the period, `slow_period.md`.
            assert!(
                (precise.period() / EdgeStart::period(intrinsic_lr, DEEP) - 1.0).abs()
                    < 2.0 * (8.0 * intrinsic_lr * DEEP).sqrt()
            );
            moved = moved.max((plain.period() / precise.period() - 1.0).abs());
        }
        assert!(moved > 5e-3, "{moved:e}");
    }
}
