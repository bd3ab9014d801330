use statrs::distribution::{ContinuousCDF, StudentsT};
use thiserror::Error;

/// An estimate with a symmetric confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    pub value: f64,
    pub half_width: f64,
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
    Ok(Interval {
        value,
        half_width: student_quantile(n - 1, level) * error,
    })
}

/// The order a of error ≈ C·parameterᵃ, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OrderFit {
    pub order: Interval,
    /// C.
    pub constant: f64,
    pub points: usize,
}

/// Fits log error = a·log parameter + log C by least squares over (parameter, error) points, with the Student interval of a
/// at confidence `level` ∈ (0, 1). Errors must stand above `floor`, what rounding alone makes of them.
///
/// # Errors
/// Fewer than three points or a single parameter; an error that is not positive and finite, or not above the floor.
pub fn fit_order(points: &[(f64, f64)], floor: f64, level: f64) -> Result<OrderFit, StatisticsError> {
    let n = points.len();
    if n < 3 {
        return Err(StatisticsError::TooFew { found: n, needed: 3 });
    }
    for (index, &(parameter, error)) in points.iter().enumerate() {
        for value in [parameter, error] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(StatisticsError::NotPositive { index, value });
            }
        }
        if error <= floor {
            return Err(StatisticsError::RoundingFloor {
                parameter,
                error,
                floor,
            });
        }
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let average = |of: &dyn Fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n as f64;
    let (x, y) = (average(&|p| p.0), average(&|p| p.1));
    let spread: f64 = logs.iter().map(|p| (p.0 - x).powi(2)).sum();
    if spread == 0.0 {
        return Err(StatisticsError::OneParameter);
    }
    let slope = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
    let residual: f64 = logs.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2)).sum();
    let error = (residual / (n - 2) as f64 / spread).sqrt();
    Ok(OrderFit {
        order: Interval {
            value: slope,
            half_width: student_quantile(n - 2, level) * error,
        },
        constant: (y - slope * x).exp(),
        points: n,
    })
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

    #[test]
    fn an_exact_power_law_is_recovered_and_a_growing_error_has_negative_order() {
        let ladder = |order: f64| -> Vec<(f64, f64)> {
            (2..7).map(|k| 10f64.powi(-k)).map(|x| (x, 3.0 * x.powf(order))).collect()
        };
        for order in [0.5, -0.5] {
            let fit = fit_order(&ladder(order), 0.0, 0.999).unwrap();
            assert_relative_eq!(fit.order.value, order, max_relative = 1e-12);
            assert_relative_eq!(fit.constant, 3.0, max_relative = 1e-10);
        }
    }

    #[test]
    fn what_gives_no_order_is_an_error() {
        let mut points = vec![(1e-3, 1e-2), (1e-4, 1e-3), (1e-5, f64::NAN)];
        assert!(matches!(fit_order(&points, 0.0, 0.99), Err(StatisticsError::NotPositive { index: 2, .. })));
        points[2].1 = 1e-16;
        assert!(matches!(fit_order(&points, 1e-15, 0.99), Err(StatisticsError::RoundingFloor { .. })));
        assert!(matches!(fit_order(&points[..2], 0.0, 0.99), Err(StatisticsError::TooFew { .. })));
        assert!(matches!(mean(&[1.0, f64::INFINITY], 0.99), Err(StatisticsError::NotFinite { index: 1, .. })));
    }
}
