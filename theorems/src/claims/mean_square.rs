//! The mean square of the oscillation along v₁.

use sharpflow::measure::Reading;

use crate::assumption::AT_THE_EDGE;
use crate::checks::swing_constant;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{ENERGIES, ShortRun, SwingRecord, Swings, of_swings};
use crate::instance::Instance;
use crate::sensitivity::noticed;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "mean_square",
    title: "Mean square of the oscillation",
    strength: Strength::Limit,
    statement: "At the edge of stability, averaged over a whole oscillation of δ, ⟨K h²⟩ = 2ηλ with K = 4 + ‖∇_Γ log λ₁‖²",
    latex: r"\langle K h^2\rangle=2\eta\lambda,\qquad K=4+\|\nabla_\Gamma\log\lambda_1\|^2",
    hypotheses: AT_THE_EDGE,
    source: PAPER,
    concerns: Concerns::Every,
    judged_on: &[&On::<Swings>(judge)],
};

/// The error of the trapezoid rule over 32 readings of a smooth period whose ends lie within cells, for swings up to the large ones.
pub(crate) const QUADRATURE: f64 = 1e-4;

/// ⟨(b + c‖G‖²)h²⟩ = aηλ.
#[derive(Clone, Copy)]
struct Law {
    a: f64,
    b: f64,
    c: f64,
}

const LAW: Law = Law { a: 2.0, b: 4.0, c: 1.0 };

/// The nearest twin has 2.2 for 2.
const APART: f64 = 0.2;

fn judge((instance, record): (&Instance, &SwingRecord)) -> Judged {
    let [small, large] = ENERGIES;
    let within = |what: &'static str, energy: f64, law: Law| Statement {
        what: what.into(),
        check: Check::bound(record.of_energy(energy).map(|run| deviation(run, law))),
    };
    let constant = |what: &'static str, energy: f64| {
        swing_constant(what, (LAW.a, APART), (record, energy), LAW.a * QUADRATURE, |run| ratio(run, LAW))
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_swings(instance, record),
        statements: vec![
            within("⟨K h²⟩ against 2ηλ, small swings", small, LAW),
            within("⟨K h²⟩ against 2ηλ, large swings", large, LAW),
        ],
        twins: vec![
            within("ηλ", small, Law { a: 1.0, ..LAW }),
            within("4ηλ", small, Law { a: 4.0, ..LAW }),
            within("2.2ηλ", small, Law { a: 2.2, ..LAW }),
            within("K = 2 + ‖G‖²", small, Law { b: 2.0, ..LAW }),
            within("K = 8 + ‖G‖²", small, Law { b: 8.0, ..LAW }),
            within("K = 4 + 2‖G‖²", small, Law { c: 2.0, ..LAW }),
            within("K = 4", small, Law { c: 0.0, ..LAW }),
            within("ηλ, large swings", large, Law { a: 1.0, ..LAW }),
        ],
        constants: vec![constant("⟨K h²⟩/(ηλ), small swings", small), constant("⟨K h²⟩/(ηλ), large swings", large)],
        sensitivity: vec![
            noticed("4 of K", 4.0, |b| within("", small, Law { b, ..LAW }).check),
            noticed("1 of ‖G‖² in K", 1.0, |c| within("", small, Law { c, ..LAW }).check),
        ],
    })
}

/// |⟨(b + c‖G‖²)h²⟩/(aηλ) − 1| over its bound: twice the largest |δ| of the swing, and the quadrature's error.
fn deviation(run: &ShortRun, law: Law) -> f64 {
    let bound = 2.0 * (8.0 * run.intrinsic_lr * run.energy).sqrt() + QUADRATURE;
    (ratio(run, law) / law.a - 1.0).abs() / bound
}

fn ratio(run: &ShortRun, law: Law) -> f64 {
    let square = |reading: &Reading| (law.b + law.c * (reading.log_gradient_square)) * reading.displacement.powi(2);
    run.mean(square) / run.intrinsic_lr
}
