//! How far a loss can rise over the whole sphere.

use std::f64::consts::PI;

use sharpflow::enclosure::SphereBounds;

use crate::assumption::OF_STABLE;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Scope, SmoothLosses, StableRecord, of_stable};
use crate::sensitivity::noticed;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "loss_range",
    title: "Range of the loss",
    strength: Strength::Bound,
    statement: "On a loss smooth on all of the sphere S, max L - min L ≤ ρπ²/2, ρ the largest spherical sharpness",
    latex: r"\max_S L-\min_S L\le\tfrac{\pi^2}{2}\,\rho,\qquad\rho=\max_S\lambda_1",
    hypotheses: OF_STABLE,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<SmoothLosses>(judge)],
};

fn judge((records, scope): (&[StableRecord], Scope)) -> Judged {
    let bounds = || records.iter().filter_map(|record| record.bounds.as_ref());
    let (highest, lowest) = (
        |r: &SphereBounds| r.largest_loss.upper + r.least_loss.upper,
        |r: &SphereBounds| r.largest_loss.lower + r.least_loss.lower,
    );
    // A statement must hold for the largest possible range and the least ρ. A twin must fail for the least range and the largest ρ.
    let proved = |what: &'static str, constant: f64| {
        let ratio = bounds().map(|r| highest(r) / (constant * r.tangential_sharpness.lower));
        Statement { what: what.into(), check: Check::bound(ratio) }
    };
    let twin = |what: &'static str, constant: f64| {
        let ratio = bounds().map(|r| lowest(r) / (constant * r.tangential_sharpness.upper));
        Statement { what: what.into(), check: Check::bound(ratio) }
    };
    let spherical = bounds().map(|r| highest(r) / (0.5 * PI * PI * r.sharpness.lower));
    Ok(Measurement {
        instance: "losses smooth on all of S".into(),
        hypotheses: of_stable(records, scope),
        statements: vec![
            proved("ρ of the Hessian on the sphere", 0.5 * PI * PI),
            Statement { what: "ρ of ∇²L".into(), check: Check::bound(spherical) },
        ],
        twins: vec![twin("ρπ²/4", 0.25 * PI * PI), twin("ρπ", PI), twin("4ρ", 4.0)],
        constants: vec![],
        sensitivity: vec![noticed("½ of ½ρπ²", 0.5, |half| proved("", half * PI * PI).check)],
    })
}
