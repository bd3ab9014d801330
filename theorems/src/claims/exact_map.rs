//! The leading coefficients of two steps at the edge of stability, on any network.

use sharpflow::exact::Theme;

use crate::assumption::OF_LAWS;
use crate::evidence::Strength;
use crate::experiment::{Judged, On};
use crate::experiments::{Laws, LawsRecord, of_laws};
use crate::theorem::{Concerns, PAPER, Theorem};

fn judge(record: &LawsRecord) -> Judged {
    of_laws(record, Theme::Map)
}

pub(crate) static THEOREM: Theorem = Theorem {
    id: "exact_map",
    title: "Two steps at the edge, exactly",
    strength: Strength::Exact,
    statement: "In the limit ηλ → 0 two steps of gradient descent with weight decay at the edge, from a displacement h along v₁ and an offset δ of the order √(ηλ), \
                change the nearest point of Γ by -2h²G, δ by 8ηλ - 4Kh² with K = 4+‖G‖², h by 2hδ, log λ₁ by -2‖G‖²h², and the energy \
                ½δ² - 4ηλ log|h| + Kh² not at all: as coefficients of power series, exactly",
    latex: r"p_2-p_0=-2h^2G,\quad\delta_2-\delta_0=8\eta\lambda-4(4+\|G\|^2)h^2,\quad h_2-h_0=2h\delta",
    hypotheses: OF_LAWS,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Laws>(judge)],
};
