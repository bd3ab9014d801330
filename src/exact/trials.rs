//! Laws, tried at random points of a prime field, and the chance that a false one holds there by accident.

use rand::rngs::ChaCha12Rng;

use super::accident::points_for;
use super::count::{Atoms, Size, of_laws};
use super::crossing::two_eigenvalues;
use super::laws::Site;
use super::minimum::{Eigenpair, Minimum};
use super::points::{MinimumSource, most_draws};
use super::quantities::{Draw, Law, Quantities};
use super::rules::{GradientDescent, HeavyBall, ScalarRmsprop};
use super::sources::{Edge, OfAllLosses, OfNetwork, Point, Source};
use super::theme::Theme;
use crate::arithmetic::{Field, FirstField, SecondField};
use crate::data::{Stream, generator};
use crate::identities::{ExactError, element};
use crate::loss::Loss;
use crate::network::Network;

impl Theme {
    /// Those of one eigenvalue at the edge.
    const OF_ONE: [Self; 6] = [
        Self::Map,
        Self::GradientOfSharpness,
        Self::SecondOrder,
        Self::EnergyRate,
        Self::ScalarRmsprop,
        Self::HeavyBall,
    ];

    /// The laws at a point.
    fn laws<F: Field, L: Loss<F>>(self, point: &Point<F, L>, numbers: &Numbers<F>) -> Vec<Law<F>> {
        let Numbers { draw, second_swing, .. } = numbers;
        match &point.edge {
            Edge::One(pair) => self.laws_of_one(Site { loss: &point.loss, minimum: &point.minimum, pair }, numbers),
            Edge::Two(plane) => two_eigenvalues(&point.loss, &point.minimum, plane, (draw, *second_swing)),
        }
    }

    /// The laws at a point with one eigenvalue at the edge.
    fn laws_of_one<F: Field, L: Loss<F>>(self, site: Site<'_, F, L>, drawn: &Numbers<F>) -> Vec<Law<F>> {
        let Numbers { draw, decay, momentum, .. } = drawn;
        let of = |on_sphere: bool| Quantities::new(site.loss, site.minimum, site.pair, on_sphere);
        match self {
            Self::Map => site.leading_map(&GradientDescent, &of(true), draw),
            Self::GradientOfSharpness => vec![site.gradient_of_sharpness(&of(true), &draw.normal)],
            Self::SecondOrder => site.second_order(&of(true), draw),
            Self::EnergyRate => {
                let quantities = of(true);
                let law = site.energy_rate(&GradientDescent, &quantities, (draw, true));
                if site.minimum.rank < 2 {
                    return vec![law];
                }
                let control = site.energy_rate(&GradientDescent, &quantities, (draw, false));
                vec![law.twin("normal coordinates that do not follow h", control.found)]
            }
            Self::ScalarRmsprop => {
                let on = |on_sphere: bool| {
                    let rule = ScalarRmsprop { decay: *decay, on_sphere };
                    let quantities = of(on_sphere);
                    let mut laws = site.leading_map(&rule, &quantities, draw);
                    laws.push(site.energy_rate(&rule, &quantities, (draw, true)));
                    laws
                };
                let place = |laws: Vec<Law<F>>, place| laws.into_iter().map(move |law| law.at(place));
                place(on(true), "on the sphere").chain(place(on(false), "without the sphere")).collect()
            }
            Self::HeavyBall => {
                let quantities = of(true);
                let rule = HeavyBall { momentum: *momentum, quantities: &quantities, is_slaved: true };
                let mut laws = site.leading_map(&rule, &quantities, draw);
                let unprepared = HeavyBall { is_slaved: false, ..rule };
                // Both starts have the same oscillation, so that only the laws of p and δ, the first two, must fail for the control.
                let controls = site.leading_map(&unprepared, &quantities, draw);
                laws = laws
                    .into_iter()
                    .zip(controls)
                    .enumerate()
                    .map(|(k, (law, control))| if k < 2 { law.twin("m₀ along v₁ alone", control.found) } else { law })
                    .collect();
                laws.push(site.energy_rate(&rule, &quantities, (draw, true)));
                laws
            }
            Self::TwoEigenvalues => vec![],
        }
    }

    /// The size of the laws' coefficients, for D weights.
    pub(super) fn size(self, dimension: usize) -> f64 {
        let numbers = Numbers {
            draw: Draw { swing: Size::ATOM, offset: Size::ATOM, lasts: Size::ATOM, normal: vec![Size::ATOM] },
            decay: Size::ATOM,
            momentum: Size::ATOM,
            second_swing: Size::ATOM,
        };
        let (minimum, pair) = (Minimum::atoms(), Eigenpair::atoms());
        let site = Site { loss: &Atoms, minimum: &minimum, pair: &pair };
        match self {
            // The terms of the characteristic polynomial are products of at most D entries with a power of Λ. They stand above the line and below it.
            Self::GradientOfSharpness => 4.0 * (dimension as f64 + 1.0) + 8.0,
            // The same steps as with one eigenvalue, with the inverse of a 2×2 matrix where that has a quotient.
            Self::TwoEigenvalues => 2.0 * Self::Map.size(dimension),
            _ => of_laws(&self.laws_of_one(site, &numbers)),
        }
    }
}

/// The numbers drawn at a point.
struct Numbers<F> {
    draw: Draw<F>,
    /// C_b.
    decay: F,
    /// μ.
    momentum: F,
    second_swing: F,
}

impl<F: Field> Numbers<F> {
    fn draw(dimension: usize, random: &mut ChaCha12Rng) -> Self {
        let mut element = || element::<F>(random);
        let (swing, offset, lasts) = (element(), element(), element());
        let normal = (0..dimension).map(|_| element()).collect();
        Self {
            draw: Draw { swing, offset, lasts, normal },
            decay: element(),
            momentum: element(),
            second_swing: element(),
        }
    }
}

/// A law, tried.
#[derive(Clone, Debug, PartialEq)]
pub struct LawTrial {
    pub what: String,
    /// At how many points it held.
    pub held: usize,
    /// The first coefficient that it compares, found at the first point: by it anyone can see that the same point was drawn.
    pub first: u64,
    /// For each twin, at how many points it failed.
    pub twins: Vec<(String, usize)>,
}

/// The laws of one theme, tried at random points of one prime field.
#[derive(Clone, Debug, PartialEq)]
pub struct LawTrials {
    pub theme: Theme,
    pub prime: u64,
    pub points: usize,
    /// How many points were drawn until enough of them had all roots.
    pub drawn: usize,
    /// The square roots that a point must have.
    pub roots: usize,
    /// The rank of ∇²L.
    pub rank: usize,
    /// log₂ of a bound on the probability that a false law holds at all points.
    pub log2_accident: f64,
    /// At how many points the rank was another one, although the loss has no kinks.
    pub other_ranks: usize,
    pub laws: Vec<LawTrial>,
}

impl LawTrials {
    /// The laws of the first point, before any is tried.
    fn begin<F: Field>(&mut self, laws: &[Law<F>]) {
        let trial = |law: &Law<F>| LawTrial {
            what: law.what.clone(),
            held: 0,
            first: law.found.first().map_or(0, |found| found.to_integer()),
            twins: law.twins.iter().map(|(what, _)| ((*what).into(), 0)).collect(),
        };
        self.laws = laws.iter().map(trial).collect();
    }

    /// Tries the laws at a point, and keeps only the laws and twins that all points so far have. Some of them need a rank of two, and the rank
    /// may be another one at a point on another piece of a loss with kinks.
    fn add<F: Field>(&mut self, laws: &[Law<F>]) {
        self.laws.retain_mut(|trial| {
            let Some(law) = laws.iter().find(|law| law.what == trial.what) else { return false };
            trial.held += usize::from(law.holds());
            trial.twins.retain_mut(|(what, failed)| {
                let Some((_, stated)) = law.twins.iter().find(|(twin, _)| *twin == what.as_str()) else { return false };
                *failed += usize::from(*stated != law.found);
                true
            });
            true
        });
    }

    /// Whether there are laws, every one of them held at every point, and every twin failed at every point.
    pub fn confirm(&self) -> bool {
        let all = |count: usize| count == self.points;
        !self.laws.is_empty()
            && self.laws.iter().all(|law| all(law.held) && law.twins.iter().all(|(_, failed)| all(*failed)))
    }
}

/// The most weights of a network on which laws are tried: the characteristic polynomial takes D⁴ products.
pub const MOST_WEIGHTS: usize = 64;

/// The random numbers of one point. Each field has its own stream, whose number is the order of the field, because the same numbers modulo two neighbouring
/// primes would not be independent. Each point has its own part of the stream, so that it can be drawn again alone.
fn numbers_of<F: Field>(seed: u64, point: usize) -> ChaCha12Rng {
    let mut random = generator(seed, Stream::Exact);
    random.set_stream(F::ORDER);
    random.set_word_pos((point as u128) << 40);
    random
}

/// Tries the laws of some themes, each at as many points as its chance of an accident asks for.
fn tried<F: Field, S: Source<F>>(source: &S, themes: &[Theme], seed: u64) -> Result<Vec<LawTrials>, ExactError> {
    let empty = |&theme: &Theme| LawTrials {
        theme,
        prime: F::ORDER,
        points: 1,
        drawn: 0,
        roots: source.roots(),
        rank: 0,
        log2_accident: 0.0,
        other_ranks: 0,
        laws: vec![],
    };
    let mut trials: Vec<LawTrials> = themes.iter().map(empty).collect();
    let (mut found, mut drawn) = (0, 0);
    while trials.iter().any(|trial| found < trial.points) {
        let random = &mut numbers_of::<F>(seed, found);
        let point = loop {
            drawn += 1;
            // A point must also have an eigenvalue in the field, which happens by chance. Two more roots allow for this.
            if drawn > (found + 1) * most_draws(source.roots() + 2) {
                return Err(ExactError::NoPoint { draws: drawn, roots: source.roots() });
            }
            if let Some(point) = source.draw(random)? {
                break point;
            }
        };
        let numbers = Numbers::draw(point.minimum.weights.len(), random);
        for trial in trials.iter_mut().filter(|trial| found < trial.points) {
            if found == 0 {
                trial.rank = point.minimum.rank;
                // The rank on no piece is larger than D.
                let rank = if source.has_pieces() { point.minimum.weights.len() } else { trial.rank };
                let log2 = source.degrees(rank).log2_accident::<F>(trial.theme);
                trial.points = points_for(log2);
                trial.log2_accident = trial.points as f64 * log2;
            }
            trial.drawn = drawn;
            trial.other_ranks += usize::from(trial.rank != point.minimum.rank && !source.has_pieces());
            let laws = trial.theme.laws(&point, &numbers);
            if found == 0 {
                trial.begin(&laws);
            }
            trial.add(&laws);
        }
        found += 1;
    }
    Ok(trials)
}

fn try_network<F: Field>(network: &Network, seed: u64) -> Result<Vec<LawTrials>, ExactError> {
    let weights = network.dimension();
    if weights > MOST_WEIGHTS {
        return Err(ExactError::TooManyWeights { weights, most: MOST_WEIGHTS });
    }
    let source = OfNetwork { network, source: MinimumSource::new::<F>(network, seed)?, weighted: None };
    let mut trials = tried::<F, _>(&source, &Theme::OF_ONE, seed)?;
    let rank = trials.first().map_or(0, |trial| trial.rank);
    if rank >= 2
        && let Some((network, node)) = network.with_weighted_residuals()
    {
        let source = MinimumSource::new::<F>(&network, seed)?;
        let source = OfNetwork { network: &network, source, weighted: Some(node) };
        match tried::<F, _>(&source, &[Theme::TwoEigenvalues], seed) {
            Ok(more) => trials.extend(more),
            // No weights of the residuals give two equal eigenvalues: that concerns this theme alone.
            Err(ExactError::NoPoint { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(trials)
}

fn try_all_losses<F: Field>(dimension: usize, rank: usize, seed: u64) -> Result<Vec<LawTrials>, ExactError> {
    let mut trials = tried::<F, _>(&OfAllLosses { dimension, rank, copies: 1 }, &Theme::OF_ONE, seed)?;
    if rank >= 2 {
        trials.extend(tried::<F, _>(&OfAllLosses { dimension, rank, copies: 2 }, &[Theme::TwoEigenvalues], seed)?);
    }
    Ok(trials)
}

/// The dimensions and ranks of the universal loss: D from 3 to 7, rank from 1 to 4, with at least one dimension left for Γ.
pub fn all_losses() -> impl Iterator<Item = (usize, usize)> {
    (3..=7).flat_map(|dimension| (1..=4.min(dimension - 2)).map(move |rank| (dimension, rank)))
}

/// The trials in each of both fields.
type InBothFields = Result<[Vec<LawTrials>; 2], ExactError>;

/// Tries all laws at random points of Γ of a network, in both prime fields. Its constants are random numbers too. Two equal eigenvalues are tried where the loss is a mean squared error and
/// ∇²L has rank 2 at least: on the network that weighs the squares of residuals differently.
///
/// # Errors
/// A network on which no point of Γ can be drawn.
pub fn try_network_in_both_fields(network: &Network, seed: u64) -> InBothFields {
    Ok([try_network::<FirstField>(network, seed)?, try_network::<SecondField>(network, seed)?])
}

/// Tries all laws on the universal loss of D weights and of a rank, in both prime fields: what holds there holds of all losses of that dimension and rank.
///
/// # Errors
/// There is none, if the rank is from 1 to D − 2.
pub fn try_all_losses_in_both_fields(dimension: usize, rank: usize, seed: u64) -> InBothFields {
    let first = try_all_losses::<FirstField>(dimension, rank, seed)?;
    Ok([first, try_all_losses::<SecondField>(dimension, rank, seed)?])
}
