//! Instances of linear regression with batch normalization, admitted by what is measured before they run.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;
use sharpflow::data::{DataError, Dataset, Digits, DigitsSplit, Stream, generator};
use sharpflow::descent::StepError;
use sharpflow::loss::{LinearRegression, Loss};
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, MinimizersError, NumericMinimizers};
use thiserror::Error;

/// The digits instance, fixed beforehand: 3 against 8, 30 training images, started at 1.2 radians.
pub mod digits {
    pub const POSITIVE: u8 = 3;
    pub const NEGATIVE: u8 = 8;
    pub const TRAINING: usize = 30;
    pub const ANGLE: f64 = 1.2;
}

/// η of every run; by the symmetry (w, η, λ) → (cw, c²η, λ/c²) only ηλ matters.
pub const LEARNING_RATE: f64 = 0.1;
/// Rungs of every ladder: half decades, two decades in all.
const RUNGS: i32 = 5;
/// Starts a rung: phases of the slow oscillation, evenly spaced.
pub const STARTS: usize = 8;
/// e₀, the energy of every start of a ladder.
pub const START_ENERGY: f64 = 0.5;
/// The largest ηλ of any ladder.
const LARGEST_LR: f64 = 1e-3;
/// The longest run, in steps.
const LONGEST_RUN: f64 = 5e6;
/// How far along the flow a ladder goes where steps allow it, and the least it must.
const HORIZON: (f64, f64) = (2.0, 0.25);

/// Why an instance cannot be judged. Decided before it runs, so never by its outcome.
#[derive(Debug, Error)]
pub enum Rejected {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Minimizers(#[from] MinimizersError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error("λ₁ is not simple enough: 1 − λ₂/λ₁ = {gap:.3}, and the swing of η̃λ₁ at ηλ = {top:.1e} needs {needed:.3}")]
    Gap { gap: f64, needed: f64, top: f64 },
    #[error(
        "the curvature of the loss along v₁ (q = {quartic:.1e}) puts the theory's range at ηλ ≤ {top:.1e}; a ladder from \
         there needs {steps:.1e} steps a run, the limit is {LONGEST_RUN:.0e}"
    )]
    TooSlow { quartic: f64, top: f64, steps: f64 },
}

/// What is run on an instance.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// φ(0), the angle of the start to the minimum-norm solution.
    pub angle: f64,
    /// q of the start; it sets the top of the ladder.
    pub quartic: f64,
    /// The ladder of ηλ, descending.
    pub rungs: Vec<f64>,
    /// The end of the flow's window, in τ.
    pub horizon: f64,
    /// Whether runs go on until the start is forgotten: τ = ½ log(1/ηλ) + ¼.
    pub to_convergence: bool,
    /// What a reader should know of the instance.
    pub notes: Vec<String>,
}

/// A linear regression with its Γ and a point of Γ to start at.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The data set, as evidence names it.
    pub name: String,
    /// The loss.
    pub loss: LinearRegression<f64>,
    /// Γ.
    pub minimizers: LinearRegressionMinimizers<f64>,
    /// p(θ₀).
    pub start: Vec<f64>,
    /// λ₁, v₁ and G at the start.
    pub geometry: Geometry<f64>,
}

impl Prepared {
    /// A start at `angle` from the minimum-norm solution, towards a kernel direction drawn by the seed.
    ///
    /// # Errors
    /// Data without a regression; a Γ that is a single point; an angle off Γ; λ₁ not simple.
    pub fn new(name: String, data: &Dataset, angle: f64, seed: u64) -> Result<Self, Rejected> {
        let loss = LinearRegression::<f64>::new(data)?;
        let mut minimizers = LinearRegressionMinimizers::new(&loss)?;
        if minimizers.manifold_dimension() == 0 {
            return Err(minimizers.single_point().into());
        }
        let mut generator = generator(seed, Stream::Direction);
        let towards: Vec<f64> = (0..loss.dimension()).map(|_| StandardNormal.sample(&mut generator)).collect();
        let start = minimizers.at_angle(angle, &towards)?;
        let mut geometry = Geometry::new(loss.dimension());
        minimizers.geometry(&start, &mut geometry)?;
        Ok(Self { name, loss, minimizers, start, geometry })
    }
}

/// The digits, training images drawn by the seed, with their name.
///
/// # Errors
/// None in practice: the split is fixed.
pub fn digits(seed: u64) -> Result<(String, DigitsSplit), Rejected> {
    let images = Digits::pair(digits::POSITIVE, digits::NEGATIVE);
    Ok((format!("digits (seed {seed})"), images.split(digits::TRAINING, seed)?))
}

/// A random data set with its name and an angle to start at: 8 to 16 normal samples, 2 to 8 more features than samples, an
/// angle of 0.8 to 1.3.
pub fn random(seed: u64) -> (String, Dataset, f64) {
    let mut generator = generator(seed, Stream::Shape);
    let n = generator.random_range(8..=16);
    let d = n + generator.random_range(2..=8);
    let angle = generator.random_range(0.8..1.3);
    (format!("random {n}×{d} (seed {seed})"), Dataset::random(n, d, seed), angle)
}

/// A prepared regression with the plan of its runs.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The data set, as evidence names it.
    pub name: String,
    /// The loss.
    pub loss: LinearRegression<f64>,
    /// Γ.
    pub minimizers: LinearRegressionMinimizers<f64>,
    /// p(θ₀) of every run.
    pub start: Vec<f64>,
    /// λ₁, v₁ and G at the start.
    pub geometry: Geometry<f64>,
    /// What is run.
    pub plan: Plan,
}

impl Instance {
    /// The built-in digits, training images drawn by the seed.
    ///
    /// # Errors
    /// The draw is not admitted.
    pub fn digits(seed: u64) -> Result<Self, Rejected> {
        let (name, split) = digits(seed)?;
        Self::new(name, &split.training, digits::ANGLE, seed)
    }

    /// A user's data.
    ///
    /// # Errors
    /// The data are not admitted.
    pub fn user(name: String, data: &Dataset, seed: u64) -> Result<Self, Rejected> {
        Self::new(name, data, digits::ANGLE, seed)
    }

    /// A random draw.
    ///
    /// # Errors
    /// The draw is not admitted.
    pub fn random(seed: u64) -> Result<Self, Rejected> {
        let (name, data, angle) = random(seed);
        Self::new(name, &data, angle, seed)
    }

    /// Admits a data set with a start at `angle` from its minimum-norm solution.
    ///
    /// # Errors
    /// What is measured at the start puts the instance outside the theory, or its runs beyond the limit.
    pub fn new(name: String, data: &Dataset, angle: f64, seed: u64) -> Result<Self, Rejected> {
        let Prepared { name, loss, minimizers, start, geometry } = Prepared::new(name, data, angle, seed)?;
        let quartic = NumericMinimizers::through(&loss, &start)?.quartic_coefficient(&start)?;
        let mut plan = plan(angle, quartic, &geometry)?;
        if !minimizers.interpolates() {
            let correlation = minimizers.correlation();
            plan.notes.push(format!("the fit does not interpolate (R = {correlation:.4})"));
        }
        Ok(Self { name, loss, minimizers, start, geometry, plan })
    }
}

/// The ladder starts where the second-order centre −q h²_eq of δ is no larger than √(ηλ), so that first order leads:
/// 2ηλ|q|/K ≤ √(ηλ). Derived in `proofs-notes/sharpness_reduction_flow.md`.
fn plan(angle: f64, quartic: f64, geometry: &Geometry<f64>) -> Result<Plan, Rejected> {
    if !quartic.is_finite() {
        return Err(Rejected::TooSlow { quartic, top: f64::NAN, steps: f64::NAN });
    }
    let top = (geometry.edge_stiffness() / (2.0 * quartic)).powi(2).min(LARGEST_LR);
    let rungs: Vec<f64> = (0..RUNGS).map(|k| top * 10f64.powf(-0.5 * f64::from(k))).collect();
    let bottom = rungs[rungs.len() - 1];
    let horizon = HORIZON.0.min(LONGEST_RUN * bottom);
    if !(horizon >= HORIZON.1) {
        let steps = HORIZON.1 / bottom;
        return Err(Rejected::TooSlow { quartic, top, steps });
    }
    // η̃λ₂ < 2 while η̃λ₁ swings up to 2 + 4√(ηλ), the window that runs are held to.
    let swing = 4.0 * top.sqrt();
    let (gap, needed) = (geometry.relative_gap(), swing / (2.0 + swing));
    if !(gap > needed) {
        return Err(Rejected::Gap { gap, needed, top });
    }
    Ok(Plan {
        angle,
        quartic,
        horizon,
        to_convergence: convergence_window(bottom).1 <= LONGEST_RUN * bottom,
        notes: vec![],
        rungs,
    })
}

/// The window of τ in which the start's part e^{−τ} tan φ(0) has fallen to the order √(ηλ) of the oscillation.
pub fn convergence_window(intrinsic_lr: f64) -> (f64, f64) {
    let from = -0.5 * intrinsic_lr.ln();
    (from, from + 0.25)
}
