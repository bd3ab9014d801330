use std::array;
use std::f64::consts::TAU;
use std::sync::LazyLock;

use rayon::prelude::*;
use sharpflow::arithmetic::Rounding;
use sharpflow::descent::{Descent, EdgeConstants, EdgeStart, StepError};
use sharpflow::measure::{Reading, slow_period, worst};
use sharpflow::minimizers::{EnergyLaw, MinimizersError};

use super::hypotheses::{Watched, Window, along, invariance_hypothesis, rank_hypothesis};
use super::of_rung;
use super::optimizers::{InstanceOptimizer, OPTIMIZERS, descend};
use super::starts::{Sight, Starts, watch_starts};
use crate::evidence::{HALF_DECADE, Hypothesis, Table};
use crate::experiment::{Experiment, NotRun, Readers, read_ladder};
use crate::instance::{Answer, Instance, Place, Rejected, STARTS, integral};
use crate::population::Population;
use crate::progress::Progress;

/// The energies that swings start with: half of them small, half of them large.
pub(crate) const ENERGIES: [f64; 4] = [0.1, 1.0, 4.0, 8.0];
/// The largest energy that the law may predict within a window: |h| falls to e^{−e−½} of its equilibrium, and must stay above rounding.
const LARGEST: f64 = 12.0;
/// Places of the window at which κ is taken.
const PLACES: usize = 33;
/// How far log e is predicted to move over a window, where the path is that long.
const MOVES: f64 = 3.0;
/// Slow periods of a window at the largest ε that is allowed.
const PERIODS: f64 = 4.0;
/// How far κ may move log e in one slow period.
const CHANGES: f64 = 0.5;
/// The most that the late answers of normal directions may add to log e on the finest rung (`energy_law.md`).
const LATE: f64 = 0.01;
/// Readings of a period.
const READINGS: usize = 12;
/// The rungs of a ladder, and how many half decades its finest rung lies below the largest ε that is allowed.
const RUNGS: i32 = 3;
const DEPTH: i32 = 4;
/// The number of quarter-decade shifts that are tried to bring a ladder within `LATE`; at the last shift its runs are too long.
const LOWER: i32 = 16;
/// The longest run, in steps: on a regression, on a network.
const LONGEST: [f64; 2] = [2e6, 5e5];

/// Runs over which κ is predicted to move log e of a small oscillation by 3, or as much as the path allows.
#[derive(Debug)]
pub struct GrowthRecord {
    pub optimizer: &'static InstanceOptimizer,
    pub runs: Vec<GrowthRun>,
    /// The path predicted over the window, in the time in which one step lasts the ε of its rung.
    pub path: Vec<Place>,
    plan: Option<Plan>,
}

/// One run, which is read at an odd stride, twelve times in each slow period.
#[derive(Debug)]
pub struct GrowthRun {
    /// ε: how much of τ a step lasts.
    pub intrinsic_lr: f64,
    pub start: usize,
    /// e₀, as it was asked for.
    pub start_energy: f64,
    pub readings: Vec<Swung>,
    pub failure: Option<MinimizersError>,
}

/// A reading, its time and its energy.
#[derive(Clone, Copy, Debug)]
pub struct Swung {
    pub tau: f64,
    pub energy: f64,
    pub reading: Reading,
}

/// What is run on an instance.
#[derive(Debug)]
struct Plan {
    optimizer: &'static InstanceOptimizer,
    /// The length of the runs, in the time in which one step lasts the ε of its rung.
    window: f64,
    intrinsic_lrs: Vec<f64>,
    /// The energies that swings start with: those that the law keeps below [`LARGEST`].
    energies: Vec<f64>,
}

impl Plan {
    /// The energies and phases of all starts. Starts of one energy are evenly spaced in their phases, from phase 0 on.
    ///
    /// Over a swing the sum of h² falls short of its mean by what δ gains. So p goes on as if it had started from a place that is G·δ₀/(2K) away, where κ is
    /// different. This changes log e by a part of the order √ε that is odd in δ₀. Two starts, at the phases 0 and π, have δ₀ = 0.
    fn swings(&self) -> [(f64, f64); STARTS] {
        let count = self.energies.len();
        array::from_fn(|start| {
            let of_energy = STARTS / count + usize::from(start % count < STARTS % count);
            (self.energies[start % count], TAU * (start / count) as f64 / of_energy as f64)
        })
    }

    /// `None` where the window needs a run that is too long.
    fn of(instance: &Instance, optimizer: &'static InstanceOptimizer) -> Option<Self> {
        let constants = optimizer.constants();
        let speed = |law: &EnergyLaw| constants.speed(law.log_gradient_square);
        // The time is gradient descent's τ, which the path of the instance has.
        let rate = |law: &EnergyLaw| constants.energy_rate(law) / speed(law);
        let end = instance.plan.horizon;
        // The first τ at which log e has moved far enough, in small steps.
        let parts = 512;
        let moved = |k: usize| integral(&instance.path, end * k as f64 / parts as f64, rate);
        let reached = (1..=parts).find(|&k| moved(k).abs() >= MOVES).unwrap_or(parts);
        let mut tau = end * reached as f64 / parts as f64;
        if reached == 1 {
            // κ is so large that it hardly changes.
            tau = tau.min(MOVES / rate(&instance.path[0].law).abs());
        }
        let window = integral(&instance.path, tau, |law| 1.0 / speed(law));
        // T·ε = π√(ε/2), times what momentum makes of it.
        let period = std::f64::consts::PI * constants.swing_factor();
        let within = |time: f64| 2.0 * (time / period).powi(2);
        // The sizes of momentum's part of κ and of the rest are added, because each part acts within a period even if the two cancel.
        let of_momentum = constants.energy_rate_of_momentum();
        let sizes = |law: &EnergyLaw| (constants.energy_rate(law) - of_momentum).abs() + of_momentum.abs();
        let of_window = || instance.path.iter().take_while(|place| place.tau <= tau);
        let fastest = of_window().map(|place| sizes(&place.law)).fold(0.0, f64::max);
        let top = [
            instance.plan.intrinsic_lrs[0] * constants.memory_factor(),
            within(window / PERIODS),
            within(CHANGES / fastest),
        ]
        .into_iter()
        .fold(f64::INFINITY, f64::min);
        let added = |intrinsic_lr: f64| window * worst(of_window().map(|place| late(constants, place, intrinsic_lr)));
        let finest = top * 10f64.powf(-0.5 * f64::from(DEPTH));
        let mut lower = (0..LOWER).map(|k| finest * 10f64.powf(-0.25 * f64::from(k)));
        let finest = lower.find(|&intrinsic_lr| added(intrinsic_lr) <= LATE)?;
        let intrinsic_lrs: Vec<f64> = (0..RUNGS).rev().map(|k| finest * 10f64.powf(0.5 * f64::from(k))).collect();
        let longest = LONGEST[usize::from(instance.loss.regression().is_none())];
        let ahead = (1..=reached).map(moved).fold(0.0, f64::max);
        let coarsest = intrinsic_lrs[0];
        // λ₂ stays below the edge where |δ| is largest.
        let is_simple = |energy: f64| {
            let offset = constants.swing_factor() * (8.0 * coarsest * energy).sqrt();
            of_window().all(|place| (1.0 + 0.5 * offset) * (1.0 - place.geometry.relative_gap()) < 1.0)
        };
        let stays = |energy: &f64| {
            let largest = Energy::of(*energy).after(ahead);
            largest <= LARGEST && is_simple(largest)
        };
        let energies: Vec<f64> = ENERGIES.into_iter().filter(stays).collect();
        let is_short = window / intrinsic_lrs[intrinsic_lrs.len() - 1] <= longest;
        (is_short && !energies.is_empty()).then_some(Self { optimizer, window, intrinsic_lrs, energies })
    }
}

/// Energies in a coordinate in which the law is that of small swings: de/dτ = κ e r(e) is dR/dτ = κ, R(e) = ∫de/(e r(e)).
///
/// log e is the coordinate near 0, where r = 1.
#[derive(Clone, Copy, Debug)]
pub struct Energy(f64);

impl Energy {
    /// Steps of log e by which R is tabulated, between log e = −16 and 4.
    const STEP: f64 = 1.0 / 32.0;
    const FROM: f64 = -16.0;
    const COUNT: usize = 641;

    pub fn of(energy: f64) -> Self {
        Self(energy)
    }

    /// R(e), which is log e where e is small.
    pub fn coordinate(self) -> f64 {
        let table = Self::table();
        let x = (self.0.ln() - Self::FROM) / Self::STEP;
        if !(x > 0.0) {
            return self.0.ln();
        }
        let k = (x as usize).min(Self::COUNT - 2);
        table[k] + (table[k + 1] - table[k]) * (x - k as f64)
    }

    /// e after R has changed by `by`.
    pub fn after(self, by: f64) -> f64 {
        let (table, wanted) = (Self::table(), self.coordinate() + by);
        let k = table.partition_point(|&coordinate| coordinate < wanted).clamp(1, Self::COUNT - 1);
        let part = (wanted - table[k - 1]) / (table[k] - table[k - 1]);
        (Self::FROM + (k as f64 - 1.0 + part) * Self::STEP).exp()
    }

    /// R at evenly spaced log e, by the trapezoid rule for ∫d log e/r.
    fn table() -> &'static [f64] {
        static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| {
            let at = |k: usize| Energy::FROM + k as f64 * Energy::STEP;
            let slopes: Vec<f64> = (0..Energy::COUNT).map(|k| 1.0 / EdgeStart::energy_factor(at(k).exp())).collect();
            let mut sum = Energy::FROM;
            let steps = slopes.windows(2).map(|pair| {
                sum += 0.5 * Energy::STEP * (pair[0] + pair[1]);
                sum
            });
            std::iter::once(Energy::FROM).chain(steps).collect()
        });
        &TABLE
    }
}

/// The change of κ at an intrinsic learning rate, because normal directions answer late. An answer that is ℓ steps late to a swing of
/// frequency ω keeps the part 1/(1 + ω²ℓ²) in phase, and only this part of what an immediate answer adds to κ.
pub(super) fn late(constants: EdgeConstants, place: &Place, intrinsic_lr: f64) -> f64 {
    let part = |answer: &Answer| {
        let square = 2.0 * intrinsic_lr * (constants.swing_factor() * answer.late).powi(2);
        answer.part * square / (1.0 + square)
    };
    let sum: f64 = place.answers.iter().map(part).sum();
    4.0 * sum / constants.stiffness(place.law.log_gradient_square)
}

impl GrowthRecord {
    /// The runs of the `k`-th smallest ε.
    pub fn rung(&self, k: usize) -> impl Iterator<Item = &GrowthRun> {
        of_rung(&self.runs, |run| run.intrinsic_lr, k)
    }

    /// How many steps its runs take.
    pub fn steps(instance: &Instance) -> u64 {
        let steps = |plan: &Plan| {
            plan.intrinsic_lrs.iter().map(|intrinsic_lr| (plan.window / intrinsic_lr).ceil() as u64).sum::<u64>()
        };
        OPTIMIZERS.iter().filter_map(|&optimizer| Plan::of(instance, optimizer)).map(|plan| steps(&plan)).sum::<u64>()
            * STARTS as u64
    }

    /// Makes all runs of an instance, in parallel over runs; none where they would be too long.
    ///
    /// # Errors
    /// It was stopped; a path that cannot be followed, a start that is no start of gradient descent.
    pub fn new(
        instance: &Instance,
        optimizer: &'static InstanceOptimizer,
        progress: &Progress,
    ) -> Result<Self, NotRun> {
        let Some(plan) = Plan::of(instance, optimizer) else {
            return Ok(Self { optimizer, runs: vec![], path: vec![], plan: None });
        };
        let intrinsic_lrs: Vec<f64> = plan.intrinsic_lrs.iter().rev().copied().collect();
        let path = instance.places(optimizer.constants().flow(), plan.window, PLACES)?;
        let runs: Vec<Vec<GrowthRun>> = intrinsic_lrs
            .into_par_iter()
            .with_max_len(1)
            .map(|intrinsic_lr| runs_of(instance, (&plan, &path), intrinsic_lr, progress))
            .collect::<Result<_, StepError>>()
            .map_err(Rejected::from)?;
        progress.goes_on()?;
        Ok(Self { optimizer, runs: runs.into_iter().flatten().collect(), path, plan: Some(plan) })
    }

    /// Adds the runs of the rung below the finest one.
    ///
    /// # Errors
    /// See [`GrowthRecord::new`].
    pub fn add_finer(&mut self, instance: &Instance, progress: &Progress) -> Result<(), NotRun> {
        let finest = self.rung(0).next().map(|run| run.intrinsic_lr);
        let (Some(plan), Some(finest)) = (&self.plan, finest) else { return Ok(()) };
        let runs = runs_of(instance, (plan, &self.path), finest / HALF_DECADE, progress).map_err(Rejected::from)?;
        self.runs.extend(runs);
        progress.goes_on()
    }
}

/// The runs of a rung, from every start.
fn runs_of(
    instance: &Instance,
    (plan, path): (&Plan, &[Place]),
    intrinsic_lr: f64,
    progress: &Progress,
) -> Result<Vec<GrowthRun>, StepError> {
    let mut descent = descend(plan.optimizer, instance, intrinsic_lr, plan.swings())?;
    Ok(observe(instance, descent.as_mut(), (plan, path), intrinsic_lr, progress))
}

fn observe(
    instance: &Instance,
    descent: &mut dyn Descent<Starts>,
    (plan, path): (&Plan, &[Place]),
    intrinsic_lr: f64,
    progress: &Progress,
) -> Vec<GrowthRun> {
    let constants = plan.optimizer.constants();
    let stride = (constants.swing_factor() * slow_period(intrinsic_lr) / READINGS as f64) as u64 | 1;
    let swings = plan.swings();
    let new = |start: usize| GrowthRun {
        intrinsic_lr,
        start,
        start_energy: swings[start].0,
        readings: Vec::new(),
        failure: None,
    };
    let mut made: Vec<GrowthRun> = (0..STARTS).map(new).collect();
    let steps = (plan.window / intrinsic_lr).ceil() as u64;
    let due = |step: u64| step.is_multiple_of(stride);
    watch_starts(instance, descent, steps, due, progress, |start, step, seen| match seen {
        // The last state, which is observed whatever its step, would upset the last period's mean.
        Ok(_) if !due(step) => {}
        Ok(Sight { reading, .. }) => {
            let tau = step as f64 * intrinsic_lr;
            made[start].readings.push(Swung {
                tau,
                energy: energy(path, (constants, intrinsic_lr), tau, &reading),
                reading,
            });
        }
        Err(error) => made[start].failure = Some(error),
    });
    made
}

/// e of a reading, δ measured from its centre −(q − s/(2K))h².
fn energy(path: &[Place], (constants, intrinsic_lr): (EdgeConstants, f64), tau: f64, reading: &Reading) -> f64 {
    // The centre on the path, linear between its places.
    let next = path.partition_point(|place| place.tau < tau).clamp(1, path.len() - 1);
    let (a, b) = (&path[next - 1], &path[next]);
    let centre = |place: &Place| place.law.centre(constants.stiffness(place.law.log_gradient_square));
    let centre = centre(a) + (centre(b) - centre(a)) * (tau - a.tau) / (b.tau - a.tau);
    let square = reading.displacement * reading.displacement;
    let offset = reading.edge_offset + centre * square;
    // The division gives h² and δ as they would be without momentum. Here e^{2x} = h²/h²_eq, and a reading's K is 4 + ‖G‖².
    let factor = constants.swing_factor();
    let (square, offset) = (square / (factor * factor), offset / factor);
    let ratio = constants.stiffness(reading.log_gradient_square) * square / (2.0 * intrinsic_lr);
    offset * offset / (8.0 * intrinsic_lr) + 0.5 * (ratio - 1.0 - ratio.ln())
}

/// Runs over which the energy of swings changes.
pub struct Growth;

impl Experiment for Growth {
    type On = Instance;
    type Seen<'a> = (&'a Instance, &'a GrowthRecord);
    const NAME: &'static str = "growth";
    const AT_THE_EDGE: bool = true;

    fn suits(_: &Population, instance: &Instance) -> bool {
        instance.is_on_sphere()
    }

    fn steps(instance: &Instance) -> u64 {
        GrowthRecord::steps(instance)
    }

    fn run(
        _: &Population,
        instance: &Instance,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        for optimizer in OPTIMIZERS {
            let mut record = GrowthRecord::new(instance, optimizer, progress)?;
            read_ladder(claims, instance, &mut record, |record| record.add_finer(instance, progress))?;
        }
        Ok(vec![])
    }
}

/// The hypotheses of the energy law, measured along its runs.
pub(crate) fn of_growth(instance: &Instance, record: &GrowthRecord) -> Vec<Hypothesis> {
    let watched = |run: &GrowthRun| Watched {
        intrinsic_lr: run.intrinsic_lr,
        start: run.start,
        rounding: Rounding::of::<f64>(),
        readings: run.readings.iter().map(|swung| swung.reading).collect(),
        failure: run.failure,
    };
    let runs: Vec<Watched> = record.runs.iter().map(watched).collect();
    // The largest energy that the law predicts.
    let optimizer = record.optimizer.constants();
    let moved = |place: &Place| integral(&record.path, place.tau, |law| optimizer.energy_rate(law));
    let ahead = record.path.iter().map(moved).fold(0.0, f64::max);
    let largest = Energy::of(worst(record.runs.iter().map(|run| run.start_energy))).after(ahead);
    let mut hypotheses = along("", instance, &runs, Window::of_energy(largest).of(record.optimizer.constants()));
    hypotheses.extend([invariance_hypothesis(instance), rank_hypothesis(instance)]);
    hypotheses
}
