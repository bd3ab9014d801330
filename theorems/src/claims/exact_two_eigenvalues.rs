//! The coefficients of two steps where two eigenvalues stand at the edge.

use sharpflow::exact::Theme;

use crate::assumption::OF_LAWS;
use crate::evidence::Strength;
use crate::experiment::{Judged, On};
use crate::experiments::{Laws, LawsRecord, of_laws};
use crate::theorem::{BEYOND_EXACTLY, Concerns, Theorem};

fn judge(record: &LawsRecord) -> Judged {
    of_laws(record, Theme::TwoEigenvalues)
}

pub(crate) static THEOREM: Theorem = Theorem {
    id: "exact_two_eigenvalues",
    title: "Two eigenvalues at the edge, exactly",
    strength: Strength::Exact,
    statement: "Where λ₁ = λ₂ stands at the edge, with h in the plane of both eigenvectors and D = η̃∇²L - 2 on it, two steps change the nearest point of Γ by \
                -(2/λ₁)P_Γ∇³L[hhᵀ], h by 2Dh, and D by 8ηλ - 16|h|² - (4/λ₁²)𝒦(hhᵀ), ⟨𝒦(A), B⟩ = ⟨P_Γ∇³L[A], P_Γ∇³L[B]⟩: exactly, as coefficients",
    latex: r"D_2-D_0=8\eta\lambda-16|h|^2-\tfrac{4}{\lambda_1^2}\mathcal K(hh^\top)",
    hypotheses: OF_LAWS,
    source: BEYOND_EXACTLY,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Laws>(judge)],
};
