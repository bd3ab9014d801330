//! The hypotheses of claims. What a claim prints and what its experiments measure are the same values.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A hypothesis that claims may have. All of them are about the loss, the start, the arithmetic, or the predicted path, and none is about what a claim
/// concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assumption {
    GradientDescent,
    ScaleInvariance,
    ConstantRank,
    SimpleSharpness,
    StartAtTheEdge,
    AboveRounding,
    NearestPoint,
    SmoothPiece,
    Kernel,
    MomentumInPhase,
    BoundedSharpness,
    Fitted,
    EqualRanks,
}

use Assumption::*;

/// The hypotheses of the sharpness-reduction flow, and of everything that is read on its runs.
pub(crate) const OF_LADDERS: &[Assumption] = &[
    GradientDescent,
    ScaleInvariance,
    ConstantRank,
    SimpleSharpness,
    StartAtTheEdge,
    AboveRounding,
    NearestPoint,
    SmoothPiece,
];

/// The hypotheses of an oscillation at the edge of stability, under any optimizer.
pub(crate) const AT_THE_EDGE: &[Assumption] =
    &[ScaleInvariance, ConstantRank, SimpleSharpness, StartAtTheEdge, AboveRounding, NearestPoint, SmoothPiece];

/// The hypotheses of ladders on a linear regression.
pub(crate) const OF_REGRESSIONS: &[Assumption] = &[
    Kernel,
    GradientDescent,
    ScaleInvariance,
    ConstantRank,
    SimpleSharpness,
    StartAtTheEdge,
    AboveRounding,
    NearestPoint,
    SmoothPiece,
];

/// The hypotheses under heavy-ball momentum.
pub(crate) const OF_MOMENTUM: &[Assumption] = &[
    ScaleInvariance,
    ConstantRank,
    SimpleSharpness,
    StartAtTheEdge,
    MomentumInPhase,
    AboveRounding,
    NearestPoint,
    SmoothPiece,
];

/// The hypotheses of claims about points of Γ.
pub(crate) const OF_POINTS: &[Assumption] = &[ScaleInvariance, ConstantRank, SimpleSharpness];

/// The hypothesis of the exact claims.
pub(crate) const OF_IDENTITIES: &[Assumption] = &[ScaleInvariance];

/// The hypotheses of the stable regime, with ρ along paths and on all of S.
pub(crate) const OF_STABLE: &[Assumption] = &[ScaleInvariance, BoundedSharpness];

/// The hypotheses of orbits that are enclosed.
pub(crate) const OF_ORBITS: &[Assumption] = &[ScaleInvariance, StartAtTheEdge];

/// The hypothesis of the experiment on held-out images.
pub(crate) const OF_HELD_OUT: &[Assumption] = &[Fitted];

/// The hypotheses of the exact laws of the edge.
pub(crate) const OF_LAWS: &[Assumption] = &[ScaleInvariance, EqualRanks];

impl Assumption {
    /// The hypothesis in a sentence.
    pub fn says(self) -> &'static str {
        match self {
            GradientDescent => {
                "each of the first 20 steps of a run is one of gradient descent with weight decay on the loss"
            }
            ScaleInvariance => "the loss is scale-invariant, where Γ lies on the sphere",
            ConstantRank => "the rank of ∇²L is constant along Γ, and λ₁ is the same by another route",
            SimpleSharpness => "λ₁ is simple along the predicted path",
            StartAtTheEdge => "the start is within O(√(ηλ)) of Γ and of the edge, and its energy is bounded",
            AboveRounding => "|h| stays above rounding",
            NearestPoint => "every reading of a run has a nearest point on Γ",
            SmoothPiece => "the loss is smooth where runs go: none crosses a kink",
            Kernel => "X has a kernel, so that Γ is no single point",
            MomentumInPhase => "the momentum starts in phase, m₀ = -λ₁h v₁/(‖w‖(1+μ))",
            BoundedSharpness => "L is smooth on all of S and its ρ is enclosed there, or ρ is measured along the path",
            EqualRanks => {
                "∇²L has the same rank at all points of Γ that are drawn, but where a loss has kinks: there each point has its own"
            }
            Fitted => "the training loss is fitted at both ends of every run",
        }
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.says())
    }
}
