use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use sharpflow::arithmetic::{Ball, Base, Quad, Real, distance};
use sharpflow::data::{Stream, generator};
use sharpflow::identities::{ExactError, Identity, Point, Trial, Trials, Variant, try_in_both_fields};
use sharpflow::loss::Derivatives;
use sharpflow::measure::worst;
use sharpflow::network::homogeneity::Answer;
use sharpflow::network::{Network, NetworkLoss};
use sharpflow::network_file::zoo::{Architecture, ZOO};

use crate::assumption::Assumption;
use crate::evidence::{Check, Constant, Hypothesis, InField, Measurement, Statement, Table, Values};
use crate::experiment::{Experiment, NotRun, Readers};
use crate::instance::{Rejected, point_of};
use crate::population::{Population, Source};
use crate::progress::Progress;

/// Random points of each field, and of floats.
const POINTS: usize = 4;
/// Points drawn at most, to have as many at which the loss is a number.
const DRAWS: usize = 64;

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
    /// There is none in practice: the built-in files are networks.
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
    /// There is none in practice: floats have all functions.
    pub fn new(name: &str, network: &Network, small: &Network, seed: u64) -> Result<Self, Rejected> {
        Ok(Self {
            architecture: name.into(),
            proved: network.homogeneity(&[], seed).answer == Answer::Proved,
            fields: try_in_both_fields(small, POINTS, seed),
            floats: in_floats(network, seed)?,
        })
    }
}

/// The identities in double-double. Their bound comes from a running error analysis of the same computation. The analysis follows the forward and the backward
/// pass and not their result, so that the bound does not vanish where the result does.
fn in_floats(network: &Network, seed: u64) -> Result<Vec<FloatTrial>, Rejected> {
    // The bound is for doubles and proportional to the unit roundoff. The factor 2 covers terms that are not of first order.
    const SHRINK: f64 = 2.0 * Quad::UNIT_ROUNDOFF / f64::UNIT_ROUNDOFF;
    let (bounded, precise) = (NetworkLoss::<Ball>::new(network)?, NetworkLoss::<Quad>::new(network)?);
    let (mut bounded, mut precise) = (Derivatives::new(&bounded), Derivatives::new(&precise));
    let mut generator = generator(seed, Stream::Test);
    let mut trials: Vec<FloatTrial> = Identity::ALL
        .into_iter()
        .flat_map(|identity| (0..identity.variants().len()).map(move |variant| (identity, variant)))
        .map(|(identity, variant)| FloatTrial { identity, variant, ratios: Vec::new() })
        .collect();
    // A point at which the loss is no number is drawn again.
    let plain = NetworkLoss::<f64>::new(network)?;
    let mut draw = || -> Vec<f64> { (0..network.dimension()).map(|_| StandardNormal.sample(&mut generator)).collect() };
    let mut drawn = std::iter::repeat_with(|| (draw(), draw())).take(DRAWS);
    for _ in 0..POINTS {
        let Some((weights, direction)) = drawn.find(|(weights, _)| plain.fault(weights).is_none()) else { break };
        let ball = point::<Ball>(&weights, &direction);
        let same = point::<Quad>(&weights, &direction);
        for trial in &mut trials {
            let variant = trial.identity.variants()[trial.variant];
            let (left, right) = trial.identity.sides(variant, &mut bounded, &ball);
            let (precise_left, precise_right) = trial.identity.sides(variant, &mut precise, &same);
            let residual = distance(&precise_left, &precise_right).to_f64();
            let bound = left.iter().chain(&right).map(|side| side.radius * side.radius).sum::<f64>().sqrt();
            // Where there is no bound nothing is said.
            let ratio = if bound.is_finite() { residual / (SHRINK * bound) } else { f64::NAN };
            trial.ratios.push(if residual == 0.0 { 0.0 } else { ratio });
        }
    }
    Ok(trials)
}

/// The same point over an arithmetic: all its numbers are doubles.
fn point<T: Base>(weights: &[f64], direction: &[f64]) -> Point<T> {
    let of = |v: &[f64]| -> Vec<T> { v.iter().map(|&x| T::from_f64(x)).collect() };
    Point {
        weights: of(weights),
        direction: of(direction),
        factor: T::from_f64(1.75),
        learning_rate: T::from_f64(0.25),
        decay: T::from_f64(0.5),
    }
}

/// The identities of scale invariance, in prime fields and in floats.
pub struct Identities;

impl Experiment for Identities {
    type On = Population;
    type Seen<'a> = &'a IdentityRecord;
    const NAME: &'static str = "exact identities";
    const AT_THE_EDGE: bool = false;

    fn suits(_: &Population, _: &Population) -> bool {
        true
    }

    fn steps(_: &Population) -> u64 {
        0
    }

    fn run(
        population: &Population,
        _: &Population,
        _: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        let records = match &population.source {
            Source::Network { network, .. } => {
                let name = population.source.name();
                has_something_to_test(population, network)?;
                let small = network.with_rational_activations();
                vec![IdentityRecord::new(&name, network, &small, population.seed)?]
            }
            Source::BuiltIn | Source::Data { .. } => IdentityRecord::all(population.seed)?,
        };
        for record in &records {
            claims.read(record);
        }
        Ok(vec![])
    }
}

/// Passes where identities of a user's network can be tried: where it is a number somewhere and not locally constant.
pub(super) fn has_something_to_test(population: &Population, network: &Network) -> Result<(), NotRun> {
    match point_of(network, population.seed).map_err(Rejected::from)? {
        Ok(_) => Ok(()),
        Err(unfit) => Err(NotRun::Skipped(format!("{}: {unfit}", population.source.name()))),
    }
}

/// What a record says of some identities: each must hold and each of their twins must fail, in the fields and in floats by itself.
pub(crate) fn of_identities(record: &IdentityRecord, identities: &[Identity]) -> Measurement {
    let (mut statements, mut twins, mut accidents) = (Vec::new(), Vec::new(), Vec::new());
    for &identity in identities {
        let variants = identity.variants();
        // A network with too many roots is tried in floats alone.
        let of_fields = record.fields.iter().flatten();
        accidents.extend(of_fields.clone().map(|trials| trials.log2_accident));
        let tried: Vec<_> = of_fields
            .filter_map(|trials| Some((trials, trials.trials.iter().find(|trial| trial.identity == identity)?)))
            .collect();
        if !tried.is_empty() {
            let exact = |held: &dyn Fn(&Trials, &Trial) -> usize| {
                let field = |&(all, trial): &(&Trials, &Trial)| InField {
                    prime: all.prime,
                    points: all.points,
                    held: held(all, trial),
                    first: None,
                };
                Check::Exact { fields: tried.iter().map(field).collect() }
            };
            let named = |variant: &Variant| format!("{} in prime fields", variant.formula).into();
            statements.push(Statement { what: named(&variants[0]), check: exact(&|_, trial| trial.agreed) });
            twins.extend(variants[1..].iter().enumerate().map(|(k, twin)| Statement {
                what: named(twin),
                check: exact(&|all, trial| all.points - trial.twins_differed[k]),
            }));
        }
        // Floats cannot refute an identity that both fields prove. If they exceed their bound there, they decide nothing.
        let agrees = |trials: &Trials| {
            let mut of_identity = trials.trials.iter().filter(|trial| trial.identity == identity);
            of_identity.all(|trial| trial.agreed == trials.points)
        };
        let is_proved = record.fields.as_ref().is_ok_and(|fields| fields.iter().all(agrees));
        for trial in record.floats.iter().filter(|trial| trial.identity == identity) {
            let largest = worst(trial.ratios.iter().copied());
            let check = if trial.variant == 0 && is_proved && largest > 1.0 {
                Check::Missing {
                    reason: format!("double-double differs by {largest:.1e} of its bound, prime fields do not"),
                }
            } else {
                Check::bound(trial.ratios.iter().copied())
            };
            let what = format!("{} in double-double", variants[trial.variant].formula).into();
            let statement = Statement { what, check };
            if trial.variant == 0 { statements.push(statement) } else { twins.push(statement) }
        }
    }
    Measurement {
        instance: match &record.fields {
            Ok(_) => format!("{}, exactly and in double-double", record.architecture),
            Err(error) => format!("{}, in double-double (not exactly: {error})", record.architecture),
        },
        hypotheses: vec![Hypothesis {
            of: Assumption::ScaleInvariance,
            what: "scale invariance, proved by degrees".into(),
            measured: if record.proved { 0.0 } else { 1.0 },
            bound: 0.0,
            place: record.architecture.clone(),
        }],
        statements,
        twins,
        constants: match record.fields {
            Ok(_) => {
                let what = "log₂ of the chance that a false identity holds";
                let value = worst(accidents);
                vec![Constant { what: what.into(), values: Values::Computed { value } }]
            }
            Err(_) => vec![],
        },
        sensitivity: vec![],
    }
}
