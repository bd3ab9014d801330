//! Random points of Γ with what stands at the edge there: on a network, and on the universal loss.

use rand::rngs::ChaCha12Rng;

use super::accident::Degrees;
use super::crossing::{Eigenplane, make_double};
use super::minimum::{Eigenpair, Minimum, times};
use super::points::{MinimumSource, eigenpair};
use super::universal::UniversalLoss;
use crate::arithmetic::Field;
use crate::identities::ExactError;
use crate::loss::Loss;
use crate::network::{Network, NetworkLoss, NodeId};

/// A random point of Γ on a loss, with what stands at the edge there.
pub(super) struct Point<F, L> {
    pub loss: L,
    pub minimum: Minimum<F>,
    pub edge: Edge<F>,
}

/// One eigenvalue or two.
pub(super) enum Edge<F> {
    One(Eigenpair<F>),
    Two(Eigenplane<F>),
}

/// What points are drawn on.
pub(super) trait Source<F: Field> {
    type Loss: Loss<F>;

    /// The square roots that a point must have.
    fn roots(&self) -> usize;

    /// Whether the loss has kinks. Then each point lies on a smooth piece of its own, and the rank of ∇²L may be another one on each.
    fn has_pieces(&self) -> bool;

    /// What an accident depends on, where ∇²L has this rank.
    fn degrees(&self, rank: usize) -> Degrees;

    /// A random point; `None` where what was drawn does not do.
    fn draw(&self, random: &mut ChaCha12Rng) -> Result<Option<Point<F, Self::Loss>>, ExactError>;
}

/// A network, with random data.
pub(super) struct OfNetwork<'a> {
    pub network: &'a Network,
    pub source: MinimumSource<'a>,
    /// Where λ₁ = λ₂ is wanted: the weights of the squares of residuals.
    pub weighted: Option<NodeId>,
}

impl<F: Field> Source<F> for OfNetwork<'_> {
    type Loss = NetworkLoss<F>;

    fn roots(&self) -> usize {
        self.source.roots
    }

    fn has_pieces(&self) -> bool {
        self.network.non_smooth().next().is_some()
    }

    fn degrees(&self, rank: usize) -> Degrees {
        Degrees {
            dimension: self.network.dimension(),
            derivatives: self.network.complexity().derivative_degree(4),
            roots: self.source.roots,
            conjugates: rank,
        }
    }

    fn draw(&self, random: &mut ChaCha12Rng) -> Result<Option<Point<F, NetworkLoss<F>>>, ExactError> {
        let Some((mut loss, weights)) = self.source.draw::<F>(random)? else { return Ok(None) };
        let double = match self.weighted {
            Some(node) => {
                let count = self.network.node(node).shape.count();
                let Some(value) = make_double(&mut loss, (node, count), &weights, random) else { return Ok(None) };
                Some(value)
            }
            None => None,
        };
        let Some(minimum) = Minimum::new(&loss, weights) else { return Ok(None) };
        if times(&minimum.hessian, &minimum.weights).iter().any(|&x| x != F::constant(0.0)) {
            return Err(ExactError::NotScaleInvariant);
        }
        if minimum.kernel.ncols() < 2 {
            return Err(ExactError::Isolated { rank: minimum.rank, dimension: self.network.dimension() });
        }
        let edge = match double {
            Some(value) => minimum.eigenplane(value).map(Edge::Two),
            None => eigenpair(&minimum, random).map(Edge::One),
        };
        Ok(edge.map(|edge| Point { loss, minimum, edge }))
    }
}

/// The universal loss of D weights and of a rank, with an eigenvalue of this multiplicity.
pub(super) struct OfAllLosses {
    pub dimension: usize,
    pub rank: usize,
    pub copies: usize,
}

impl<F: Field> Source<F> for OfAllLosses {
    type Loss = UniversalLoss<F>;

    fn roots(&self) -> usize {
        0
    }

    fn has_pieces(&self) -> bool {
        false
    }

    fn degrees(&self, _: usize) -> Degrees {
        // The entries of f, of its Jacobian and of M have degree 400 at most. M has the largest degree, if two vectors are prescribed.
        Degrees { dimension: self.dimension, derivatives: 1000.0, roots: 0, conjugates: 1 }
    }

    fn draw(&self, random: &mut ChaCha12Rng) -> Result<Option<Point<F, UniversalLoss<F>>>, ExactError> {
        let drawn = UniversalLoss::draw(self.dimension, self.rank, self.copies, random);
        Ok(drawn.and_then(|(loss, value)| {
            let minimum = Minimum::new(&loss, loss.minimum().to_vec())?;
            let edge = match self.copies {
                1 => Edge::One(minimum.eigenpair(value)?),
                _ => Edge::Two(minimum.eigenplane(value)?),
            };
            Some(Point { loss, minimum, edge })
        }))
    }
}
