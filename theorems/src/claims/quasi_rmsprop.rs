//! Gradient descent with weight decay is a quasi-RMSprop schedule.

use sharpflow::identities::Identity;

use crate::assumption::OF_IDENTITIES;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Draw, Identities, IdentityRecord, RandomSteps, Remainder, of_identities, of_steps};
use crate::sensitivity::noticed;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "quasi_rmsprop",
    title: "Quasi-RMSprop",
    strength: Strength::Exact,
    statement: "With η_in² = 2ηλ, ṽ = η_in²/η̃² and β = (1-ηλ)⁴, GD with weight decay makes \
                ṽ' = β(ṽ + 2η_in²‖∇L(θ)‖² + η_in⁴‖∇L(θ)‖⁴/ṽ): the step size η̃ = η_in/√ṽ of scalar RMSprop, \
                v' = βv + (1-β)‖∇L(θ)‖², up to (1-β)²(s + s²/4) relative to ṽ, s = ‖∇L(θ)‖²/ṽ",
    latex: r"\tilde v_{t+1}=\beta\bigl(\tilde v_t+2\eta_{in}^2\|\nabla L\|^2+\eta_{in}^4\|\nabla L\|^4/\tilde v_t\bigr),\quad\beta=(1-\eta\lambda)^4",
    hypotheses: OF_IDENTITIES,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Identities>(judge_identities), &On::<RandomSteps>(judge)],
};

fn judge_identities(record: &IdentityRecord) -> Judged {
    Ok(of_identities(record, &[Identity::QuasiRmsprop]))
}

/// β = (1−ηλ)⁴, η_in² = 2ηλ, and a remainder of (1−β)²(s + s²/4).
const LAW: Remainder = Remainder { decay: 4, square: 2.0, power: 2, of_s: 1.0, of_square: 0.25 };

fn judge((arithmetic, draws): (&str, &[Draw])) -> Judged {
    let within = |what: &'static str, law: Remainder| Statement {
        what: what.into(),
        check: Check::bound(draws.iter().map(|draw| draw.remainder_ratio(law))),
    };
    Ok(Measurement {
        instance: format!("random steps in {arithmetic}"),
        hypotheses: vec![of_steps(draws)],
        statements: vec![within("scalar RMSprop up to (1-β)²(s + s²/4)", LAW)],
        twins: vec![
            within("β = (1-ηλ)²", Remainder { decay: 2, ..LAW }),
            within("β = (1-ηλ)⁶", Remainder { decay: 6, ..LAW }),
            within("η_in² = ηλ", Remainder { square: 1.0, ..LAW }),
            within("η_in² = 4ηλ", Remainder { square: 4.0, ..LAW }),
            within("remainder (1-β)³(s + s²/4)", Remainder { power: 3, ..LAW }),
            within("remainder (1-β)²s/2", Remainder { of_s: 0.5, of_square: 0.0, ..LAW }),
            within("remainder (1-β)²(s + s²/5)", Remainder { of_square: 0.2, ..LAW }),
        ],
        constants: vec![],
        sensitivity: vec![
            noticed("2 of η_in² = 2ηλ", 2.0, |square| within("", Remainder { square, ..LAW }).check),
            noticed("1 of s + s²/4", 1.0, |of_s| within("", Remainder { of_s, ..LAW }).check),
            noticed("¼ of s + s²/4", 0.25, |of_square| within("", Remainder { of_square, ..LAW }).check),
        ],
    })
}
