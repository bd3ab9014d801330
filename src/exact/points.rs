//! Random points of Γ on a network, exactly.

use rand::rngs::ChaCha12Rng;

use super::minimum::{Eigenpair, Minimum};
use crate::arithmetic::Field;
use crate::data::{Stream, generator};
use crate::identities::{ExactError, element};
use crate::loss::Loss;
use crate::network::{Network, NetworkError, NetworkLoss, NodeId, Op};

/// The most square roots for which points are drawn: half of all points lack each of them.
pub const MOST_ROOTS: usize = 10;

/// At how many points a way to Γ is looked for.
const TRIES: usize = 64;

/// How a network's weights are made a point of Γ.
#[derive(Clone, Debug, PartialEq)]
enum Way {
    /// Targets become the outputs that they are compared with: pairs of outputs and targets.
    Targets(Vec<[NodeId; 2]>),
    /// A group of weights becomes 0.
    Zero { group: std::ops::Range<usize> },
}

/// A network on which points of Γ are drawn.
#[derive(Clone, Debug)]
pub(super) struct MinimumSource<'a> {
    network: &'a Network,
    way: Way,
    /// How many square roots a point must have.
    pub roots: usize,
}

/// A drawn point: the loss with the data that were drawn, and w.
pub(crate) type Drawn<F> = (NetworkLoss<F>, Vec<F>);

impl<'a> MinimumSource<'a> {
    /// Finds out how points of Γ are made on a network of algebraic functions.
    ///
    /// # Errors
    /// Too many roots, with how many draws a point would take; a function that a field has not; a loss with no point of Γ that is known.
    pub(super) fn new<F: Field>(network: &'a Network, seed: u64) -> Result<Self, ExactError> {
        let roots = network.complexity().roots;
        if roots > MOST_ROOTS {
            return Err(ExactError::TooManyRoots { roots, most: MOST_ROOTS });
        }
        let random = &mut generator(seed, Stream::Exact);
        let draws = most_draws(roots);
        let mut met = 0;
        for _ in 0..draws {
            let Some((loss, weights)) = draw::<F>(network, random)? else { continue };
            let way = ways(network, &loss).into_iter().find(|way| vanishes(way, loss.clone(), weights.clone()));
            if let Some(way) = way {
                return Ok(Self { network, way, roots });
            }
            // No way worked at this point. Another point may do: a loss whose weights become 0 takes other square roots, which exist only by chance.
            met += 1;
            if met == TRIES {
                break;
            }
        }
        Err(if met > 0 { ExactError::NoMinimum } else { ExactError::NoPoint { draws, roots } })
    }

    /// A random point of Γ; `None` where what was drawn lacks a root.
    pub(crate) fn draw<F: Field>(&self, random: &mut ChaCha12Rng) -> Result<Option<Drawn<F>>, NetworkError> {
        let drawn = draw(self.network, random)?;
        Ok(drawn.map(|(loss, weights)| made(&self.way, loss, weights)))
    }
}

/// How many draws a point takes at most, unless it is impossible: a chance of 2⁻ʳ is missed 64·2ʳ times in a row with probability e⁻⁶⁴.
pub(crate) fn most_draws(roots: usize) -> usize {
    64 << roots
}

/// Random data and weights, where the loss has a value.
fn draw<F: Field>(network: &Network, random: &mut ChaCha12Rng) -> Result<Option<Drawn<F>>, NetworkError> {
    let loss = NetworkLoss::<F>::with_constants(network, |_| element(random))?;
    let weights: Vec<F> = (0..loss.dimension()).map(|_| element(random)).collect();
    let is_defined = loss.is_defined_at(&weights);
    Ok(is_defined.then_some((loss, weights)))
}

/// The ways that may lead to a point of Γ, in the order in which they are tried. First all arrays without weights become the outputs that they are compared
/// with. Then only one of them does, beginning with the last one of the network. Then a group of weights becomes 0.
fn ways<F: Field>(network: &Network, loss: &NetworkLoss<F>) -> Vec<Way> {
    let compared =
        network.nodes().iter().rev().filter(|node| matches!(node.op, Op::MeanSquaredError(_) | Op::Subtract(_)));
    let pairs: Vec<[NodeId; 2]> = compared
        .filter_map(|node| {
            let &[left, right] = node.inputs.as_slice() else { return None };
            let same = network.node(left).shape == network.node(right).shape;
            match [loss.is_active(left), loss.is_active(right)] {
                [true, false] if same => Some([left, right]),
                [false, true] if same => Some([right, left]),
                _ => None,
            }
        })
        .collect();
    let alone = pairs.iter().map(|&pair| Way::Targets(vec![pair]));
    let groups = network.groups().map(|group| Way::Zero { group: group.range });
    [Way::Targets(pairs.clone())].into_iter().chain(alone).chain(groups).collect()
}

fn made<F: Field>(way: &Way, mut loss: NetworkLoss<F>, mut weights: Vec<F>) -> Drawn<F> {
    match way {
        Way::Targets(pairs) => {
            for &[outputs, targets] in pairs {
                let values = loss.values_at(outputs, &weights);
                loss.replace(targets, &values);
            }
        }
        Way::Zero { group } => weights[group.clone()].fill(F::constant(0.0)),
    }
    (loss, weights)
}

/// Whether `way` leads to a point where ∇L vanishes and ∇²L does not.
fn vanishes<F: Field>(way: &Way, loss: NetworkLoss<F>, weights: Vec<F>) -> bool {
    let (loss, weights) = made(way, loss, weights);
    Minimum::new(&loss, weights).is_some_and(|minimum| minimum.rank > 0)
}

/// A point of Γ with one of its eigenvalues at random; `None` where no eigenvalue is in the field.
pub(crate) fn eigenpair<F: Field>(minimum: &Minimum<F>, random: &mut ChaCha12Rng) -> Option<Eigenpair<F>> {
    let polynomial = minimum.characteristic_polynomial();
    let mut roots = polynomial.roots(random);
    // The order in which the roots are found has no meaning, so that a random one of them is taken.
    let count = roots.len() as u64;
    let chosen = (count > 0).then(|| rand::Rng::next_u64(random) % count)?;
    minimum.eigenpair(roots.swap_remove(chosen as usize))
}
