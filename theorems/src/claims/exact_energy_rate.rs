//! κ as a determinant of two steps.

use sharpflow::exact::Theme;

use crate::assumption::OF_LAWS;
use crate::evidence::Strength;
use crate::experiment::{Judged, On};
use crate::experiments::{Laws, LawsRecord, of_laws};
use crate::theorem::{BEYOND_EXACTLY, Concerns, Theorem};

fn judge(record: &LawsRecord) -> Judged {
    of_laws(record, Theme::EnergyRate)
}

pub(crate) static THEOREM: Theorem = Theorem {
    id: "exact_energy_rate",
    title: "Growth of the oscillation at the edge, exactly",
    strength: Strength::Exact,
    statement: "At the equilibrium of the oscillation at the edge, the determinant of two steps in log|h| + ½log K and δ is 1 + 2κ ηλ, with \
                κ = (16 + 6‖G‖² + 4q)/K - 2⟨G, ∇‖G‖²⟩/K² and K = 4+‖G‖²: exactly, as a coefficient",
    latex: r"\det\frac{\partial(x_2,\delta_2)}{\partial(x_0,\delta_0)}=1+2\kappa\,\eta\lambda,\quad\kappa=\frac{16+6\|G\|^2+4q}{K}-\frac{2\langle G,\nabla\|G\|^2\rangle}{K^2}",
    hypotheses: OF_LAWS,
    source: BEYOND_EXACTLY,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Laws>(judge)],
};
