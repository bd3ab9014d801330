use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sharpflow::data::TableOptions;
use sharpflow::network_file::OnnxOptions;

use super::{ClaimEvidence, Name, Verdict};
use crate::instance::{Obstacle, Plan, Rejected};

/// The format of evidence folders, documented in `docs/evidence.md`.
pub const SCHEMA: &str = "sharpflow-evidence/4";

/// Whether all that was asked was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Complete,
    /// The study was interrupted. The parts that are here are whole, and the rest is missing.
    Partial,
}

/// What a study was asked and how, and what was run. The same bytes for the same seed, binary and kind of processor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    pub schema: Name,
    pub status: Status,
    pub provenance: Provenance,
    pub parameters: Parameters,
    pub instances: Vec<InstancePlan>,
    /// Draws and starts that were left out before they ran, and why.
    pub dropped: Vec<Dropped>,
}

/// A draw, or a start, that was left out before it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    pub draw: String,
    pub obstacle: Obstacle,
    /// The reason with its numbers.
    pub why: String,
}

impl Dropped {
    /// A draw that was not admitted.
    pub fn new(draw: String, rejected: &Rejected) -> Self {
        Self { draw, obstacle: rejected.obstacle(), why: rejected.to_string() }
    }
}

impl Summary {
    /// How many were left out for each kind of reason, the most frequent first.
    pub fn obstacles(&self) -> Vec<(Obstacle, usize)> {
        let count = |obstacle: Obstacle| self.dropped.iter().filter(|dropped| dropped.obstacle == obstacle).count();
        let mut counted: Vec<_> =
            Obstacle::ALL.into_iter().map(|one| (one, count(one))).filter(|(_, n)| *n > 0).collect();
        counted.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        counted
    }
}

/// Everything a study found.
#[derive(Clone, Debug, Serialize)]
pub struct StudyEvidence {
    #[serde(flatten)]
    pub summary: Summary,
    pub claims: Vec<ClaimEvidence>,
    /// Runs to look at.
    #[serde(skip)]
    pub tables: Vec<Table>,
}

impl StudyEvidence {
    /// The worst verdict; none where there is no claim.
    pub fn verdict(&self) -> Option<Verdict> {
        self.claims.iter().map(|claim| claim.verdict).min()
    }
}

/// What a study was asked, and the confidence its intervals got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The claims judged, in order.
    pub claims: Vec<String>,
    pub seed: u64,
    /// Random linear regressions, besides the digits.
    pub regressions: usize,
    /// Random networks of each kind.
    pub networks: usize,
    pub input: Input,
    /// How many intervals the run has, and the confidence of each.
    pub intervals: usize,
    pub level_of_one: f64,
}

/// Where instances come from, as it was asked for. A file that was read is kept beside the evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Input {
    /// The digits, random regressions, random networks.
    BuiltIn,
    /// A table of numbers, the column of its target, and how it was asked to be read.
    Data {
        file: PathBuf,
        target: String,
        #[serde(default)]
        options: TableOptions,
    },
    /// A network: a file or the name of a built-in one, and values NAME=NUMBER of its sizes.
    Network {
        network: PathBuf,
        sizes: Vec<String>,
        /// The groups of weights that are trained, where not all are.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
        /// The most steps that a run may take, where it was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        most_steps: Option<u64>,
        /// What an ONNX file leaves open.
        #[serde(flatten)]
        onnx: OnnxOptions,
    },
}

/// An instance and what was run on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstancePlan {
    pub name: String,
    #[serde(flatten)]
    pub plan: Plan,
}

/// A table of numbers beside the evidence: runs to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What it holds, of which instance.
    pub kind: Name,
    pub instance: String,
    pub columns: Vec<Name>,
    /// As many numbers a row as there are columns.
    pub rows: Vec<Vec<f64>>,
}

impl Table {
    /// A table without rows.
    pub fn new(kind: &'static str, instance: &str, columns: &[&'static str]) -> Self {
        let columns = columns.iter().map(|&column| column.into()).collect();
        Self { kind: kind.into(), instance: instance.into(), columns, rows: Vec::new() }
    }

    /// Numbers of a column, from the top; none where there is no such column.
    pub fn column(&self, name: &str) -> impl Iterator<Item = f64> + '_ {
        let place = self.columns.iter().position(|column| column == name);
        self.rows.iter().filter_map(move |row| row.get(place?).copied())
    }
}

/// What every output records besides its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub version: Name,
    pub commit: Name,
    pub compiler: Name,
    pub target: Name,
    pub profile: Name,
    /// "name version" of every numeric crate, comma-separated.
    pub crates: Name,
    /// The generator behind the seeds.
    pub generator: Name,
}

/// The provenance of this binary.
pub const PROVENANCE: Provenance = Provenance {
    version: Name::Borrowed(env!("CARGO_PKG_VERSION")),
    commit: Name::Borrowed(env!("SHARPFLOW_COMMIT")),
    compiler: Name::Borrowed(env!("SHARPFLOW_RUSTC")),
    target: Name::Borrowed(env!("SHARPFLOW_TARGET")),
    profile: Name::Borrowed(env!("SHARPFLOW_PROFILE")),
    crates: Name::Borrowed(env!("SHARPFLOW_CRATES")),
    generator: Name::Borrowed(sharpflow::data::GENERATOR),
};
