//! Networks of which nothing can be measured: no number anywhere, or one that does not change with the weights.

use std::cell::LazyCell;

use rand_distr::{Distribution, StandardNormal};
use sharpflow::arithmetic::{Quad, Real, Rounding, norm};
use sharpflow::data::{Stream, generator};
use sharpflow::loss::{Evaluator, Loss};
use sharpflow::network::{Network, NetworkError, NetworkLoss, PointFault};
use sharpflow::sphere::project;
use thiserror::Error;

/// Random points at which a network is looked at.
const POINTS: usize = 16;
/// A gradient that is nothing but rounding falls by at least this factor from doubles to double-double (the units' own ratio is 2⁻⁴⁹).
const ROUNDING_FALLS: f64 = 1.0 / (1u64 << 26) as f64;

/// The same from single precision to doubles (the units' own ratio is 2⁻²⁹).
const SINGLE_ROUNDING_FALLS: f64 = 1.0 / (1u64 << 16) as f64;

/// The work of an evaluation beyond which a network is large.
const LARGE: usize = 1_000_000;

/// Why there is nothing to test.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Unfit {
    #[error("the loss is no number at {POINTS} random points: at node `{node}` {fault}")]
    NoNumber { node: String, fault: PointFault },
    #[error("the loss is no number at the weights that the network was given: at node `{node}` {fault}")]
    NoNumberGiven { node: String, fault: PointFault },
    #[error(
        "the loss is locally constant, ∇L = 0 up to rounding at {POINTS} random points: there is nothing to test{}",
        because(nodes)
    )]
    LocallyConstant { nodes: Vec<String> },
}

fn because(nodes: &[String]) -> String {
    match nodes {
        [] => String::new(),
        nodes => format!(" (`{}` normalizes so few numbers that it gives ±1 whatever they are)", nodes.join("`, `")),
    }
}

/// Random points of the sphere, drawn by the seed. `inspect` shows the first of them at which the network has a number.
pub fn random_points(dimension: usize, seed: u64) -> impl Iterator<Item = Vec<f64>> {
    let mut generator = generator(seed, Stream::Direction);
    let draw = move || {
        let mut theta: Vec<f64> = (0..dimension).map(|_| StandardNormal.sample(&mut generator)).collect();
        project(&mut theta);
        theta
    };
    std::iter::repeat_with(draw).take(POINTS)
}

/// A point of the sphere at which a network has a number: the direction of the weights that it was given, or a random one where it was given
/// none. That the network changes with its weights is seen at random points, because weights that were given may be a minimum.
///
/// # Errors
/// The inner result is [`Unfit`] if there is no such point.
pub(crate) fn point_of(network: &Network, seed: u64) -> Result<Result<Vec<f64>, Unfit>, NetworkError> {
    let loss = NetworkLoss::<f64>::new(network)?;
    let (single, precise) = (NetworkLoss::<f32>::new(network)?, NetworkLoss::<Quad>::new(network)?);
    let mut evaluator = Evaluator::<_, f64>::new(&loss);
    // Large networks seldom need double-double, and small ones never need single precision.
    let mut single = LazyCell::new(|| Evaluator::<_, f32>::new(&single));
    let mut precise = LazyCell::new(|| Evaluator::<_, Quad>::new(&precise));
    let (mut first, mut fault, mut moves) = (None, None, false);
    let given = network.given_weights().map(|mut weights| {
        project(&mut weights);
        weights
    });
    if let Some((node, fault)) = given.as_ref().and_then(|theta| loss.fault(theta)) {
        return Ok(Err(Unfit::NoNumberGiven { node: network.nodes()[node].name.clone(), fault }));
    }
    for theta in random_points(loss.dimension(), seed) {
        if let Some(found) = loss.fault(&theta) {
            fault.get_or_insert(found);
            continue;
        }
        let gradient = evaluator.evaluate(&theta).1;
        if gradient.iter().any(|g| !g.is_finite()) {
            let value = gradient.iter().copied().find(|g| !g.is_finite()).unwrap_or(f64::NAN);
            fault.get_or_insert((network.output().index(), PointFault::Gradient { value }));
            continue;
        }
        let size = norm(gradient);
        if loss.work() > LARGE {
            // Single precision also shows whether a gradient is more than rounding, as long as the numbers are in its range, and it costs much less. A
            // gradient of 0 in single precision shows nothing.
            let narrow: Vec<f32> = theta.iter().map(|&x| x as f32).collect();
            let rough = f64::from(norm(single.evaluate(&narrow).1));
            moves = rough > 0.0 && rough.is_finite() && size > SINGLE_ROUNDING_FALLS * rough;
        }
        if !moves {
            let wide: Vec<Quad> = theta.iter().map(|&x| Quad::from_f64(x)).collect();
            moves = size > 0.0 && norm(precise.evaluate(&wide).1).to_f64() > ROUNDING_FALLS * size;
        }
        first.get_or_insert(theta);
        if moves {
            break;
        }
    }
    Ok(match (first, fault) {
        (Some(theta), _) if moves => Ok(given.unwrap_or(theta)),
        (Some(_), _) => {
            Err(Unfit::LocallyConstant { nodes: network.sign_like().map(|node| node.name.clone()).collect() })
        }
        (None, Some((node, fault))) => Err(Unfit::NoNumber { node: network.nodes()[node].name.clone(), fault }),
        (None, None) => Err(Unfit::LocallyConstant { nodes: vec![] }),
    })
}

/// A mean that a normalization takes out, and so many digits with it that bounds on rounding do not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct LostDigits {
    pub node: String,
    /// The mean in units of the size that is divided by.
    pub mean: f64,
    /// The largest mean that is allowed for.
    pub most: f64,
}

impl LostDigits {
    /// The mean from which on half of a double's digits are lost.
    const HALF: f64 = 1e8;

    /// The largest mean that is taken out at a point, where it is more than the bounds on rounding allow for: they hold for results that err by 64·D·u of themselves
    /// ([`Rounding::of_dense`]), and a mean of m sizes makes an error of m·u.
    pub(crate) fn at(network: &Network, loss: &NetworkLoss<f64>, theta: &[f64]) -> Option<Self> {
        let rounding = Rounding::of::<f64>();
        let most = rounding.of_dense(theta.len()) / rounding.unit();
        let (node, mean) = loss.largest_offset(theta).filter(|&(_, mean)| mean > most)?;
        Some(Self { node: network.nodes()[node].name.clone(), mean, most })
    }

    /// Whether hardly any result is known.
    pub(crate) fn are_half(&self) -> bool {
        self.mean >= Self::HALF
    }
}
