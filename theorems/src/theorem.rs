//! What a claim is.

use crate::assumption::Assumption;
use crate::evidence::Strength;
use crate::experiment::{Experiment, Judge, Judged, reads};
use crate::population::{Population, Source};

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
    /// The hypotheses, each of which its experiments measure.
    pub hypotheses: &'static [Assumption],
    /// What is cited.
    pub source: &'static str,
    /// The claim that proves the coefficients on which this one rests, where there is one.
    pub coefficients: Option<&'static str>,
    /// The losses it speaks of.
    pub concerns: Concerns,
    /// The experiments it is judged on.
    pub judged_on: &'static [&'static dyn Judge],
}

/// The losses that a claim speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concerns {
    Every,
    LinearRegressions,
}

impl Theorem {
    /// The path of the derivation from the repository's root.
    pub fn note(&self) -> String {
        format!("proofs-notes/{}.md", self.id)
    }

    /// What it measures on the records of an experiment, if it reads them.
    pub fn on<E: Experiment>(&self) -> Option<for<'a> fn(E::Seen<'a>) -> Judged> {
        reads::<E>(self.judged_on)
    }

    /// Whether it is judged on instances, each by itself.
    pub fn is_about_instances(&self) -> bool {
        self.judged_on.iter().any(|judge| judge.is_about_instances())
    }

    /// Whether it needs runs at the edge of stability.
    pub fn is_at_the_edge(&self) -> bool {
        self.judged_on.iter().any(|judge| judge.is_at_the_edge())
    }

    /// Whether a population can say anything of it.
    pub fn suits(&self, population: &Population) -> bool {
        let is_concerned = match population.source {
            Source::Network { .. } => self.concerns == Concerns::Every,
            Source::BuiltIn | Source::Data { .. } => true,
        };
        is_concerned && self.judged_on.iter().any(|judge| judge.suits(population))
    }
}

/// The source of a claim that is our own.
pub(crate) const BEYOND: &str = "Not in the paper: derived in the note, confirmed numerically";

/// The source of a claim about coefficients that is our own.
pub(crate) const BEYOND_EXACTLY: &str = "Not in the paper: derived in the note, proved modulo primes";

/// The source of a claim about enclosed orbits, which is our own.
pub(crate) const BEYOND_ENCLOSED: &str = "Not in the paper: enclosed by interval arithmetic, derived in the note";

/// The paper every claim but the `beyond` ones restates.
pub const PAPER: &str = "K. Lyu, Z. Li, S. Arora. Understanding the Generalization Benefit of Normalization Layers: \
                         Sharpness Reduction. NeurIPS 2022, arXiv:2206.07085";
