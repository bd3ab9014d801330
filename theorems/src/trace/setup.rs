use serde::Serialize;
use sharpflow::arithmetic::scale;
use sharpflow::data::Dataset;
use sharpflow::descent::{EdgeStart, StepError};
use sharpflow::loss::Derivatives;
use sharpflow::minimizers::{EnergyLaw, Geometry, Minimizers};
use sharpflow::sphere::Space;

use super::TraceError;
use crate::instance::{Draws, Instance, InstanceLoss, Prepared, Rejected, Stage, digits, random};
use crate::population::Source;

/// ηλ of a trace on data, and its length in τ.
const INTRINSIC_LR: f64 = 1e-5;
const TAU: f64 = 2.0;
/// Parts of a regression's path, at whose ends the theory's range is measured.
const PLACES: usize = 4;
/// Rows of a trace whose stride is not given.
const ROWS: u64 = 1000;
/// The largest |h| that still counts as near Γ.
const NEAR: f64 = 0.5;
/// The energy at which |h| dips to the rounding of f64: e^(−e−½) ≈ 2⁻⁵³/10⁻³ (theory: `proofs-notes/sharpness_reduction_flow.md`).
const FOLLOWED: f64 = 30.0;

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
    /// Which built-in instance is meant, where the source is no other: digits or random.
    pub built_in: String,
    /// ηλ; by default what the instance asks for.
    pub intrinsic_lr: Option<f64>,
    pub learning_rate: f64,
    pub decay: Decay,
    pub edge_offset: f64,
    /// φ(0) of a regression.
    pub angle: f64,
    pub kick: f64,
    pub seed: u64,
    /// The length in τ; by default what the instance asks for.
    pub tau: Option<f64>,
    pub steps: Option<u64>,
    pub stride: Option<u64>,
}

/// A trace ready to run.
#[derive(Clone, Debug)]
pub struct Setup {
    pub name: String,
    pub loss: InstanceLoss,
    /// The rank of ∇²L on Γ.
    pub rank: usize,
    /// p(θ₀).
    pub start: Vec<f64>,
    pub weights: Vec<f64>,
    pub learning_rate: f64,
    pub steps: u64,
    pub stride: u64,
    /// What the user should know of this instance, a line each.
    pub notes: Vec<String>,
    intrinsic_lr: f64,
    decay: Decay,
}

/// An instance with a point of Γ to start at.
struct Subject {
    name: String,
    loss: InstanceLoss,
    rank: usize,
    start: Vec<f64>,
    geometry: Geometry<f64>,
    /// The laws of the oscillation at places of the predicted path.
    laws: Vec<EnergyLaw>,
    notes: Vec<String>,
    /// ηλ, and the length in τ, of a trace for which they are not given.
    usual: (f64, f64),
}

impl Subject {
    /// Reads or trains what is asked for.
    fn of(request: &Request) -> Result<Self, TraceError> {
        let (source, seed) = (&request.source, request.seed);
        match source {
            Source::BuiltIn => match request.built_in.as_str() {
                "digits" => {
                    let (name, split) = digits::split(seed)?;
                    Self::of_data(name, &split.training, request)
                }
                "random" => {
                    let (name, data, _) = random(seed);
                    Self::of_data(name, &data, request)
                }
                other => Err(TraceError::NoSuchInstance(other.into())),
            },
            Source::Data { data, .. } => Self::of_data(source.name(), data, request)
                .map_err(|error| TraceError::Input { name: source.name(), source: Box::new(error) }),
            Source::Network { network, most_steps, .. } => {
                let Draws { instance, left_out } =
                    Draws::of(&source.name(), network, seed, (*most_steps, Stage::First));
                match (instance, left_out.into_iter().next_back()) {
                    (Some(instance), _) => Self::of_instance(instance),
                    (None, Some((_, rejected))) => Err(rejected.into()),
                    (None, None) => Err(Rejected::SinglePoint.into()),
                }
            }
        }
    }

    fn of_data(name: String, data: &Dataset, request: &Request) -> Result<Self, TraceError> {
        let prepared = Prepared::new(name, data, request.angle, request.seed)?;
        let loss = prepared.instance_loss(request.angle)?;
        let Prepared { name, loss: plain, mut minimizers, start, geometry, notes, .. } = prepared;
        if minimizers.manifold_dimension() == 0 {
            return Err(Rejected::from(minimizers.single_point()).into());
        }
        let mut derivatives = Derivatives::new(&plain);
        let angle = minimizers.angle(&start);
        let law = |k: usize| {
            let point = minimizers.at_angle(angle * k as f64 / PLACES as f64, &start).map_err(Rejected::from)?;
            let normal = minimizers.normal_eigenpairs(&point);
            Ok(EnergyLaw::at(&mut derivatives, &Space::Sphere, &point, &normal))
        };
        let laws = (0..=PLACES).map(law).collect::<Result<_, TraceError>>()?;
        let rank = minimizers.rank() - 1;
        Ok(Self { name, loss, rank, start, geometry, laws, notes, usual: (INTRINSIC_LR, TAU) })
    }

    fn of_instance(instance: Instance) -> Result<Self, TraceError> {
        let rank = instance.rank();
        let Instance { name, loss, start, geometry, path, without_runs, plan, .. } = instance;
        if loss.minimizers(rank).manifold_dimension() == 0 {
            return Err(Rejected::SinglePoint.into());
        }
        let mut notes = plan.notes;
        if loss.is_piece() {
            notes.push(
                "the loss has kinks: the trace is of its smooth piece around the start, and ends where it leaves it"
                    .into(),
            );
        }
        // The top of the ladder is at the end of the theory's range; the next rung is well inside.
        let usual = match without_runs {
            Some(why) => {
                notes.push(format!("`verify` makes no runs from this start: {why}"));
                (INTRINSIC_LR, TAU)
            }
            None => (plan.intrinsic_lrs.get(1).copied().unwrap_or(INTRINSIC_LR), plan.horizon),
        };
        let laws = path.into_iter().map(|place| place.law).collect();
        Ok(Self { name, loss, rank, start, geometry, laws, notes, usual })
    }

    /// A note where ηλ lies above the range of the theory along the predicted path, which is where the centre −q h²_eq of δ is no larger than
    /// √(ηλ), as `proofs-notes/sharpness_reduction_flow.md` has it.
    fn beyond_range(&self, intrinsic_lr: f64) -> Option<String> {
        let range = |law: &EnergyLaw| ((4.0 + law.log_gradient_square) / (2.0 * law.quartic)).powi(2);
        let shortest = self.laws.iter().min_by(|a, b| range(a).total_cmp(&range(b)))?;
        let (end, quartic) = (range(shortest), shortest.quartic);
        (intrinsic_lr > end).then(|| {
            format!(
                "the theory's range ends at ηλ = {end:.1e} along the predicted path (q = {quartic:.1e} there), and ηλ = {intrinsic_lr:.1e} is above it: \
                 the trace need not follow the flow"
            )
        })
    }
}

impl Setup {
    /// Checks a request and prepares its start. A network is trained for it.
    ///
    /// # Errors
    /// Data or a network that cannot be used, a start off Γ, numbers out of their domain.
    pub fn new(request: &Request) -> Result<Self, TraceError> {
        check(request)?;
        let mut subject = Subject::of(request)?;
        let (usual_lr, usual_tau) = subject.usual;
        let intrinsic_lr = request.intrinsic_lr.unwrap_or(usual_lr);
        let edge = EdgeStart { intrinsic_lr, kick: request.kick, edge_offset: request.edge_offset };
        let displacement = edge.displacement(&subject.geometry).abs();
        if !(displacement <= NEAR) {
            let kick = request.kick;
            return Err(TraceError::Kick { kick, displacement });
        }
        let energy = edge.energy();
        if !(energy <= FOLLOWED) {
            subject.notes.push(format!(
                "the start's energy e₀ = {energy:.3e} exceeds {FOLLOWED}: |h| may sink into rounding, where the trace leaves the theory"
            ));
        }
        let beyond = subject.beyond_range(intrinsic_lr);
        subject.notes.extend(beyond);
        let steps = steps(request, intrinsic_lr, usual_tau)?;
        let stride = request.stride.unwrap_or((steps / ROWS) | 1);
        let Subject { name, loss, rank, start, geometry, mut notes, .. } = subject;
        if stride.is_multiple_of(2) {
            notes.push(format!("the stride {stride} is even: rows meet one phase of the period-two oscillation only"));
        }
        let mut weights = edge.weights(&start, &geometry, request.learning_rate);
        if matches!(request.decay, Decay::Off) {
            // η̃ = η/((1−ηλ)‖w‖²) with λ = 0: the norm that puts the start where the offset says.
            scale(&mut weights, (1.0 - intrinsic_lr).sqrt());
            notes.push("without weight decay τ stands still, and the flow at its start".into());
        }
        let (learning_rate, decay) = (request.learning_rate, request.decay);
        Ok(Self { name, loss, rank, start, weights, learning_rate, steps, stride, notes, intrinsic_lr, decay })
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

fn check(request: &Request) -> Result<(), TraceError> {
    let Request { intrinsic_lr, learning_rate, angle, edge_offset, tau, .. } = *request;
    if !(learning_rate > 0.0 && learning_rate.is_finite()) {
        return Err(StepError::LearningRate(learning_rate).into());
    }
    if let Some(bad) = intrinsic_lr.filter(|lr| !(*lr > 0.0 && *lr < 1.0)) {
        return Err(TraceError::IntrinsicLearningRate(bad));
    }
    if !(0.0..std::f64::consts::FRAC_PI_2).contains(&angle) {
        return Err(TraceError::Angle(angle));
    }
    if !(edge_offset > -2.0 && edge_offset.is_finite()) {
        return Err(TraceError::EdgeOffset(edge_offset));
    }
    if let Some(bad) = tau.filter(|tau| !(*tau > 0.0 && tau.is_finite())) {
        return Err(TraceError::Tau(bad));
    }
    if request.steps.is_none() && matches!(request.decay, Decay::Off) {
        return Err(TraceError::StepsNeeded);
    }
    Ok(())
}

fn steps(request: &Request, intrinsic_lr: f64, usual_tau: f64) -> Result<u64, TraceError> {
    const LIMIT: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;
    let in_flow_time = || (request.tau.unwrap_or(usual_tau) / intrinsic_lr).ceil();
    let steps = request.steps.map_or_else(in_flow_time, |steps| steps as f64);
    if steps < LIMIT { Ok(request.steps.unwrap_or(steps as u64)) } else { Err(TraceError::TooLong(steps)) }
}
