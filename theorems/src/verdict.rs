//! Decides measurements. Nothing here knows which claim it decides.

use sharpflow::measure::{Interval, OrderFit, fit_order, limit, mean};

use crate::evidence::{
    Check, Constant, Decided, DecidedHypothesis, Estimate, InField, InstanceEvidence, Measurement, Outcome, Rungs,
    Statement, Values, Verdict, measured,
};

/// The confidence of all Student intervals of a run together.
pub const FAMILY_CONFIDENCE: f64 = 0.999;

/// The order above which an interval must lie: an error of order ½ is told from an error that does not fall at all.
pub(crate) const LEAST_ORDER: f64 = 0.25;

/// How many Student intervals a measurement will ask for. Only values of independent draws have them.
pub fn intervals(measurement: &Measurement) -> usize {
    let checks = measurement.statements.iter().chain(&measurement.twins);
    checks.filter(|statement| matches!(statement.check, Check::Positive { .. })).count()
        + measurement.constants.iter().filter(|constant| matches!(constant.values, Values::Drawn { .. })).count()
}

/// The level of one interval of a run that has `family` of them (Bonferroni).
pub fn level_of_one(family: usize) -> f64 {
    1.0 - (1.0 - FAMILY_CONFIDENCE) / family.max(1) as f64
}

/// Decides one measurement, with Student intervals at confidence `level` each.
pub fn decide(measurement: Measurement, level: f64) -> InstanceEvidence {
    let hypotheses: Vec<DecidedHypothesis> = measurement
        .hypotheses
        .into_iter()
        .map(|hypothesis| DecidedHypothesis { holds: hypothesis.holds(), hypothesis })
        .collect();
    let decide_all = |statements: Vec<Statement>| -> Vec<Decided> {
        statements.into_iter().map(|s| decide_check(s, level)).collect()
    };
    let statements = decide_all(measurement.statements);
    let twins = decide_all(measurement.twins).into_iter().map(at_every_point).collect::<Vec<_>>();
    let constants = measurement.constants.into_iter();
    let estimates: Vec<Estimate> = constants.map(|c| estimate(c, level)).collect();
    let (verdict, reason) = weigh(&hypotheses, &statements, &twins, &estimates);
    let sensitivity = estimates.iter().filter_map(Estimate::sensitivity).chain(measurement.sensitivity).collect();
    let instance = measurement.instance;
    InstanceEvidence { instance, verdict, reason, hypotheses, statements, twins, estimates, sensitivity }
}

fn weigh(
    hypotheses: &[DecidedHypothesis],
    statements: &[Decided],
    twins: &[Decided],
    estimates: &[Estimate],
) -> (Verdict, String) {
    if let Some(failed) = hypotheses.iter().find(|h| !h.holds) {
        let h = &failed.hypothesis;
        let reason = format!("{}: {:.3e} against {:.3e}, {}", h.what, h.measured, h.bound, h.place);
        return (Verdict::HypothesisFailed, reason);
    }
    let said = |d: &Decided| format!("{}: {}", d.what, d.shows);
    let of_checks = |outcome| statements.iter().find(move |d| d.outcome == outcome).map(said);
    let of_constants = |outcome| {
        let found = estimates.iter().find(move |estimate| estimate.outcome == Some(outcome));
        let theory = |estimate: &Estimate| estimate.predicted().unwrap_or_default();
        found.map(|estimate| format!("{} = {}, theory {}", estimate.what, estimate.measured(), theory(estimate)))
    };
    let with = |outcome| of_checks(outcome).or_else(|| of_constants(outcome));
    if let Some(failed) = with(Outcome::Fails) {
        (Verdict::Refuted, failed)
    } else if let Some(undecided) = with(Outcome::Undecided) {
        (Verdict::Inconclusive, undecided)
    } else if statements.is_empty() || twins.is_empty() {
        (Verdict::Inconclusive, "nothing was checked".into())
    } else if let Some(alike) = twins.iter().find(|t| t.outcome != Outcome::Fails) {
        (Verdict::Inconclusive, format!("a wrong twin is not rejected: {}", said(alike)))
    } else {
        (Verdict::Confirmed, String::new())
    }
}

/// Whether finer rungs may decide a measurement: it is undecided because the bounds of an order or of a limit are too wide.
pub(crate) fn is_for_finer_rungs(measurement: &Measurement) -> bool {
    let decided = decide(measurement.clone(), FAMILY_CONFIDENCE);
    let is_of_rungs = |d: &Decided| d.fit.is_some() || (matches!(d.check, Check::Limit { .. }) && d.mean.is_some());
    let is_wide =
        |estimate: &Estimate| estimate.outcome == Some(Outcome::Undecided) && estimate.estimate.half_width.is_finite();
    decided.verdict == Verdict::Inconclusive
        && (decided.statements.iter().any(|d| d.outcome == Outcome::Undecided && is_of_rungs(d))
            || decided.twins.iter().any(|d| d.outcome != Outcome::Fails && is_of_rungs(d))
            || decided.estimates.iter().any(is_wide))
}

/// The outcome of a check alone, as [`decide`] finds it.
pub fn outcome(check: &Check, level: f64) -> Outcome {
    decide_check(Statement { what: "".into(), check: check.clone() }, level).outcome
}

fn decide_check(Statement { what, check }: Statement, level: f64) -> Decided {
    let (mut fitted, mut found) = (None, None);
    let (outcome, shows) = match &check {
        Check::Order { points, order, missed, floor, at_least } => match fit_order(points, *missed, *floor) {
            Ok(fit) => {
                let local: Vec<String> = fit.local.iter().map(|local| format!("{local:.2}")).collect();
                let Interval { value, half_width } = fit.order;
                let shows = format!("order {value:.3} ± {half_width:.3} (between rungs {})", local.join(", "));
                let outcome = order_outcome(&fit, *order, *at_least);
                fitted = Some(fit);
                (outcome, shows)
            }
            Err(error) => (Outcome::Undecided, error.to_string()),
        },
        Check::Bound { trials, largest, .. } => {
            let outcome = if *trials == 0 || largest.is_nan() {
                Outcome::Undecided
            } else if *largest <= 1.0 {
                Outcome::Passes
            } else {
                Outcome::Fails
            };
            (outcome, format!("measured/bound ≤ {largest:.2e} in {trials} trials"))
        }
        Check::Missing { reason } => (Outcome::Undecided, reason.clone()),
        Check::Limit { values, expected, apart } => match limit_of(values) {
            Ok(limit) => {
                found = Some(limit);
                (limit_outcome(&limit, *expected, *apart), measured(&limit))
            }
            Err(error) => (Outcome::Undecided, error),
        },
        Check::Exact { fields } => exact_outcome(fields),
        Check::Positive { values } => match mean(values, level) {
            Ok(mean) => {
                found = Some(mean);
                (sign_outcome(&mean), measured(&mean))
            }
            Err(error) => (Outcome::Undecided, error.to_string()),
        },
    };
    Decided { what, outcome, shows, check, fit: fitted, mean: found }
}

fn limit_of(values: &Rungs) -> Result<Interval, String> {
    limit(&values.rungs, values.ratio, values.error).map_err(|error| error.to_string())
}

/// A twin that is an identity is rejected where it fails at every point: at a random point a false identity fails but for an accident.
fn at_every_point(twin: Decided) -> Decided {
    let held = matches!(&twin.check, Check::Exact { fields } if fields.iter().any(|field| field.held > 0));
    if held && twin.outcome == Outcome::Fails { Decided { outcome: Outcome::Undecided, ..twin } } else { twin }
}

/// An identity that fails at one point is false.
fn exact_outcome(fields: &[InField]) -> (Outcome, String) {
    let [points, held] = [|f: &InField| f.points, |f: &InField| f.held].map(|of| fields.iter().map(of).sum::<usize>());
    let outcome = if fields.is_empty() || fields.iter().any(|field| field.points == 0) {
        Outcome::Undecided
    } else if held == points {
        Outcome::Passes
    } else {
        Outcome::Fails
    };
    (outcome, format!("holds at {held} of {points} random points of {} prime fields", fields.len()))
}

/// A stated order is refuted where the interval lies below it. An error that falls faster does not refute it, and confirms it where it is
/// stated to be at least this one.
fn order_outcome(fit: &OrderFit, stated: f64, at_least: bool) -> Outcome {
    let order = &fit.order;
    if order.upper() < stated {
        Outcome::Fails
    } else if (at_least || order.contains(stated)) && order.lower() > LEAST_ORDER {
        Outcome::Passes
    } else {
        Outcome::Undecided
    }
}

/// A stated value is refuted where the interval excludes it. An interval that reaches as far as the nearest twin, on either side, tells nothing.
fn limit_outcome(interval: &Interval, stated: f64, apart: f64) -> Outcome {
    if interval.upper() < stated || interval.lower() > stated {
        Outcome::Fails
    } else if interval.lower() > stated - apart && interval.upper() < stated + apart {
        Outcome::Passes
    } else {
        Outcome::Undecided
    }
}

fn sign_outcome(interval: &Interval) -> Outcome {
    if interval.lower() > 0.0 {
        Outcome::Passes
    } else if interval.upper() < 0.0 {
        Outcome::Fails
    } else {
        Outcome::Undecided
    }
}

fn estimate(constant: Constant, level: f64) -> Estimate {
    let (found, stated) = match &constant.values {
        Values::Limit { values, theory, apart } => (limit_of(values).ok(), Some((*theory, *apart))),
        Values::Drawn { values } => (mean(values, level).ok(), None),
        Values::Computed { value } => (Some(Interval { value: *value, half_width: 0.0 }), None),
    };
    let estimate = found.unwrap_or(Interval { value: f64::NAN, half_width: f64::NAN });
    Estimate {
        what: constant.what,
        outcome: stated.map(|(theory, apart)| limit_outcome(&estimate, theory, apart)),
        values: constant.values,
        estimate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An interval's end on the threshold decides nothing; one beyond it does. What is stated must lie in the interval.
    #[test]
    fn ends_of_intervals_decide() {
        let order =
            |value, half_width| OrderFit { order: Interval { value, half_width }, constant: 1.0, local: vec![] };
        for (value, half_width, outcome) in [
            (0.5, 0.125, Outcome::Passes),
            (0.5, 0.25, Outcome::Undecided),
            (0.625, 0.125, Outcome::Passes),
            // The order of energy and of period two, as they were printed beside the word confirmed.
            (0.452, 0.032, Outcome::Fails),
            (0.419, 0.023, Outcome::Fails),
            (0.0, 0.375, Outcome::Fails),
            (1.0, 0.25, Outcome::Undecided),
            (f64::NAN, 0.125, Outcome::Undecided),
        ] {
            assert_eq!(order_outcome(&order(value, half_width), 0.5, false), outcome, "{value} ± {half_width}");
        }
        for (value, half_width, outcome) in [
            (0.625, 0.0625, Outcome::Passes),
            (0.5, 0.25, Outcome::Undecided),
            (0.452, 0.032, Outcome::Fails),
            (f64::NAN, 0.125, Outcome::Undecided),
        ] {
            assert_eq!(
                order_outcome(&order(value, half_width), 0.5, true),
                outcome,
                "at least: {value} ± {half_width}"
            );
        }
        for (value, half_width, outcome) in [
            (0.5, 0.25, Outcome::Passes),
            (0.5, 0.5, Outcome::Undecided),
            (-0.5, 0.5, Outcome::Undecided),
            (-0.5, 0.25, Outcome::Fails),
        ] {
            assert_eq!(sign_outcome(&Interval { value, half_width }), outcome, "{value} ± {half_width}");
        }
    }

    /// b = 4.5 ± 0.1 beside the theory's 4 refutes it; c/a = 0.47 ± 1.33 tells nothing of ½.
    #[test]
    fn constants_enter_the_verdict() {
        for (value, half_width, theory, apart, outcome) in [
            (4.5, 0.1, 4.0, 1.0, Outcome::Fails),
            (4.05, 0.1, 4.0, 1.0, Outcome::Passes),
            // It holds 4, and 5 as well.
            (4.6, 0.9, 4.0, 1.0, Outcome::Undecided),
            (0.47, 1.33, 0.5, 0.5, Outcome::Undecided),
            (f64::NAN, f64::NAN, 0.5, 0.5, Outcome::Undecided),
        ] {
            assert_eq!(
                limit_outcome(&Interval { value, half_width }, theory, apart),
                outcome,
                "{value} ± {half_width}"
            );
        }
        // Rungs whose means differ by 0.025 have their limit at most 0.032 below.
        let constant = |middle: f64| Constant {
            what: "b".into(),
            values: Values::Limit {
                values: Rungs::finest(|k| vec![middle + 0.025 * k as f64; 8]),
                theory: 4.0,
                apart: 1.0,
            },
        };
        let passing = |what: &'static str, ratio| Statement { what: what.into(), check: Check::bound([ratio]) };
        let verdict = |constants| {
            let measured = Measurement {
                instance: "any".into(),
                hypotheses: vec![],
                statements: vec![passing("law", 0.5)],
                twins: vec![passing("twin", 2.0)],
                constants,
                sensitivity: vec![],
            };
            decide(measured, 0.999).verdict
        };
        assert_eq!(verdict(vec![constant(4.0)]), Verdict::Confirmed);
        assert_eq!(verdict(vec![constant(4.5)]), Verdict::Refuted);
        assert_eq!(verdict(vec![constant(f64::NAN)]), Verdict::Inconclusive);
        let drawn = Constant { what: "report".into(), values: Values::Drawn { values: vec![7.0, 9.0] } };
        assert_eq!(verdict(vec![drawn]), Verdict::Confirmed);
    }

    /// An interval notices a change that takes the theory's value beyond its end.
    #[test]
    fn what_an_interval_notices() {
        let estimated = |theory: f64| {
            let values = Values::Limit { values: Rungs::finest(|_| vec![4.5; 4]).known_to(0.25), theory, apart: 1.0 };
            estimate(Constant { what: "c".into(), values }, 0.99)
        };
        let found = estimated(4.5);
        assert_eq!(
            (found.estimate.value, found.estimate.half_width, found.outcome),
            (4.5, 0.25, Some(Outcome::Passes))
        );
        let found = estimated(4.4).sensitivity().unwrap();
        assert!((found.up.unwrap() - 0.35 / 4.4).abs() < 1e-12 && (found.down.unwrap() - 0.15 / 4.4).abs() < 1e-12);
        // Nothing is noticed of a value that is excluded already.
        assert!(estimated(4.0).outcome == Some(Outcome::Fails) && estimated(4.0).sensitivity().is_none());
    }
}
