//! The population that the instances of a study are drawn from.

use std::path::{Path, PathBuf};

use sharpflow::data::{Dataset, TableOptions};
use sharpflow::network::Network;
use sharpflow::network_file::OnnxOptions;

use crate::evidence::Input;

/// What the instances of a study are drawn from, and the seed that draws them.
#[derive(Clone, Debug)]
pub struct Population {
    pub seed: u64,
    /// How many random linear regressions there are, besides the digits.
    pub regressions: usize,
    /// How many random networks there are of each kind.
    pub networks: usize,
    pub source: Source,
}

/// Where instances come from, as it was asked for, and what was read.
#[derive(Clone, Debug)]
pub enum Source {
    /// The digits, random regressions and random networks.
    BuiltIn,
    /// A user's table and its target column: the only instance.
    Data { file: PathBuf, target: String, options: TableOptions, data: Box<Dataset> },
    /// A network, from a file or built in, and values NAME=NUMBER of its sizes: the only instance.
    Network {
        file: PathBuf,
        sizes: Vec<String>,
        /// The groups of weights that are trained, where not all are.
        groups: Vec<String>,
        /// The most steps that a run may take; by default, what a step costs decides.
        most_steps: Option<u64>,
        /// What an ONNX file leaves open.
        onnx: OnnxOptions,
        network: Box<Network>,
    },
}

impl Population {
    /// The numbers of random regressions, and of random networks of each kind; none beside a user's own instance.
    pub fn draws(&self) -> (usize, usize) {
        if self.source.is_built_in() { (self.regressions, self.networks) } else { (0, 0) }
    }
}

impl Source {
    /// Whether instances are the suite's own.
    pub fn is_built_in(&self) -> bool {
        matches!(self, Self::BuiltIn)
    }

    /// What evidence calls the user's instance: its file, and the sizes asked for.
    pub fn name(&self) -> String {
        match self {
            Self::BuiltIn => "built in".into(),
            Self::Data { file, .. } => file.display().to_string(),
            Self::Network { file, sizes, groups, .. } => {
                let groups = groups.iter().map(|group| format!("group {group}"));
                let name = std::iter::once(file.display().to_string()).chain(sizes.iter().cloned()).chain(groups);
                name.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// How it was asked for, as evidence records it.
    pub fn input(&self) -> Input {
        match self {
            Self::BuiltIn => Input::BuiltIn,
            Self::Data { file, target, options, .. } => {
                Input::Data { file: readable(file), target: target.clone(), options: options.clone() }
            }
            Self::Network { file, sizes, groups, most_steps, onnx, .. } => Input::Network {
                network: readable(file),
                sizes: sizes.clone(),
                groups: groups.clone(),
                most_steps: *most_steps,
                onnx: onnx.clone(),
            },
        }
    }
}

/// A path as evidence names it. Evidence is text, and a path need not be.
fn readable(path: &Path) -> PathBuf {
    path.to_string_lossy().into_owned().into()
}
