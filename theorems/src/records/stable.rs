use faer::Mat;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use sharpflow::arithmetic::{Enclosure, Quad, Real, add_scaled, dot, norm, scale};
use sharpflow::data::{Stream, generator};
use sharpflow::dense::{DenseError, symmetric_eigen};
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::enclosure::{EnclosureError, SphereBounds};
use sharpflow::loss::{Derivatives, Evaluator, Loss};
use sharpflow::measure::worst;

use sharpflow::network::{NetworkError, NetworkLoss};
use sharpflow::sphere::{Space, direction, project};
use thiserror::Error;

use super::Progress;
use crate::instance::{Instance, InstanceLoss, LEARNING_RATE, Rejected, Trained, radial_part, smooth_losses};

/// The ε of the claims: the stable regime ends at (2−ε)/ρ.
pub const MARGINS: [f64; 3] = [1.5, 1.0, 0.5];
const LEAST_MARGIN: f64 = MARGINS[2];
/// ηλ, η̃₀ρ and the ε of the run's end.
type Rate = (f64, f64, f64);
/// Random starts of an instance.
const STARTS: u64 = 3;
/// h of starts off Γ along v₁: far enough that the fall of the loss delays the end of the regime, and so near that the inequalities are
/// nearly equalities.
const ASIDE: f64 = 0.2;
const NEAR: f64 = 1e-6;
/// η̃ρ of single steps, on both sides of the threshold of stability.
const PRODUCTS: [f64; 4] = [0.5, 1.0, 1.9, 2.5];
/// No run of these rates is longer by the claims' own bounds.
const MOST_STEPS: usize = 20_000;

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
    /// Where L is smooth on all of S, and so small that this can be enclosed.
    pub bounds: Option<SphereBounds>,
    pub runs: Vec<StableRun>,
    pub steps: Vec<StableStep>,
}

/// Gradient descent with weight decay from the stable regime to its end.
#[derive(Debug)]
pub struct StableRun {
    pub intrinsic_lr: f64,
    pub steps: Vec<StableStep>,
    /// Whether it was stopped before η̃ had passed the threshold it was to end at.
    pub stayed: bool,
}

/// One step from a unit vector θ to Π(θ − η̃∇L(θ)).
#[derive(Clone, Copy, Debug)]
pub struct StableStep {
    /// η̃.
    pub effective_lr: f64,
    /// ‖∇L(θ)‖².
    pub gradient_square: f64,
    /// L(θ).
    pub loss: f64,
    /// L after the step − L(θ) + η̃‖∇L(θ)‖²: what the fall of the loss lacks of its linear part.
    pub lacks: f64,
    /// The largest λ₁ of ∇²L on the segment from θ to θ − η̃∇L(θ).
    pub sharpness: f64,
    /// By how much ∇²L changes between neighbours of the points at which it was measured, over the tenth of λ₁ that it may.
    pub resolution: f64,
    /// |⟨∇L(θ), θ⟩| over its rounding bound.
    pub radial: f64,
}

/// How a run left the stable regime of some ε and ρ.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// ρ.
    pub sharpness: f64,
    /// The first step whose η̃ is above (2−ε)/ρ.
    pub step: usize,
    /// η̃ of the start.
    pub first_effective_lr: f64,
    /// L(θ₀) − L there.
    pub fall: f64,
    /// Σ η̃²‖∇L‖² before it.
    pub squares: f64,
    /// min ‖∇L‖² before it.
    pub least_gradient_square: f64,
}

impl StableRecord {
    /// The descents of an instance. `None` when stopped.
    ///
    /// # Errors
    /// A curvature that is not finite.
    pub fn of_instance(instance: &Instance, seed: u64, progress: &Progress) -> Result<Option<Self>, StableError> {
        let near = (instance.start.as_slice(), instance.geometry.direction.as_slice());
        Self::new(&instance.name, &instance.loss, near, None, seed, progress)
    }

    /// Those of losses that are smooth on all of S: draws of the 3-parameter loss, and the squared distance to a point as a series.
    ///
    /// # Errors
    /// No bound over the sphere.
    pub fn smooth(seed: u64, progress: &Progress) -> Result<Option<Vec<Self>>, StableError> {
        let losses = smooth_losses(seed)?;
        let records = losses.into_par_iter().map(|(name, network)| {
            let bounds = SphereBounds::new(&NetworkLoss::<Enclosure>::new(&network)?)?;
            let dimension = network.dimension();
            let loss = InstanceLoss::Network(Box::new(Trained::new(network, Space::Sphere)?));
            // The first axis lies on the circle's Γ, and the last is normal to it; the squared distance is 0 on the first, too.
            let (mut point, mut normal) = (vec![0.0; dimension], vec![0.0; dimension]);
            (point[0], normal[dimension - 1]) = (1.0, 1.0);
            Self::new(&name, &loss, (&point, &normal), Some(bounds), seed, progress)
        });
        let records: Vec<Option<Self>> = records.collect::<Result<_, StableError>>()?;
        Ok(records.into_iter().collect())
    }

    fn new(
        name: &str,
        loss: &InstanceLoss,
        (point, normal): (&[f64], &[f64]),
        bounds: Option<SphereBounds>,
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
        // Starts, with ηλ, η̃₀ρ and the ε that ends the run. Random ones take the time that η̃ needs to grow; one aside of Γ is delayed by
        // its gradient; near ones start a few steps, or one, before the end.
        let mut starts: Vec<(Vec<f64>, Vec<Rate>)> = (0..STARTS)
            .map(|_| (normal_draw(), vec![(0.02, 0.02, LEAST_MARGIN), (0.005, 0.2, LEAST_MARGIN)]))
            .collect();
        starts.push((off(ASIDE), vec![(0.001, 0.8, 1.0)]));
        let near = |margin: f64| {
            let end = 2.0 - margin;
            [(1e-4, end * (1.0 - 1e-3), margin), (0.01, end * (1.0 - 0.0195), margin)]
        };
        starts.push((off(NEAR), MARGINS.into_iter().flat_map(near).collect()));
        let made = starts.into_par_iter().map(|(mut start, rates)| {
            project(&mut start);
            let mut steps = SingleSteps::new(loss);
            let local = steps.curvature(&start)?.1;
            // No eigenvalue of a random start need be positive.
            let scale = local.max(norm(Evaluator::<_, f64>::new(loss).evaluate(&start).1));
            let single = PRODUCTS.map(|product| steps.step(&start, product / scale));
            let single = single.into_iter().collect::<Result<Vec<_>, _>>()?;
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
    let mut run = StableRun { intrinsic_lr, steps: Vec::new(), stayed: true };
    let mut steps = SingleSteps::new(loss);
    let (mut theta, mut highest) = (start.to_vec(), 0.0f64);
    while run.steps.len() < MOST_STEPS {
        direction(descent.weights(), &mut theta);
        let step = steps.step(&theta, descent.effective_learning_rate())?;
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

impl StableRun {
    /// How it left the regime of ε = `margin`, for ρ = `bound` or else the largest sharpness on its own segments. `None` where it
    /// started beyond.
    pub fn exit(&self, margin: f64, bound: Option<f64>) -> Option<Exit> {
        let mut highest = 0.0f64;
        // The largest sharpness up to where η̃ passes the threshold for it.
        let sharpness = bound.unwrap_or_else(|| {
            for step in &self.steps {
                highest = worst([highest, step.sharpness]);
                if step.effective_lr > (2.0 - margin) / highest {
                    break;
                }
            }
            highest
        });
        let exit = self.steps.iter().position(|step| step.effective_lr > (2.0 - margin) / sharpness);
        // A run that stayed is held to the bounds at its last step; one that had left for its own ε may not have for another.
        let step = if self.stayed { exit.or(self.steps.len().checked_sub(1)) } else { exit }?;
        let before = self.steps[..step].iter();
        (step > 0).then(|| Exit {
            sharpness,
            step,
            first_effective_lr: self.steps[0].effective_lr,
            fall: self.steps[0].loss - self.steps[step].loss,
            squares: before.clone().map(|s| s.effective_lr.powi(2) * s.gradient_square).sum(),
            least_gradient_square: before.map(|s| s.gradient_square).fold(f64::INFINITY, f64::min),
        })
    }
}

/// Takes steps of projected gradient descent and looks at what they step over.
struct SingleSteps<'a> {
    loss: &'a InstanceLoss,
    derivatives: Derivatives<'a, InstanceLoss, f64>,
}

impl<'a> SingleSteps<'a> {
    fn new(loss: &'a InstanceLoss) -> Self {
        Self { loss, derivatives: Derivatives::new(loss) }
    }

    /// What an inequality compares cancels near Γ: losses and gradient are taken in double-double.
    fn step(&mut self, theta: &[f64], effective_lr: f64) -> Result<StableStep, DenseError> {
        let wide: Vec<Quad> = theta.iter().map(|&x| Quad::from_f64(x)).collect();
        let (before, gradient) = self.loss.precise(&wide);
        let from = self.curvature(theta)?;
        let radial = radial_part(&wide, &gradient, from.1);
        let mut there = wide;
        add_scaled(&mut there, Quad::from_f64(-effective_lr), &gradient);
        let gradient_square = dot(&gradient, &gradient);
        let after = self.loss.precise(&there).0;
        let lacks = after - before + Quad::from_f64(effective_lr) * gradient_square;
        let end: Vec<f64> = there.iter().map(|x| x.to_f64()).collect();
        let to = self.curvature(&end)?;
        // A backward-stable solver's eigenvalue errs by a small multiple of D·u·‖H‖.
        let rounding = 1.0 + 64.0 * theta.len() as f64 * f64::EPSILON;
        let (largest, resolution) = self.segment((theta, &from), (&end, &to), 0)?;
        let sharpness = rounding * largest;
        Ok(StableStep {
            effective_lr,
            gradient_square: gradient_square.to_f64(),
            loss: before.to_f64(),
            lacks: lacks.to_f64(),
            sharpness,
            resolution,
            radial,
        })
    }

    fn curvature(&mut self, at: &[f64]) -> Result<(Mat<f64>, f64), DenseError> {
        let hessian = self.derivatives.hessian(at);
        let top = symmetric_eigen(hessian.as_ref())?.values[0];
        Ok((hessian, top))
    }

    /// A bound of λ₁ on a segment: an eigenvalue moves no faster than the matrix, so between a and b it stays below
    /// ½(λ₁(a) + λ₁(b) + ‖∇²L(b) − ∇²L(a)‖) to second order in the segment's length, which is halved until that is small. With the largest
    /// such change that is left, over what is small.
    fn segment(
        &mut self,
        (a, from): (&[f64], &(Mat<f64>, f64)),
        (b, to): (&[f64], &(Mat<f64>, f64)),
        depth: usize,
    ) -> Result<(f64, f64), DenseError> {
        const DEEPEST: usize = 20;
        const SMALL: f64 = 0.1;
        let change = (&from.0 - &to.0).norm_l2();
        let resolution = change / (SMALL * from.1.max(to.1));
        if depth == DEEPEST || resolution <= 1.0 {
            return Ok((0.5 * (from.1 + to.1 + change), resolution));
        }
        let middle: Vec<f64> = a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect();
        let there = self.curvature(&middle)?;
        let first = self.segment((a, from), (&middle, &there), depth + 1)?;
        let second = self.segment((&middle, &there), (b, to), depth + 1)?;
        Ok((worst([first.0, second.0]), worst([first.1, second.1])))
    }
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
            // Without one nothing can be said, and NaN says so.
            Scope::Sphere => Some(self.bounds.as_ref().map_or(f64::NAN, |bounds| bounds.sharpness.upper)),
        }
    }
}

impl Scope {
    /// What the records of a judgement are of.
    pub fn of(self, records: &[StableRecord]) -> String {
        match (self, records) {
            (Self::Path, [record]) => format!("{}, along its paths", record.name),
            _ => "losses smooth on all of S".into(),
        }
    }
}
