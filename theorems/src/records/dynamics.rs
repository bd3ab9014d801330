use std::array;

use rayon::prelude::*;
use sharpflow::arithmetic::{Lanes, add_scaled, norm, scale};
use sharpflow::descent::{Descent, EdgeStart, HeavyBall, ScalarRmsprop, StepError, every};
use sharpflow::flow::FlowConstants;
use sharpflow::measure::Reading;
use sharpflow::minimizers::MinimizersError;
use sharpflow::sphere::Space;

use super::starts::{Sight, Starts, phase, side_by_side, watch_starts};
use super::swing::watch;
use super::{ENERGIES, Progress, ShortRun, SwingRecord, of_rung};
use crate::instance::{Instance, InstanceLoss, LEARNING_RATE, START_ENERGY, STARTS};

/// Readings of a run.
const READINGS: f64 = 64.0;
/// The longest horizon in the time of gradient descent, and the least that shows a flow.
const HORIZON: f64 = 0.5;
const LEAST_HORIZON: f64 = 0.1;
/// The longest run, in steps: there are four times as many runs as in a ladder.
const LONGEST_RUN: f64 = 2e5;
/// Momentum makes swings grow; small ones have further to go.
const SMALL_ENERGY: f64 = 0.05;

/// A relative of gradient descent with weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dynamics {
    /// Momentum μ.
    HeavyBall { momentum: f64 },
    /// β = 1 − C_b η², on the instance's space.
    Rmsprop { decay: f64 },
}

/// Those that are run.
pub const DYNAMICS: [Dynamics; 4] = [
    Dynamics::HeavyBall { momentum: 0.25 },
    Dynamics::HeavyBall { momentum: 0.5 },
    Dynamics::Rmsprop { decay: 1.0 },
    Dynamics::Rmsprop { decay: 4.0 },
];

/// Those that are run on an instance: without the sphere RMSprop alone has this theory.
fn of(instance: &Instance) -> impl Iterator<Item = Dynamics> {
    let all = DYNAMICS.into_iter();
    let on_sphere = instance.loss.space() == Space::Sphere;
    all.filter(move |dynamics| on_sphere || matches!(dynamics, Dynamics::Rmsprop { .. }))
}

/// The rungs that are run on an instance, and how far, in the time of gradient descent.
#[derive(Clone, Copy)]
struct Extent<'a> {
    rungs: &'a [f64],
    horizon: f64,
}

impl<'a> Extent<'a> {
    /// The ladder without its finest rung, which takes two thirds of the time, or else the whole; `None` where runs short enough do not
    /// come so far as to show a flow and to tell it from wrong ones.
    fn of(instance: &'a Instance) -> Option<Self> {
        let ladder = instance.plan.rungs.as_slice();
        let coarser = ladder.split_last().map_or(ladder, |(_, coarser)| coarser);
        [coarser, ladder].into_iter().find_map(|rungs| {
            let &finest = rungs.last()?;
            let horizon = instance.plan.horizon.min(HORIZON).min(LONGEST_RUN * finest);
            (horizon >= LEAST_HORIZON && instance.tells_within(horizon, finest)).then_some(Self { rungs, horizon })
        })
    }
}

impl Dynamics {
    /// How long a step lasts on the rung ε, in the dynamics' own time: ηλ/(1−μ) of it is ε; η² of it is 4ε/C_b, which gives δ the
    /// slow oscillation that gradient descent has at ηλ = ε.
    pub fn step_lasts(self, rung: f64) -> f64 {
        match self {
            Self::HeavyBall { .. } => rung,
            Self::Rmsprop { decay } => 4.0 * rung / decay,
        }
    }

    /// The flow it follows in that time.
    pub fn flow(self) -> FlowConstants {
        match self {
            Self::HeavyBall { .. } => FlowConstants::SHARPNESS_REDUCTION,
            Self::Rmsprop { decay } => FlowConstants { numerator: 0.5 * decay, offset: 2.0 * decay, slope: 1.0 },
        }
    }

    /// How much of gradient descent's horizon its own runs take: RMSprop with C_b < 2 is up to 2/C_b times as fast along the path, and
    /// is to come no further.
    fn part(self) -> f64 {
        match self {
            Self::HeavyBall { .. } => 1.0,
            Self::Rmsprop { decay } => (0.5 * decay).min(1.0),
        }
    }
}

/// One dynamics on one instance: a ladder of rungs from several starts.
#[derive(Debug)]
pub struct DynamicsRecord {
    pub dynamics: Dynamics,
    /// The end of its runs, in its own time.
    pub horizon: f64,
    pub runs: Vec<OtherRun>,
    /// Under momentum, two periods each of small swings.
    pub swings: Vec<ShortRun>,
}

/// One run, read at an odd stride.
#[derive(Debug)]
pub struct OtherRun {
    /// ε, the intrinsic learning rate of a gradient descent of the same time scale.
    pub rung: f64,
    pub start: usize,
    /// The dynamics' own time of each reading.
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
    /// All dynamics on an instance; none where its finest runs do not come far enough. `None` when stopped.
    ///
    /// # Errors
    /// A start that is no start.
    pub fn all(instance: &Instance, progress: &Progress) -> Result<Option<Vec<Self>>, StepError> {
        let Some(Extent { rungs, horizon }) = Extent::of(instance) else { return Ok(Some(vec![])) };
        let records = of(instance).map(|dynamics| {
            let end = dynamics.part() * horizon;
            let descending: Vec<f64> = rungs.iter().rev().copied().collect();
            let runs: Vec<Vec<OtherRun>> = descending
                .into_par_iter()
                .with_max_len(1)
                .map(|rung| runs_of(instance, dynamics, end, rung, progress))
                .collect::<Result<_, StepError>>()?;
            let swings: Vec<Vec<ShortRun>> = match dynamics {
                Dynamics::HeavyBall { momentum } => {
                    let rungs: Vec<f64> = SwingRecord::rungs(instance).into_iter().rev().collect();
                    let swing = |rung| swings_of(instance, momentum, rung, progress);
                    rungs.into_par_iter().with_max_len(1).map(swing).collect::<Result<_, StepError>>()?
                }
                Dynamics::Rmsprop { .. } => vec![],
            };
            let (runs, swings) = (runs.into_iter().flatten().collect(), swings.into_iter().flatten().collect());
            Ok(Self { dynamics, horizon: end * dynamics.step_lasts(1.0), runs, swings })
        });
        let records = records.collect::<Result<_, StepError>>()?;
        Ok((!progress.stopped()).then_some(records))
    }

    /// The runs of the `k`-th smallest rung.
    pub fn rung(&self, k: usize) -> impl Iterator<Item = &OtherRun> {
        of_rung(&self.runs, |run| run.rung, k)
    }

    /// How many steps all of them take on an instance.
    pub fn steps(instance: &Instance) -> u64 {
        let Some(Extent { rungs, horizon }) = Extent::of(instance) else { return 0 };
        let steps = |dynamics: Dynamics| -> u64 {
            rungs.iter().map(|rung| (dynamics.part() * horizon / rung).ceil() as u64).sum()
        };
        of(instance).map(steps).sum::<u64>() * STARTS as u64
    }
}

/// The runs of a rung, from every start.
fn runs_of(
    instance: &Instance,
    dynamics: Dynamics,
    end: f64,
    rung: f64,
    progress: &Progress,
) -> Result<Vec<OtherRun>, StepError> {
    let length = [end / rung, dynamics.step_lasts(rung)];
    match dynamics {
        Dynamics::HeavyBall { momentum } => {
            let mut descent = heavy_ball(instance, momentum, rung, SMALL_ENERGY)?;
            Ok(observe(instance, &mut descent, rung, length, progress))
        }
        Dynamics::Rmsprop { decay } => {
            let square = instance.geometry.log_gradient_square();
            let edge = |start| {
                let mut edge = EdgeStart::at_energy(rung, START_ENERGY, phase(start));
                // |h|_eq² = 2ε/(2C_b + ‖G‖²).
                edge.kick *= ((4.0 + square) / (2.0 * decay + square)).sqrt();
                edge
            };
            let space = instance.loss.space();
            let starts = side_by_side(|start| edge(start).theta(&instance.start, &instance.geometry, space));
            let learning_rate = dynamics.step_lasts(rung).sqrt();
            let moment =
                |start| (learning_rate * instance.geometry.sharpness / (2.0 + edge(start).edge_offset)).powi(2);
            let moments = Lanes(array::from_fn(moment));
            let mut descent = ScalarRmsprop::new(&instance.loss, learning_rate, decay, (&starts, space), moments)?;
            Ok(observe(instance, &mut descent, rung, length, progress))
        }
    }
}

/// Gradient descent with momentum from starts on the same rung and phases as one without.
fn heavy_ball(
    instance: &Instance,
    momentum: f64,
    rung: f64,
    energy: f64,
) -> Result<HeavyBall<'_, InstanceLoss, Starts>, StepError> {
    let slower = slower(momentum);
    let edge = |start| {
        let mut edge = EdgeStart::at_energy(rung, energy, phase(start));
        // |h|_eq² = 2ηλ/((1+μ)K) with ηλ = ε(1−μ), and x′ = δ(1+μ)/(1−μ).
        edge.kick *= slower;
        edge.edge_offset *= slower;
        edge
    };
    let weights = |start| {
        let mut weights = edge(start).weights(&instance.start, &instance.geometry, LEARNING_RATE);
        // η/((1+μ)‖w‖²) in place of η/((1−ε)‖w‖²).
        scale(&mut weights, ((1.0 - rung) / (1.0 + momentum)).sqrt());
        weights
    };
    // In phase: the momentum an oscillation of period two has.
    let velocity = |start| {
        let (weights, h) = (weights(start), edge(start).displacement(&instance.geometry));
        let mut velocity = vec![0.0; weights.len()];
        let (sharpness, v) = (instance.geometry.sharpness, &instance.geometry.direction);
        add_scaled(&mut velocity, -sharpness * h / (norm(&weights) * (1.0 + momentum)), v);
        velocity
    };
    let starts = [&*side_by_side(weights), &*side_by_side(velocity)];
    HeavyBall::new(&instance.loss, LEARNING_RATE, rung * (1.0 - momentum), momentum, starts)
}

/// √((1−μ)/(1+μ)): the period and the size of swings, in those without momentum on the same rung.
fn slower(momentum: f64) -> f64 {
    ((1.0 - momentum) / (1.0 + momentum)).sqrt()
}

fn swings_of(instance: &Instance, momentum: f64, rung: f64, progress: &Progress) -> Result<Vec<ShortRun>, StepError> {
    let energy = ENERGIES[0];
    let mut descent = heavy_ball(instance, momentum, rung, energy)?;
    Ok(watch(instance, &mut descent, (rung, energy), slower(momentum) * EdgeStart::period(rung, energy), progress))
}

fn observe(
    instance: &Instance,
    descent: &mut impl Descent<Starts>,
    rung: f64,
    [end, step_lasts]: [f64; 2],
    progress: &Progress,
) -> Vec<OtherRun> {
    let steps = end.ceil() as u64;
    let stride = (steps as f64 / READINGS) as u64 | 1;
    let new = |start| OtherRun {
        rung,
        start,
        times: Vec::new(),
        readings: Vec::new(),
        points: Vec::new(),
        thetas: Vec::new(),
        failure: None,
    };
    let mut made: Vec<OtherRun> = (0..STARTS).map(new).collect();
    watch_starts(instance, descent, steps, every(stride), progress, |start, step, seen| {
        let made = &mut made[start];
        match seen {
            Ok(Sight { reading, theta, point, .. }) => {
                // The last step may lie a part of one beyond the flow's end.
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
