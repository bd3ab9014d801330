//! How much a step of projected gradient descent lowers the loss.

use crate::assumption::OF_STABLE;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Scope, SmoothLosses, StableDescents, StableRecord, StableStep, of_stable};
use crate::sensitivity::noticed;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "descent_lemma",
    title: "Descent lemma",
    strength: Strength::Bound,
    statement: "L(Π(θ - η̃∇L(θ))) ≤ L(θ) - η̃(1 - η̃ρ/2)‖∇L(θ)‖², ρ the largest sharpness on S or on the segment that the step \
                goes over",
    latex: r"L(\theta_{t+1})\le L(\theta_t)-\tilde\eta_t\Bigl(1-\frac{\tilde\eta_t\rho}{2}\Bigr)\|\nabla L(\theta_t)\|^2",
    hypotheses: OF_STABLE,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<SmoothLosses>(judge), &On::<StableDescents>(judge)],
};

/// The rounding of a loss in double-double, in units of ρ: four thousand roundings of terms that are no larger.
const ROUNDING: f64 = 4096.0 / (1u128 << 102) as f64;

fn judge((records, scope): (&[StableRecord], Scope)) -> Judged {
    // The linear decrease of a step minus its real decrease, over the largest difference that the curvature allows.
    let within = |what: &'static str, taken: &dyn Fn(&StableStep, f64) -> f64| {
        let ratios = records.iter().flat_map(|record| {
            record.all_steps().map(move |step| {
                let rho = record.sharpness(scope, step);
                step.lacks / (taken(step, rho) + ROUNDING * rho)
            })
        });
        Statement { what: what.into(), check: Check::bound(ratios) }
    };
    fn quadratic(step: &StableStep, sharpness: f64) -> f64 {
        step.effective_lr.powi(2) * sharpness * step.gradient_square
    }
    Ok(Measurement {
        instance: scope.of(records),
        hypotheses: of_stable(records, scope),
        statements: vec![within("1 - η̃ρ/2", &|step, rho| 0.5 * quadratic(step, rho))],
        twins: vec![
            within("1 - 0.45η̃ρ", &|step, rho| 0.45 * quadratic(step, rho)),
            within("1 - η̃ρ/4", &|step, rho| 0.25 * quadratic(step, rho)),
            within("1/2 in place of 1 - η̃ρ/2", &|step, _| 0.5 * step.effective_lr * step.gradient_square),
        ],
        constants: vec![],
        sensitivity: vec![noticed("½ of 1 - ½η̃ρ", 0.5, |half| {
            within("", &move |step, rho| half * quadratic(step, rho)).check
        })],
    })
}
