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
