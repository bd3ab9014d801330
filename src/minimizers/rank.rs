use super::MinimizersError;
use crate::arithmetic::Real;

/// How many of the descending `values` stand above the largest gap of their spectrum.
///
/// `noise` is the relative size that rounding gives a vanishing value. The smallest value kept must exceed the largest
/// magnitude dropped, and the noise, a hundredfold.
pub(super) fn spectral_rank<T: Real>(values: &[T], noise: f64) -> Result<usize, MinimizersError> {
    const CLEAR: f64 = 100.0;
    let value = |k: usize| values.get(k).map_or(0.0, |v| v.to_f64());
    let least = value(values.len().saturating_sub(1));
    let floor = noise * value(0);
    let dropped = |rank: usize| value(rank).abs().max(least.min(0.0).abs()).max(floor);
    let gap = |rank: usize| value(rank - 1) / dropped(rank);
    let rank = (1..=values.len())
        .filter(|&rank| value(rank - 1) > floor)
        .max_by(|&a, &b| gap(a).total_cmp(&gap(b)))
        .unwrap_or(0);
    if rank == 0 {
        return Err(MinimizersError::Flat { rank });
    }
    let gap = gap(rank);
    if gap >= CLEAR {
        Ok(rank)
    } else if -least > floor && -least >= value(rank).abs() {
        Err(MinimizersError::NotAMinimum { eigenvalue: least, noise: floor })
    } else {
        Err(MinimizersError::AmbiguousRank { rank, gap, noise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_gap_gives_the_rank() {
        assert_eq!(spectral_rank(&[3.0, 1.0, 1e-3, 1e-15, -1e-16], 1e-13), Ok(3));
        assert_eq!(spectral_rank(&[3.0, 1.0], 1e-13), Ok(2));
    }

    #[test]
    fn what_is_not_a_rank_is_named() {
        use MinimizersError::{AmbiguousRank, Flat, NotAMinimum};
        let of = |values: &[f64], noise| spectral_rank(values, noise).unwrap_err();
        assert!(matches!(of(&[1.0, 0.3, 0.1], 0.01), AmbiguousRank { .. }));
        assert!(matches!(of(&[2.0, 1.0, -0.5], 1e-13), NotAMinimum { .. }));
        assert!(matches!(of(&[0.0, 0.0], 1e-13), Flat { rank: 0 }));
    }
}
