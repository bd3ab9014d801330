use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use sharpflow::arithmetic::{Enclosure, add_scaled, norm, scale};
use sharpflow::data::{Stream, generator};
use sharpflow::dense::DenseError;
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::enclosure::{EnclosureError, SphereBounds};
use sharpflow::loss::{Evaluator, Loss};
use sharpflow::measure::worst;

use sharpflow::network::{NetworkError, NetworkLoss};
use sharpflow::sphere::{Space, direction, project};
use thiserror::Error;

use super::hypotheses::largest;
use super::single_steps::{SingleSteps, StableStep};
use super::stable_run::{Exit, StableRun};
use crate::assumption::Assumption;
use crate::evidence::{Hypothesis, Table};
use crate::experiment::{Experiment, NotRun, Readers};
use crate::instance::{Instance, InstanceLoss, LEARNING_RATE, Rejected, Trained, smooth_losses};
use crate::population::Population;
use crate::progress::Progress;

/// The ε of the claims: the stable regime ends at (2−ε)/ρ.
pub(crate) const MARGINS: [f64; 3] = [1.5, 1.0, 0.5];
const LEAST_MARGIN: f64 = MARGINS[2];
/// ηλ, η̃₀ρ and the ε of the run's end.
type Rate = (f64, f64, f64);
/// Random starts of an instance.
const STARTS: u64 = 3;
/// h of the two starts off Γ along v₁. The first is so far away that the fall of the loss delays the end of the regime. The second is so near that the
/// inequalities are nearly equalities.
const ASIDE: f64 = 0.2;
const NEAR: f64 = 1e-6;
/// η̃ρ of single steps, on both sides of the threshold of stability.
const PRODUCTS: [f64; 4] = [0.5, 1.0, 1.9, 2.5];
/// The most steps of a run. By the claims' own bounds, no run at these rates is longer.
const MOST_STEPS: usize = 20_000;

/// Where the descents of a loss start: random points, which may not lie on the smooth piece of a loss with kinks, and h of the start aside of Γ.
struct Starts {
    random: u64,
    aside: f64,
}

/// Why a loss has no record of descents in the stable regime.
#[derive(Debug, Error)]
pub enum StableError {
    #[error(transparent)]
    Dense(#[from] DenseError),
    #[error(transparent)]
    Enclosure(#[from] EnclosureError),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl From<NetworkError> for StableError {
    fn from(error: NetworkError) -> Self {
        Self::Rejected(error.into())
    }
}

/// Where a bound ρ of the sharpness holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the segments that a run steps over: measured there.
    Path,
    /// On all of S: enclosed by interval arithmetic.
    Sphere,
}

/// Descents of one loss from the stable regime, and single steps.
#[derive(Debug)]
pub struct StableRecord {
    pub name: String,
    /// The bounds over S, for a loss that is smooth on all of S and small enough to be enclosed.
    pub bounds: Option<SphereBounds>,
    pub runs: Vec<StableRun>,
    pub steps: Vec<StableStep>,
}

impl StableRecord {
    /// The descents of an instance. `None` when stopped.
    ///
    /// # Errors
    /// A curvature that is not finite.
    pub fn of_instance(instance: &Instance, seed: u64, progress: &Progress) -> Result<Option<Self>, StableError> {
        let near = (instance.start.as_slice(), instance.geometry.direction.as_slice());
        let starts = Starts {
            random: if instance.loss.is_piece() { 0 } else { STARTS },
            aside: ASIDE.min(0.5 * instance.loss.distance_to_kink(near.0, near.1)),
        };
        Self::new(&instance.name, &instance.loss, near, (starts, None), seed, progress)
    }

    /// The records of losses that are smooth on all of S: draws of the 3-parameter loss, and the squared distance to a point as a series.
    ///
    /// # Errors
    /// There is no bound over the sphere.
    pub fn smooth(seed: u64, progress: &Progress) -> Result<Option<Vec<Self>>, StableError> {
        let losses = smooth_losses(seed)?;
        let records = losses.into_par_iter().map(|(name, network)| {
            let bounds = SphereBounds::new(&NetworkLoss::<Enclosure>::new(&network)?)?;
            let dimension = network.dimension();
            let loss = InstanceLoss::Network(Box::new(Trained::new(network, Space::Sphere)?));
            // The first axis lies on the circle's Γ, and the last is normal to it; the squared distance is 0 on the first, too.
            let (mut point, mut normal) = (vec![0.0; dimension], vec![0.0; dimension]);
            (point[0], normal[dimension - 1]) = (1.0, 1.0);
            let starts = Starts { random: STARTS, aside: ASIDE };
            Self::new(&name, &loss, (&point, &normal), (starts, Some(bounds)), seed, progress)
        });
        let records: Vec<Option<Self>> = records.collect::<Result<_, StableError>>()?;
        Ok(records.into_iter().collect())
    }

    fn new(
        name: &str,
        loss: &InstanceLoss,
        (point, normal): (&[f64], &[f64]),
        (from, bounds): (Starts, Option<SphereBounds>),
        seed: u64,
        progress: &Progress,
    ) -> Result<Option<Self>, StableError> {
        let dimension = loss.dimension();
        let mut generator = generator(seed, Stream::Stable);
        let mut normal_draw =
            || -> Vec<f64> { (0..dimension).map(|_| StandardNormal.sample(&mut generator)).collect() };
        let off = |h: f64| {
            let mut start = point.to_vec();
            add_scaled(&mut start, h, normal);
            start
        };
        // Each start has the ηλ, η̃₀ρ and final ε of its runs. Runs from random starts last until η̃ has grown. The gradient delays the
        // run from the start aside of Γ. Runs from the start near Γ begin a few steps, or one step, before their end.
        let mut starts: Vec<(Vec<f64>, Vec<Rate>)> = (0..from.random)
            .map(|_| (normal_draw(), vec![(0.02, 0.02, LEAST_MARGIN), (0.005, 0.2, LEAST_MARGIN)]))
            .collect();
        starts.push((off(from.aside), vec![(0.001, 0.8, 1.0)]));
        let near = |margin: f64| {
            let end = 2.0 - margin;
            [(1e-4, end * (1.0 - 1e-3), margin), (0.01, end * (1.0 - 0.0195), margin)]
        };
        starts.push((off(NEAR), MARGINS.into_iter().flat_map(near).collect()));
        let made = starts.into_par_iter().map(|(mut start, rates)| {
            project(&mut start);
            let mut steps = SingleSteps::new(loss);
            let local = steps.curvature(&start)?.top;
            // No eigenvalue of a random start need be positive.
            let scale = local.max(norm(Evaluator::<_, f64>::new(loss).evaluate(&start).1));
            let single = PRODUCTS.map(|product| steps.step(&start, product / scale));
            // A single step may lead off the piece, or through a cusp.
            let is_seen = |step: &Result<StableStep, DenseError>| match step {
                Ok(step) => step.is_resolved(),
                Err(DenseError::NotFinite { .. }) => !loss.is_piece(),
                Err(_) => true,
            };
            let single = single.into_iter().filter(is_seen).collect::<Result<Vec<_>, _>>()?;
            let bound = match &bounds {
                Some(bounds) => bounds.sharpness.upper,
                None => worst(single.iter().take(2).map(|step| step.sharpness).chain([scale])),
            };
            let mut runs = Vec::new();
            for (intrinsic_lr, product, margin) in rates {
                if progress.stopped() {
                    return Ok(None);
                }
                runs.push(descend(loss, &start, intrinsic_lr, product / bound, margin)?);
            }
            Ok(Some((runs, single)))
        });
        let made: Option<Vec<_>> = made.collect::<Result<Vec<_>, StableError>>()?.into_iter().collect();
        Ok(made.map(|made| {
            let mut record = Self { name: name.into(), bounds, runs: vec![], steps: vec![] };
            for (runs, steps) in made {
                record.runs.extend(runs);
                record.steps.extend(steps);
            }
            record
        }))
    }
}

/// A run until η̃ has passed (2−ε)/ρ for ε = `margin`, ρ the largest sharpness met so far.
fn descend(
    loss: &InstanceLoss,
    start: &[f64],
    intrinsic_lr: f64,
    first: f64,
    margin: f64,
) -> Result<StableRun, StableError> {
    let mut weights = start.to_vec();
    scale(&mut weights, (LEARNING_RATE / ((1.0 - intrinsic_lr) * first)).sqrt());
    let mut descent = GradientDescent::new(loss, LEARNING_RATE, intrinsic_lr, &weights).map_err(Rejected::from)?;
    let mut run = StableRun { intrinsic_lr, steps: Vec::new(), stayed: true, cut: false };
    let mut steps = SingleSteps::new(loss);
    let (mut theta, mut highest) = (start.to_vec(), 0.0f64);
    while run.steps.len() < MOST_STEPS {
        direction(descent.weights(), &mut theta);
        let step = match steps.step(&theta, descent.effective_learning_rate()) {
            Err(DenseError::NotFinite { .. }) if loss.is_piece() => None,
            step => Some(step?).filter(StableStep::is_resolved),
        };
        let Some(step) = step else {
            run.cut = true;
            break;
        };
        highest = worst([highest, step.sharpness]);
        run.steps.push(step);
        if step.effective_lr > (2.0 - margin) / highest {
            run.stayed = false;
            break;
        }
        descent.step();
    }
    Ok(run)
}

impl StableRecord {
    /// All steps, those of runs and single ones.
    pub fn all_steps(&self) -> impl Iterator<Item = &StableStep> {
        self.runs.iter().flat_map(|run| &run.steps).chain(&self.steps)
    }

    /// ρ for one step.
    pub fn sharpness(&self, scope: Scope, step: &StableStep) -> f64 {
        self.bound(scope).unwrap_or(step.sharpness)
    }

    /// How its runs left the stable regime, with their ηλ.
    pub fn exits(&self, scope: Scope, margin: f64) -> impl Iterator<Item = (f64, Exit)> {
        let bound = self.bound(scope);
        self.runs.iter().filter_map(move |run| Some((run.intrinsic_lr, run.exit(margin, bound)?)))
    }

    fn bound(&self, scope: Scope) -> Option<f64> {
        match scope {
            Scope::Path => None,
            // Without bounds nothing can be said about ρ, and NaN records this.
            Scope::Sphere => Some(self.bounds.as_ref().map_or(f64::NAN, |bounds| bounds.sharpness.upper)),
        }
    }
}

impl Scope {
    /// The name of the losses that records belong to.
    pub fn of(self, records: &[StableRecord]) -> String {
        match (self, records) {
            (Self::Path, [record]) => format!("{}, along its paths", record.name),
            _ => "losses smooth on all of S".into(),
        }
    }
}

/// Descents of an instance from the stable regime, with ρ along their paths.
pub struct StableDescents;

/// Descents of losses that are smooth on all of S, with ρ on all of it.
pub struct SmoothLosses;

impl Experiment for StableDescents {
    type On = Instance;
    type Seen<'a> = (&'a [StableRecord], Scope);
    const NAME: &'static str = "stable";
    const AT_THE_EDGE: bool = false;

    fn suits(_: &Population, instance: &Instance) -> bool {
        instance.is_on_sphere()
    }

    fn steps(_: &Instance) -> u64 {
        0
    }

    fn run(
        population: &Population,
        instance: &Instance,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        let record = StableRecord::of_instance(instance, population.seed, progress);
        let record = record.map_err(|error| broken(&instance.name, &error))?.ok_or(NotRun::Stopped)?;
        claims.read((&[record], Scope::Path));
        Ok(vec![])
    }
}

impl Experiment for SmoothLosses {
    type On = Population;
    type Seen<'a> = (&'a [StableRecord], Scope);
    const NAME: &'static str = "losses smooth on all of S";
    const AT_THE_EDGE: bool = false;

    fn suits(population: &Population, _: &Population) -> bool {
        population.source.is_built_in()
    }

    fn steps(_: &Population) -> u64 {
        0
    }

    fn run(
        population: &Population,
        _: &Population,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        let records = StableRecord::smooth(population.seed, progress);
        let records = records.map_err(|error| broken(Self::NAME, &error))?.ok_or(NotRun::Stopped)?;
        claims.read((&records, Scope::Sphere));
        Ok(vec![])
    }
}

/// A record that cannot be made is a failed hypothesis: the loss has no finite curvature where it is run.
fn broken(instance: &str, error: &StableError) -> NotRun {
    let hypothesis = Hypothesis {
        of: Assumption::BoundedSharpness,
        what: "the curvature is finite along the runs".into(),
        measured: f64::INFINITY,
        bound: 0.0,
        place: error.to_string(),
    };
    NotRun::Broken { instance: instance.into(), hypothesis }
}

/// The hypotheses of the stable regime.
pub(crate) fn of_stable(records: &[StableRecord], scope: Scope) -> Vec<Hypothesis> {
    let at = |record: &StableRecord| record.name.clone();
    let invariance = "scale invariance: |⟨∇L(θ), θ⟩| over its rounding bound";
    let of_steps = |of: fn(&StableStep) -> f64| move |record: &StableRecord| worst(record.all_steps().map(of));
    let mut hypotheses =
        vec![largest(Assumption::ScaleInvariance, invariance, records, of_steps(|step| step.radial), at)];
    if scope == Scope::Path {
        // ρ is known on all segments that are kept.
        let cut = |record: &StableRecord| {
            let count = record.runs.iter().filter(|run| run.cut).count();
            count as f64 / (MOST_CUT * record.runs.len() as f64)
        };
        let resolved = "ρ is known along the runs: those that meet a kink or a cusp before their end, over half of all";
        hypotheses.push(largest(Assumption::BoundedSharpness, resolved, records, cut, at));
    } else {
        let width = |record: &StableRecord| {
            let of = |bounds: &SphereBounds| bounds.sharpness.upper / bounds.sharpness.lower - 1.0;
            record.bounds.as_ref().map_or(f64::NAN, of) / ENCLOSED
        };
        hypotheses.push(largest(
            Assumption::BoundedSharpness,
            "ρ on all of S: its enclosure's relative width over a twentieth",
            records,
            width,
            at,
        ));
    }
    hypotheses
}

/// The part of an instance's runs that may be cut.
const MOST_CUT: f64 = 0.5;
/// How wide an enclosure of ρ may be, relatively.
const ENCLOSED: f64 = 0.05;
