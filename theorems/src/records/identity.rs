use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use sharpflow::arithmetic::{FirstField, Quad, Real, SecondField, distance, norm};
use sharpflow::data::{Stream, generator};
use sharpflow::identities::{ExactError, Identity, Point, Trials, try_exactly};
use sharpflow::loss::Derivatives;
use sharpflow::network::homogeneity::Answer;
use sharpflow::network::zoo::{Architecture, ZOO};
use sharpflow::network::{Network, NetworkLoss};

use crate::instance::Rejected;

/// Random points of each field, and of floats.
const POINTS: usize = 4;

/// Every identity and its twins on one architecture: in two prime fields, and in floats.
#[derive(Debug)]
pub struct IdentityRecord {
    pub architecture: String,
    /// Whether its degrees prove the loss scale-invariant.
    pub proved: bool,
    /// At small shapes with rational functions; or why it could not be tried.
    pub fields: Result<[Trials; 2], ExactError>,
    /// At its own shapes with its own functions.
    pub floats: Vec<FloatTrial>,
}

/// One variant of an identity at random points in double-double.
#[derive(Debug)]
pub struct FloatTrial {
    pub identity: Identity,
    /// Its place among the identity's variants; 0 is the identity itself.
    pub variant: usize,
    /// ‖left − right‖ over its rounding bound, a point at a time.
    pub ratios: Vec<f64>,
}

impl IdentityRecord {
    /// All built-in architectures.
    ///
    /// # Errors
    /// None in practice: the built-in files are networks.
    pub fn all(seed: u64) -> Result<Vec<Self>, Rejected> {
        let record = |architecture: Architecture| {
            let network = architecture.network(&[]).map_err(Box::new)?;
            Self::new(architecture.name, &network, &architecture.exact().map_err(Box::new)?, seed)
        };
        ZOO.into_par_iter().map(record).collect()
    }

    /// One network; `small` is what exact arithmetic tries in its place.
    ///
    /// # Errors
    /// None in practice: floats have all functions.
    pub fn new(name: &str, network: &Network, small: &Network, seed: u64) -> Result<Self, Rejected> {
        let first = try_exactly::<{ FirstField::ORDER }>(small, POINTS, seed);
        let second = try_exactly::<{ SecondField::ORDER }>(small, POINTS, seed);
        Ok(Self {
            architecture: name.into(),
            proved: network.homogeneity(&[], seed).answer == Answer::Proved,
            fields: first.and_then(|first| Ok([first, second?])),
            floats: in_floats(network, seed)?,
        })
    }
}

/// The same computation in f64 and in double-double: rounding is in proportion to the unit of either, and the errors of the one,
/// seen by the other, bound the errors of that.
fn in_floats(network: &Network, seed: u64) -> Result<Vec<FloatTrial>, Rejected> {
    // The unit roundoffs' ratio, and a margin of 2¹⁰ for errors that happen to cancel in f64.
    const SHRINK: f64 = 1024.0 * f64::EPSILON;
    let (double, precise) = (NetworkLoss::<f64>::new(network)?, NetworkLoss::<Quad>::new(network)?);
    let (mut double, mut precise) = (Derivatives::new(&double), Derivatives::new(&precise));
    let mut generator = generator(seed, Stream::Test);
    let mut trials: Vec<FloatTrial> = Identity::ALL
        .into_iter()
        .flat_map(|identity| (0..identity.variants().len()).map(move |variant| (identity, variant)))
        .map(|(identity, variant)| FloatTrial { identity, variant, ratios: Vec::new() })
        .collect();
    for _ in 0..POINTS {
        let mut draw =
            || -> Vec<f64> { (0..network.dimension()).map(|_| StandardNormal.sample(&mut generator)).collect() };
        let point = Point { weights: draw(), direction: draw(), factor: 1.75, learning_rate: 0.25, decay: 0.5 };
        let wide = |v: &[f64]| -> Vec<Quad> { v.iter().map(|&x| Quad::from_f64(x)).collect() };
        let same = Point {
            weights: wide(&point.weights),
            direction: wide(&point.direction),
            factor: Quad::from_f64(point.factor),
            learning_rate: Quad::from_f64(point.learning_rate),
            decay: Quad::from_f64(point.decay),
        };
        // Sums that cancel are of this size before they do.
        let scale = norm(double.gradient(&point.weights).1) * norm(&point.weights);
        for trial in &mut trials {
            let variant = trial.identity.variants()[trial.variant];
            let (left, right) = trial.identity.sides(variant, &mut double, &point);
            let (precise_left, precise_right) = trial.identity.sides(variant, &mut precise, &same);
            let residual = distance(&precise_left, &precise_right).to_f64();
            let error = |of: &[f64], precise: &[Quad]| distance(&wide(of), precise).to_f64();
            let seen = error(&left, &precise_left) + error(&right, &precise_right);
            let size = norm(&left) + norm(&right) + scale;
            trial.ratios.push(residual / (SHRINK * (seen + f64::EPSILON * size)));
        }
    }
    Ok(trials)
}
