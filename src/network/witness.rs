//! Numbers that contradict scale invariance.

use rand_distr::{Distribution, StandardNormal};

use super::homogeneity::Witness;
use super::{Network, NetworkLoss};
use crate::arithmetic::{Quad, Real, Scalar};
use crate::data::{Stream, generator};
use crate::loss::Evaluator;

/// Numbers that contradict invariance, in double-double.
///
/// Changes of the weights by parts in 2⁸⁰ show the rounding of the loss. They show it even where the loss is constant; a loss
/// that is not constant moves by less than the difference that is required. A difference must stand out clearly from these
/// moves. Roundings are whole multiples of one quantum and may well be equal, so sixteen changes are tried.
pub(super) fn witness(network: &Network, group: &[&str], seed: u64) -> Option<Witness> {
    const DRAWS: usize = 4;
    const NUDGES: usize = 16;
    // Small factors reveal a small ε; large factors reveal a term that is hidden behind a large one.
    let factors = [2.0, 0.5, 2.0_f64.powi(-20), 2.0_f64.powi(20)];
    let (visible, tiny, clear) = (2.0_f64.powi(-46), 2.0_f64.powi(-80), 2.0_f64.powi(20));
    let loss = NetworkLoss::<Quad>::new(network).ok()?;
    let mut evaluator = Evaluator::<_, Quad>::new(&loss);
    let mut generator = generator(seed, Stream::Direction);
    let ranges: Vec<_> =
        network.groups().filter(|g| group.is_empty() || group.contains(&g.name)).map(|g| g.range).collect();
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
            for range in &ranges {
                w[range.clone()].iter_mut().for_each(|w| *w *= Quad::constant(factor));
            }
            evaluator.evaluate(&w).0.to_f64()
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
