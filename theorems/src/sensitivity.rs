//! What data can tell: a wrong twin from the law, and how small a change of a constant.

use crate::evidence::{Check, Name, Outcome, Sensitivity};
use crate::verdict::{FAMILY_CONFIDENCE, outcome};

/// Whether data tell two predictions from one another that lie `apart`, where they resolve differences of `resolved`. It is asked of
/// predictions alone, before the data are looked at.
///
/// NaN tells nothing.
pub(crate) fn tells(apart: f64, resolved: f64) -> bool {
    apart >= resolved
}

/// The relative changes that are tried: from the smallest one to the constant's own size.
const SMALLEST: f64 = 1e-12;
const LARGEST: f64 = 1.0;
/// Halvings of the logarithm: the change is found to a twentieth.
const HALVINGS: usize = 9;

/// The smallest relative changes of a constant, up and down, with which a check no longer passes, by bisection. `check` makes the check
/// with a changed constant. A bound that is only made weaker always passes, so that no change of it is noticed.
pub(crate) fn noticed(constant: impl Into<Name>, value: f64, check: impl Fn(f64) -> Check) -> Sensitivity {
    let passes = |change: f64| outcome(&check(value * (1.0 + change)), FAMILY_CONFIDENCE) == Outcome::Passes;
    // A check that fails without any change says nothing about changes.
    let is_told = passes(0.0);
    let smallest = |sign: f64| {
        if !is_told || passes(sign * LARGEST) {
            return None;
        }
        let (mut low, mut high) = (SMALLEST, LARGEST);
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            if passes(sign * middle) { low = middle } else { high = middle }
        }
        Some(high)
    };
    Sensitivity { constant: constant.into(), value, up: smallest(1.0), down: smallest(-1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// |x − 2| ≤ 0.01 notices half a percent either way; x ≥ 1.9 notices five percent downwards, and nothing upwards.
    #[test]
    fn the_smallest_change_is_found() {
        let near = |found: Option<f64>, expected: f64| found.is_some_and(|found| (found / expected - 1.0).abs() < 0.06);
        let both = noticed("2", 2.0, |x| Check::bound([(x - 2.0).abs() / 0.01]));
        assert!(near(both.up, 0.005) && near(both.down, 0.005), "{both:?}");
        let below = noticed("2", 2.0, |x| Check::bound([1.9 / x]));
        assert!(below.up.is_none() && near(below.down, 0.05), "{below:?}");
        let undecided = noticed("2", 2.0, |_| Check::bound([]));
        assert!(undecided.up.is_none() && undecided.down.is_none());
    }
}
