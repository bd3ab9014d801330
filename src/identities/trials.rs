//! Identities tried at random points of a prime field.

use rand::Rng;
use rand::rngs::ChaCha12Rng;
use thiserror::Error;

use super::{Identity, Point};
use crate::arithmetic::{Field, FirstField, SecondField, add_scaled, dot, scale};
use crate::data::{Stream, generator};
use crate::loss::{Derivatives, Evaluator, Loss};
use crate::network::{Network, NetworkError, NetworkLoss};

/// Why exact arithmetic has nothing to say of a network.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ExactError {
    #[error(
        "{roots} square roots are taken; a random point has them all with probability 2^−{roots}, so that one point takes 2^{roots} draws, and {most} roots are the most that is tried (identities do not depend on sizes: take smaller ones)"
    )]
    TooManyRoots { roots: usize, most: usize },
    #[error(
        "none of {draws} random points has all {roots} roots: one is taken of a non-square, or 0 divides, whatever the point"
    )]
    NoPoint { draws: usize, roots: usize },
    #[error(
        "{weights} weights are more than the {most} on which the laws of the edge are tried exactly (they do not depend on sizes: take smaller ones)"
    )]
    TooManyWeights { weights: usize, most: usize },
    #[error(
        "no point of Γ is known exactly: ∇L vanishes neither where the targets are the network's outputs nor where one group of weights is 0 (let the loss be the mean_squared_error of an output and of a constant that enters nothing else)"
    )]
    NoMinimum,
    #[error(
        "the loss is not scale-invariant: ∇²L(w)w is not 0 at a point of Γ, so that the series of the law have no solution (an ε in a normalization is the usual reason)"
    )]
    NotScaleInvariant,
    #[error(
        "Γ is a point, or there is none: ∇²L has rank {rank} of {dimension} weights, so that nothing moves along Γ (take more weights, or fewer samples)"
    )]
    Isolated { rank: usize, dimension: usize },
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// The most roots, those of ‖w‖ and ‖w₊‖ included, for which points are drawn.
pub const MOST_ROOTS: usize = 14;

/// One identity, tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub identity: Identity,
    /// At how many points its sides agreed.
    pub agreed: usize,
    /// For each twin, at how many points they differed.
    pub twins_differed: Vec<usize>,
}

/// All identities, tried at random points of one prime field.
#[derive(Clone, Debug, PartialEq)]
pub struct Trials {
    pub prime: u64,
    pub points: usize,
    /// How many points were drawn until enough of them had all roots.
    pub drawn: usize,
    pub roots: usize,
    /// log₂ of a bound on the probability that a false identity holds at all points.
    pub log2_accident: f64,
    pub trials: Vec<Trial>,
}

impl Trials {
    /// Whether every identity held at every point, and every twin failed somewhere.
    pub fn confirm(&self) -> bool {
        self.trials.iter().all(|t| t.agreed == self.points && t.twins_differed.iter().all(|&differed| differed > 0))
    }
}

/// Tries every identity at `points` random points of a field, with random data in place of the network's own.
///
/// # Errors
/// A function that is no algebraic one (see [`Network::with_rational_activations`]); too many roots.
pub fn try_exactly<F: Field>(network: &Network, points: usize, seed: u64) -> Result<Trials, ExactError> {
    let complexity = network.complexity();
    let roots = complexity.roots + 2;
    if roots > MOST_ROOTS {
        return Err(ExactError::TooManyRoots { roots, most: MOST_ROOTS });
    }
    NetworkLoss::<F>::new(network)?;
    let mut random = generator(seed, Stream::Test);
    let mut trials: Vec<Trial> = Identity::ALL
        .iter()
        .map(|&identity| Trial { identity, agreed: 0, twins_differed: vec![0; identity.variants().len() - 1] })
        .collect();
    let (mut drawn, mut found) = (0, 0);
    while found < points {
        // A chance of 2⁻ʳ is missed 64·2ʳ times in a row with probability e⁻⁶⁴.
        if drawn > (found + 64) << roots {
            return Err(ExactError::NoPoint { draws: drawn, roots });
        }
        drawn += 1;
        let loss = NetworkLoss::with_constants(network, |_| element::<F>(&mut random))?;
        let Some(point) = draw(&loss, &mut random) else { continue };
        found += 1;
        let mut derivatives = Derivatives::new(&loss);
        for trial in &mut trials {
            let (claim, twins) = trial.identity.variants().split_at(1);
            let mut differ = |variant| {
                let (left, right) = trial.identity.sides(variant, &mut derivatives, &point);
                left != right
            };
            trial.agreed += usize::from(!differ(claim[0]));
            for (differed, &twin) in trial.twins_differed.iter_mut().zip(twins) {
                *differed += usize::from(differ(twin));
            }
        }
    }
    // Identities are made of derivatives up to the third, and of sums of squares over all weights.
    let degree = 2.0 * (network.dimension() as f64 + 1.0) * complexity.derivative_degree(3);
    let log2_accident = points as f64 * (2.0 * roots as f64 + degree.log2() - (F::ORDER as f64).log2()).min(0.0);
    Ok(Trials { prime: F::ORDER, points, drawn, roots, log2_accident, trials })
}

/// [`try_exactly`] in both prime fields.
///
/// # Errors
/// See there.
pub fn try_in_both_fields(network: &Network, points: usize, seed: u64) -> Result<[Trials; 2], ExactError> {
    Ok([try_exactly::<FirstField>(network, points, seed)?, try_exactly::<SecondField>(network, points, seed)?])
}

/// A number of the field, each with the same probability: a draw above the last multiple of the order is drawn again.
pub(crate) fn element<F: Field>(random: &mut impl Rng) -> F {
    let multiples = u64::MAX / F::ORDER * F::ORDER;
    loop {
        let n = random.next_u64();
        if n < multiples {
            return F::from_integer(n);
        }
    }
}

/// A point with c and 1 − ηλ squares, where the loss, ‖w‖ and ‖w₊‖ are defined; `None` where they are not.
fn draw<F: Field>(loss: &NetworkLoss<F>, random: &mut ChaCha12Rng) -> Option<Point<F>> {
    let dimension = loss.dimension();
    let weights: Vec<F> = (0..dimension).map(|_| element(random)).collect();
    let direction: Vec<F> = (0..dimension).map(|_| element(random)).collect();
    let (root_of_factor, root_of_kept, learning_rate) =
        (element::<F>(random), element::<F>(random), element::<F>(random));
    let decay = (F::constant(1.0) - root_of_kept * root_of_kept) / learning_rate;
    let kept = root_of_kept * root_of_kept;
    if !dot(&weights, &weights).is_square() {
        return None;
    }
    let mut evaluator = Evaluator::<_, F>::new(loss);
    let (value, gradient) = evaluator.evaluate(&weights);
    let mut next = weights.clone();
    scale(&mut next, kept);
    add_scaled(&mut next, -learning_rate, gradient);
    let defined = value.is_defined() && decay.is_defined() && kept.is_square() && dot(&next, &next).is_square();
    defined.then(|| Point { weights, direction, factor: root_of_factor * root_of_factor, learning_rate, decay })
}
