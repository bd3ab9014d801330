//! Decides measurements. Nothing here knows which claim it decides.

use sharpflow::measure::{Interval, OrderFit, fit_order, mean, worst};

use crate::evidence::{
    Check, Constant, Data, Decided, DecidedHypothesis, Estimate, InstanceEvidence, Measurement, Outcome, Statement,
    Verdict,
};

/// The confidence of all intervals of a run together.
pub const FAMILY_CONFIDENCE: f64 = 0.999;

/// How many intervals a measurement will ask for.
pub fn intervals(measurement: &Measurement) -> usize {
    let checks = measurement.statements.iter().chain(&measurement.twins);
    checks.filter(|s| matches!(s.check, Check::Order { .. } | Check::Positive { .. } | Check::Zero { .. })).count()
        + measurement.constants.len()
}

/// The level of one interval of a run that has `family` of them (Bonferroni).
pub fn level_of_one(family: usize) -> f64 {
    1.0 - (1.0 - FAMILY_CONFIDENCE) / family.max(1) as f64
}

/// Decides one measurement with intervals at confidence `level` each.
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
    let twins = decide_all(measurement.twins);
    let constants = measurement.constants.into_iter();
    let estimates: Vec<Estimate> = constants.map(|c| estimate(c, level)).collect();
    let (verdict, reason) = weigh(&hypotheses, &statements, &twins);
    InstanceEvidence { instance: measurement.instance, verdict, reason, hypotheses, statements, twins, estimates }
}

fn weigh(hypotheses: &[DecidedHypothesis], statements: &[Decided], twins: &[Decided]) -> (Verdict, String) {
    if let Some(failed) = hypotheses.iter().find(|h| !h.holds) {
        let h = &failed.hypothesis;
        let reason = format!("{}: {:.3e} against {:.3e}, {}", h.what, h.measured, h.bound, h.place);
        return (Verdict::HypothesisFailed, reason);
    }
    let said = |d: &Decided| format!("{}: {}", d.what, d.shows);
    let with = |outcome| statements.iter().find(move |d| d.outcome == outcome);
    if let Some(failed) = with(Outcome::Fails) {
        (Verdict::Refuted, said(failed))
    } else if let Some(undecided) = with(Outcome::Undecided) {
        (Verdict::Inconclusive, said(undecided))
    } else if statements.is_empty() || twins.is_empty() {
        (Verdict::Inconclusive, "nothing was checked".into())
    } else if let Some(alike) = twins.iter().find(|t| t.outcome != Outcome::Fails) {
        (Verdict::Inconclusive, format!("a wrong twin is not rejected: {}", said(alike)))
    } else {
        (Verdict::Confirmed, String::new())
    }
}

fn decide_check(Statement { what, check }: Statement, level: f64) -> Decided {
    let shown = |mean: &Interval| format!("{:.4} ± {:.4}", mean.value, mean.half_width);
    let (outcome, shows, data) = match check {
        Check::Order { points, model, above, holding, floor } => {
            let fit = fit_order(&points, model, floor, level);
            let (outcome, shows) = match &fit {
                Ok(fit) => (
                    order_outcome(fit, above, holding),
                    format!("order {:.3} ± {:.3}", fit.order.value, fit.order.half_width),
                ),
                Err(error) => (Outcome::Undecided, error.to_string()),
            };
            (outcome, shows, Data::Order { points, model, above, holding, floor, fit: fit.ok() })
        }
        Check::Bound { ratios } => {
            let largest = worst(ratios.iter().copied());
            let outcome = if ratios.is_empty() || largest.is_nan() {
                Outcome::Undecided
            } else if largest <= 1.0 {
                Outcome::Passes
            } else {
                Outcome::Fails
            };
            let shows = format!("measured/bound ≤ {largest:.2e} in {} trials", ratios.len());
            (outcome, shows, Data::Bound { trials: ratios.len(), largest, median: median(ratios) })
        }
        Check::Missing { reason } => (Outcome::Undecided, reason, Data::Missing),
        Check::Zero { values, bias, within } => {
            let found = mean(&values, level).map(|mean| Interval { half_width: mean.half_width + bias, ..mean });
            let (outcome, shows) = match &found {
                Ok(mean) if !mean.contains(0.0) => (Outcome::Fails, shown(mean)),
                Ok(mean) if mean.half_width <= within => (Outcome::Passes, shown(mean)),
                Ok(mean) => (Outcome::Undecided, shown(mean)),
                Err(error) => (Outcome::Undecided, error.to_string()),
            };
            (outcome, shows, Data::Zero { values, within, mean: found.ok() })
        }
        Check::Positive { values } => {
            let found = mean(&values, level);
            let (outcome, shows) = match &found {
                Ok(mean) => (sign_outcome(mean), shown(mean)),
                Err(error) => (Outcome::Undecided, error.to_string()),
            };
            (outcome, shows, Data::Positive { values, mean: found.ok() })
        }
    };
    Decided { what, outcome, shows, data }
}

/// The middle one, or the larger of the middle two; NaN counts as larger than all.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn order_outcome(fit: &OrderFit, above: f64, holding: Option<f64>) -> Outcome {
    let order = &fit.order;
    if order.upper() < above {
        Outcome::Fails
    } else if order.lower() > above && holding.is_none_or(|h| order.contains(h)) {
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
    let nothing = Interval { value: f64::NAN, half_width: f64::NAN };
    let mut estimate = mean(&constant.values, level).unwrap_or(nothing);
    estimate.half_width += constant.bias;
    let notices = constant.theory.map(|theory| worst([estimate.upper() - theory, theory - estimate.lower()]));
    Estimate { what: constant.what, theory: constant.theory, estimate, notices }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An interval's end on the threshold decides nothing; one beyond it does.
    #[test]
    fn ends_of_intervals_decide() {
        let order = |value, half_width| OrderFit { order: Interval { value, half_width }, constant: 1.0, points: 8 };
        for (value, half_width, holding, outcome) in [
            (0.5, 0.125, None, Outcome::Passes),
            (0.5, 0.25, None, Outcome::Undecided),
            (0.125, 0.125, None, Outcome::Undecided),
            (0.125, 0.0625, None, Outcome::Fails),
            (0.5, 0.125, Some(0.625), Outcome::Passes),
            (0.5, 0.125, Some(1.0), Outcome::Undecided),
            (0.5, 0.5, Some(0.5), Outcome::Undecided),
        ] {
            assert_eq!(order_outcome(&order(value, half_width), 0.25, holding), outcome, "{value} ± {half_width}");
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

    #[test]
    fn a_mean_of_zero_must_be_known_well_enough() {
        // Student's 97.5 % point of one degree of freedom is tan(0.475π): two values ±a have the mean 0 ± 12.7062a.
        let outcome = |values: [f64; 2], bias: f64, within: f64| {
            let check = Check::Zero { values: values.to_vec(), bias, within };
            decide_check(Statement { what: "zero".into(), check }, 0.95).outcome
        };
        assert_eq!(outcome([-1.0, 1.0], 0.0, 12.8), Outcome::Passes);
        assert_eq!(outcome([-1.0, 1.0], 0.0, 12.7), Outcome::Undecided);
        assert_eq!(outcome([-1.0, 1.0], 0.2, 12.8), Outcome::Undecided);
        assert_eq!(outcome([19.0, 21.0], 0.0, 100.0), Outcome::Fails);
        assert_eq!(outcome([19.0, 21.0], 8.0, 100.0), Outcome::Passes);
        assert_eq!(outcome([1.0, 1.0], 1.0, 1.0), Outcome::Passes);
    }

    /// What an interval would notice is how far its farther end lies from the theory's value.
    #[test]
    fn what_an_interval_notices() {
        let constant = Constant { what: "c".into(), theory: Some(4.0), values: vec![4.5; 3], bias: 0.25 };
        let found = estimate(constant, 0.99);
        assert_eq!((found.estimate.value, found.estimate.half_width, found.notices), (4.5, 0.25, Some(0.75)));
        let constant = Constant { what: "c".into(), theory: Some(5.0), values: vec![4.5; 3], bias: 0.25 };
        assert_eq!(estimate(constant, 0.99).notices, Some(0.75));
    }

    #[test]
    fn the_middle_of_some_numbers() {
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 3.0, 2.0])), (2.0, 3.0));
        assert_eq!((median(vec![1.0, f64::NAN, 0.0]), median(vec![7.0])), (1.0, 7.0));
        assert!(median(vec![]).is_nan());
    }
}
