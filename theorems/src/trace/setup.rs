use std::path::PathBuf;

use serde::Serialize;
use sharpflow::arithmetic::{Quad, scale};
use sharpflow::data::{Dataset, TableOptions, TableReading};
use sharpflow::descent::{EdgeStart, StepError};
use sharpflow::loss::{Derivatives, LinearRegression};
use sharpflow::minimizers::{EnergyLaw, LinearRegressionMinimizers, Minimizers};
use sharpflow::sphere::Space;

use super::TraceError;
use crate::instance::{Prepared, Rejected, digits, random};

/// Rows of a trace whose stride is not given.
const ROWS: u64 = 1000;
/// The largest |h| that still counts as near Γ.
const NEAR: f64 = 0.5;
/// The energy at which |h| dips to the rounding of f64: e^(−e−½) ≈ 2⁻⁵³/10⁻³ (theory: `proofs-notes/sharpness_reduction_flow.md`).
const FOLLOWED: f64 = 30.0;

/// Where the data come from.
#[derive(Clone, Debug)]
pub enum Source {
    Named(String),
    File { path: PathBuf, target: String, options: TableOptions },
}

/// The weight decay of a trace and its length.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// ηλ > 0 throughout.
    On,
    /// λ = 0; ηλ only sets the size of the kick.
    Off,
}

/// A trace as it is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub source: Source,
    pub intrinsic_lr: f64,
    pub learning_rate: f64,
    pub decay: Decay,
    pub edge_offset: f64,
    pub angle: f64,
    pub kick: f64,
    pub seed: u64,
    pub tau: f64,
    pub steps: Option<u64>,
    pub stride: Option<u64>,
}

/// A trace ready to run.
#[derive(Clone, Debug)]
pub struct Setup {
    pub name: String,
    pub loss: LinearRegression<f64>,
    /// The same in double-double.
    pub precise: LinearRegression<Quad>,
    pub minimizers: LinearRegressionMinimizers<f64>,
    /// p(θ₀).
    pub start: Vec<f64>,
    pub weights: Vec<f64>,
    pub learning_rate: f64,
    pub steps: u64,
    pub stride: u64,
    /// How the user's table was read.
    pub reading: Option<TableReading>,
    /// What the user should know of this instance, a line each.
    pub notes: Vec<String>,
    intrinsic_lr: f64,
    decay: Decay,
}

impl Setup {
    /// Checks a request and prepares its start.
    ///
    /// # Errors
    /// Data that cannot be used, a start off Γ, numbers out of their domain.
    pub fn new(request: &Request) -> Result<Self, TraceError> {
        check(request)?;
        let (name, data, reading) = load(&request.source, request.seed)?;
        let Prepared { name, scores, loss, mut minimizers, start, geometry, .. } =
            Prepared::new(name, &data, request.angle, request.seed)?;
        if minimizers.manifold_dimension() == 0 {
            return Err(Rejected::from(minimizers.single_point()).into());
        }
        let edge =
            EdgeStart { intrinsic_lr: request.intrinsic_lr, kick: request.kick, edge_offset: request.edge_offset };
        let displacement = edge.displacement(&geometry).abs();
        if !(displacement <= NEAR) {
            let kick = request.kick;
            return Err(TraceError::Kick { kick, displacement });
        }
        let mut notes = Vec::new();
        if !minimizers.interpolates() {
            let correlation = minimizers.correlation();
            notes.push(format!(
                "the fit does not interpolate (R = {correlation:.4}): Γ is where the loss is least, not 0"
            ));
        }
        let energy = edge.energy();
        if !(energy <= FOLLOWED) {
            notes.push(format!(
                "the start's energy e₀ = {energy:.3e} exceeds {FOLLOWED}: |h| may sink into rounding, where the trace leaves the theory"
            ));
        }
        notes.extend(beyond_range(&loss, &mut minimizers, &start, request.intrinsic_lr)?);
        let steps = steps(request)?;
        let stride = request.stride.unwrap_or((steps / ROWS) | 1);
        if stride.is_multiple_of(2) {
            notes.push(format!("the stride {stride} is even: rows meet one phase of the period-two oscillation only"));
        }
        let mut weights = edge.weights(&start, &geometry, request.learning_rate);
        if matches!(request.decay, Decay::Off) {
            // η̃ = η/((1−ηλ)‖w‖²) with λ = 0: the norm that puts the start where the offset says.
            scale(&mut weights, (1.0 - request.intrinsic_lr).sqrt());
            notes.push("without weight decay τ stands still, and the flow at its start".into());
        }
        Ok(Self {
            weights,
            stride,
            learning_rate: request.learning_rate,
            intrinsic_lr: request.intrinsic_lr,
            decay: request.decay,
            name,
            loss,
            precise: LinearRegression::new(&scores)?,
            minimizers,
            start,
            steps,
            reading,
            notes,
        })
    }

    /// The nominal ηλ, which sized the kick.
    pub fn nominal_intrinsic_lr(&self) -> f64 {
        self.intrinsic_lr
    }

    /// ηλ of the descent: 0 without weight decay.
    pub fn descent_intrinsic_lr(&self) -> f64 {
        match self.decay {
            Decay::On => self.intrinsic_lr,
            Decay::Off => 0.0,
        }
    }
}

/// A note where ηλ lies above the range of the theory on these data, along the path from the start to ŵ*: where the centre −q h²_eq of δ is
/// no larger than √(ηλ), as `proofs-notes/sharpness_reduction_flow.md` has it.
fn beyond_range(
    loss: &LinearRegression<f64>,
    minimizers: &mut LinearRegressionMinimizers<f64>,
    start: &[f64],
    intrinsic_lr: f64,
) -> Result<Option<String>, TraceError> {
    const PLACES: usize = 4;
    let mut derivatives = Derivatives::new(loss);
    let angle = minimizers.angle(start);
    let (mut end, mut quartic) = (f64::INFINITY, 0.0);
    for k in 0..=PLACES {
        let point = minimizers.at_angle(angle * k as f64 / PLACES as f64, start).map_err(Rejected::from)?;
        let normal = minimizers.normal_eigenpairs(&point);
        let law = EnergyLaw::at(&mut derivatives, &Space::Sphere, &point, &normal);
        let here = ((4.0 + law.log_gradient_square) / (2.0 * law.quartic)).powi(2);
        if here < end {
            (end, quartic) = (here, law.quartic);
        }
    }
    Ok((intrinsic_lr > end).then(|| {
        format!(
            "the theory's range ends at ηλ = {end:.1e} on these data (q = {quartic:.1e} there), and ηλ = {intrinsic_lr:.1e} is above it: \
             the trace need not follow the flow"
        )
    }))
}

fn check(request: &Request) -> Result<(), TraceError> {
    let Request { intrinsic_lr, angle, edge_offset, tau, .. } = *request;
    let learning_rate = request.learning_rate;
    if !(learning_rate > 0.0 && learning_rate.is_finite()) {
        return Err(StepError::LearningRate(learning_rate).into());
    }
    if !(intrinsic_lr > 0.0 && intrinsic_lr < 1.0) {
        return Err(TraceError::IntrinsicLearningRate(intrinsic_lr));
    }
    if !(0.0..std::f64::consts::FRAC_PI_2).contains(&angle) {
        return Err(TraceError::Angle(angle));
    }
    if !(edge_offset > -2.0 && edge_offset.is_finite()) {
        return Err(TraceError::EdgeOffset(edge_offset));
    }
    if !(tau > 0.0 && tau.is_finite()) {
        return Err(TraceError::Tau(tau));
    }
    Ok(())
}

fn steps(request: &Request) -> Result<u64, TraceError> {
    const LIMIT: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;
    match (request.steps, request.decay) {
        (Some(steps), _) if steps as f64 >= LIMIT => Err(TraceError::TooLong(steps as f64)),
        (Some(steps), _) => Ok(steps),
        (None, Decay::Off) => Err(TraceError::StepsNeeded),
        (None, Decay::On) => {
            let steps = (request.tau / request.intrinsic_lr).ceil();
            if steps < LIMIT { Ok(steps as u64) } else { Err(TraceError::TooLong(steps)) }
        }
    }
}

type Loaded = (String, Dataset, Option<TableReading>);

fn load(source: &Source, seed: u64) -> Result<Loaded, TraceError> {
    match source {
        Source::File { path, target, options } => {
            let (data, reading) = Dataset::from_table(path, target, options)?;
            Ok((path.display().to_string(), data, Some(reading)))
        }
        Source::Named(name) => match name.as_str() {
            "digits" => {
                let (name, split) = digits::split(seed)?;
                Ok((name, split.training, None))
            }
            "random" => {
                let (name, data, _) = random(seed);
                Ok((name, data, None))
            }
            _ => Err(TraceError::NoSuchInstance(name.clone())),
        },
    }
}
