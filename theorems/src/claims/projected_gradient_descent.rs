//! Gradient descent with weight decay is projected gradient descent on the sphere.

use sharpflow::identities::Identity;

use crate::assumption::OF_IDENTITIES;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Draw, Identities, IdentityRecord, RandomSteps, of_identities, of_steps};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "projected_gradient_descent",
    title: "GD with weight decay is projected GD",
    strength: Strength::Exact,
    statement: "For a scale-invariant loss, w' = (1-ηλ)w - η∇L(w) moves the direction θ = w/‖w‖ as \
                θ' = Π(θ - η̃∇L(θ)) with η̃ = η/((1-ηλ)‖w‖²), for every η > 0 and 0 ≤ ηλ < 1",
    latex: r"\theta_{t+1}=\Pi\bigl(\theta_t-\tilde\eta_t\nabla L(\theta_t)\bigr),\quad \tilde\eta_t=\frac{\eta}{(1-\eta\lambda)\|w_t\|^2}",
    hypotheses: OF_IDENTITIES,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Identities>(judge_identities), &On::<RandomSteps>(judge)],
};

fn judge_identities(record: &IdentityRecord) -> Judged {
    Ok(of_identities(record, &[Identity::ProjectedStep]))
}

fn judge((arithmetic, draws): (&str, &[Draw])) -> Judged {
    let with_power = |what: &'static str, power| Statement {
        what: what.into(),
        check: Check::bound(draws.iter().map(|draw| draw.direction_ratio(power))),
    };
    Ok(Measurement {
        instance: format!("random steps in {arithmetic}"),
        hypotheses: vec![of_steps(draws)],
        statements: vec![with_power("direction after a step", -1)],
        twins: vec![
            with_power("η̃ = η/‖w‖²", 0),
            with_power("η̃ = η/((1-ηλ)²‖w‖²)", -2),
            with_power("η̃ = η(1-ηλ)/‖w‖²", 1),
        ],
        constants: vec![],
        sensitivity: vec![],
    })
}
