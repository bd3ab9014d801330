//! What a claim is.

use sharpflow::identities::Identity;

use crate::evidence::{Measurement, Strength};
use crate::instance::{Instance, Regression};
use crate::records::{
    Draw, Dynamics, DynamicsRecord, GrowthRecord, HeldOutRecord, LadderRecord, Scope, StableRecord, SwingRecord,
};

/// A claim, as data. The command line, the documentation and the tests read this one value.
#[derive(Clone, Copy, Debug)]
pub struct Theorem {
    /// The name of the claim's file, note and test.
    pub id: &'static str,
    pub title: &'static str,
    pub strength: Strength,
    /// The statement in plain text.
    pub statement: &'static str,
    /// The statement in LaTeX.
    pub latex: &'static str,
    /// The hypotheses, each measured; the note says at which readings.
    pub hypotheses: &'static [&'static str],
    /// What is cited.
    pub source: &'static str,
    pub judge: Judge,
}

impl Theorem {
    /// The path of the derivation from the repository's root.
    pub fn note(&self) -> String {
        format!("proofs-notes/{}.md", self.id)
    }
}

/// What a claim is measured on: one record serves all claims of its kind.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// The identities on every built-in architecture, in prime fields and in floats.
    Identities(&'static [Identity]),
    /// The same, and random steps in several arithmetics.
    Steps(&'static [Identity], fn(&[Draw]) -> Measurement),
    /// Descents from the stable regime: of one instance, with ρ along its paths, and of losses with ρ on all of S.
    Stable(fn(&[StableRecord], Scope) -> Measurement),
    /// Losses with ρ on all of S alone.
    Sphere(fn(&[StableRecord]) -> Measurement),
    /// Points of one instance's Γ.
    Points(fn(&Instance) -> Measurement),
    /// A ladder of intrinsic learning rates on one instance.
    Ladder(fn(&Instance, &LadderRecord) -> Measurement),
    /// Short runs of two slow periods on one instance.
    Swings(fn(&Instance, &SwingRecord) -> Measurement),
    /// A relative of gradient descent with weight decay on one instance: which the claim is about, and what it measures of one.
    Dynamics(fn(Dynamics) -> bool, fn(&Instance, &DynamicsRecord) -> Measurement),
    /// Runs over which the energy of small swings changes, on one instance; `None` where they tell no constant from another.
    Growth(fn(&Instance, &GrowthRecord) -> Option<Measurement>),
    /// A ladder on a linear regression; `None` where the record is too short for the claim's window.
    Regression(fn(&Instance, &Regression, &LadderRecord) -> Option<Measurement>),
    /// Runs with and without weight decay on real data.
    HeldOut(fn(&HeldOutRecord) -> Measurement),
}

impl Judge {
    /// The identities it is about.
    pub fn identities(&self) -> &'static [Identity] {
        match self {
            Self::Identities(identities) | Self::Steps(identities, _) => identities,
            _ => &[],
        }
    }

    /// Whether it is about runs on instances.
    pub fn needs_instances(&self) -> bool {
        self.needs_ladder()
            || matches!(
                self,
                Self::Stable(_) | Self::Points(_) | Self::Swings(_) | Self::Growth(_) | Self::Dynamics(..)
            )
    }

    /// Whether it needs runs at the edge of stability, beyond what a point of Γ shows.
    pub fn needs_runs(&self) -> bool {
        self.needs_instances() && !matches!(self, Self::Stable(_) | Self::Points(_))
    }

    /// Whether it reads a ladder.
    pub fn needs_ladder(&self) -> bool {
        matches!(self, Self::Ladder(_) | Self::Regression(_))
    }
}

/// What stands in its place for a claim of our own.
pub const BEYOND: &str = "Not in the paper: derived in the note, confirmed numerically";

/// The paper every claim but the `beyond` ones restates.
pub const PAPER: &str = "K. Lyu, Z. Li, S. Arora. Understanding the Generalization Benefit of Normalization Layers: \
                         Sharpness Reduction. NeurIPS 2022, arXiv:2206.07085";
