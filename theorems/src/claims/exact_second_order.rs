//! The coefficients of two steps at the edge of stability to second order.

use sharpflow::exact::Theme;

use crate::assumption::OF_LAWS;
use crate::evidence::Strength;
use crate::experiment::{Judged, On};
use crate::experiments::{Laws, LawsRecord, of_laws};
use crate::theorem::{BEYOND_EXACTLY, Concerns, Theorem};

fn judge(record: &LawsRecord) -> Judged {
    of_laws(record, Theme::SecondOrder)
}

pub(crate) static THEOREM: Theorem = Theorem {
    id: "exact_second_order",
    title: "Two steps to second order, exactly",
    strength: Strength::Exact,
    statement: "In the amplitude φ = h + ½αh², α = ⟨∇³L[v₁, v₁], v₁⟩/λ₁, where the other normal coordinates follow h, two steps of gradient descent with weight decay at the \
                edge change log φ by 2δ + 4ηλ - 2Kφ² - δ² + 2qφ², δ by 8ηλ - 4Kφ² + δ(4ηλ - (40 + 8‖G‖²)φ²), and the nearest point of Γ \
                by -(2 + 3δ)φ²G: exactly, to this order",
    latex: r"\log\tfrac{\varphi_2}{\varphi_0}=2\delta+4\eta\lambda-2K\varphi^2-\delta^2+2q\varphi^2,\quad p_2-p_0=-(2+3\delta)\varphi^2G",
    hypotheses: OF_LAWS,
    source: BEYOND_EXACTLY,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Laws>(judge)],
};
