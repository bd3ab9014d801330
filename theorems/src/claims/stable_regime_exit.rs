//! Gradient descent with weight decay leaves the stable regime, and when.

use std::f64::consts::PI;

use crate::assumption::OF_STABLE;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Exit, MARGINS, Scope, SmoothLosses, StableDescents, StableRecord, of_stable};
use crate::sensitivity::noticed;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "stable_regime_exit",
    title: "Exit from the stable regime",
    strength: Strength::Bound,
    statement: "For 0 < ε < 2, as long as η̃ ≤ (2-ε)/ρ, Σ η̃²‖∇L‖² ≤ S_ε, S_ε = (2-ε)π²/ε for ρ of all of S and 2(2-ε)ΔL/(ερ) for ρ \
                along the path; hence η̃ passes (2-ε)/ρ at a step at most 1 + ⌊[log((2-ε)/(ρη̃₀)) + S_ε]/(2|log(1-ηλ)|)⌋",
    latex: r"t_{\rm exit}\le1+\left\lfloor\frac{\log\frac{2-\varepsilon}{\rho\tilde\eta_0}+S_\varepsilon}{2\,|\log(1-\eta\lambda)|}\right\rfloor",
    hypotheses: OF_STABLE,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<SmoothLosses>(judge), &On::<StableDescents>(judge)],
};

/// log(·) and S_ε enter the time with these factors, over `steps`·|log(1−ηλ)|.
#[derive(Clone, Copy)]
struct Time {
    of_logarithm: f64,
    of_sum: f64,
    steps: f64,
}

const LAW: Time = Time { of_logarithm: 1.0, of_sum: 1.0, steps: 2.0 };

fn along_path(margin: f64, exit: &Exit) -> f64 {
    2.0 * (2.0 - margin) * exit.fall / (margin * exit.sharpness)
}

fn on_sphere(margin: f64, _: &Exit) -> f64 {
    (2.0 - margin) * PI * PI / margin
}

fn judge((records, scope): (&[StableRecord], Scope)) -> Judged {
    let over = |what: &'static str, ratio: &dyn Fn(f64, f64, &Exit) -> f64| {
        let exits = MARGINS.iter().flat_map(|&margin| {
            records.iter().flat_map(move |record| {
                record.exits(scope, margin).map(move |(intrinsic_lr, exit)| (margin, intrinsic_lr, exit))
            })
        });
        Statement { what: what.into(), check: Check::bound(exits.map(|(m, lr, exit)| ratio(m, lr, &exit))) }
    };
    type Sum = fn(f64, &Exit) -> f64;
    let time = |what: &'static str, sum: Sum, law: Time| {
        over(what, &|margin, intrinsic_lr, exit| {
            let start = ((2.0 - margin) / (exit.sharpness * exit.first_effective_lr)).ln();
            let time = (law.of_logarithm * start + law.of_sum * sum(margin, exit))
                / (law.steps * (-intrinsic_lr).ln_1p().abs());
            exit.step as f64 / (1.0 + time.floor())
        })
    };
    let sum = |what: &'static str, sum: Sum, factor: f64| {
        over(what, &|margin, _, exit| exit.squares / (factor * sum(margin, exit)))
    };
    // A time without S_ε can be refuted only if the sum Σ η̃²‖∇L‖² of some run delays its exit by at least two steps.
    let delays = |margin: f64| {
        let mut exits = records.iter().flat_map(move |record| record.exits(scope, margin));
        exits.any(|(intrinsic_lr, exit)| exit.squares >= 4.0 * (-intrinsic_lr).ln_1p().abs())
    };
    let is_delayed = MARGINS.into_iter().any(delays);
    let mut statements = vec![
        sum("Σ η̃²‖∇L‖² ≤ 2(2-ε)ΔL/(ερ)", along_path, 1.0),
        time("exit in time, S_ε = 2(2-ε)ΔL/(ερ)", along_path, LAW),
    ];
    if scope == Scope::Sphere {
        statements.push(sum("Σ η̃²‖∇L‖² ≤ (2-ε)π²/ε", on_sphere, 1.0));
        statements.push(time("exit in time, S_ε = (2-ε)π²/ε", on_sphere, LAW));
    }
    Ok(Measurement {
        instance: scope.of(records),
        hypotheses: of_stable(records, scope),
        statements,
        twins: [
            sum("0.9 S_ε", along_path, 0.9),
            sum("S_ε/2", along_path, 0.5),
            time("4|log(1-ηλ)|", along_path, Time { steps: 4.0, ..LAW }),
            time("2.1|log(1-ηλ)|", along_path, Time { steps: 2.1, ..LAW }),
            time("half the logarithm", along_path, Time { of_logarithm: 0.5, ..LAW }),
        ]
        .into_iter()
        .chain(is_delayed.then(|| time("S_ε left out of the time", along_path, Time { of_sum: 0.0, ..LAW })))
        .collect(),
        constants: vec![],
        sensitivity: vec![
            noticed("1 of S_ε", 1.0, |one| sum("", along_path, one).check),
            noticed("2 of 2|log(1-ηλ)|", 2.0, |steps| time("", along_path, Time { steps, ..LAW }).check),
            noticed("1 of the logarithm", 1.0, |of_logarithm| time("", along_path, Time { of_logarithm, ..LAW }).check),
        ],
    })
}
