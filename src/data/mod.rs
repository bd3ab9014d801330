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

mod arrays;
mod columns;
mod decimal;
mod delimiter;
mod digits;
mod fields;
mod header;
mod number_type;
mod numpy;
mod principal_components;
mod safetensors;
mod table;
mod training_log;

use std::io;
use std::path::PathBuf;

use faer::Mat;
use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use thiserror::Error;

pub use arrays::{Array, ArrayError};
pub use digits::{Digits, DigitsSplit};
pub(crate) use number_type::{MOST_NUMBERS, NumberType};
pub use principal_components::{PrincipalComponents, RankError};
pub use table::{Header, TableOptions, TableReading};
pub use training_log::{LogArithmetic, LogError, LogOptions, LogRow, Measured, TrainingLog};

use crate::arithmetic::{Quad, Real};

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
    /// The stream of what tests draw besides.
    Test,
    /// Starts of descents in the stable regime.
    Stable,
    /// Points of prime fields at which laws are tried.
    Exact,
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

/// Why a data set cannot be used, and where the fault is. Lines and columns count from 1.
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
    #[error("{}: line {line}, column {column}{}: {text:?} has a decimal comma; numbers need a decimal point", path.display(), named(name))]
    DecimalComma { path: PathBuf, line: u64, column: usize, name: Option<String>, text: String },
    #[error("{}: line {line}, column {column}{}: {text} is not finite in double precision", path.display(), named(name))]
    NotFinite { path: PathBuf, line: u64, column: usize, name: Option<String>, text: String },
    #[error("{}: no column {target:?}; {}", path.display(), available)]
    NoSuchColumn { path: PathBuf, target: String, available: String },
    #[error("{}: more than one column is named {target:?}; give the target's place", path.display())]
    AmbiguousColumn { path: PathBuf, target: String },
    #[error("{}: the target is the only column (columns were separated by {delimiter:?}; --delimiter names another)", path.display())]
    NoFeatures { path: PathBuf, delimiter: char },
    #[error("{}: the target {target:?} is dropped", path.display())]
    TargetDropped { path: PathBuf, target: String },
    #[error("the delimiter {delimiter:?} is no ASCII character")]
    Delimiter { delimiter: char },
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
    #[error("{}: line {line}, column {column}{}: {text} is so small that its digits are lost; rescale the column", path.display(), named(name))]
    Underflow { path: PathBuf, line: u64, column: usize, name: Option<String>, text: String },
    #[error(
        "{}: column {column}{} moves by {spread:.1e}, and its numbers are known to {noise:.1e} ({digits} digits are kept of each); take its mean out, or leave it out (--drop {column})",
        path.display(), named(name)
    )]
    NearlyConstant { path: PathBuf, column: usize, name: Option<String>, spread: f64, noise: f64, digits: usize },
    #[error("the centred {what} reach {largest:e}, too small or too large for the arithmetic to square; rescale them")]
    Range { what: &'static str, largest: f64 },
    #[error(transparent)]
    Rank(#[from] RankError),
    /// What is wrong with a table as a whole.
    #[error("{}: {source}", path.display())]
    Table { path: PathBuf, source: Box<DataError> },
    #[error("{asked} training images of {available} leave none to hold out, or are fewer than 3")]
    BadSplit { asked: usize, available: usize },
}

fn named(name: &Option<String>) -> String {
    name.as_ref().filter(|n| !n.is_empty()).map(|n| format!(" ({n})")).unwrap_or_default()
}

/// Features (n×d) and targets (n).
#[derive(Clone, Debug)]
pub struct Dataset {
    pub features: Mat<f64>,
    pub targets: Vec<f64>,
    decimals: Option<Decimals>,
}

/// The parts of decimals that their doubles leave out.
#[derive(Clone, Debug)]
struct Decimals {
    /// Decimal − double, n×d and n.
    features: Mat<f64>,
    targets: Vec<f64>,
    /// Which columns, the features' and last the target's, hold numbers that were rounded before they were written.
    rounded: Vec<bool>,
}

/// A data set with its means taken out, in double-double: columns of `features` and `targets` sum to 0.
#[derive(Clone, Debug)]
pub struct Centred {
    /// n×d.
    pub features: Mat<Quad>,
    /// Length n.
    pub targets: Vec<Quad>,
    /// For each feature a bound on the norm of its column's error: what the values were rounded by, and what centring left.
    pub noise: Vec<f64>,
}

impl Dataset {
    /// These numbers.
    pub fn new(features: Mat<f64>, targets: Vec<f64>) -> Self {
        Self { features, targets, decimals: None }
    }

    fn of_decimals(features: Mat<Quad>, targets: Vec<Quad>, rounded: Vec<bool>) -> Self {
        let (n, d) = (features.nrows(), features.ncols());
        let decimals = Decimals {
            features: Mat::from_fn(n, d, |i, j| features[(i, j)].1),
            targets: targets.iter().map(|y| y.1).collect(),
            rounded,
        };
        Self {
            features: Mat::from_fn(n, d, |i, j| features[(i, j)].0),
            targets: targets.iter().map(|y| y.0).collect(),
            decimals: Some(decimals),
        }
    }

    /// Standard normal features and targets, drawn by the seed.
    pub fn random(n: usize, d: usize, seed: u64) -> Self {
        let mut generator = generator(seed, Stream::Data);
        let mut normal = || StandardNormal.sample(&mut generator);
        let features = Mat::from_fn(n, d, |_, _| normal());
        let targets = (0..n).map(|_| normal()).collect();
        Self::new(features, targets)
    }

    /// Takes the means out, in double-double, so that no constant added to a column is seen: differences from the first value are
    /// known to 2⁻¹⁰² of themselves, and so is their mean. `proofs-notes/rank.md` derives the noise.
    ///
    /// # Errors
    /// Fewer than 3 rows (the rank of the Hessian would be 0), constant targets, entries whose squares overflow.
    pub fn centred(&self) -> Result<Centred, DataError> {
        let (n, d) = (self.features.nrows(), self.features.ncols());
        let mut features = Mat::from_fn(n, d, |_, _| Quad::from_f64(0.0));
        let mut noise = vec![0.0; d];
        let targets = self.centre_each(|j, column, known_to| {
            column.iter().enumerate().for_each(|(i, &x)| features[(i, j)] = x);
            noise[j] = known_to;
        })?;
        Ok(Centred { features, targets, noise })
    }

    /// The means of the features, and of the targets.
    pub fn means(&self) -> (Vec<f64>, f64) {
        let n = self.targets.len();
        let of_feature = |j: usize| centre(n, |i| self.feature(i, j)).0;
        ((0..self.features.ncols()).map(of_feature).collect(), centre(n, |i| self.target(i)).0)
    }

    /// The centred targets; `visit` is handed every centred feature, by its place, with a bound on the norm of its error.
    pub(crate) fn centre_each(&self, mut visit: impl FnMut(usize, &[Quad], f64)) -> Result<Vec<Quad>, DataError> {
        let (n, d) = (self.features.nrows(), self.features.ncols());
        if n != self.targets.len() {
            let targets = self.targets.len();
            return Err(DataError::Lengths { rows: n, targets });
        }
        if n < 3 {
            return Err(DataError::TooFewRows { rows: n });
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
        let first = self.target(0);
        if (0..n).all(|i| self.target(i) == first) {
            return Err(DataError::ConstantTargets { value: first.to_f64() });
        }
        for j in 0..d {
            let (_, centred) = centre(n, |i| self.feature(i, j));
            let size = column_of(j).map(|x| x * x).sum::<f64>().sqrt();
            let is_rounded = match &self.decimals {
                Some(decimals) => decimals.rounded[j],
                None => column_of(j).any(|x| x.round() != x),
            };
            visit(j, &centred, size * if is_rounded { f64::UNIT_ROUNDOFF } else { Quad::UNIT_ROUNDOFF });
        }
        Ok(centre(n, |i| self.target(i)).1)
    }

    fn feature(&self, i: usize, j: usize) -> Quad {
        Quad(self.features[(i, j)], self.decimals.as_ref().map_or(0.0, |low| low.features[(i, j)]))
    }

    fn target(&self, i: usize) -> Quad {
        Quad(self.targets[i], self.decimals.as_ref().map_or(0.0, |low| low.targets[i]))
    }
}

/// A column's mean, and the column without it.
fn centre(n: usize, at: impl Fn(usize) -> Quad) -> (f64, Vec<Quad>) {
    let first = at(0);
    let mut differences: Vec<Quad> = (0..n).map(|i| at(i) - first).collect();
    let sum = differences.iter().fold(Quad::from_f64(0.0), |sum, &x| sum + x);
    let mean = sum / Quad::from_f64(n as f64);
    differences.iter_mut().for_each(|x| *x -= mean);
    ((first + mean).to_f64(), differences)
}
