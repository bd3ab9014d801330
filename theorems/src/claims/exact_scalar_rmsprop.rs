//! The coefficients of two steps of scalar RMSprop, and its κ.

use sharpflow::exact::Theme;

use crate::assumption::OF_LAWS;
use crate::evidence::Strength;
use crate::experiment::{Judged, On};
use crate::experiments::{Laws, LawsRecord, of_laws};
use crate::theorem::{BEYOND_EXACTLY, Concerns, Theorem};

fn judge(record: &LawsRecord) -> Judged {
    of_laws(record, Theme::ScalarRmsprop)
}

pub(crate) static THEOREM: Theorem = Theorem {
    id: "exact_scalar_rmsprop",
    title: "Scalar RMSprop at the edge, exactly",
    strength: Strength::Exact,
    statement: "For scalar RMSprop with any C_b, on the sphere and without it, two steps that last C_bη²/4 each change p, δ, h, log λ₁ and the energy as those of gradient descent, \
                with K = 2C_b+‖G‖², and their determinant has κ = (8C_b + 6‖G‖² + 4q)/K - 2⟨G, ∇‖G‖²⟩/K²: exactly, as coefficients",
    latex: r"K=2C_b+\|G\|^2,\quad\kappa=\frac{8C_b+6\|G\|^2+4q}{K}-\frac{2\langle G,\nabla\|G\|^2\rangle}{K^2}",
    hypotheses: OF_LAWS,
    source: BEYOND_EXACTLY,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Laws>(judge)],
};
