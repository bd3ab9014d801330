//! The order of the errors of a ladder.

use serde::{Deserialize, Serialize};

use super::statistics::{Interval, StatisticsError, null_is_nan, worst};

/// The order a of error ≈ C·parameterᵃ, with bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderFit {
    pub order: Interval,
    /// C of the leading term.
    #[serde(deserialize_with = "null_is_nan")]
    pub constant: f64,
    /// The orders between neighbouring parameters, from the coarsest pair to the finest.
    pub local: Vec<f64>,
}

/// One error of a ladder: the start it belongs to, the ladder's parameter, the error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LadderPoint {
    pub start: usize,
    #[serde(deserialize_with = "null_is_nan")]
    pub parameter: f64,
    #[serde(deserialize_with = "null_is_nan")]
    pub error: f64,
    /// By how much something known besides the expansion may move the logarithm of the error, up or down.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moved: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

impl LadderPoint {
    /// An error that nothing moves besides the expansion.
    pub fn new(start: usize, parameter: f64, error: f64) -> Self {
        Self { start, parameter, error, moved: 0.0 }
    }
}

/// By how much the logarithm of an oscillation's peak may exceed that of the largest of `count` > 2 evenly spaced readings of a period:
/// −log cos(π/count).
pub fn missed_peak(count: f64) -> f64 {
    -(std::f64::consts::PI / count).cos().ln()
}

/// Fits the order a of the largest error over all starts, by least squares on log error = log C + a·log parameter + c·√parameter.
///
/// The bounds are deterministic, since starts at evenly spaced phases are no sample. They add two parts
/// (`proofs-notes/README.md`):
/// * the shift of a that the term c·√parameter causes. If each later term shifts a by at most half as much as the term before it, all later terms
///   together shift a by no more than this;
/// * what the largest error misses between the phases of the starts, and between readings in time, by `missed` of itself at most, and what else may move it
///   ([`LadderPoint::moved`]).
///
/// Coarse parameters may lie outside the range of the expansion. So the ladders of the four finest parameters or more are all fitted, and the
/// narrowest bounds are taken, or all together where two do not meet.
///
/// Errors must stand above `floor`, the size of an error that comes from rounding alone.
///
/// # Errors
/// Fewer than four parameters; an error that is not positive and finite, or not above the floor.
pub fn fit_order(points: &[LadderPoint], missed: f64, floor: f64) -> Result<OrderFit, StatisticsError> {
    const NEEDED: usize = 4;
    check_ladder(points, floor)?;
    let mut parameters: Vec<f64> = points.iter().map(|point| point.parameter).collect();
    parameters.sort_by(|a, b| b.total_cmp(a));
    parameters.dedup();
    if parameters.len() < NEEDED {
        return Err(StatisticsError::TooFew { found: parameters.len(), needed: NEEDED });
    }
    let rungs: Vec<Rung> = parameters.iter().map(|&parameter| Rung::of(points, parameter, missed)).collect();
    let fits = (NEEDED..=rungs.len()).map(|count| fit_rungs(&rungs[rungs.len() - count..]));
    let both = |a: (Interval, f64), b: (Interval, f64)| {
        let (narrow, wide) = if a.0.half_width <= b.0.half_width { (a, b) } else { (b, a) };
        let (lower, upper) = (narrow.0.lower().max(wide.0.lower()), narrow.0.upper().min(wide.0.upper()));
        if lower <= upper {
            return narrow;
        }
        // Bounds that do not meet contradict what they assume: only both together bound anything.
        let half_width = 0.5 * (narrow.0.upper().max(wide.0.upper()) - narrow.0.lower().min(wide.0.lower()));
        (Interval { value: narrow.0.lower().min(wide.0.lower()) + half_width, half_width }, narrow.1)
    };
    let nothing = (Interval { value: f64::NAN, half_width: f64::NAN }, f64::NAN);
    let (order, constant) = fits.reduce(both).unwrap_or(nothing);
    let local = rungs.windows(2).map(|pair| (pair[0].error - pair[1].error) / (pair[0].log - pair[1].log)).collect();
    Ok(OrderFit { order, constant, local })
}

/// What a parameter has: its square root and logarithm, the log of the largest error, and by how much this log may really be larger.
struct Rung {
    root: f64,
    log: f64,
    error: f64,
    missed: f64,
}

impl Rung {
    fn of(points: &[LadderPoint], parameter: f64, missed: f64) -> Self {
        let errors: Vec<f64> = points.iter().filter(|p| p.parameter == parameter).map(|p| p.error).collect();
        let (most, least) = errors.iter().fold((0f64, f64::INFINITY), |(a, b), &e| (a.max(e), b.min(e)));
        let amplitude = 0.5 * (1.0 - least / most);
        let between = if errors.len() > 1 { amplitude * missed_peak(errors.len() as f64) } else { 0.0 };
        let moved = worst(points.iter().filter(|p| p.parameter == parameter).map(|p| p.moved));
        Self { root: parameter.sqrt(), log: parameter.ln(), error: most.ln(), missed: between + missed + moved }
    }
}

/// The order of some rungs with its bounds, and the constant.
fn fit_rungs(rungs: &[Rung]) -> (Interval, f64) {
    let column = |of: fn(&Rung) -> f64| -> Vec<f64> {
        let mean = rungs.iter().map(of).sum::<f64>() / rungs.len() as f64;
        rungs.iter().map(|rung| of(rung) - mean).collect()
    };
    let product = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let (root, log, error) = (column(|rung| rung.root), column(|rung| rung.log), column(|rung| rung.error));
    // The part of log parameter that √parameter does not explain (Frisch–Waugh) gives the weights of the order.
    let along = product(&log, &root) / product(&root, &root);
    let rest: Vec<f64> = log.iter().zip(&root).map(|(log, root)| log - along * root).collect();
    let spread = product(&rest, &rest);
    let order = product(&rest, &error) / spread;
    let leading = product(&log, &error) / product(&log, &log);
    let sampling: f64 = rest.iter().zip(rungs).map(|(rest, rung)| (rest / spread).abs() * rung.missed).sum();
    let next = (product(&root, &error) - order * product(&root, &log)) / product(&root, &root);
    let logs_of_constant = rungs.iter().map(|rung| rung.error - order * rung.log - next * rung.root);
    let constant = (logs_of_constant.sum::<f64>() / rungs.len() as f64).exp();
    (Interval { value: order, half_width: (order - leading).abs() + sampling }, constant)
}

fn check_ladder(points: &[LadderPoint], floor: f64) -> Result<(), StatisticsError> {
    for (index, &LadderPoint { parameter, error, .. }) in points.iter().enumerate() {
        for value in [parameter, error] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(StatisticsError::NotPositive { index, value });
            }
        }
        if error <= floor {
            return Err(StatisticsError::RoundingFloor { parameter, error, floor });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::mean;
    use super::*;
    use approx::assert_relative_eq;

    fn ladder(start: usize, constant: f64, order: f64) -> impl Iterator<Item = LadderPoint> {
        (2..7)
            .map(move |k| 10f64.powi(-k))
            .map(move |parameter| LadderPoint::new(start, parameter, constant * parameter.powf(order)))
    }

    #[test]
    fn an_exact_power_law_is_recovered_and_a_growing_error_has_negative_order() {
        for order in [0.5, -0.5] {
            let points: Vec<_> = ladder(0, 1.0, order).chain(ladder(1, 9.0, order)).collect();
            let fit = fit_order(&points, 0.0, 0.0).unwrap();
            assert_relative_eq!(fit.order.value, order, max_relative = 1e-10);
            assert_relative_eq!(fit.constant, 9.0, max_relative = 1e-8);
            assert!(fit.local.len() == 4 && fit.local.iter().all(|local| (local - order).abs() < 1e-10));
        }
    }

    /// error = √x·exp(3√x): the next term is fitted exactly, and its whole shift widens the bounds.
    #[test]
    fn the_next_order_is_fitted_and_its_shift_widens_the_bounds() {
        let mut points: Vec<_> = ladder(0, 1.0, 0.5).collect();
        points.iter_mut().for_each(|p| p.error *= (3.0 * p.parameter.sqrt()).exp());
        let fit = fit_order(&points, 0.0, 0.0).unwrap();
        assert_relative_eq!(fit.order.value, 0.5, max_relative = 1e-10);
        assert_relative_eq!(fit.constant, 1.0, max_relative = 1e-8);
        // The narrowest bounds are those of 10^−3 … 10^−6. There 3√x adds the slope 3Σ(k − 4.5)(√10^−k)/(−5 ln 10) to ½.
        let roots = [2, 3, 4, 5, 6].map(|k| 10f64.powf(-0.5 * f64::from(k)));
        let slope: f64 = roots[1..].iter().zip([1.5, 0.5, -0.5, -1.5]).map(|(root, k)| 3.0 * k * root).sum();
        let moved = slope / (5.0 * 10f64.ln());
        assert_relative_eq!(fit.order.half_width, moved, max_relative = 1e-8);
        // Local orders: log of the ratio of two neighbours over log 10.
        assert_relative_eq!(fit.local[0], 0.5 + 3.0 * (roots[0] - roots[1]) / 10f64.ln(), max_relative = 1e-12);
    }

    /// An error that does not vanish, A + B√x, has order 0 and not ½, however slowly its local orders fall.
    #[test]
    fn an_error_that_does_not_vanish_is_told_from_order_one_half() {
        for (part, missed) in [(0.3, 0.03), (0.1, 0.01)] {
            let points: Vec<_> = ladder(0, 1.0, 0.5).map(|p| LadderPoint { error: p.error + part, ..p }).collect();
            let fit = fit_order(&points, missed, 0.0).unwrap();
            assert!(!fit.order.contains(0.5), "{part}: {fit:?}");
        }
    }

    /// Whatever readings miss of an error within `missed`, the bounds hold the true order.
    #[test]
    fn bounds_hold_the_order_whatever_is_missed() {
        let missed = 0.05;
        for signs in 0..32u32 {
            let mut points: Vec<_> = ladder(0, 2.0, 0.5).collect();
            for (k, point) in points.iter_mut().enumerate() {
                if signs >> k & 1 == 1 {
                    point.error *= 1.0 - missed;
                }
            }
            let fit = fit_order(&points, missed / (1.0 - missed), 0.0).unwrap();
            assert!(fit.order.contains(0.5), "{signs:b}: {fit:?}");
        }
    }

    /// Whatever moves the error of each rung by as much as its points say, in either direction, the bounds hold the true order. They would not without.
    #[test]
    fn bounds_hold_the_order_whatever_moves_the_rungs() {
        let moved = 0.05;
        let mut outside = 0;
        for signs in 0..32u32 {
            let mut points: Vec<_> = ladder(0, 2.0, 0.5).collect();
            for (k, point) in points.iter_mut().enumerate() {
                let sign: f64 = if signs >> k & 1 == 1 { 1.0 } else { -1.0 };
                point.error *= (sign * moved).exp();
                point.moved = moved;
            }
            let fit = fit_order(&points, 0.0, 0.0).unwrap();
            assert!(fit.order.contains(0.5), "{signs:b}: {fit:?}");
            points.iter_mut().for_each(|point| point.moved = 0.0);
            outside += usize::from(!fit_order(&points, 0.0, 0.0).unwrap().order.contains(0.5));
        }
        assert!(outside > 0);
    }

    #[test]
    fn what_gives_no_order_is_an_error() {
        let mut points: Vec<_> = ladder(0, 1.0, 1.0).take(4).collect();
        points[2].error = f64::NAN;
        assert!(matches!(fit_order(&points, 0.0, 0.0), Err(StatisticsError::NotPositive { index: 2, .. })));
        points[2].error = 1e-16;
        assert!(matches!(fit_order(&points, 0.0, 1e-15), Err(StatisticsError::RoundingFloor { .. })));
        assert!(matches!(fit_order(&points[..2], 0.0, 0.0), Err(StatisticsError::TooFew { found: 2, needed: 4 })));
        assert!(matches!(mean(&[1.0, f64::INFINITY], 0.99), Err(StatisticsError::NotFinite { index: 1, .. })));
    }
}
