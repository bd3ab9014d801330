use rayon::prelude::*;
use sharpflow::descent::{EdgeStart, GradientDescent, StepError};
use sharpflow::measure::{Reading, slow_period};
use sharpflow::minimizers::{EnergyLaw, MinimizersError};

use super::starts::{Sight, phase, side_by_side, watch_starts};
use super::{Progress, of_rung};
use crate::instance::{Instance, LEARNING_RATE, Place, Rejected, STARTS, integral};

/// The largest energy of the coarsest run. The law is that of small swings, with an error of the order of the energy, so that the
/// energy falls along the ladder like (ηλ)^¾.
pub const LARGEST: f64 = 0.2;
const FALLS: f64 = 0.75;
/// Places of the window at which κ is taken.
const PLACES: usize = 33;
/// How far log e is predicted to move over a window, where the path is that long.
const MOVES: f64 = 3.0;
/// Slow periods of the coarsest run of a window.
const PERIODS: f64 = 4.0;
/// Readings of a period.
pub const READINGS: usize = 12;
const RUNGS: i32 = 5;
/// The longest run, in steps: on a regression, on a network.
const LONGEST: [f64; 2] = [1e6, 2e5];

/// Runs over which the energy of a small oscillation is predicted to change by a factor e³, or as much as the path allows.
#[derive(Debug)]
pub struct GrowthRecord {
    pub runs: Vec<GrowthRun>,
    /// The path predicted over the window.
    pub path: Vec<Place>,
}

/// One run, read at an odd stride twelve times a slow period.
#[derive(Debug)]
pub struct GrowthRun {
    pub intrinsic_lr: f64,
    pub start: usize,
    pub readings: Vec<Swung>,
    pub failure: Option<MinimizersError>,
}

/// A reading, its τ and its energy.
#[derive(Clone, Copy, Debug)]
pub struct Swung {
    pub tau: f64,
    pub energy: f64,
    pub reading: Reading,
}

/// What is run on an instance.
struct Plan {
    window: f64,
    rungs: Vec<f64>,
    /// On the coarsest rung.
    energy: f64,
}

impl Plan {
    /// `None` where the window needs a run that is too long.
    fn of(instance: &Instance) -> Option<Self> {
        let rate = |law: &EnergyLaw| law.rate();
        let end = instance.plan.horizon;
        // The first τ at which log e has moved far enough, in small steps.
        let parts = 512;
        let moved = |k: usize| integral(&instance.path, end * k as f64 / parts as f64, rate);
        let reached = (1..=parts).find(|&k| moved(k).abs() >= MOVES).unwrap_or(parts);
        let mut window = end * reached as f64 / parts as f64;
        if reached == 1 {
            // κ is so large that it hardly changes.
            window = window.min(MOVES / rate(&instance.path[0].law).abs());
        }
        // PERIODS·T·ηλ = PERIODS·π√(ηλ/2) within the window.
        let top = instance.plan.rungs[0].min(2.0 * (window / (PERIODS * std::f64::consts::PI)).powi(2));
        let rungs: Vec<f64> = (0..RUNGS).map(|k| top * 10f64.powf(-0.5 * f64::from(k))).collect();
        let longest = LONGEST[usize::from(instance.loss.regression().is_none())];
        let growth = integral(&instance.path, window, rate).max(0.0);
        (window / rungs[rungs.len() - 1] <= longest).then(|| Self { window, rungs, energy: LARGEST * (-growth).exp() })
    }
}

impl GrowthRecord {
    /// The runs of the `k`-th smallest ηλ.
    pub fn rung(&self, k: usize) -> impl Iterator<Item = &GrowthRun> {
        of_rung(&self.runs, |run| run.intrinsic_lr, k)
    }

    /// How many steps its runs take.
    pub fn steps(instance: &Instance) -> u64 {
        let steps = |plan: &Plan| plan.rungs.iter().map(|rung| (plan.window / rung).ceil() as u64).sum::<u64>();
        Plan::of(instance).as_ref().map_or(0, steps) * STARTS as u64
    }

    /// Makes all runs of an instance, in parallel over runs; none where they would be too long. `None` when stopped.
    ///
    /// # Errors
    /// A path that cannot be followed, a start that is no start of gradient descent.
    pub fn new(instance: &Instance, progress: &Progress) -> Result<Option<Self>, Rejected> {
        let Some(plan) = Plan::of(instance) else { return Ok(Some(Self { runs: vec![], path: vec![] })) };
        let rungs: Vec<f64> = plan.rungs.iter().rev().copied().collect();
        let path = instance.places(plan.window, PLACES)?;
        let runs: Vec<Vec<GrowthRun>> = rungs
            .into_par_iter()
            .with_max_len(1)
            .map(|rung| runs_of(instance, (&plan, &path), rung, progress))
            .collect::<Result<_, StepError>>()?;
        let runs = runs.into_iter().flatten().collect();
        Ok((!progress.stopped()).then_some(Self { runs, path }))
    }
}

/// The runs of a rung, from every start.
fn runs_of(
    instance: &Instance,
    (plan, path): (&Plan, &[Place]),
    rung: f64,
    progress: &Progress,
) -> Result<Vec<GrowthRun>, StepError> {
    let weights = side_by_side(|start| {
        let mut edge = EdgeStart::at_energy(rung, plan.energy * (rung / plan.rungs[0]).powf(FALLS), phase(start));
        // The oscillation's centre is at δ = −q h².
        edge.edge_offset -= path[0].law.quartic * edge.displacement(&instance.geometry).powi(2);
        edge.weights(&instance.start, &instance.geometry, LEARNING_RATE)
    });
    let mut descent = GradientDescent::new(&instance.loss, LEARNING_RATE, rung, &weights)?;
    let stride = (slow_period(rung) / READINGS as f64) as u64 | 1;
    let new = |start| GrowthRun { intrinsic_lr: rung, start, readings: Vec::new(), failure: None };
    let mut made: Vec<GrowthRun> = (0..STARTS).map(new).collect();
    let steps = (plan.window / rung).ceil() as u64;
    let due = |step: u64| step.is_multiple_of(stride);
    watch_starts(instance, &mut descent, steps, due, progress, |start, step, seen| match seen {
        // The last state, which is observed whatever its step, would upset the last period's mean.
        Ok(_) if !due(step) => {}
        Ok(Sight { reading, .. }) => {
            let tau = step as f64 * rung;
            made[start].readings.push(Swung { tau, energy: energy(path, rung, tau, &reading), reading });
        }
        Err(error) => made[start].failure = Some(error),
    });
    Ok(made)
}

/// e of a reading, δ measured from its centre −q h².
fn energy(path: &[Place], intrinsic_lr: f64, tau: f64, reading: &Reading) -> f64 {
    // q on the path, linear between its places.
    let next = path.partition_point(|place| place.tau < tau).clamp(1, path.len() - 1);
    let (a, b) = (&path[next - 1], &path[next]);
    let quartic = a.law.quartic + (b.law.quartic - a.law.quartic) * (tau - a.tau) / (b.tau - a.tau);
    let square = reading.displacement * reading.displacement;
    let offset = reading.edge_offset + quartic * square;
    // e^{2x} = h²/h²_eq.
    let ratio = reading.edge_stiffness * square / (2.0 * intrinsic_lr);
    offset * offset / (8.0 * intrinsic_lr) + 0.5 * (ratio - 1.0 - ratio.ln())
}
