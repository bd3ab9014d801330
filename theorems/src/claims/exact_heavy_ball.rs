//! The coefficients of two steps under momentum, and its κ.

use sharpflow::exact::Theme;

use crate::assumption::OF_LAWS;
use crate::evidence::Strength;
use crate::experiment::{Judged, On};
use crate::experiments::{Laws, LawsRecord, of_laws};
use crate::theorem::{BEYOND_EXACTLY, Concerns, Theorem};

fn judge(record: &LawsRecord) -> Judged {
    of_laws(record, Theme::HeavyBall)
}

pub(crate) static THEOREM: Theorem = Theorem {
    id: "exact_heavy_ball",
    title: "Heavy-ball momentum at the edge, exactly",
    strength: Strength::Exact,
    statement: "With momentum μ, one step lasting ηλ/(1-μ) and memory in phase, two steps change p, δ, h and log λ₁ (1+μ)/(1-μ) times as much by h², and the determinant has \
                32μ/(1-μ)² more in κ: exactly, as coefficients, for any μ",
    latex: r"p_2-p_0=-2\tfrac{1+\mu}{1-\mu}h^2G,\quad\kappa_\mu=\kappa+\frac{32\mu}{(1-\mu)^2}",
    hypotheses: OF_LAWS,
    source: BEYOND_EXACTLY,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Laws>(judge)],
};
