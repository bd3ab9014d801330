//! The recursion of the effective learning rate, and of the norm behind it.

use sharpflow::identities::Identity;

use crate::assumption::OF_IDENTITIES;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Draw, Identities, IdentityRecord, RandomSteps, Recursion, of_identities, of_steps};
use crate::sensitivity::noticed;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "effective_learning_rate",
    title: "Recursion of the effective learning rate",
    strength: Strength::Exact,
    statement: "For a scale-invariant loss, ‖w'‖² = (1-ηλ)²‖w‖² + η²‖∇L(w)‖², and η̃ = η/((1-ηλ)‖w‖²) obeys \
                η̃' = η̃ (1-ηλ)⁻² (1 + η̃²‖∇L(θ)‖²)⁻¹",
    latex: r"\tilde\eta_{t+1}=\tilde\eta_t(1-\eta\lambda)^{-2}\bigl(1+\tilde\eta_t^2\|\nabla L(\theta_t)\|^2\bigr)^{-1}",
    hypotheses: OF_IDENTITIES,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Identities>(judge_identities), &On::<RandomSteps>(judge)],
};

fn judge_identities(record: &IdentityRecord) -> Judged {
    Ok(of_identities(record, &[Identity::NormRecursion, Identity::EffectiveLearningRateRecursion]))
}

const RECURSION: Recursion = Recursion { shrinkage: 2, square: 2, sign: 1.0 };

fn judge((arithmetic, draws): (&str, &[Draw])) -> Judged {
    let bound = |what: &'static str, ratio: &dyn Fn(&Draw) -> f64| Statement {
        what: what.into(),
        check: Check::bound(draws.iter().map(ratio)),
    };
    let recursion = |what: &'static str, recursion| bound(what, &|draw| draw.rate_ratio(recursion));
    Ok(Measurement {
        instance: format!("random steps in {arithmetic}"),
        hypotheses: vec![of_steps(draws)],
        statements: vec![
            recursion("η̃ after a step", RECURSION),
            bound("‖w‖² after a step", &|draw| draw.norm_ratio(2)),
        ],
        twins: vec![
            recursion("(1-ηλ)⁻¹", Recursion { shrinkage: 1, ..RECURSION }),
            recursion("(1-ηλ)⁻⁴", Recursion { shrinkage: 4, ..RECURSION }),
            recursion("(1-ηλ)²", Recursion { shrinkage: -2, ..RECURSION }),
            recursion("η̃‖∇L(θ)‖ not squared", Recursion { square: 1, ..RECURSION }),
            recursion("1 - η̃²‖∇L(θ)‖²", Recursion { sign: -1.0, ..RECURSION }),
            bound("‖w'‖² with (1-ηλ)", &|draw| draw.norm_ratio(1)),
        ],
        constants: vec![],
        sensitivity: vec![noticed("1 of 1 + η̃²‖∇L(θ)‖²", 1.0, |sign| {
            recursion("", Recursion { sign, ..RECURSION }).check
        })],
    })
}
