//! Why an instance is not run.

use sharpflow::data::DataError;
use sharpflow::descent::StepError;
use sharpflow::flow::FlowError;
use sharpflow::minimizers::MinimizersError;
use sharpflow::network::NetworkError;
use sharpflow::network_file::FileError;
use thiserror::Error;

use super::{APART, Instance, LARGEST_STIFFNESS, LEAST_HORIZON, LostDigits, START_ENERGY, Unfit};

/// Why an instance cannot be judged. This is decided before the instance runs, so never by its outcome.
#[derive(Debug, Error)]
pub enum Rejected {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Minimizers(#[from] MinimizersError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    File(#[from] Box<FileError>),
    #[error("the loss is not proved scale-invariant: at `{node}`, {reason}")]
    NotScaleInvariant { node: String, reason: String },
    #[error(
        "at `{}` a mean is taken out that is {:.1e} times the size of the rest, and the bounds on rounding allow for {:.1e}; take it out of the data (`standardize = true`)",
        .0.node, .0.mean, .0.most
    )]
    LostDigits(LostDigits),
    #[error("no architecture `{name}` is built in")]
    NoSuchArchitecture { name: &'static str },
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error(
        "dense curvature of {weights} weights takes {needed:.0} GiB, and {available:.1} are free: at most {most} weights fit"
    )]
    Memory { weights: usize, needed: f64, available: f64, most: usize },
    #[error(
        "the loss does not vanish where training ends, and then Γ takes dense matrices: {weights} weights are more than {most}"
    )]
    Dense { weights: usize, most: usize },
    #[error("the minimum lies on a kink of the loss: a random point {distance:.0e} from it is beyond the kink")]
    OnKink { distance: f64 },
    #[error("the minimum reached from this start is a single point of the sphere: the flow stands still")]
    SinglePoint,
    #[error("the flow cannot be followed to τ = {LEAST_HORIZON}: {0}")]
    Flow(#[from] FlowError),
    #[error(
        "at τ = {tau:.3} λ₁ is not simple enough: 1 − λ₂/λ₁ = {gap:.3}, and the swing of η̃λ₁ at ηλ = {top:.1e} needs {needed:.3}"
    )]
    Gap { tau: f64, gap: f64, needed: f64, top: f64 },
    #[error(
        "by τ = {tau:.3} the energy of the oscillation has grown from {START_ENERGY} to {energy:.1} (κ = {rate:.1}): beyond small swings"
    )]
    Growth { tau: f64, energy: f64, rate: f64 },
    #[error(
        "at τ = {tau:.3} ‖G‖² makes up so much of K = {stiffness:.0} that data cannot tell the other part, 4: the largest K allowed is {LARGEST_STIFFNESS}"
    )]
    Stiff { tau: f64, stiffness: f64 },
    #[error(
        "at τ = {tau:.3} a kink of the loss is {distance:.1e} away along v₁, which puts runs that do not cross it at ηλ ≤ {top:.1e}; a ladder from \
         there needs {steps:.1e} steps a run, the limit is {limit:.0e}"
    )]
    Kink { tau: f64, distance: f64, top: f64, steps: f64, limit: f64 },
    #[error(
        "the flow hardly depends on its constant 4: 3 or 5 in its place end {apart:.1e} away, the finest runs swing by {swing:.1e}, and {APART} times that is needed"
    )]
    Insensitive { apart: f64, swing: f64 },
    #[error(
        "the curvature of the loss along v₁ (q = {quartic:.1e}) puts the theory's range at ηλ ≤ {top:.1e}; a ladder from \
         there needs {steps:.1e} steps a run, the limit is {limit:.0e}"
    )]
    TooSlow { quartic: f64, top: f64, steps: f64, limit: f64 },
}

/// Why an instance is not admitted, and the instance without runs that is left: a point of its Γ.
pub(super) struct Refusal {
    pub why: Rejected,
    pub grounded: Option<Box<Instance>>,
}

impl Refusal {
    pub fn why(self) -> Rejected {
        self.why
    }

    /// The instance without runs, where there is a point of Γ.
    pub fn grounded(self) -> Result<Instance, Rejected> {
        self.grounded.map(|instance| *instance).ok_or(self.why)
    }
}

impl<E: Into<Rejected>> From<E> for Refusal {
    fn from(why: E) -> Self {
        Self { why: why.into(), grounded: None }
    }
}
