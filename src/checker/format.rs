//! What a certificate file holds, and why one is refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The format that this module checks.
pub const SCHEMA: &str = "sharpflow-orbit/1";

/// The certificate of an orbit w₊ = (1−ηλ)w − η∇L(w), beside the flow dζ/dτ = −2G/(4 + ‖G‖²) with G = ∇_Γ log λ₁, from the point ζ(0) of Γ that is nearest to w₀.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrbitCertificate {
    pub schema: String,
    /// The program that found it. Nothing depends on it.
    pub found_by: String,
    pub loss: Loss,
    /// η.
    pub learning_rate: f64,
    /// ηλ = 2^−`exponent`.
    pub exponent: u32,
    pub stated: Stated,
    /// Flows with other constants, which the orbit does not follow.
    pub others: Vec<OtherFlow>,
    /// Where the orbit is at every step from 0 on.
    pub boxes: Vec<Ball>,
}

/// What the certificate proves. Each pair is a lower and an upper bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// sup_t ‖θ_t − ζ(t·ηλ)‖.
    pub distance: [f64; 2],
    /// sup_t |η̃_tλ₁(p_t) − 2|, where p_t is the point of Γ nearest to θ_t.
    pub edge: [f64; 2],
    /// ⟨K(p_t)h_t²⟩/(2ηλ), the mean over all steps but the last, with K = 4 + ‖G‖² and h = ⟨θ − p, v₁⟩.
    pub mean_square: [f64; 2],
}

/// The loss, with what is proposed about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// z²(r² + 20x²)/(2r⁴) of w = (x, y, z), r = ‖w‖.
    Circle {},
    /// 1 − cos∠(Xw, y) with centred columns of X and centred y: batch-normalized linear regression up to a factor.
    Regression { rows: Vec<Vec<f64>>, targets: Vec<f64>, proposed: Proposed },
}

/// What is proposed about a regression, whose differences of samples A = (x_i − x_n)_i and of targets b have n − 1 rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// About (AAᵀ)⁻¹b, of which the minimum-norm solution is Aᵀ times.
    pub least: Vec<f64>,
    /// About (AAᵀ)⁻¹Aw₀.
    pub seen: Vec<f64>,
    /// Less than every eigenvalue of AAᵀ, and positive.
    pub floor: f64,
    /// About v₁, of any length.
    pub top: Vec<f64>,
    /// More than the largest eigenvalue of M = Xᵀ(I − ŷŷᵀ)X.
    pub largest: f64,
    /// More than its second eigenvalue.
    pub second: f64,
}

/// Where the orbit is at a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ball {
    /// ‖w_t − `centre`‖ ≤ `radius`. The first centre is w₀ itself, with the radius 0.
    pub centre: Vec<f64>,
    pub radius: f64,
    /// A bound on ‖J_{t−1}J_{t−2}‖, if the radius follows from the box two steps before; else it follows from the box before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stretch: Option<f64>,
    /// Two numbers with cos²φ of ζ(t·ηλ) between them.
    pub place: [f64; 2],
}

/// A flow −aG/(b + c‖G‖²) from the same start, and a step at which the orbit is more than √(ηλ) away from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherFlow {
    /// a > 0.
    pub numerator: f64,
    /// b > 0.
    pub offset: f64,
    /// c ≥ 0.
    pub slope: f64,
    pub step: usize,
    /// Two numbers with cos²φ of this flow at that step between them.
    pub place: [f64; 2],
}

/// What the boxes of a certificate prove.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    pub steps: usize,
    /// ηλ.
    pub intrinsic_lr: f64,
    /// See [`Stated`].
    pub distance: [f64; 2],
    pub edge: [f64; 2],
    pub mean_square: [f64; 2],
    /// How far the orbit is from each other flow, at least.
    pub from_others: Vec<f64>,
    /// The largest radius over ‖w‖.
    pub radius: f64,
}

/// Why a certificate is refused, and where.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Refused {
    #[error("the format is {found:?}, and {SCHEMA} is checked")]
    Schema { found: String },
    #[error("{what}: there are {found} numbers in place of {expected}")]
    Shape { what: String, found: usize, expected: usize },
    #[error("{what} is {value:e}, which is not {domain}")]
    Domain { what: String, value: f64, domain: &'static str },
    #[error("the proposed {what} is not proved")]
    Proposed { what: &'static str },
    #[error(
        "step {step}: the ball's radius is {relative:.1e} of ‖w‖, which is too wide to say anything; a shorter orbit may be proved"
    )]
    Wide { step: usize, relative: f64 },
    #[error("step {step}: the weights are not proved to lie on the side of the minimizers")]
    OtherSide { step: usize },
    #[error("step {step}: {given:e} is not proved to bound the norm of the product of the two steps before it")]
    Stretch { step: usize, given: f64 },
    #[error("step {step}: the ball has the radius {given:e}, and {needed:e} is needed to hold the orbit")]
    Radius { step: usize, given: f64, needed: f64 },
    #[error("step {step}: cos²φ of the {flow} is not proved to lie between {} and {}", given[0], given[1])]
    Place { flow: String, step: usize, given: [f64; 2] },
    #[error(
        "other flow {flow}: the orbit is proved to be {least:e} away from it, which is not more than √(ηλ) = {root:e}"
    )]
    Close { flow: usize, least: f64, root: f64 },
    #[error("the {what} is stated to lie between {} and {}; proved is that it lies between {} and {}", stated[0], stated[1], proved[0], proved[1])]
    Stated { what: &'static str, stated: [f64; 2], proved: [f64; 2] },
}

/// Refuses a wrong number of numbers.
pub(super) fn shape(what: impl FnOnce() -> String, found: usize, expected: usize) -> Result<(), Refused> {
    if found == expected { Ok(()) } else { Err(Refused::Shape { what: what(), found, expected }) }
}
