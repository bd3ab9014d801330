//! Numbers that contradict scale invariance.

use std::ops::Range;

use rand_distr::{Distribution, StandardNormal};

use super::{Network, NetworkLoss};
use crate::arithmetic::{Base, Quad, Real, Scalar};
use crate::data::{Stream, generator};
use crate::loss::Loss;

/// The most work of an evaluation in double-double. Larger networks are evaluated in doubles.
const MOST_WORK: usize = 1_000_000;

/// Numbers that contradict scale invariance: L(cw) ≠ L(w).
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    /// c, the factor of the group.
    pub factor: f64,
    /// w, all groups.
    pub weights: Vec<f64>,
    /// L(w).
    pub before: f64,
    /// L with the group multiplied by c.
    pub after: f64,
}

/// Looks for numbers that contradict invariance. What all groups share is made once.
pub(super) struct Witnesses<'a> {
    network: &'a Network,
    seed: u64,
    search: Option<Search>,
}

/// How numbers are looked for.
enum Search {
    Precise(NetworkLoss<Quad>),
    /// In doubles, which show what is plain, where the network is large.
    Plain(Draw),
}

impl Search {
    fn new(network: &Network, seed: u64) -> Option<Self> {
        let loss = NetworkLoss::<f64>::new(network).ok()?;
        match loss.work() <= MOST_WORK {
            true => NetworkLoss::new(network).ok().map(Self::Precise),
            false => Some(Self::Plain(Draw::new(network, loss, seed))),
        }
    }
}

impl<'a> Witnesses<'a> {
    pub fn new(network: &'a Network, seed: u64) -> Self {
        Self { network, seed, search: None }
    }

    /// Those for the weights of the names in `group`, for all weights where it is empty.
    pub fn find(&mut self, group: &[&str]) -> Option<Witness> {
        let (network, seed) = (self.network, self.seed);
        let of_group = network.groups().filter(|g| group.is_empty() || group.contains(&g.name));
        let ranges: Vec<Range<usize>> = of_group.map(|g| g.range).collect();
        if self.search.is_none() {
            self.search = Search::new(network, seed);
        }
        match self.search.as_mut()? {
            Search::Precise(loss) => in_double_double(network, loss, &ranges, seed),
            Search::Plain(draw) => draw.contradiction(&ranges),
        }
    }
}

/// A draw of weights, the same weights moved by parts in 2⁴⁴, and the loss at both, in doubles.
struct Draw {
    loss: NetworkLoss<f64>,
    scratch: Vec<f64>,
    weights: [Vec<f64>; 2],
    before: [f64; 2],
}

impl Draw {
    fn new(network: &Network, loss: NetworkLoss<f64>, seed: u64) -> Self {
        let mut generator = generator(seed, Stream::Direction);
        let mut draw =
            || -> Vec<f64> { (0..network.dimension()).map(|_| StandardNormal.sample(&mut generator)).collect() };
        let (weights, moves) = (draw(), draw());
        let moved = weights.iter().zip(moves).map(|(w, by)| w * 2f64.powi(-44).mul_add(by, 1.0)).collect();
        let scratch = scratch_of(&loss);
        let mut new = Self { loss, scratch, weights: [weights, moved], before: [f64::NAN; 2] };
        new.before = new.values(1.0, &[]);
        new
    }

    /// The loss at both points with some weights multiplied.
    fn values(&mut self, factor: f64, ranges: &[Range<usize>]) -> [f64; 2] {
        let Self { loss, scratch, weights, .. } = self;
        weights.each_ref().map(|w| {
            let mut w = w.clone();
            ranges.iter().flat_map(|range| range.clone()).for_each(|k| w[k] *= factor);
            loss.value(&w, scratch)
        })
    }

    /// A factor of some weights by which the loss moves some thousand times as far as by parts in 2⁴⁴ of all weights and by rounding.
    fn contradiction(&mut self, ranges: &[Range<usize>]) -> Option<Witness> {
        let (visible, clear) = (2f64.powi(-26), 2f64.powi(12));
        // A small factor reveals a small ε.
        [2.0, 0.5, 2f64.powi(-10)].into_iter().find_map(|factor| {
            let ([before, near_before], [after, near_after]) = (self.before, self.values(factor, ranges));
            let (difference, noise) =
                ((after - before).abs(), (near_after - after).abs().max((near_before - before).abs()));
            // A loss that does not move at all is nothing but rounding. NaN is no difference.
            let is_clear =
                difference > visible * (before.abs() + after.abs()) && noise > 0.0 && noise * clear < difference;
            is_clear.then(|| Witness { factor, weights: self.weights[0].clone(), before, after })
        })
    }
}

fn scratch_of<T: Base>(loss: &NetworkLoss<T>) -> Vec<T> {
    let mut scratch = vec![T::constant(0.0); loss.scratch()];
    loss.prepare(&mut scratch);
    scratch
}

/// Numbers that contradict invariance, in double-double.
///
/// Changes of the weights by parts in 2⁸⁰ show the rounding of the loss. They show it even where the loss is constant; a loss
/// that is not constant moves by less than the difference that is required. A difference must stand out clearly from these
/// moves. Roundings are whole multiples of one quantum and may well be equal, so sixteen changes are tried.
fn in_double_double(
    network: &Network,
    loss: &NetworkLoss<Quad>,
    ranges: &[Range<usize>],
    seed: u64,
) -> Option<Witness> {
    const DRAWS: usize = 4;
    const NUDGES: usize = 16;
    // Small factors reveal a small ε; large factors reveal a term that is hidden behind a large one.
    let factors = [2.0, 0.5, 2.0_f64.powi(-20), 2.0_f64.powi(20)];
    let (visible, tiny, clear) = (2.0_f64.powi(-46), 2.0_f64.powi(-80), 2.0_f64.powi(20));
    let mut scratch = scratch_of(loss);
    let mut generator = generator(seed, Stream::Direction);
    for _ in 0..DRAWS {
        let mut draw =
            || -> Vec<f64> { (0..network.dimension()).map(|_| StandardNormal.sample(&mut generator)).collect() };
        let (weights, nudges) = (draw(), [(); NUDGES].map(|()| draw()));
        let mut at = |factor: f64, nudge: Option<&[f64]>| {
            let mut w: Vec<Quad> = weights.iter().map(|&w| Quad::from_f64(w)).collect();
            if let Some(nudge) = nudge {
                let nudged = w.iter_mut().zip(nudge);
                nudged.for_each(|(w, &nudge)| *w *= Quad::constant(1.0) + Quad::from_f64(tiny * nudge));
            }
            for range in ranges {
                w[range.clone()].iter_mut().for_each(|w| *w *= Quad::constant(factor));
            }
            loss.value(&w, &mut scratch).to_f64()
        };
        let before = at(1.0, None);
        for factor in factors {
            let after = at(factor, None);
            let difference = (after - before).abs();
            // NaN is no difference.
            let differ = difference > visible * (before.abs() + after.abs());
            if !differ {
                continue;
            }
            let moved = |(to, from): (f64, f64)| (to - from).abs();
            let noise = nudges.iter().map(|nudge| {
                let here = moved((at(1.0, Some(nudge)), before));
                here.max(moved((at(factor, Some(nudge)), after)))
            });
            if noise.fold(0.0, f64::max) * clear < difference {
                return Some(Witness { factor, weights, before, after });
            }
        }
    }
    None
}
