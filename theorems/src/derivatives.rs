//! Derivatives that a framework computed, compared with exact ones. The derivation: `proofs-notes/derivatives.md`.

use std::collections::BTreeMap;

use serde::Serialize;
use sharpflow::arithmetic::{Ball, Base, Quad, Real, norm};
use sharpflow::data::Array;
use sharpflow::loss::Derivatives;
use sharpflow::network::{Network, NetworkError, NetworkLoss};
use thiserror::Error;

use crate::evidence::{PROVENANCE, Provenance};

/// What stands between the parts of an array's name.
const BETWEEN: &str = " | ";
/// Rounding of another order of operations, over the bound of this library's own evaluation.
const ORDER_OF_OPERATIONS: f64 = 4.0;
/// A derivative is right within this many times the rounding that this library's own evaluation in doubles shows.
const RIGHT: f64 = 1e3;
/// It is wrong beyond this many times.
const WRONG: f64 = 1e6;

/// Why values cannot be compared.
#[derive(Debug, Error)]
pub enum DerivativesError {
    #[error("there is no array `{name}`: a file of values has it, as `probe` writes it")]
    Missing { name: &'static str },
    #[error("the array `{name}` has {found} numbers, and the network needs {expected}")]
    Length { name: String, found: usize, expected: usize },
    #[error("entry {entry} of the array `{name}` is {value}, which is no number")]
    NotFinite { name: &'static str, entry: usize, value: f64 },
    #[error(
        "the values were taken at other weights than the network has: weight {entry} is {found} there and {expected} here"
    )]
    OtherWeights { entry: usize, found: f64, expected: f64 },
    #[error("the loss, or one of its derivatives, is no number at these weights")]
    NoNumber,
    #[error("no array is named `ORDER | PATTERN` with an order from 0 to 3: there is nothing to compare")]
    NothingToCompare,
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Which derivatives of a loss a framework has right.
#[derive(Clone, Debug, Serialize)]
pub struct DerivativeCheck {
    pub schema: &'static str,
    pub provenance: Provenance,
    pub title: String,
    /// The framework and its version, where the values say it.
    pub framework: Option<String>,
    pub weights: usize,
    pub loss: f64,
    /// By order, and by name within an order.
    pub patterns: Vec<PatternReading>,
}

/// A way to compute a derivative, and how far it is from the exact one.
#[derive(Clone, Debug, Serialize)]
pub struct PatternReading {
    /// 0 for L itself, 1 for ∇L, 2 for ∇²L v, 3 for ∇³L[v, v].
    pub order: usize,
    pub pattern: String,
    #[serde(flatten)]
    pub answer: DerivativeAnswer,
    /// The same pattern with every fused operation but those of one kind written out in plain ones.
    pub alone: Vec<(String, DerivativeAnswer)>,
}

/// What is said of a derivative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum DerivativeAnswer {
    /// ‖x − t‖/‖t‖ is what rounding makes.
    Right { error: f64 },
    /// It is more than rounding can make.
    Wrong { error: f64 },
    /// It is more than rounding should make, and less than what it can.
    Undecided { error: f64 },
    /// Some of the framework's numbers are NaN or infinite.
    NotFinite,
    /// The framework refused to compute it.
    Refused,
}

impl DerivativeAnswer {
    /// Whether it is a wrong number, given without a word.
    pub fn is_wrong(self) -> bool {
        matches!(self, Self::Wrong { .. } | Self::NotFinite)
    }

    fn of(error: f64, [right, wrong]: [f64; 2]) -> Self {
        if error <= right {
            Self::Right { error }
        } else if error > wrong {
            Self::Wrong { error }
        } else {
            Self::Undecided { error }
        }
    }
}

/// A derivative in double-double, the unit of distances from it, and two limits. A distance up to the first one is right, and one beyond the second is wrong.
struct Exact {
    vector: Vec<Quad>,
    unit: f64,
    limits: [f64; 2],
}

impl Exact {
    fn answer(&self, values: &[f64]) -> DerivativeAnswer {
        if values.is_empty() {
            return DerivativeAnswer::Refused;
        }
        if values.iter().any(|x| !x.is_finite()) {
            return DerivativeAnswer::NotFinite;
        }
        DerivativeAnswer::of(distance(values, &self.vector) / self.unit, self.limits)
    }
}

fn distance(values: &[f64], exact: &[Quad]) -> f64 {
    let off: Vec<Quad> = values.iter().zip(exact).map(|(&x, &t)| Quad::from_f64(x) - t).collect();
    norm(&off).to_f64()
}

/// Compares the arrays of a file of values with the derivatives of a network: `weights` w and `direction` v, of length D; and `ORDER | PATTERN`, or
/// `ORDER | PATTERN | KIND`, each of length D (of order 0: 1) or empty where the framework refused.
///
/// # Errors
/// Arrays that are missing or have other lengths, weights that are not the network's own, a loss that is no number there.
pub fn check_derivatives(network: &Network, arrays: &[(String, Array)]) -> Result<DerivativeCheck, DerivativesError> {
    let weights = network.dimension();
    let of_length = |name: &str, array: &Array, expected: usize| match array.values.len() {
        found if found == expected => Ok(()),
        found => Err(DerivativesError::Length { name: name.into(), found, expected }),
    };
    let named = |name: &'static str| {
        let (_, array) = arrays.iter().find(|(known, _)| known == name).ok_or(DerivativesError::Missing { name })?;
        of_length(name, array, weights)?;
        match array.values.iter().position(|x| !x.is_finite()) {
            Some(entry) => Err(DerivativesError::NotFinite { name, entry, value: array.values[entry] }),
            None => Ok(array.values.as_slice()),
        }
    };
    let (w, v) = (named("weights")?, named("direction")?);
    if let Some(own) = network.given_weights()
        && let Some(entry) = own.iter().zip(w).position(|(own, w)| own != w)
    {
        return Err(DerivativesError::OtherWeights { entry, found: w[entry], expected: own[entry] });
    }
    let (loss, exact) = exact(network, w, v)?;
    let mut framework = None;
    let mut patterns: BTreeMap<(usize, &str), PatternReading> = BTreeMap::new();
    let mut alone = vec![];
    for (name, array) in arrays {
        let mut parts = name.splitn(3, BETWEEN);
        let (first, Some(pattern), kind) = (parts.next().unwrap_or_default(), parts.next(), parts.next()) else {
            continue;
        };
        if first == "framework" {
            framework = Some(pattern.to_owned());
        }
        let Some((order, exact)) = first.parse::<usize>().ok().and_then(|k| Some((k, exact.get(k)?))) else {
            continue;
        };
        if !array.values.is_empty() {
            of_length(name, array, exact.vector.len())?;
        }
        let answer = exact.answer(&array.values);
        match kind {
            None => {
                let reading = PatternReading { order, pattern: pattern.into(), answer, alone: vec![] };
                patterns.insert((order, pattern), reading);
            }
            Some(kind) => alone.push(((order, pattern), (kind.to_owned(), answer))),
        }
    }
    for (pattern, answer) in alone {
        if let Some(reading) = patterns.get_mut(&pattern) {
            reading.alone.push(answer);
        }
    }
    if patterns.is_empty() {
        return Err(DerivativesError::NothingToCompare);
    }
    Ok(DerivativeCheck {
        schema: "sharpflow-derivatives/1",
        provenance: PROVENANCE,
        title: network.title().into(),
        framework,
        weights,
        loss,
        patterns: patterns.into_values().collect(),
    })
}

/// The loss at w; and L, ∇L, ∇²L v and ∇³L[v, v] there as vectors.
fn exact(network: &Network, w: &[f64], v: &[f64]) -> Result<(f64, [Exact; 4]), DerivativesError> {
    fn all<T: Base>(network: &Network, [w, v]: [&[f64]; 2]) -> Result<[Vec<T>; 4], NetworkError> {
        let loss = NetworkLoss::<T>::new(network)?;
        let [w, v] = [w, v].map(|x| x.iter().map(|&x| T::constant(x)).collect::<Vec<T>>());
        let mut derivatives = Derivatives::new(&loss);
        let (value, gradient) = derivatives.gradient(&w);
        let mut found = [vec![value], gradient.to_vec(), w.clone(), w.clone()];
        derivatives.hessian_vector(&w, &v, &mut found[2]);
        derivatives.third_derivative(&w, &v, &mut found[3]);
        Ok(found)
    }
    let (vectors, balls) = (all::<Quad>(network, [w, v])?, all::<Ball>(network, [w, v])?);
    let doubles = all::<f64>(network, [w, v])?;
    let value = doubles[0][0];
    let mut rounded = balls.into_iter().zip(doubles);
    let exact = vectors.map(|vector| {
        let (balls, doubles) = rounded.next().unwrap_or_default();
        let size = norm(&vector).to_f64();
        // Where the derivative vanishes, distances are absolute.
        let unit = if size > 0.0 { size } else { 1.0 };
        let radii: Vec<f64> = balls.iter().map(|ball| ball.radius).collect();
        let bound = ORDER_OF_OPERATIONS * norm(&radii) / unit;
        let shown = (distance(&doubles, &vector) / unit).max(f64::UNIT_ROUNDOFF);
        Exact { vector, unit, limits: [(RIGHT * shown).min(bound), (WRONG * shown).min(bound)] }
    });
    let is_number = |one: &Exact| one.unit.is_finite() && one.limits[0].is_finite();
    if value.is_finite() && exact.iter().all(is_number) { Ok((value, exact)) } else { Err(DerivativesError::NoNumber) }
}
