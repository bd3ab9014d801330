//! How fast the sharpness falls along the run, and where it stops.

use std::collections::VecDeque;

use sharpflow::measure::worst;
use sharpflow::minimizers::EnergyLaw;

use crate::assumption::OF_LADDERS;
use crate::checks::{constant, falls};
use crate::evidence::{Measurement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Ladder, LadderRecord, Run, Swing, of_ladder};
use crate::instance::{APART, Instance, Place, integral};
use crate::sensitivity::tells;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "sharpness_decay",
    title: "Rate of the sharpness",
    strength: Strength::Limit,
    statement: "Along GD with weight decay at the edge, log λ₁ falls at the rate 2‖G‖²/(4 + ‖G‖²) in τ, so never faster than 2, and stands still exactly where G = ∇_Γ log λ₁ = 0",
    latex: r"\frac{d\log\lambda_1}{d\tau}=-\frac{2\|G\|^2}{4+\|G\|^2}\ge-2",
    hypotheses: OF_LADDERS,
    source: PAPER,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Ladder>(judge)],
};

/// λ₁ is known to a few roundings of the Hessian.
const FLOOR: f64 = 1e-11;
/// Parts of the window over which the run's own rate is compared.
const PARTS: f64 = 4.0;

/// −d log λ₁/dτ for ‖G‖².
type Rate = fn(f64) -> f64;

const LAW: Rate = |g| 2.0 * g / (4.0 + g);

const TWINS: [(&str, Rate); 6] = [
    ("2‖G‖²/(2 + ‖G‖²)", |g| 2.0 * g / (2.0 + g)),
    ("2‖G‖²/(8 + ‖G‖²)", |g| 2.0 * g / (8.0 + g)),
    ("2‖G‖²/(4 + 2‖G‖²)", |g| 2.0 * g / (4.0 + 2.0 * g)),
    ("‖G‖²/(4 + ‖G‖²)", |g| g / (4.0 + g)),
    ("4‖G‖²/(4 + ‖G‖²)", |g| 4.0 * g / (4.0 + g)),
    ("it rises", |g| -2.0 * g / (4.0 + g)),
];

const OF_QUARTERS: [(&str, Rate); 2] = [
    ("over any quarter, 2.2‖G‖²/(4 + ‖G‖²)", |g| 2.2 * g / (4.0 + g)),
    ("over any quarter, 3‖G‖²/(4 + ‖G‖²)", |g| 3.0 * g / (4.0 + g)),
];

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let horizon = instance.plan.horizon;
    let rate =
        |what: &'static str, rate: Rate| falls(what, record, FLOOR, move |run: &Run| deviation(run, horizon, rate));
    let parts = |what: &'static str, rate: Rate| {
        falls(what, record, FLOOR, move |run: &Run| deviation_of_parts(run, horizon, rate))
    };
    // Σh² swings about its mean by δ/K, and log λ₁ by ‖G‖²/K of that.
    let part = |place: &Place| place.law.log_gradient_square / (4.0 + place.law.log_gradient_square);
    let swing = 2.0 * instance.finest_offset() * worst(instance.path.iter().map(part));
    let apart = |twin: Rate| {
        let difference = |law: &EnergyLaw| twin(law.log_gradient_square) - LAW(law.log_gradient_square);
        integral(&instance.path, horizon, difference).abs()
    };
    let told = TWINS.into_iter().filter(|&(_, twin)| tells(apart(twin), APART * swing));
    let of_quarters = OF_QUARTERS.into_iter().filter(|&(_, twin)| tells(apart(twin) / PARTS, APART * swing));
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![
            rate("log λ₁ against ∫2‖G‖²/(4 + ‖G‖²)dτ", LAW),
            parts("the run's rate over any quarter of the window", LAW),
        ],
        twins: told
            .map(|(what, twin)| rate(what, twin))
            .chain(of_quarters.map(|(what, twin)| parts(what, twin)))
            .collect(),
        constants: vec![constant("2 of 2‖G‖²/(4 + ‖G‖²)", (2.0, 1.0), record, |run| numerator(run, horizon))],
        sensitivity: vec![],
    })
}

/// sup |log(λ₁(τ)/λ₁(0)) + ∫rate dτ| over a run.
fn deviation(run: &Run, horizon: f64, rate: Rate) -> f64 {
    worst(fallen(run, horizon, rate).into_iter().map(|(gained, integral)| (gained + integral).abs()))
}

/// The largest change of log λ₁ + ∫rate dτ within any quarter of the window, over its length. Readings a whole number of slow periods apart
/// would hide what happens between them, so that all pairs of readings within a quarter count.
fn deviation_of_parts(run: &Run, horizon: f64, rate: Rate) -> f64 {
    let lasts = horizon / PARTS;
    let changes = fallen(run, horizon, rate).into_iter().map(|(gained, integral)| gained + integral);
    let times = run.swings_within(horizon).map(|swing| swing.step as f64 * run.intrinsic_lr);
    // Readings that may still be the highest, or the lowest, of a quarter that ends here: each from the most extreme to the latest.
    let (mut highest, mut lowest) = (VecDeque::new(), VecDeque::new());
    worst(times.zip(changes).map(|(tau, change)| {
        let keep = |queue: &mut VecDeque<(f64, f64)>, value: f64| {
            while queue.back().is_some_and(|&(_, last)| !(last > value)) {
                queue.pop_back();
            }
            queue.push_back((tau, value));
            while queue.front().is_some_and(|&(first, _)| first < tau - lasts) {
                queue.pop_front();
            }
            queue.front().map_or(f64::NAN, |&(_, extreme)| extreme)
        };
        (keep(&mut highest, change) + keep(&mut lowest, -change)) / lasts
    }))
}

/// a of the rate a‖G‖²/(4 + ‖G‖²) that the whole run shows.
fn numerator(run: &Run, horizon: f64) -> f64 {
    fallen(run, horizon, |g| g / (4.0 + g)).last().map_or(f64::NAN, |(gained, integral)| -gained / integral)
}

/// log(λ₁(τ)/λ₁(0)) and ∫rate dτ at the readings of a run, the integral by the trapezoid rule over them.
fn fallen(run: &Run, horizon: f64, rate: Rate) -> Vec<(f64, f64)> {
    let mut integral = 0.0;
    let mut before: Option<(f64, f64)> = None;
    let mut first = f64::NAN;
    let at = |swing: &Swing| {
        let (tau, reading) = (swing.step as f64 * run.intrinsic_lr, &swing.reading);
        let now = rate(reading.log_gradient_square);
        match before {
            None => first = reading.sharpness,
            Some((earlier, was)) => integral += 0.5 * (tau - earlier) * (now + was),
        }
        before = Some((tau, now));
        ((reading.sharpness / first).ln(), integral)
    };
    run.swings_within(horizon).map(at).collect()
}
