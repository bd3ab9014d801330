use super::MinimizersError;
use crate::arithmetic::Real;

/// How many of the descending `values` stand above the last clear gap of their spectrum.
///
/// `noise` is the relative size that rounding gives a vanishing value. A gap is clear where the smallest value kept exceeds the
/// largest magnitude dropped, and the noise, a hundredfold.
pub(super) fn spectral_rank<T: Real>(values: &[T], noise: f64) -> Result<usize, MinimizersError> {
    const CLEAR: f64 = 100.0;
    let value = |k: usize| values.get(k).map_or(0.0, |v| v.to_f64());
    let least = value(values.len().saturating_sub(1));
    let floor = noise * value(0);
    let dropped = |rank: usize| value(rank).abs().max(least.min(0.0).abs()).max(floor);
    let gap = |rank: usize| value(rank - 1) / dropped(rank);
    let above = values.iter().filter(|v| v.to_f64() > floor).count();
    if let Some(rank) = (1..=above).rev().find(|&rank| gap(rank) >= CLEAR) {
        return Ok(rank);
    }
    if above == 0 {
        Err(MinimizersError::Flat { rank: 0 })
    } else if -least > floor {
        Err(MinimizersError::NotAMinimum { eigenvalue: least, noise: floor })
    } else {
        Err(MinimizersError::AmbiguousRank { rank: above, gap: gap(above), noise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_clear_gap_gives_the_rank() {
        assert_eq!(spectral_rank(&[3.0, 1.0, 1e-3, 1e-15, -1e-16], 1e-13), Ok(3));
        assert_eq!(spectral_rank(&[3.0, 1.0], 1e-13), Ok(2));
        // One value far above the others hides none of them; noise a little above its estimate is still dropped.
        assert_eq!(spectral_rank(&[1e9, 2.0, 1.0, 1e-13], 1e-16), Ok(3));
        assert_eq!(spectral_rank(&[1.0, 1e-3, 1e-12, 1e-15], 1e-13), Ok(2));
    }

    #[test]
    fn what_is_not_a_rank_is_named() {
        use MinimizersError::{AmbiguousRank, Flat, NotAMinimum};
        let of = |values: &[f64], noise| spectral_rank(values, noise).unwrap_err();
        assert!(matches!(of(&[1.0, 0.3, 0.1], 0.01), AmbiguousRank { .. }));
        assert!(matches!(of(&[2.0, 1.0, -0.5], 1e-13), NotAMinimum { .. }));
        // As far below 0 as rounding goes, and no gap.
        assert!(matches!(of(&[1.0, 0.25, -0.125], 0.125), AmbiguousRank { rank: 2, .. }));
        assert!(matches!(of(&[0.0, 0.0], 1e-13), Flat { rank: 0 }));
    }
}
