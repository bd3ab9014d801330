use super::MinimizersError;
use crate::arithmetic::Real;

/// How far above the floor the smallest value that counts must stand: it is then known to two digits at least.
const CLEAR: f64 = 100.0;

/// How many of the descending eigenvalues of a Hessian are not 0.
///
/// `noise` is the relative size that rounding may give a vanishing one: a bound on the backward error of what was computed. What is
/// dropped lies at that floor, and what counts stands clearly above it.
pub(super) fn spectral_rank<T: Real>(values: &[T], noise: f64) -> Result<usize, MinimizersError> {
    let value = |k: usize| values.get(k).map_or(0.0, |v| v.to_f64());
    let least = value(values.len().saturating_sub(1));
    let floor = noise * value(0);
    let above = values.iter().filter(|v| v.to_f64() > floor).count();
    if above == 0 {
        Err(MinimizersError::Flat { rank: 0 })
    } else if -least > floor {
        Err(MinimizersError::NotAMinimum { eigenvalue: least, noise: floor })
    } else if value(above - 1) < CLEAR * floor {
        Err(MinimizersError::AmbiguousRank { rank: above, eigenvalue: value(above - 1) / value(0), noise })
    } else {
        Ok(above)
    }
}

/// The same at a point that is on Γ up to rounding alone. Let λ_r be the smallest eigenvalue that counts. A gradient of rounding's size,
/// `noise`·λ₁, leaves the point off Γ by noise·λ₁/λ_r, and moves a vanishing eigenvalue by noise·λ₁²/λ_r. Eigenvalues that count stand clearly
/// above that bound, and dropped ones do not.
pub(super) fn rank_on_manifold<T: Real>(values: &[T], noise: f64) -> Result<usize, MinimizersError> {
    let above = spectral_rank(values, noise).or_else(|error| match error {
        MinimizersError::AmbiguousRank { rank, .. } => Ok(rank),
        error => Err(error),
    })?;
    let value = |k: usize| values.get(k).map_or(0.0, |v| v.to_f64() / values[0].to_f64());
    let moved = |rank: usize| noise / value(rank - 1);
    match (1..=above).rev().find(|&rank| value(rank - 1) >= CLEAR * moved(rank)) {
        Some(rank) if value(rank) <= CLEAR * moved(rank) => Ok(rank),
        found => {
            let rank = found.map_or(above, |rank| rank + 1);
            Err(MinimizersError::AmbiguousRank { rank, eigenvalue: value(rank - 1), noise: moved(rank) })
        }
    }
}

/// Whether the eigenvalues behind the first `rank` are at the noise of what was computed, without any error of the point.
pub(super) fn at_noise<T: Real>(values: &[T], noise: f64, rank: usize) -> bool {
    let floor = CLEAR * noise * values.first().map_or(0.0, |v| v.to_f64());
    values.get(rank).is_none_or(|value| value.to_f64().abs() <= floor)
}

/// Whether descending eigenvalues are those of a Hessian whose rank is known: `rank` of them are above the floor, and
/// none of the others stands clearly above it and near them. As [`rank_on_manifold`] has it, a vanishing one may be moved by noise·λ₁²/λ_r.
pub(super) fn has_rank<T: Real>(values: &[T], noise: f64, rank: usize) -> Result<(), MinimizersError> {
    let value = |k: usize| values.get(k).map_or(0.0, |v| v.to_f64());
    let floor = noise * value(0);
    let least = value(values.len().saturating_sub(1));
    let kept = if rank == 0 { 0.0 } else { value(rank - 1) };
    let moved = floor * value(0) / kept;
    let stands = |other: f64| other > CLEAR * floor && other > kept / CLEAR && !(other <= moved);
    let above = values.iter().filter(|v| v.to_f64() > floor).count();
    if above < rank {
        Err(MinimizersError::RankChanged { rank: above, expected: rank })
    } else if stands(-least) {
        Err(MinimizersError::NotAMinimum { eigenvalue: least, noise: floor })
    } else if stands(value(rank)) {
        let rank_here = values.iter().filter(|v| stands(v.to_f64())).count().max(rank + 1);
        Err(MinimizersError::RankChanged { rank: rank_here, expected: rank })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_lies_at_the_noise() {
        assert_eq!(spectral_rank(&[3.0, 1.0, 1e-3, 1e-15, -1e-16], 1e-13), Ok(3));
        assert_eq!(spectral_rank(&[3.0, 1.0], 1e-13), Ok(2));
        // A gap among those that count hides none of them.
        assert_eq!(spectral_rank(&[1e9, 2.0, 1.0, 1e-13], 1e-16), Ok(3));
        assert_eq!(spectral_rank(&[1.0, 1e-3, 1e-8, 1e-15], 1e-13), Ok(3));
    }

    #[test]
    fn what_is_not_a_rank_is_named() {
        use MinimizersError::{AmbiguousRank, Flat, NotAMinimum};
        let of = |values: &[f64], noise| spectral_rank(values, noise).unwrap_err();
        assert!(matches!(of(&[1.0, 0.3, 0.1], 0.01), AmbiguousRank { rank: 3, .. }));
        assert!(matches!(of(&[1.0, 1e-3, 1e-12, 1e-15], 1e-13), AmbiguousRank { rank: 3, .. }));
        assert!(matches!(of(&[2.0, 1.0, -0.5], 1e-13), NotAMinimum { .. }));
        // As far below 0 as rounding goes, and what counts too near.
        assert!(matches!(of(&[1.0, 0.25, -0.125], 0.125), AmbiguousRank { rank: 2, .. }));
        assert!(matches!(of(&[0.0, 0.0], 1e-13), Flat { rank: 0 }));
    }

    #[test]
    fn a_rank_that_is_known_changes_where_a_value_vanishes_or_appears() {
        assert_eq!(has_rank(&[1.0, 1e-12, 1e-14], 1e-13, 2), Ok(()));
        assert_eq!(has_rank(&[1.0, 1e-12, 2e-13], 1e-13, 2), Ok(()));
        let changed = |rank, expected| Err(MinimizersError::RankChanged { rank, expected });
        assert_eq!(has_rank(&[1.0, 1e-14, 1e-14], 1e-13, 2), changed(1, 2));
        assert_eq!(has_rank(&[1.0, 1e-3, 1e-4], 1e-13, 2), changed(3, 2));
        // Where the point's own error moves a vanishing one it stands far below those that count.
        assert_eq!(has_rank(&[1.0, 1e-3, 1e-8], 1e-13, 2), Ok(()));
        let saddle = has_rank(&[1.0, 1e-3, -1e-4], 1e-13, 2);
        assert!(matches!(saddle, Err(MinimizersError::NotAMinimum { .. })));
    }

    /// With noise 10⁻¹² a value of 10⁻⁴ leaves the others known to 10⁻⁸, and one of 10⁻⁶ leaves nothing known.
    #[test]
    fn a_point_near_the_manifold_moves_what_vanishes() {
        assert_eq!(rank_on_manifold(&[1.0, 1e-4, 1e-9, 1e-13], 1e-12), Ok(2));
        assert_eq!(rank_on_manifold(&[1.0, 0.5, 1e-13], 1e-12), Ok(2));
        let ambiguous =
            |values: &[f64]| matches!(rank_on_manifold(values, 1e-12), Err(MinimizersError::AmbiguousRank { .. }));
        assert!(ambiguous(&[1.0, 1e-6, 1e-13]));
        assert!(ambiguous(&[1.0, 1e-4, 2e-6, 1e-13]));
    }
}
