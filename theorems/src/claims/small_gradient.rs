//! Before it leaves the stable regime, gradient descent with weight decay meets a small gradient.

use std::f64::consts::PI;

use crate::assumption::OF_STABLE;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Exit, MARGINS, Scope, SmoothLosses, StableDescents, StableRecord, of_stable};
use crate::sensitivity::noticed;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "small_gradient",
    title: "Small gradient on the way",
    strength: Strength::Bound,
    statement: "Before η̃ passes (2-ε)/ρ, min ‖∇L(θ)‖² ≤ (2ρΔL/ε)((1-ηλ)⁻² - 1)/(2 - ε - ρη̃₀), ΔL the fall of the loss, at most ρπ²/2 \
                where ρ holds on all of S",
    latex: r"\min_{t<t_{\rm exit}}\|\nabla L(\theta_t)\|^2\le\frac{2\rho\,\Delta L}{\varepsilon}\cdot\frac{(1-\eta\lambda)^{-2}-1}{2-\varepsilon-\rho\tilde\eta_0}",
    hypotheses: OF_STABLE,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<SmoothLosses>(judge), &On::<StableDescents>(judge)],
};

fn judge((records, scope): (&[StableRecord], Scope)) -> Judged {
    // (1−ηλ)^−decay − 1 is how much η̃ can grow in a step.
    let within = |what: &'static str, factor: f64, decay: i32, fall: fn(&Exit) -> f64| {
        let ratios = MARGINS.iter().flat_map(|&margin| {
            records.iter().flat_map(move |record| {
                record.exits(scope, margin).map(move |(intrinsic_lr, exit)| {
                    let growth = (1.0 - intrinsic_lr).powi(-decay) - 1.0;
                    let rho = exit.sharpness;
                    let room = 2.0 - margin - rho * exit.first_effective_lr;
                    exit.least_gradient_square / (factor * rho * fall(&exit) / margin * growth / room)
                })
            })
        });
        Statement { what: what.into(), check: Check::bound(ratios) }
    };
    let fall: fn(&Exit) -> f64 = |exit| exit.fall;
    let mut statements = vec![within("ΔL the fall of the loss", 2.0, 2, fall)];
    if scope == Scope::Sphere {
        statements.push(within("ΔL = ρπ²/2", 2.0, 2, |exit| 0.5 * PI * PI * exit.sharpness));
    }
    Ok(Measurement {
        instance: scope.of(records),
        hypotheses: of_stable(records, scope),
        statements,
        twins: vec![
            within("1.8 in place of 2", 1.8, 2, fall),
            within("1 in place of 2", 1.0, 2, fall),
            within("(1-ηλ)⁻¹ in place of (1-ηλ)⁻²", 2.0, 1, fall),
        ],
        constants: vec![],
        sensitivity: vec![noticed("2 of 2ρΔL/ε", 2.0, |two| within("", two, 2, fall).check)],
    })
}
