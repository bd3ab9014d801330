//! The mean square of the oscillation along v₁.

use sharpflow::measure::Reading;

use crate::assumption::AT_THE_EDGE;
use crate::checks::swing_constant;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{ENERGIES, ShortRun, SwingRecord, Swings, of_swings};
use crate::instance::Instance;
use crate::sensitivity::{noticed, tells};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "mean_square",
    title: "Mean square of the oscillation",
    strength: Strength::Limit,
    statement: "At the edge of stability, averaged over a whole oscillation of δ, ⟨K h²⟩ = 2ηλ with K = 4 + ‖∇_Γ log λ₁‖²",
    latex: r"\langle K h^2\rangle=2\eta\lambda,\qquad K=4+\|\nabla_\Gamma\log\lambda_1\|^2",
    hypotheses: AT_THE_EDGE,
    source: PAPER,
    coefficients: Some("exact_map"),
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

const SMALL: f64 = ENERGIES[0];
const LARGE: f64 = ENERGIES[1];

const TWINS: [(&str, f64, Law); 8] = [
    ("ηλ", SMALL, Law { a: 1.0, ..LAW }),
    ("4ηλ", SMALL, Law { a: 4.0, ..LAW }),
    ("2.2ηλ", SMALL, Law { a: 2.2, ..LAW }),
    ("K = 2 + ‖G‖²", SMALL, Law { b: 2.0, ..LAW }),
    ("K = 8 + ‖G‖²", SMALL, Law { b: 8.0, ..LAW }),
    ("K = 4 + 2‖G‖²", SMALL, Law { c: 2.0, ..LAW }),
    ("K = 4", SMALL, Law { c: 0.0, ..LAW }),
    ("ηλ, large swings", LARGE, Law { a: 1.0, ..LAW }),
];

fn judge((instance, record): (&Instance, &SwingRecord)) -> Judged {
    let (small, large) = (SMALL, LARGE);
    let within = |what: &'static str, energy: f64, law: Law| Statement {
        what: what.into(),
        check: Check::bound(record.of_energy(energy).map(|run| deviation(run, law))),
    };
    let constant = |what: &'static str, energy: f64| {
        swing_constant(what, (LAW.a, APART), (record, energy), LAW.a * QUADRATURE, |run| ratio(run, LAW))
    };
    // A twin is tried if its constants change the ratio, for K h² = 2ηλ, by at least twice the bound of the finest rung.
    let square = instance.geometry.log_gradient_square();
    let finest = record.of_energy(small).map(|run| run.intrinsic_lr).fold(f64::INFINITY, f64::min);
    let is_told = |energy: f64, law: Law| {
        let off = (law.b + law.c * square) / (LAW.b + LAW.c * square) * LAW.a / law.a - 1.0;
        tells(off.abs(), 2.0 * bound(finest, energy))
    };
    let told = TWINS.into_iter().filter(|&(_, energy, law)| is_told(energy, law));
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_swings(instance, record),
        statements: vec![
            within("⟨K h²⟩ against 2ηλ, small swings", small, LAW),
            within("⟨K h²⟩ against 2ηλ, large swings", large, LAW),
        ],
        twins: told.map(|(what, energy, law)| within(what, energy, law)).collect(),
        constants: vec![constant("⟨K h²⟩/(ηλ), small swings", small), constant("⟨K h²⟩/(ηλ), large swings", large)],
        sensitivity: vec![
            noticed("4 of K", 4.0, |b| within("", small, Law { b, ..LAW }).check),
            noticed("1 of ‖G‖² in K", 1.0, |c| within("", small, Law { c, ..LAW }).check),
        ],
    })
}

/// |⟨(b + c‖G‖²)h²⟩/(aηλ) − 1| over its bound: twice the largest |δ| of the swing, and the quadrature's error.
fn deviation(run: &ShortRun, law: Law) -> f64 {
    (ratio(run, law) / law.a - 1.0).abs() / bound(run.intrinsic_lr, run.energy)
}

fn bound(intrinsic_lr: f64, energy: f64) -> f64 {
    2.0 * (8.0 * intrinsic_lr * energy).sqrt() + QUADRATURE
}

fn ratio(run: &ShortRun, law: Law) -> f64 {
    let square = |reading: &Reading| (law.b + law.c * (reading.log_gradient_square)) * reading.displacement.powi(2);
    run.mean(square) / run.intrinsic_lr
}
