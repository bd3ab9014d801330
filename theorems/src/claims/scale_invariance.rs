//! The consequences of scale invariance for every derivative.

use sharpflow::identities::Identity;

use crate::assumption::OF_IDENTITIES;
use crate::evidence::Strength;
use crate::experiment::{Judged, On};
use crate::experiments::{Identities, IdentityRecord, of_identities};
use crate::theorem::{Concerns, PAPER, Theorem};

fn judge(record: &IdentityRecord) -> Judged {
    Ok(of_identities(
        record,
        &[
            Identity::RadialGradient,
            Identity::GradientDegree,
            Identity::HessianDegree,
            Identity::RadialHessian,
            Identity::RadialThirdDerivative,
        ],
    ))
}

pub(crate) static THEOREM: Theorem = Theorem {
    id: "scale_invariance",
    title: "Calculus of scale invariance",
    strength: Strength::Exact,
    statement: "If L(cw) = L(w) for every c > 0, then ⟨∇L(w), w⟩ = 0, ∇L(cw) = c⁻¹∇L(w), ∇²L(cw) = c⁻²∇²L(w), \
                ∇²L(w)w = -∇L(w) and ∇³L(w)[w] = -2∇²L(w)",
    latex: r"\langle\nabla L(w),w\rangle=0,\quad\nabla^kL(cw)=c^{-k}\nabla^kL(w),\quad\nabla^2L(w)w=-\nabla L(w),\quad\nabla^3L(w)[w]=-2\nabla^2L(w)",
    hypotheses: OF_IDENTITIES,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Identities>(judge)],
};
