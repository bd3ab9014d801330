use sharpflow::arithmetic::{dot, norm};
use sharpflow::descent::{EdgeConstants, EdgeStart, GradientDescent, StepError, every, run};
use sharpflow::flow::{FlowConstants, FlowError};
use sharpflow::loss::{Evaluator, Loss};
use sharpflow::minimizers::{Minimizers, MinimizersError};
use sharpflow::sphere::Space;
use thiserror::Error;

use super::Ladder;
use super::ShortRun;
use super::starts::gradient_descent;
use super::swings::{SwingRecord, swings, tables as of_swings};
use crate::evidence::Table;
use crate::experiment::{Experiment, Judge, NotRun, Readers, reads};
use crate::instance::{Instance, LEARNING_RATE};
use crate::population::Population;
use crate::progress::Progress;

/// Energies of the swings a portrait shows.
const ENERGIES: [f64; 6] = [0.1, 0.5, 1.0, 2.0, 4.0, 8.0];
/// The factor by which ηλ lies below the largest ηλ that lets the largest swing keep its energy, so that it is seen on its level.
const BELOW: f64 = 0.01;
/// Degrees between points of the grid.
const DEGREES: usize = 5;
/// How far a point of Γ is from the next.
const STRIDE: f64 = 0.05;
/// Points drawn of a path.
const POINTS: u64 = 400;

/// A loss of three weights, to be looked at: swings of many energies, the loss on the sphere, Γ, a run and the flow.
#[derive(Debug)]
pub struct PortraitRecord {
    pub swings: Vec<ShortRun>,
    /// Latitude and longitude in degrees, and the loss there.
    pub surface: Vec<[f64; 3]>,
    /// Γ from the start on, to both sides.
    pub minimizers: Vec<[f64; 3]>,
    /// ηλ of the run.
    pub intrinsic_lr: f64,
    /// τ and θ of the run.
    pub iterates: Vec<(f64, [f64; 3])>,
    /// τ and ζ(τ).
    pub flow: Vec<(f64, [f64; 3])>,
}

/// Why there is no portrait.
#[derive(Debug, Error)]
pub enum PortraitError {
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Flow(#[from] FlowError),
    #[error(transparent)]
    Minimizers(#[from] MinimizersError),
}

impl PortraitRecord {
    /// Whether an instance can be drawn: its weights are a point of space, and Γ is a curve.
    pub fn suits(instance: &Instance) -> bool {
        let three = instance.loss.dimension() == 3 && instance.loss.space() == Space::Sphere;
        three && instance.minimizers().manifold_dimension() == 1
    }

    /// Makes what is drawn of an instance. `None` when stopped.
    ///
    /// # Errors
    /// A start that is no start, a flow that cannot be followed, a Γ that is lost.
    pub fn new(instance: &Instance, progress: &Progress) -> Result<Option<Self>, PortraitError> {
        let steady = SwingRecord::steady(instance, EdgeConstants::GRADIENT_DESCENT, ENERGIES[ENERGIES.len() - 1]);
        let intrinsic_lr = BELOW * steady.min(instance.plan.intrinsic_lrs[0]);
        let mut of_all = Vec::new();
        for energy in ENERGIES {
            of_all.extend(swings(instance, &gradient_descent(instance), (intrinsic_lr, energy), &Progress::default())?);
        }
        let intrinsic_lr = instance.plan.intrinsic_lrs[0];
        let portrait = Self {
            swings: of_all,
            surface: surface(instance),
            minimizers: minimizers(instance)?,
            intrinsic_lr,
            iterates: iterates(instance, intrinsic_lr)?,
            flow: flow(instance)?,
        };
        Ok((!progress.stopped()).then_some(portrait))
    }
}

fn surface(instance: &Instance) -> Vec<[f64; 3]> {
    let mut evaluator = Evaluator::<_, f64>::new(&instance.loss);
    let mut points = Vec::new();
    for latitude in (0..=180).step_by(DEGREES) {
        for longitude in (0..=360).step_by(DEGREES) {
            let (latitude, longitude) = (latitude as f64 - 90.0, longitude as f64);
            let (up, around) = (latitude.to_radians(), longitude.to_radians());
            let point = [up.cos() * around.cos(), up.cos() * around.sin(), up.sin()];
            points.push([latitude, longitude, evaluator.evaluate(&point).0]);
        }
    }
    points
}

/// Points of Γ. Each step goes along v₁ × p and then to the nearest point of Γ, until Γ closes or is lost.
fn minimizers(instance: &Instance) -> Result<Vec<[f64; 3]>, MinimizersError> {
    let mut forth = side(instance, 1.0)?;
    let closed = forth.len() > 3 && distance(&forth[forth.len() - 1], &forth[0]) < 1.5 * STRIDE;
    if closed {
        forth.push(forth[0]);
        return Ok(forth);
    }
    let mut all: Vec<[f64; 3]> = side(instance, -1.0)?.into_iter().skip(1).rev().collect();
    all.extend(forth);
    Ok(all)
}

fn side(instance: &Instance, sign: f64) -> Result<Vec<[f64; 3]>, MinimizersError> {
    let mut gamma = instance.minimizers();
    let start = &instance.start;
    let mut points = vec![[start[0], start[1], start[2]]];
    let mut geometry = instance.geometry.clone();
    let most = (2.0 * std::f64::consts::TAU / STRIDE) as usize;
    while points.len() < most {
        let [x, y, z] = points[points.len() - 1];
        let v = &geometry.direction;
        let along = [v[1] * z - v[2] * y, v[2] * x - v[0] * z, v[0] * y - v[1] * x];
        let ahead = [x + sign * STRIDE * along[0], y + sign * STRIDE * along[1], z + sign * STRIDE * along[2]];
        let mut next = [0.0; 3];
        // The curve ends where Γ ends or λ₁ is not simple.
        if gamma.nearest(&ahead, &mut next).and_then(|()| gamma.geometry(&next, &mut geometry)).is_err() {
            break;
        }
        if points.len() > 3 && distance(&next, &points[0]) < STRIDE {
            points.push(next);
            break;
        }
        points.push(next);
    }
    Ok(points)
}

fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    norm(&[a[0] - b[0], a[1] - b[1], a[2] - b[2]])
}

fn iterates(instance: &Instance, intrinsic_lr: f64) -> Result<Vec<(f64, [f64; 3])>, StepError> {
    let edge = EdgeStart::at_energy(intrinsic_lr, 4.0, 0.0);
    let weights = edge.weights(&instance.start, &instance.geometry, LEARNING_RATE);
    let mut descent = GradientDescent::new(&instance.loss, LEARNING_RATE, intrinsic_lr, &weights)?;
    let steps = (instance.plan.horizon / intrinsic_lr) as u64;
    let mut seen = Vec::new();
    // An odd stride meets both sides of Γ.
    run(
        &mut descent,
        steps,
        every((steps / POINTS) | 1),
        |_| true,
        |step, w: &[f64], _, _| {
            let length = dot(w, w).sqrt();
            seen.push((step as f64 * intrinsic_lr, [w[0] / length, w[1] / length, w[2] / length]));
            true
        },
    );
    Ok(seen)
}

fn flow(instance: &Instance) -> Result<Vec<(f64, [f64; 3])>, FlowError> {
    let flow = instance.flow(FlowConstants::SHARPNESS_REDUCTION)?;
    let mut point = [0.0; 3];
    let at = |k: u64| {
        let tau = instance.plan.horizon * k as f64 / POINTS as f64;
        flow.at(tau, &mut point);
        (tau, point)
    };
    Ok((0..=POINTS).map(at).collect())
}

/// What is drawn of a loss of three weights. No claim reads it; it accompanies the ladder.
pub struct Portrait;

impl Experiment for Portrait {
    type On = Instance;
    type Seen<'a> = ();
    const NAME: &'static str = "portrait";
    const AT_THE_EDGE: bool = true;

    fn suits(_: &Population, instance: &Instance) -> bool {
        PortraitRecord::suits(instance)
    }

    fn steps(_: &Instance) -> u64 {
        0
    }

    fn run(
        _: &Population,
        instance: &Instance,
        progress: &Progress,
        _: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        // A picture that cannot be made says nothing of any claim.
        let record = PortraitRecord::new(instance, progress).ok().flatten();
        Ok(record.map_or(vec![], |record| tables(instance, &record)))
    }

    fn serves(judges: &[&'static dyn Judge]) -> bool {
        reads::<Ladder>(judges).is_some()
    }
}

/// A portrait: its swings, the loss on the sphere, Γ, the run and the flow.
fn tables(instance: &Instance, record: &PortraitRecord) -> Vec<Table> {
    let name = &instance.name;
    let mut tables = of_swings(name, record.swings.iter());
    for table in &mut tables {
        table.kind = format!("{}-by-energy", table.kind).into();
    }
    let mut quadrature = Table::new("quadrature", name, &["energy", "period"]);
    // In units of the small swings' period π/√(2ηλ); energies evenly spaced in amplitude.
    quadrature.rows = (1..=80)
        .map(|k| (f64::from(k) / 20.0).powi(2))
        .map(|energy| vec![energy, EdgeStart::period(0.5, energy) / std::f64::consts::PI])
        .collect();
    let mut surface = Table::new("surface", name, &["latitude", "longitude", "loss"]);
    surface.rows = record.surface.iter().map(|point| point.to_vec()).collect();
    let mut minimizers = Table::new("minimizers", name, &["x", "y", "z"]);
    minimizers.rows = record.minimizers.iter().map(|point| point.to_vec()).collect();
    let path = |kind, points: &[(f64, [f64; 3])]| {
        let mut table = Table::new(kind, name, &["intrinsic_lr", "tau", "x", "y", "z"]);
        table.rows = points.iter().map(|&(tau, [x, y, z])| vec![record.intrinsic_lr, tau, x, y, z]).collect();
        table
    };
    tables.extend([quadrature, surface, minimizers, path("iterates", &record.iterates), path("path", &record.flow)]);
    tables
}
