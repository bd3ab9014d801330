//! Data sets for regression: the built-in digits, a user's CSV, seeded random draws.
//!
//! Randomness enters the library here alone, through one generator and seeds: the same seed is the same draw.
//!
//! ```
//! use sharpflow::data::{Dataset, Digits};
//!
//! let (a, b) = (Dataset::random(6, 9, 7), Dataset::random(6, 9, 7));
//! assert!(a.features == b.features && a.targets == b.targets);
//! // 30 images of 3 and 8 to train on, the rest held out.
//! let digits = Digits::pair(3, 8);
//! let split = digits.split(30, 0)?;
//! assert_eq!(split.training.targets.len() + split.held_out.targets.len(), digits.len());
//! # Ok::<(), sharpflow::data::DataError>(())
//! ```

mod csv_file;
mod digits;

use std::io;
use std::path::PathBuf;

use faer::Mat;
use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use thiserror::Error;

pub use digits::{Digits, DigitsSplit};

/// The generator behind every seed of this library, as evidence names it.
pub const GENERATOR: &str = "ChaCha12 (rand)";

/// The independent uses of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Features and targets, and the choice of training images.
    Data,
    /// Shapes and angles of random instances.
    Shape,
    /// The direction of a start.
    Direction,
    /// Single steps.
    Step,
    /// Seeds of a study's instances.
    Instances,
    /// Seeds of a study's single steps.
    Steps,
    /// What tests draw beside these.
    Test,
    /// Starts of descents in the stable regime.
    Stable,
}

/// The generator for one use of a seed.
pub fn generator(seed: u64, stream: Stream) -> ChaCha12Rng {
    let mut generator = ChaCha12Rng::seed_from_u64(seed);
    generator.set_stream(stream as u64);
    generator
}

/// Seeds drawn from a seed, so that the parts of two studies of neighbouring seeds have nothing in common.
pub fn seeds(seed: u64, stream: Stream) -> impl Iterator<Item = u64> {
    let mut generator = generator(seed, stream);
    std::iter::repeat_with(move || generator.next_u32().into())
}

/// What is wrong with a data set, and where. Lines and columns count from 1.
#[derive(Debug, Error)]
pub enum DataError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: line {line}: not UTF-8 text", path.display())]
    NotText { path: PathBuf, line: u64 },
    #[error("{}: no data rows", path.display())]
    Empty { path: PathBuf },
    #[error("{}: line {line} has {found} columns, the first line has {expected}", path.display())]
    Ragged { path: PathBuf, line: u64, found: usize, expected: usize },
    #[error("{}: line {line}, column {column}{}: {text:?} is not a number", path.display(), named(name))]
    NotANumber { path: PathBuf, line: u64, column: usize, name: Option<String>, text: String },
    #[error("{}: line {line}, column {column}{}: {value} is not finite", path.display(), named(name))]
    NotFinite { path: PathBuf, line: u64, column: usize, name: Option<String>, value: f64 },
    #[error("{}: no target column {target:?}; there are {}", path.display(), available)]
    NoSuchColumn { path: PathBuf, target: String, available: String },
    #[error("{}: more than one column is named {target:?}; give the target's place", path.display())]
    AmbiguousColumn { path: PathBuf, target: String },
    #[error("{}: the target is the only column (columns are separated by commas)", path.display())]
    NoFeatures { path: PathBuf },
    #[error("the targets are constant (all {value}): there is nothing to fit")]
    ConstantTargets { value: f64 },
    #[error("{rows} rows are too few: regression with batch normalization needs at least 3")]
    TooFewRows { rows: usize },
    #[error("feature {feature} (or, beyond the last, the target) holds {value:e}, whose square is no finite number")]
    TooLarge { feature: usize, value: f64 },
    #[error("{rows} rows of features, {targets} targets")]
    Lengths { rows: usize, targets: usize },
    #[error("{}: line {line}, column {column}{}: {value:e} is too large to square; rescale the column", path.display(), named(name))]
    Overflow { path: PathBuf, line: u64, column: usize, name: Option<String>, value: f64 },
    #[error("the centred {what} reach {largest:e}, too small or too large for the arithmetic to square; rescale them")]
    Range { what: &'static str, largest: f64 },
    #[error("{asked} training images of {available} leave none to hold out, or are fewer than 3")]
    BadSplit { asked: usize, available: usize },
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map(|n| format!(" ({n})")).unwrap_or_default()
}

/// Features (n×d) and targets (n).
#[derive(Clone, Debug)]
pub struct Dataset {
    pub features: Mat<f64>,
    pub targets: Vec<f64>,
}

/// A data set with its means taken out: columns of `features` and `targets` sum to 0 up to rounding.
#[derive(Clone, Debug)]
pub struct Centred {
    pub features: Mat<f64>,
    pub targets: Vec<f64>,
    pub feature_means: Vec<f64>,
    pub target_mean: f64,
}

impl Dataset {
    /// Standard normal features and targets, drawn by the seed.
    pub fn random(n: usize, d: usize, seed: u64) -> Self {
        let mut generator = generator(seed, Stream::Data);
        let mut normal = || StandardNormal.sample(&mut generator);
        let features = Mat::from_fn(n, d, |_, _| normal());
        let targets = (0..n).map(|_| normal()).collect();
        Self { features, targets }
    }

    /// Takes the means out.
    ///
    /// # Errors
    /// Fewer than 3 rows (the rank of the Hessian would be 0), constant targets, entries whose squares overflow.
    pub fn centred(&self) -> Result<Centred, DataError> {
        let (n, d) = (self.features.nrows(), self.features.ncols());
        if n != self.targets.len() {
            let targets = self.targets.len();
            return Err(DataError::Lengths { rows: n, targets });
        }
        if n < 3 {
            return Err(DataError::TooFewRows { rows: n });
        }
        let first = self.targets[0];
        if self.targets.iter().all(|&y| y == first) {
            return Err(DataError::ConstantTargets { value: first });
        }
        // The Gram matrix sums n·d squares; anything above this could overflow it.
        let limit = (f64::MAX / (n * d) as f64).sqrt() / 4.0;
        let column_of = |j: usize| (0..n).map(move |i| self.features[(i, j)]);
        let columns = (0..d).flat_map(|j| column_of(j).map(move |x| (j + 1, x)));
        let targets = self.targets.iter().map(|&y| (d + 1, y));
        // NaN compares with nothing, so it is found here too.
        if let Some((column, value)) = columns.chain(targets).find(|(_, x)| !(x.abs() <= limit)) {
            let feature = column;
            return Err(DataError::TooLarge { feature, value });
        }
        let mean = |sum: f64| sum / n as f64;
        let feature_means: Vec<f64> = (0..d).map(|j| mean(column_of(j).sum())).collect();
        let target_mean = mean(self.targets.iter().sum());
        Ok(Centred {
            features: Mat::from_fn(n, d, |i, j| self.features[(i, j)] - feature_means[j]),
            targets: self.targets.iter().map(|y| y - target_mean).collect(),
            feature_means,
            target_mean,
        })
    }
}
