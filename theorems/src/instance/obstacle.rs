//! Why runs were not made, as kinds that can be counted and explained.

use std::fmt;

use serde::{Deserialize, Serialize};
use sharpflow::minimizers::MinimizersError;

use super::{Rejected, Unfit};

/// A kind of reason for which a draw, or a start, has no runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    NotScaleInvariant,
    NoNumber,
    LocallyConstant,
    NoMinimum,
    Rank,
    SinglePoint,
    NotSimple,
    Flow,
    Gap,
    Growth,
    Stiffness,
    Quartic,
    Kink,
    Size,
    Input,
}

use Obstacle::*;

impl Obstacle {
    /// All of them.
    pub const ALL: [Self; 15] = [
        NotScaleInvariant,
        NoNumber,
        LocallyConstant,
        NoMinimum,
        Rank,
        SinglePoint,
        NotSimple,
        Flow,
        Gap,
        Growth,
        Stiffness,
        Quartic,
        Kink,
        Size,
        Input,
    ];

    /// Its name, as evidence and `explain` have it.
    pub fn name(self) -> &'static str {
        match self {
            NotScaleInvariant => "not-scale-invariant",
            NoNumber => "no-number",
            LocallyConstant => "locally-constant",
            NoMinimum => "no-minimum",
            Rank => "rank",
            SinglePoint => "single-point",
            NotSimple => "not-simple",
            Flow => "flow",
            Gap => "gap",
            Growth => "growth",
            Stiffness => "stiffness",
            Quartic => "quartic",
            Kink => "kink",
            Size => "size",
            Input => "input",
        }
    }

    /// What it means.
    pub fn means(self) -> &'static str {
        match self {
            NotScaleInvariant => {
                "The loss is not proved to be scale-invariant in its weights, and the theory is about losses that are."
            }
            NoNumber => {
                "The loss, or its gradient, is not a number at the random points that were tried: a normalization divides by 0 there."
            }
            LocallyConstant => {
                "The loss does not change with the weights near the random points that were tried, so that nothing can be tested."
            }
            NoMinimum => "Gradient descent and Newton's method did not end at a minimum on the sphere.",
            Rank => {
                "The rank of ∇²L at the minimum is not known beyond rounding, or it changes along Γ: the theory asks for a constant rank."
            }
            SinglePoint => {
                "The minimum is a single point of the sphere: Γ has dimension 0 there, and the flow stands still."
            }
            NotSimple => {
                "λ₁ = λ₂ up to rounding. Several eigenvalues are at the edge of stability, and the flow of one of them is not defined."
            }
            Flow => {
                "The predicted flow cannot be followed as far as runs would go. The message has the cause: a crossing of eigenvalues, mostly."
            }
            Gap => "λ₂ is so near λ₁ that it joins in at the edge of stability while η̃λ₁ swings.",
            Growth => "The energy of the oscillation is predicted to grow beyond small swings before the runs end.",
            Stiffness => {
                "‖G‖² makes up so much of K = 4 + ‖G‖² that no run can show the 4. It is asked of the built-in instances only."
            }
            Quartic => {
                "The curvature of the loss along v₁, q, is so large that the theory's range begins at an ηλ whose runs are too long."
            }
            Kink => {
                "A kink of the loss is so near along v₁ that runs which do not cross it need an ηλ whose runs are too long."
            }
            Size => "There are too many weights for dense matrices, and the loss has no residuals that vanish.",
            Input => "The input cannot be read as an instance.",
        }
    }

    /// What would help.
    pub fn helps(self) -> &'static str {
        match self {
            NotScaleInvariant => {
                "`sharpflow inspect` names the node. Normalize after it, set ε to 0, or leave out the weights that are not normalized."
            }
            NoNumber => "Another seed, or a wider layer before the normalization.",
            LocallyConstant => "A normalization over more numbers: over two numbers it gives ±1 whatever they are.",
            NoMinimum => {
                "Another seed. A loss whose infimum is not reached, as the cross-entropy of targets 0 and 1, needs smoothed targets."
            }
            Rank => "Another seed, or data of more even scales.",
            SinglePoint => "More weights than residuals.",
            NotSimple | Flow | Gap => "Another seed, which leads to another minimum.",
            Growth => "Another seed.",
            Stiffness => "Another seed. The 4 is proved exactly by the claim exact_map, without any run.",
            Quartic | Kink => "Longer runs (`--max-steps`), or another seed.",
            Size => "A mean squared error that can vanish: more weights than residuals.",
            Input => "The message says what is wrong.",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Rejected {
    /// The kind of reason that this is.
    pub fn obstacle(&self) -> Obstacle {
        match self {
            Self::Data(_) | Self::Step(_) | Self::Network(_) | Self::File(_) | Self::NoSuchArchitecture { .. } => Input,
            Self::Minimizers(error) => of_minimizers(error),
            Self::NotScaleInvariant { .. } => NotScaleInvariant,
            Self::Unfit(Unfit::NoNumber { .. }) => NoNumber,
            Self::Unfit(Unfit::LocallyConstant { .. }) => LocallyConstant,
            Self::Memory { .. } => Size,
            Self::SinglePoint => SinglePoint,
            Self::Flow(_) => Flow,
            Self::Gap { .. } => Gap,
            Self::Growth { .. } => Growth,
            Self::Stiff { .. } | Self::Insensitive { .. } => Stiffness,
            Self::Kink { .. } => Kink,
            Self::TooSlow { .. } => Quartic,
        }
    }
}

fn of_minimizers(error: &MinimizersError) -> Obstacle {
    match error {
        MinimizersError::AmbiguousRank { .. } | MinimizersError::RankChanged { .. } | MinimizersError::Rank(_) => Rank,
        MinimizersError::NotSimple { .. } | MinimizersError::Sharpness(_) => NotSimple,
        MinimizersError::SinglePoint { .. } => SinglePoint,
        MinimizersError::LeftDomain | MinimizersError::NotANumber { .. } => NoNumber,
        MinimizersError::TooLarge { .. } => Size,
        _ => NoMinimum,
    }
}
