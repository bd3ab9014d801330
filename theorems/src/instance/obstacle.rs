//! Why runs were not made, as kinds that can be counted and explained.

use std::fmt;

use serde::{Deserialize, Serialize};
use sharpflow::flow::FlowError;
use sharpflow::minimizers::MinimizersError;

use super::{Rejected, Unfit};

/// A kind of reason for which a draw, or a start, has no runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    NotScaleInvariant,
    NoNumber,
    LocallyConstant,
    Digits,
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

/// What is said of an obstacle.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Its name, as evidence and `explain` have it.
    pub name: &'static str,
    pub means: &'static str,
    /// What would help.
    pub helps: &'static str,
}

use Obstacle::*;

impl Obstacle {
    /// All of them.
    pub const ALL: [Self; 16] = [
        NotScaleInvariant,
        NoNumber,
        LocallyConstant,
        Digits,
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

    /// What is said of it.
    pub fn words(self) -> Words {
        match self {
            NotScaleInvariant => Words {
                name: "not-scale-invariant",
                means: "The loss is not proved to be scale-invariant in its weights, and the theory is about losses that are.",
                helps: "`sharpflow inspect` names the node. Normalize after it, set ε to 0, or leave out the weights that are not normalized.",
            },
            NoNumber => Words {
                name: "no-number",
                means: "The loss, or its gradient, is not a number at the random points that were tried: a normalization divides by 0 there.",
                helps: "Another seed, or a wider layer before the normalization.",
            },
            LocallyConstant => Words {
                name: "locally-constant",
                means: "The loss does not change with the weights near the random points that were tried, so that nothing can be tested.",
                helps: "A normalization over more numbers: over two numbers it gives ±1 whatever they are.",
            },
            Digits => Words {
                name: "digits",
                means: "A normalization takes out a mean so large that more digits are lost with it than the bounds on rounding allow for.",
                helps: "Data without the mean (`standardize = true`).",
            },
            NoMinimum => Words {
                name: "no-minimum",
                means: "Gradient descent and Newton's method did not end at a minimum on the sphere.",
                helps: "Another seed. A loss whose infimum is not reached, as the cross-entropy of targets 0 and 1, needs smoothed targets.",
            },
            Rank => Words {
                name: "rank",
                means: "The rank of ∇²L at the minimum is not known beyond rounding, or it changes along Γ: the theory asks for a constant rank.",
                helps: "Another seed, or data of more even scales.",
            },
            SinglePoint => Words {
                name: "single-point",
                means: "The minimum is a single point of the sphere: Γ has dimension 0 there, and the flow stands still.",
                helps: "More weights than residuals.",
            },
            NotSimple => Words {
                name: "not-simple",
                means: "λ₁ = λ₂ up to rounding. Several eigenvalues are at the edge of stability, and the flow of one of them is not defined.",
                helps: "Another seed, which leads to another minimum.",
            },
            Flow => Words {
                name: "flow",
                means: "The predicted flow cannot be followed as far as runs would go. The message has the cause: a crossing of eigenvalues, mostly.",
                helps: "Another seed, which leads to another minimum.",
            },
            Gap => Words {
                name: "gap",
                means: "λ₂ is so near λ₁ that it joins in at the edge of stability while η̃λ₁ swings.",
                helps: "Another seed, which leads to another minimum.",
            },
            Growth => Words {
                name: "growth",
                means: "The energy of the oscillation is predicted to grow beyond small swings before the runs end.",
                helps: "Another seed.",
            },
            Stiffness => Words {
                name: "stiffness",
                means: "‖G‖² makes up so much of K = 4 + ‖G‖² that no run can show the 4. It is asked of the built-in instances only.",
                helps: "Another seed. The 4 is proved exactly by the claim exact_map, without any run.",
            },
            Quartic => Words {
                name: "quartic",
                means: "The curvature of the loss along v₁, q, is so large that the theory's range begins at an ηλ whose runs are too long.",
                helps: "Longer runs (`--max-steps`), or another seed.",
            },
            Kink => Words {
                name: "kink",
                means: "The minimum lies on a kink of the loss, the flow meets one before runs would end, or one is so near along v₁ that runs which do not cross it are too long.",
                helps: "Another seed, longer runs (`--max-steps`) where a kink is near along v₁, or a smooth activation.",
            },
            Size => Words {
                name: "size",
                means: "There are too many weights for dense matrices, and the loss has no residuals that vanish.",
                helps: "A mean squared error that can vanish: more weights than residuals.",
            },
            Input => Words {
                name: "input",
                means: "The input cannot be read as an instance.",
                helps: "The message says what is wrong.",
            },
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words().name)
    }
}

impl Rejected {
    /// The kind of reason that this is.
    pub fn obstacle(&self) -> Obstacle {
        match self {
            Self::Data(_) | Self::Step(_) | Self::Network(_) | Self::File(_) | Self::NoSuchArchitecture { .. } => Input,
            Self::Minimizers(error) => of_minimizers(error),
            Self::NotScaleInvariant { .. } => NotScaleInvariant,
            Self::Unfit(Unfit::NoNumber { .. } | Unfit::NoNumberGiven { .. }) => NoNumber,
            Self::Unfit(Unfit::LocallyConstant { .. }) => LocallyConstant,
            Self::LostDigits(_) => Digits,
            Self::Memory { .. } | Self::Dense { .. } => Size,
            Self::SinglePoint => SinglePoint,
            Self::Flow(FlowError::RightHandSide { source: MinimizersError::LeftDomain, .. }) => Kink,
            Self::Flow(_) => Flow,
            Self::Gap { .. } => Gap,
            Self::Growth { .. } => Growth,
            Self::Stiff { .. } | Self::Insensitive { .. } => Stiffness,
            Self::Kink { .. } | Self::OnKink { .. } => Kink,
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
