//! ∇_Γ λ₁ by the third derivative and by the characteristic polynomial.

use sharpflow::exact::Theme;

use crate::assumption::OF_LAWS;
use crate::evidence::Strength;
use crate::experiment::{Judged, On};
use crate::experiments::{Laws, LawsRecord, of_laws};
use crate::theorem::{Concerns, PAPER, Theorem};

fn judge(record: &LawsRecord) -> Judged {
    of_laws(record, Theme::GradientOfSharpness)
}

pub(crate) static THEOREM: Theorem = Theorem {
    id: "exact_gradient_of_sharpness",
    title: "Gradient of the sharpness, by two routes",
    strength: Strength::Exact,
    statement: "At a point of Γ the gradient of λ₁ along Γ is P_Γ ∇³L[v₁, v₁], which is also what differentiating the root λ₁ of the characteristic polynomial of ∇²L \
                along Γ gives: exactly",
    latex: r"\nabla_\Gamma\lambda_1=P_\Gamma\nabla^3L[v_1,v_1]",
    hypotheses: OF_LAWS,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Laws>(judge)],
};
