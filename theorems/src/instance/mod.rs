//! Instances of losses, admitted by what is measured before they run.

mod flows;
mod loss;
mod memory;
mod network;
mod obstacle;
mod path;
mod points;
mod regression;
mod rejected;
mod smooth;
mod unfit;

use serde::{Deserialize, Serialize};
use sharpflow::arithmetic::dot;
use sharpflow::data::Dataset;
use sharpflow::dense::Eigen;
use sharpflow::descent::EdgeStart;
use sharpflow::loss::Derivatives;
use sharpflow::minimizers::{EnergyLaw, Geometry, Minimizers, MinimizersError, NumericMinimizers, interpolates};
use sharpflow::sphere::Space;

use flows::Flows;
pub(crate) use loss::radial_part;
pub use loss::{InstanceLoss, Precise, Regression, Trained};
pub use network::{Draws, FAMILIES, Family, Stage, Tried, minimum};
pub use obstacle::{Obstacle, Words};
pub use regression::{Prepared, digits, random};
use rejected::Refusal;
pub use rejected::Rejected;
pub(crate) use smooth::smooth_losses;
pub(crate) use unfit::point_of;
pub use unfit::{LostDigits, Unfit};

pub(crate) use path::convergence_window;
pub use path::integral;
use path::{place, plan, worst_quartic};

/// η of every run. Its size does not matter: by the symmetry (w, η, λ) → (cw, c²η, λ/c²) a run depends on ηλ only.
pub const LEARNING_RATE: f64 = 0.1;
/// Rungs of every ladder: half decades, two decades in all.
const RUNGS: i32 = 5;
/// Readings of a slow period along the runs of a ladder.
pub(crate) const READINGS: f64 = 16.0;
/// Starts a rung: phases of the slow oscillation, evenly spaced.
pub const STARTS: usize = 8;
/// e₀, the energy of every start of a ladder.
pub(crate) const START_ENERGY: f64 = 0.5;
/// The energy up to which the law of small swings may carry it.
pub(crate) const LARGEST_ENERGY: f64 = 1.5;
/// The largest ηλ of any ladder.
const LARGEST_LR: f64 = 1e-3;
/// The least horizon of a ladder, in τ.
const LEAST_HORIZON: f64 = 0.25;
/// The largest K. At this K, a 2 in place of its 4 changes K by about a twentieth, and an 8 by twice as much.
const LARGEST_STIFFNESS: f64 = 41.0;
/// How far the flows of wrong constants must end from the law's, in swings of the finest runs.
pub(crate) const APART: f64 = 5.0;
/// Places of the predicted path at which hypotheses are measured beforehand.
const PLACES: usize = 17;
/// Local error of the flows that are integrated, far below any distance measured (the smallest are near 10⁻⁵).
pub(crate) const FLOW_TOLERANCE: f64 = 1e-8;

/// How long runs may be: what a step and a reading cost decides.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The horizon where steps allow it, in τ.
    horizon: f64,
    /// The longest run, in steps.
    steps: f64,
    /// The steps that a run may take beyond the least horizon.
    usual: f64,
    /// Readings kept of the flow's window.
    kept: f64,
    /// Whether the runs must show the 4 of K = 4 + ‖G‖². The suite's own instances must show it, because others can be drawn in their place.
    shows_four: bool,
}

/// Runs on a regression may be longer: it steps in a microsecond and reads Γ in closed form, and a network reads Γ by dense eigenpairs.
const OF_REGRESSIONS: Limits = Limits { horizon: 2.0, steps: 5e6, usual: 2.5e6, kept: 512.0, shows_four: true };
const OF_NETWORKS: Limits = Limits { horizon: 0.5, steps: 2e5, usual: 2e5, kept: 128.0, shows_four: true };

/// What is run on an instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// φ(0), the angle of the start to the minimum-norm solution, on a regression.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub angle: Option<f64>,
    /// q of the path, where it is largest in size; it sets the top of the ladder.
    pub quartic: f64,
    /// ∫κ dτ over the horizon.
    pub energy_growth: f64,
    /// The ladder of ηλ, descending.
    #[serde(rename = "rungs")]
    pub intrinsic_lrs: Vec<f64>,
    /// The end of the flow's window, in τ.
    pub horizon: f64,
    /// Whether runs go on until the start is forgotten: τ = ½ log(1/ηλ) + ¼.
    pub to_convergence: bool,
    /// Remarks that a reader should know.
    pub notes: Vec<String>,
}

/// A point of the predicted path.
#[derive(Clone, Debug)]
pub struct Place {
    pub tau: f64,
    /// ζ(τ).
    pub point: Vec<f64>,
    pub geometry: Geometry<f64>,
    pub law: EnergyLaw,
    /// The answer of each normal eigenpair.
    pub answers: Vec<Answer>,
    /// How far along v₁ the nearest kink of the loss is, to first order; infinite where there is none.
    pub kink: f64,
}

/// How a normal direction u_k answers h². The answer is −½h²⟨∇³L[v₁, v₁], u_k⟩/λ_k, and comes late where λ_k is small.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// ⟨∇³L[v₁, v₁], u_k⟩²/(λ₁λ_k), its part of −q.
    pub part: f64,
    /// λ₁/λ_k. The answer comes half this number of steps late.
    pub late: f64,
}

/// The phase of a start on the slow oscillation: evenly spaced.
pub fn phase(start: usize) -> f64 {
    (start as f64 + 0.5) * std::f64::consts::TAU / STARTS as f64
}

/// A loss with a start on Γ, the path predicted from there, and the plan of its runs.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The data set or the network, as evidence names it.
    pub name: String,
    pub loss: InstanceLoss,
    rank: usize,
    /// p(θ₀) of every run.
    pub start: Vec<f64>,
    /// λ₁, v₁ and G at the start.
    pub geometry: Geometry<f64>,
    /// Evenly spaced over the horizon, ends included.
    pub path: Vec<Place>,
    known: Flows,
    /// Whether its runs were asked to show the 4 of K = 4 + ‖G‖².
    pub shows_four: bool,
    /// Why nothing is run; `None` if the plan is run.
    pub without_runs: Option<String>,
    /// The plan of its runs.
    pub plan: Plan,
}

impl Instance {
    /// The built-in digits, training images drawn by the seed.
    ///
    /// # Errors
    /// The draw is not admitted.
    pub fn digits(seed: u64) -> Result<Self, Rejected> {
        let (name, split) = digits::split(seed)?;
        Self::new(name, &split.training, digits::ANGLE, seed)
    }

    /// The instance of a user's data. If its runs would leave the theory or take too long, it is a point of Γ without runs.
    ///
    /// # Errors
    /// The data have no Γ.
    pub fn user(name: String, data: &Dataset, seed: u64) -> Result<Self, Rejected> {
        let limits = Limits { shows_four: false, ..OF_REGRESSIONS };
        Self::of_data(name, data, digits::ANGLE, seed, limits).or_else(Refusal::grounded)
    }

    /// A random regression.
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
    /// A measurement at the start puts the instance outside the theory, or its runs beyond the limit.
    pub fn new(name: String, data: &Dataset, angle: f64, seed: u64) -> Result<Self, Rejected> {
        Self::of_data(name, data, angle, seed, OF_REGRESSIONS).map_err(Refusal::why)
    }

    fn of_data(name: String, data: &Dataset, angle: f64, seed: u64, limits: Limits) -> Result<Self, Refusal> {
        let prepared = Prepared::new(name, data, angle, seed)?;
        let loss = prepared.instance_loss(angle)?;
        let Prepared { name, minimizers, start, geometry, notes, .. } = prepared;
        memory::check(start.len())?;
        let is_point = (minimizers.manifold_dimension() == 0).then(|| minimizers.single_point().into());
        // ∇²L vanishes along Γ, and along w itself.
        let rank = minimizers.rank() - 1;
        Self::admit(name, loss, rank, (start, geometry), (limits, is_point), notes)
    }

    /// Admits a network with a start on Γ.
    ///
    /// # Errors
    /// See [`Instance::new`].
    pub fn network(name: String, trained: Trained, start: Vec<f64>) -> Result<Self, Rejected> {
        Self::of_trained(name, trained, start, OF_NETWORKS).map_err(Refusal::why)
    }

    fn of_trained(name: String, mut trained: Trained, start: Vec<f64>, limits: Limits) -> Result<Self, Refusal> {
        trained.by_residuals = interpolates(&trained.loss, &start)?;
        let loss = InstanceLoss::Network(Box::new(trained));
        let precise = loss.in_double_double();
        let mut minimizers = NumericMinimizers::through_precisely(&loss, precise, loss.space(), &start)?;
        let is_point = (minimizers.manifold_dimension() == 0).then_some(Rejected::SinglePoint);
        let rank = minimizers.rank();
        let mut geometry = Geometry::new(start.len());
        minimizers.geometry(&start, &mut geometry)?;
        Self::admit(name, loss, rank, (start, geometry), (limits, is_point), vec![])
    }

    /// An instance with the plan of its runs, or without runs where `is_point` or the predicted path says why.
    fn admit(
        name: String,
        loss: InstanceLoss,
        rank: usize,
        (start, geometry): (Vec<f64>, Geometry<f64>),
        (limits, is_point): (Limits, Option<Rejected>),
        mut notes: Vec<String>,
    ) -> Result<Self, Refusal> {
        let shows_four = limits.shows_four;
        let planned = match is_point {
            Some(why) => Err(why),
            None => plan(&loss, rank, &start, limits, &mut notes),
        };
        match planned {
            Ok((path, plan)) => Ok(Self {
                name,
                loss,
                rank,
                start,
                geometry,
                path,
                known: Flows::default(),
                shows_four,
                without_runs: None,
                plan,
            }),
            Err(why) => {
                let path = vec![place(&loss, rank, &start)?];
                let angle = loss.regression().map(|regression| regression.angle);
                let (intrinsic_lrs, quartic) = (vec![], worst_quartic(&path));
                let plan = Plan {
                    angle,
                    quartic,
                    energy_growth: 0.0,
                    horizon: 0.0,
                    to_convergence: false,
                    notes,
                    intrinsic_lrs,
                };
                let without_runs = Some(why.to_string());
                let instance = Self {
                    name,
                    loss,
                    rank,
                    start,
                    geometry,
                    path,
                    known: Flows::default(),
                    shows_four,
                    without_runs,
                    plan,
                };
                Err(Refusal { why, grounded: Some(Box::new(instance)) })
            }
        }
    }

    /// Γ.
    pub fn minimizers(&self) -> Box<dyn Minimizers<f64> + '_> {
        self.loss.minimizers(self.rank)
    }

    /// How many readings of the flow's window are kept of a run.
    pub fn kept_readings(&self) -> f64 {
        match self.loss {
            InstanceLoss::Regression(_) => OF_REGRESSIONS.kept,
            InstanceLoss::Network(_) => OF_NETWORKS.kept,
        }
    }

    /// Whether its Γ lies on the sphere; without it the theory speaks of other dynamics alone.
    pub fn is_on_sphere(&self) -> bool {
        self.loss.space() == Space::Sphere
    }

    /// The normal eigenpairs of ∇²L at a point of Γ, λ₁ first: in closed form for a regression.
    ///
    /// # Errors
    /// The eigenpairs are not found.
    pub fn normal_eigenpairs(&self, point: &[f64]) -> Result<Eigen<f64>, MinimizersError> {
        match self.loss.regression() {
            Some(regression) => Ok(regression.minimizers.normal_eigenpairs(point)),
            None => self.loss.numeric_minimizers(self.rank).normal_eigenpairs(point),
        }
    }

    /// w₀ of a run of the ladder, by the number of its start.
    pub fn weights(&self, intrinsic_lr: f64, start: usize) -> Vec<f64> {
        let edge = EdgeStart::at_energy(intrinsic_lr, START_ENERGY, phase(start));
        edge.weights(&self.start, &self.geometry, LEARNING_RATE)
    }

    /// α = ⟨∇³L[v₁, v₁], v₁⟩/λ₁ at the start: an oscillation along v₁ is one of h + ½αh².
    pub fn skewness(&self) -> f64 {
        let (direction, mut third) = (&self.geometry.direction, vec![0.0; self.start.len()]);
        Derivatives::new(&self.loss).third_derivative(&self.start, direction, &mut third);
        dot(&third, direction) / self.geometry.sharpness
    }

    /// The rank of ∇²L on Γ.
    pub fn rank(&self) -> usize {
        self.rank
    }
}
