use rayon::prelude::*;
use sharpflow::arithmetic::Real;
use sharpflow::descent::{Descent, GradientDescent, StepError};
use sharpflow::measure::{Reading, slow_period, worst};
use sharpflow::minimizers::{EnergyLaw, MinimizersError};

use super::hypotheses::{Watched, Window, along, invariance_hypothesis, largest, rank_hypothesis};
use super::of_rung;
use super::relatives::{Dynamics, GRADIENT_DESCENT, edge, heavy_ball, remembering, rmsprop, slower};
use super::starts::{Sight, Starts, side_by_side, watch_starts};
use crate::evidence::{Hypothesis, Table};
use crate::experiment::{Experiment, NotRun};
use crate::instance::{Answer, Instance, LEARNING_RATE, Place, Rejected, STARTS, integral};
use crate::population::Population;
use crate::progress::Progress;

/// The largest energy of the coarsest run. The law is that of small swings, with an error of the order of the energy, so that the
/// energy falls along the ladder like (ηλ)^¾.
pub const LARGEST: f64 = 0.2;
const FALLS: f64 = 0.75;
/// Those that are run.
pub const GROWN: [Dynamics; 5] = [
    GRADIENT_DESCENT,
    Dynamics::HeavyBall { momentum: 0.25 },
    Dynamics::HeavyBall { momentum: 0.5 },
    Dynamics::Rmsprop { decay: 1.0 },
    Dynamics::Rmsprop { decay: 4.0 },
];
/// Places of the window at which κ is taken.
const PLACES: usize = 33;
/// How far log e is predicted to move over a window, where the path is that long.
const MOVES: f64 = 3.0;
/// Slow periods of the coarsest run of a window.
const PERIODS: f64 = 4.0;
/// How far κ may move log e in one of them.
const CHANGES: f64 = 0.5;
/// What normal directions that answer late may add to log e on the finest rung (`energy_law.md`).
const LATE: f64 = 0.01;
/// Readings of a period.
pub const READINGS: usize = 12;
const RUNGS: i32 = 5;
/// Quarters of a decade by which a ladder may start lower for that, further than any run is short enough.
const LOWER: i32 = 16;
/// The longest run, in steps: on a regression, on a network.
const LONGEST: [f64; 2] = [2e6, 5e5];

/// Runs over which the energy of a small oscillation is predicted to change by a factor e³, or as much as the path allows.
#[derive(Debug)]
pub struct GrowthRecord {
    pub dynamics: Dynamics,
    pub runs: Vec<GrowthRun>,
    /// The path predicted over the window, by the time in which a step lasts its rung.
    pub path: Vec<Place>,
}

/// One run, read at an odd stride twelve times a slow period.
#[derive(Debug)]
pub struct GrowthRun {
    /// ε: ηλ/(1−μ), or C_b η²/4 of RMSprop.
    pub rung: f64,
    pub start: usize,
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
struct Plan {
    dynamics: Dynamics,
    /// In the time in which a step lasts its rung.
    window: f64,
    rungs: Vec<f64>,
    /// On the coarsest rung.
    energy: f64,
}

impl Plan {
    /// `None` where the window needs a run that is too long.
    fn of(instance: &Instance, dynamics: Dynamics) -> Option<Self> {
        // By gradient descent's τ, which the path of the instance has.
        let rate = |law: &EnergyLaw| dynamics.rate(law) / dynamics.speed(law);
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
        let window = integral(&instance.path, tau, |law| 1.0 / dynamics.speed(law));
        // T·ε = π√(ε/2), times what momentum makes of it.
        let momentum = dynamics.momentum();
        let period = std::f64::consts::PI * slower(momentum);
        let within = |time: f64| 2.0 * (time / period).powi(2);
        // Momentum's part and the other by their sizes: where they cancel each still acts within a period.
        let of_momentum = |law: &EnergyLaw| law.heavy_ball_rate(momentum) - law.rate();
        let sizes = |law: &EnergyLaw| (dynamics.rate(law) - of_momentum(law)).abs() + of_momentum(law).abs();
        let of_window = || instance.path.iter().take_while(|place| place.tau <= tau);
        let fastest = of_window().map(|place| sizes(&place.law)).fold(0.0, f64::max);
        let top = [instance.plan.rungs[0] * remembering(momentum), within(window / PERIODS), within(CHANGES / fastest)]
            .into_iter()
            .fold(f64::INFINITY, f64::min);
        let added = |rung: f64| window * worst(of_window().map(|place| dynamics.late(place, rung)));
        let finest = top * 10f64.powf(-0.5 * f64::from(RUNGS - 1));
        let mut lower = (0..LOWER).map(|k| finest * 10f64.powf(-0.25 * f64::from(k)));
        let finest = lower.find(|&rung| added(rung) <= LATE)?;
        let rungs: Vec<f64> = (0..RUNGS).rev().map(|k| finest * 10f64.powf(0.5 * f64::from(k))).collect();
        let longest = LONGEST[usize::from(instance.loss.regression().is_none())];
        let growth = integral(&instance.path, tau, rate).max(0.0);
        let energy = LARGEST * (-growth).exp();
        (window / rungs[rungs.len() - 1] <= longest).then_some(Self { dynamics, window, rungs, energy })
    }
}

impl Dynamics {
    /// By how much the answers of normal directions that come late change κ on a rung: such an answer has a part 1/(1 + ω²ℓ²) in phase
    /// with a swing of frequency ω, ℓ the steps by which it is late, of what it adds to κ at once.
    fn late(self, place: &Place, rung: f64) -> f64 {
        let slower = slower(self.momentum());
        let part = |answer: &Answer| {
            let square = 2.0 * rung * (slower * answer.late).powi(2);
            answer.part * square / (1.0 + square)
        };
        let sum: f64 = place.answers.iter().map(part).sum();
        4.0 * sum / self.stiffness(place.law.log_gradient_square)
    }
}

impl GrowthRecord {
    /// The runs of the `k`-th smallest ε.
    pub fn rung(&self, k: usize) -> impl Iterator<Item = &GrowthRun> {
        of_rung(&self.runs, |run| run.rung, k)
    }

    /// How many steps its runs take.
    pub fn steps(instance: &Instance) -> u64 {
        let steps = |plan: &Plan| plan.rungs.iter().map(|rung| (plan.window / rung).ceil() as u64).sum::<u64>();
        GROWN.iter().filter_map(|&dynamics| Plan::of(instance, dynamics)).map(|plan| steps(&plan)).sum::<u64>()
            * STARTS as u64
    }

    /// Makes all runs of an instance, in parallel over runs; none where they would be too long.
    ///
    /// # Errors
    /// It was stopped; a path that cannot be followed, a start that is no start of gradient descent.
    pub fn new(instance: &Instance, dynamics: Dynamics, progress: &Progress) -> Result<Self, NotRun> {
        let Some(plan) = Plan::of(instance, dynamics) else {
            return Ok(Self { dynamics, runs: vec![], path: vec![] });
        };
        let rungs: Vec<f64> = plan.rungs.iter().rev().copied().collect();
        let path = instance.places(dynamics.flow_by_rungs(), plan.window, PLACES)?;
        let runs: Vec<Vec<GrowthRun>> = rungs
            .into_par_iter()
            .with_max_len(1)
            .map(|rung| runs_of(instance, (&plan, &path), rung, progress))
            .collect::<Result<_, StepError>>()
            .map_err(Rejected::from)?;
        progress.goes_on()?;
        Ok(Self { dynamics, runs: runs.into_iter().flatten().collect(), path })
    }
}

/// The runs of a rung, from every start.
fn runs_of(
    instance: &Instance,
    (plan, path): (&Plan, &[Place]),
    rung: f64,
    progress: &Progress,
) -> Result<Vec<GrowthRun>, StepError> {
    let start = (rung, plan.energy * (rung / plan.rungs[0]).powf(FALLS));
    match plan.dynamics {
        GRADIENT_DESCENT => {
            let of =
                |k| edge(instance, plan.dynamics, start, k).weights(&instance.start, &instance.geometry, LEARNING_RATE);
            let mut descent = GradientDescent::new(&instance.loss, LEARNING_RATE, rung, &side_by_side(of))?;
            Ok(observe(instance, &mut descent, (plan, path), rung, progress))
        }
        Dynamics::HeavyBall { momentum } => {
            let mut descent = heavy_ball(instance, momentum, start)?;
            Ok(observe(instance, &mut descent, (plan, path), rung, progress))
        }
        Dynamics::Rmsprop { decay } => {
            let mut descent = rmsprop(instance, decay, start)?;
            Ok(observe(instance, &mut descent, (plan, path), rung, progress))
        }
    }
}

fn observe(
    instance: &Instance,
    descent: &mut impl Descent<Starts>,
    (plan, path): (&Plan, &[Place]),
    rung: f64,
    progress: &Progress,
) -> Vec<GrowthRun> {
    let slower = slower(plan.dynamics.momentum());
    let stride = (slower * slow_period(rung) / READINGS as f64) as u64 | 1;
    let new = |start| GrowthRun { rung, start, readings: Vec::new(), failure: None };
    let mut made: Vec<GrowthRun> = (0..STARTS).map(new).collect();
    let steps = (plan.window / rung).ceil() as u64;
    let due = |step: u64| step.is_multiple_of(stride);
    watch_starts(instance, descent, steps, due, progress, |start, step, seen| match seen {
        // The last state, which is observed whatever its step, would upset the last period's mean.
        Ok(_) if !due(step) => {}
        Ok(Sight { reading, .. }) => {
            let tau = step as f64 * rung;
            made[start].readings.push(Swung {
                tau,
                energy: energy(path, (plan.dynamics, rung), tau, &reading),
                reading,
            });
        }
        Err(error) => made[start].failure = Some(error),
    });
    made
}

/// e of a reading, δ measured from its centre −q h².
fn energy(path: &[Place], (dynamics, rung): (Dynamics, f64), tau: f64, reading: &Reading) -> f64 {
    // q on the path, linear between its places.
    let next = path.partition_point(|place| place.tau < tau).clamp(1, path.len() - 1);
    let (a, b) = (&path[next - 1], &path[next]);
    let quartic = a.law.quartic + (b.law.quartic - a.law.quartic) * (tau - a.tau) / (b.tau - a.tau);
    let square = reading.displacement * reading.displacement;
    let offset = reading.edge_offset + quartic * square;
    // What h² and δ² would be without momentum; e^{2x} = h²/h²_eq, and a reading's K is 4 + ‖G‖².
    let slower = slower(dynamics.momentum());
    let (square, offset) = (square / (slower * slower), offset / slower);
    let ratio = dynamics.stiffness(reading.edge_stiffness - 4.0) * square / (2.0 * rung);
    offset * offset / (8.0 * rung) + 0.5 * (ratio - 1.0 - ratio.ln())
}

/// Runs over which the energy of small swings changes.
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
        show: &mut dyn FnMut(Self::Seen<'_>),
    ) -> Result<Vec<Table>, NotRun> {
        for dynamics in GROWN {
            show((instance, &GrowthRecord::new(instance, dynamics, progress)?));
        }
        Ok(vec![])
    }
}

/// The hypotheses of the energy law, measured along its runs.
pub(crate) fn of_growth(instance: &Instance, record: &GrowthRecord) -> Vec<Hypothesis> {
    let energy = |run: &GrowthRun| worst(run.readings.iter().map(|swung| swung.energy)) / (2.0 * LARGEST);
    let at = |run: &GrowthRun| format!("at ε = {:.1e}, start {}", run.rung, run.start);
    let watched = |run: &GrowthRun| Watched {
        rung: run.rung,
        start: run.start,
        unit_roundoff: f64::UNIT_ROUNDOFF,
        readings: run.readings.iter().map(|swung| swung.reading).collect(),
        failure: run.failure,
    };
    let runs: Vec<Watched> = record.runs.iter().map(watched).collect();
    let mut hypotheses = along("", instance, &runs, Window::of_energy(2.0 * LARGEST).of(record.dynamics));
    hypotheses.push(largest("small swings: e over twice the largest of a start", &record.runs, energy, at));
    hypotheses.extend([invariance_hypothesis(instance), rank_hypothesis(instance)]);
    hypotheses
}
