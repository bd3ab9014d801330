use serde::{Deserialize, Deserializer, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use thiserror::Error;

/// An estimate with a symmetric confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
    #[serde(deserialize_with = "null_is_nan")]
    pub half_width: f64,
}

/// Reads a number as JSON writes it, which has `null` for whatever is not finite.
///
/// # Errors
/// Neither a number nor nothing.
pub fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl Interval {
    /// The lower end.
    pub fn lower(&self) -> f64 {
        self.value - self.half_width
    }

    /// The upper end.
    pub fn upper(&self) -> f64 {
        self.value + self.half_width
    }

    /// Whether `x` lies in the interval; false if anything is NaN.
    pub fn contains(&self, x: f64) -> bool {
        self.lower() <= x && x <= self.upper()
    }
}

/// The largest of some values; NaN if any of them is NaN, −∞ if there are none.
pub fn worst(values: impl IntoIterator<Item = f64>) -> f64 {
    values
        .into_iter()
        .fold(f64::NEG_INFINITY, |worst, x| if worst.is_nan() || x.is_nan() { f64::NAN } else { worst.max(x) })
}

/// Why data give no estimate.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum StatisticsError {
    #[error("{found} values give no interval; {needed} are needed")]
    TooFew { found: usize, needed: usize },
    #[error("value {index} is {value}, not a positive finite number")]
    NotPositive { index: usize, value: f64 },
    #[error("value {index} is {value}")]
    NotFinite { index: usize, value: f64 },
    #[error("the error {error:e} at {parameter:e} is at the rounding floor {floor:e}: no order can be read from it")]
    RoundingFloor { parameter: f64, error: f64, floor: f64 },
    #[error("all points share one parameter")]
    OneParameter,
}

/// The mean of independent values with its Student interval at confidence `level` ∈ (0, 1).
///
/// # Errors
/// Fewer than two values, or one that is not finite.
pub fn mean(values: &[f64], level: f64) -> Result<Interval, StatisticsError> {
    let n = values.len();
    if n < 2 {
        return Err(StatisticsError::TooFew { found: n, needed: 2 });
    }
    if let Some((index, &value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Err(StatisticsError::NotFinite { index, value });
    }
    let value = values.iter().sum::<f64>() / n as f64;
    let square = values.iter().map(|v| (v - value).powi(2)).sum::<f64>();
    let error = (square / ((n - 1) * n) as f64).sqrt();
    Ok(Interval { value, half_width: student_quantile(n - 1, level) * error })
}

/// The order a of error ≈ C·parameterᵃ, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderFit {
    pub order: Interval,
    /// C of the leading term, the geometric mean over the starts.
    #[serde(deserialize_with = "null_is_nan")]
    pub constant: f64,
    pub points: usize,
}

/// One error of a ladder: the start it belongs to, the ladder's parameter, the error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LadderPoint {
    pub start: usize,
    #[serde(deserialize_with = "null_is_nan")]
    pub parameter: f64,
    #[serde(deserialize_with = "null_is_nan")]
    pub error: f64,
}

/// The form that an error is taken to have, up to a constant C that each start has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorModel {
    /// C·parameterᵃ.
    Leading,
    /// C·parameterᵃ·exp(c·√parameter): the next term too, whose neglect biases a where the interval is narrow.
    NextOrder,
}

/// Fits the order a of a ladder's errors by least squares on their logarithms, one constant a start (starts of different
/// phase and place have different constants and one order), with the Student interval of a at confidence `level` ∈ (0, 1).
/// Errors must stand above `floor`, what rounding alone makes of them.
///
/// With [`ErrorModel::NextOrder`] the interval is widened by the shift of a that the next term causes. If each later term is at
/// most half as large as the one before, all later terms together shift a by no more than that.
///
/// # Errors
/// Too few points, or parameters, for the model; an error that is not positive and finite, or not above the floor.
pub fn fit_order(
    points: &[LadderPoint],
    model: ErrorModel,
    floor: f64,
    level: f64,
) -> Result<OrderFit, StatisticsError> {
    check_ladder(points, floor)?;
    let mut starts: Vec<usize> = points.iter().map(|p| p.start).collect();
    starts.sort_unstable();
    starts.dedup();
    let unknowns = starts.len() + if model == ErrorModel::Leading { 1 } else { 2 };
    let found = points.len();
    if found <= unknowns {
        let needed = unknowns + 1;
        return Err(StatisticsError::TooFew { found, needed });
    }
    // Each start's means taken out, so that its constant is gone: rows (log parameter, √parameter, log error).
    let mut rows: Vec<[f64; 3]> = Vec::with_capacity(found);
    let mut means = [0.0; 3];
    for start in &starts {
        let group = points.iter().filter(|p| p.start == *start);
        let logs: Vec<[f64; 3]> = group.map(|p| [p.parameter.ln(), p.parameter.sqrt(), p.error.ln()]).collect();
        let mean = [0, 1, 2].map(|k| logs.iter().map(|row| row[k]).sum::<f64>() / logs.len() as f64);
        rows.extend(logs.iter().map(|row| [0, 1, 2].map(|k| row[k] - mean[k])));
        for k in 0..3 {
            means[k] += mean[k] / starts.len() as f64;
        }
    }
    let mut slope = regress(&rows)?;
    let (mut moved, mut next) = (0.0, 0.0);
    if model == ErrorModel::NextOrder {
        let leading = slope;
        let removed = remove_component(&mut rows, 1);
        slope = regress(&rows)?;
        moved = (slope - leading).abs();
        // The coefficient of √parameter: that of log error on it, less what the slope takes of it.
        next = removed[2] - slope * removed[0];
    }
    let residual: f64 = rows.iter().map(|row| (row[2] - slope * row[0]).powi(2)).sum();
    let spread: f64 = rows.iter().map(|row| row[0] * row[0]).sum();
    let freedom = found - unknowns;
    let error = (residual / freedom as f64 / spread).sqrt();
    Ok(OrderFit {
        order: Interval { value: slope, half_width: student_quantile(freedom, level) * error + moved },
        constant: (means[2] - slope * means[0] - next * means[1]).exp(),
        points: found,
    })
}

/// The slope of column 2 on column 0, all columns having mean 0.
fn regress(rows: &[[f64; 3]]) -> Result<f64, StatisticsError> {
    let product = |j: usize| rows.iter().map(|row| row[0] * row[j]).sum::<f64>();
    let spread = product(0);
    if spread <= f64::EPSILON * rows.len() as f64 {
        return Err(StatisticsError::OneParameter);
    }
    Ok(product(2) / spread)
}

/// Makes every column orthogonal to column `k`, which leaves the other regressors' coefficients as they were (Frisch–Waugh);
/// returns each column's coefficient on column `k`.
fn remove_component(rows: &mut [[f64; 3]], k: usize) -> [f64; 3] {
    let square: f64 = rows.iter().map(|row| row[k] * row[k]).sum();
    let along = [0, 1, 2].map(|other| rows.iter().map(|row| row[k] * row[other]).sum::<f64>() / square);
    for row in rows.iter_mut() {
        let base = row[k];
        for other in (0..3).filter(|&other| other != k) {
            row[other] -= along[other] * base;
        }
    }
    along
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

/// t with P(|T| ≤ t) = `level`, T Student with `freedom` ≥ 1 degrees of freedom.
fn student_quantile(freedom: usize, level: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom as f64) {
        Ok(student) => -student.inverse_cdf((1.0 - level) / 2.0),
        Err(_) => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    /// Closed forms: one degree of freedom is Cauchy, t = tan(π·level/2); two give t = level·√(2/(1 − level²)).
    #[test]
    fn quantiles_match_the_closed_forms_far_into_the_tail() {
        for tail in [1e-1, 1e-3, 1e-6] {
            let level: f64 = 1.0 - tail;
            let cauchy = (std::f64::consts::FRAC_PI_2 * level).tan();
            assert_relative_eq!(student_quantile(1, level), cauchy, max_relative = 1e-8);
            let two = level * (2.0 / (1.0 - level * level)).sqrt();
            assert_relative_eq!(student_quantile(2, level), two, max_relative = 1e-8);
        }
    }

    fn ladder(start: usize, constant: f64, order: f64) -> impl Iterator<Item = LadderPoint> {
        (2..7).map(move |k| 10f64.powi(-k)).map(move |parameter| LadderPoint {
            start,
            parameter,
            error: constant * parameter.powf(order),
        })
    }

    #[test]
    fn an_exact_power_law_is_recovered_and_a_growing_error_has_negative_order() {
        for order in [0.5, -0.5] {
            let points: Vec<_> = ladder(0, 1.0, order).chain(ladder(1, 9.0, order)).collect();
            let fit = fit_order(&points, ErrorModel::Leading, 0.0, 0.999).unwrap();
            assert_relative_eq!(fit.order.value, order, max_relative = 1e-12);
            assert_relative_eq!(fit.constant, 3.0, max_relative = 1e-10);
            assert!(fit.order.half_width < 1e-10);
        }
    }

    /// error = √x·exp(3√x): the leading model is biased, the next-order model exact.
    #[test]
    fn the_next_order_model_removes_the_bias_of_the_leading_one() {
        let mut points: Vec<_> = ladder(0, 1.0, 0.5).collect();
        points.iter_mut().for_each(|p| p.error *= (3.0 * p.parameter.sqrt()).exp());
        let order = |model| fit_order(&points, model, 0.0, 0.99).unwrap().order.value;
        assert!((order(ErrorModel::Leading) - 0.5).abs() > 1e-2);
        assert_relative_eq!(order(ErrorModel::NextOrder), 0.5, max_relative = 1e-12);
        let fit = fit_order(&points, ErrorModel::NextOrder, 0.0, 0.99).unwrap();
        assert_relative_eq!(fit.constant, 1.0, max_relative = 1e-10);
        // Exact data: nothing but the shift widens the interval.
        let moved = (order(ErrorModel::Leading) - 0.5).abs();
        assert_relative_eq!(fit.order.half_width, moved, max_relative = 1e-6);
    }

    /// By hand: 1, 2, 3, 4 have mean 2.5 and standard error √(5/12); t(3) at 95 % is 3.182446305. Logs (0, 0), (1, 1), (2, 3)
    /// have slope 3/2 and standard error √(1/12); t(1) at 95 % is 12.70620474.
    #[test]
    fn intervals_are_those_computed_by_hand() {
        let interval = mean(&[1.0, 2.0, 3.0, 4.0], 0.95).unwrap();
        assert_relative_eq!(interval.value, 2.5);
        assert_relative_eq!(interval.half_width, 3.182_446_305 * (5.0f64 / 12.0).sqrt(), max_relative = 1e-8);
        let point = |x: f64, y: f64| LadderPoint { start: 0, parameter: x.exp(), error: y.exp() };
        let points = [point(0.0, 0.0), point(1.0, 1.0), point(2.0, 3.0)];
        let order = fit_order(&points, ErrorModel::Leading, 0.0, 0.95).unwrap().order;
        assert_relative_eq!(order.value, 1.5, max_relative = 1e-12);
        assert_relative_eq!(order.half_width, 12.706_204_74 * (1.0f64 / 12.0).sqrt(), max_relative = 1e-8);
    }

    #[test]
    fn the_worst_is_nan_wherever_a_nan_stands() {
        for place in 0..3 {
            let mut values = [1.0, 3.0, 2.0];
            assert_eq!(worst(values), 3.0);
            values[place] = f64::NAN;
            assert!(worst(values).is_nan());
        }
        assert_eq!(worst([]), f64::NEG_INFINITY);
    }

    #[test]
    fn what_gives_no_order_is_an_error() {
        let mut points: Vec<_> = ladder(0, 1.0, 1.0).take(3).collect();
        points[2].error = f64::NAN;
        assert!(matches!(
            fit_order(&points, ErrorModel::Leading, 0.0, 0.99),
            Err(StatisticsError::NotPositive { index: 2, .. })
        ));
        points[2].error = 1e-16;
        assert!(matches!(
            fit_order(&points, ErrorModel::Leading, 1e-15, 0.99),
            Err(StatisticsError::RoundingFloor { .. })
        ));
        assert!(matches!(fit_order(&points[..2], ErrorModel::Leading, 0.0, 0.99), Err(StatisticsError::TooFew { .. })));
        points.iter_mut().for_each(|p| (p.parameter, p.error) = (0.1, 0.1));
        assert_eq!(fit_order(&points, ErrorModel::Leading, 0.0, 0.99), Err(StatisticsError::OneParameter));
        assert!(matches!(mean(&[1.0, f64::INFINITY], 0.99), Err(StatisticsError::NotFinite { index: 1, .. })));
    }
}
