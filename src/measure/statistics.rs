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
    #[error("{found} values or rungs give no interval; {needed} are needed")]
    TooFew { found: usize, needed: usize },
    #[error("value {index} is {value}, not a positive finite number")]
    NotPositive { index: usize, value: f64 },
    #[error("value {index} is {value}")]
    NotFinite { index: usize, value: f64 },
    #[error("the error {error:e} at {parameter:e} is at the rounding floor {floor:e}: no order can be read from it")]
    RoundingFloor { parameter: f64, error: f64, floor: f64 },
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

/// The limit of values of a constant as the parameter of a ladder goes to 0, with deterministic bounds. `rungs` holds the values of each
/// start, rungs finest first, three of them at least; the parameter of each is `ratio` times the one before it. Values are known up to `error`.
///
/// The mean over the starts errs by the order ½, or by more where its leading term averages out. So the limit lies between the finest rung's
/// mean and what the two finest rungs extrapolate to by the term √parameter; the value is halfway. The bounds add to half of this distance
/// (`proofs-notes/README.md`):
/// * twice what a second extrapolation, by the next term from three rungs, would change. If each further extrapolation changes the value by at most
///   half as much as the one before it, all of them together change it by no more;
/// * what a mean over evenly spaced phases misses: half the difference between the means over every second phase, or the change of the mean if
///   one start is left out, whichever is larger. It is at most of the order of the leading term, so that the rung where it is largest
///   speaks for all;
/// * `error`.
///
/// # Errors
/// Fewer than three rungs, a rung without values, or a value that is not finite.
pub fn limit(rungs: &[Vec<f64>], ratio: f64, error: f64) -> Result<Interval, StatisticsError> {
    const NEEDED: usize = 3;
    let found = rungs.iter().take_while(|rung| !rung.is_empty()).count();
    if found < NEEDED {
        return Err(StatisticsError::TooFew { found, needed: NEEDED });
    }
    if let Some((index, &value)) = rungs.iter().flatten().enumerate().find(|(_, v)| !v.is_finite()) {
        return Err(StatisticsError::NotFinite { index, value });
    }
    let average = |rung: usize, from: usize, step: usize| {
        let values = rungs[rung].iter().skip(from).step_by(step);
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / count
    };
    let falls = ratio.powf(-0.5);
    let (first, second) = (falls / (1.0 - falls), falls * falls / (1.0 - falls * falls));
    let means = [0, 1, 2].map(|k| average(k, 0, 1));
    let [once, before] = [0, 1].map(|k| means[k] + first * (means[k] - means[k + 1]));
    let next = second * (once - before);
    let missed_of = |k: usize| {
        let others = rungs[k].len() as f64 - 1.0;
        if others < 1.0 {
            return 0.0;
        }
        let without_one = rungs[k].iter().map(|value| (value - means[k]).abs() / others);
        worst(without_one.chain([0.5 * (average(k, 0, 2) - average(k, 1, 2)).abs()]))
    };
    // In units of the finest rung's √parameter.
    let missed = worst([0, 1, 2].map(|k| missed_of(k) * falls.powi(k as i32)));
    let sampling = missed * (1.0 + first + first / falls);
    let between = 0.5 * (once - means[0]);
    Ok(Interval { value: means[0] + between, half_width: between.abs() + 2.0 * next.abs() + sampling + error })
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

    /// Values 2 + s·√x + t·x with an oscillation over the phases that averages out: the bounds hold 2, and are no wider than t·x allows.
    #[test]
    fn a_limit_is_extrapolated_and_bounded() {
        let ratio = 10f64.sqrt();
        let rung = |k: i32, [slope, next, wave]: [f64; 3]| -> Vec<f64> {
            let root = ratio.powf(0.5 * f64::from(k)) * 1e-2;
            let phase = |start: u32| (f64::from(start) + 0.5) * std::f64::consts::TAU / 8.0;
            (0..8).map(|start| 2.0 + root * (slope + next * root + wave * phase(start).sin())).collect()
        };
        // By hand, with r = 10^−¼: the extrapolation takes s√x away and leaves −t·x/r of t·x, which the next one takes away; and one of eight
        // starts that is left out moves the mean by 2 sin(3π/8)√x/7, which is as large in √x on every rung.
        let (x, r) = (1e-4f64, 10f64.powf(-0.25));
        let missed = 2.0 * (1.5 * std::f64::consts::FRAC_PI_4).sin() * x.sqrt() / 7.0;
        let sampling = missed * (1.0 + r / (1.0 - r) + 1.0 / (1.0 - r));
        for (slope, next) in [(3.0, 0.0), (-3.0, 5.0)] {
            let found = limit(&[0, 1, 2].map(|k| rung(k, [slope, next, 2.0])), ratio, 0.0).unwrap();
            let (finest, once) = (slope * x.sqrt() + next * x, -next * x / r);
            assert_relative_eq!(found.value, 2.0 + 0.5 * (finest + once), max_relative = 1e-12);
            let half_width = 0.5 * (finest - once).abs() + 2.0 * next * x / r + sampling;
            assert_relative_eq!(found.half_width, half_width, max_relative = 1e-8);
        }
        // An error of the order 1 alone, or of ¾, is held as well.
        for order in [0.5, 0.75, 1.0] {
            let rungs = [0, 1, 2].map(|k| vec![2.0 + 0.1 * ratio.powf(order * f64::from(k)); 8]);
            assert!(limit(&rungs, ratio, 1e-12).unwrap().contains(2.0), "{order}");
        }
        // A limit that is another one is excluded.
        assert!(!limit(&[0, 1, 2].map(|k| rung(k, [3.0, 5.0, 2.0])), ratio, 1e-4).unwrap().contains(2.06));
        assert!(matches!(
            limit(&[vec![1.0], vec![1.0]], ratio, 0.0),
            Err(StatisticsError::TooFew { found: 2, needed: 3 })
        ));
        let nan = [vec![1.0], vec![f64::NAN], vec![1.0]];
        assert!(matches!(limit(&nan, ratio, 0.0), Err(StatisticsError::NotFinite { index: 1, .. })));
    }

    /// By hand: 1, 2, 3, 4 have mean 2.5 and standard error √(5/12); t(3) at 95 % is 3.182446305.
    #[test]
    fn a_mean_has_the_interval_computed_by_hand() {
        let interval = mean(&[1.0, 2.0, 3.0, 4.0], 0.95).unwrap();
        assert_relative_eq!(interval.value, 2.5);
        assert_relative_eq!(interval.half_width, 3.182_446_305 * (5.0f64 / 12.0).sqrt(), max_relative = 1e-8);
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
}
