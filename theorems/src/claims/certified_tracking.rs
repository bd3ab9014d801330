//! Gradient descent in real numbers stays beside the flow at every step, rounding included.

use sharpflow::arithmetic::{Base, Enclosure, Scalar};
use sharpflow::certificate::Certificate;

use crate::assumption::OF_ORBITS;
use crate::evidence::{Check, Constant, Measurement, Statement, Strength, Values};
use crate::experiment::{Judged, On};
use crate::experiments::{CertifiedOrbit, CertifiedOrbits, of_orbit};
use crate::theorem::{BEYOND_ENCLOSED, Concerns, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "certified_tracking",
    title: "Enclosed orbits stay beside the flow",
    strength: Strength::Enclosed,
    statement: "On each loss, start and ηλ that the evidence names, gradient descent in real numbers obeys ‖θ_t - ζ(t·ηλ)‖ ≤ √(ηλ) at every \
                step, and a flow with another constant does not",
    latex: r"\sup_{t\le T/\eta\lambda}\|\theta_t-\zeta(t\,\eta\lambda)\|\le\sqrt{\eta\lambda}",
    hypotheses: OF_ORBITS,
    source: BEYOND_ENCLOSED,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<CertifiedOrbits>(judge)],
};

fn judge(orbit: &CertifiedOrbit) -> Judged {
    let root = Enclosure::from_f64(orbit.intrinsic_lr).sqrt();
    let certificate = orbit.certificate.as_ref();
    // A statement must hold for the largest distance within its bounds, and a twin must fail for the least.
    let check = |ratio: &dyn Fn(&Certificate) -> f64| match certificate {
        Ok(certificate) => Check::bound([ratio(certificate)]),
        Err(error) => Check::Missing { reason: error.to_string() },
    };
    let largest = match certificate.map(|certificate| certificate.distance / root) {
        Ok(Enclosure { lower, upper }) if lower <= 1.0 && upper > 1.0 => {
            let reason = format!("the bounds of sup ‖θ_t − ζ(t·ηλ)‖/√(ηλ), {lower:.4} and {upper:.4}, hold 1");
            Check::Missing { reason }
        }
        _ => check(&|certificate| (certificate.distance / root).upper),
    };
    let least = |k: usize| check(&|certificate| (Enclosure::from_f64(certificate.from_others[k]) / root).lower);
    let plain = |what: &'static str, value: f64| Constant { what: what.into(), values: Values::Computed { value } };
    let read = |of: &dyn Fn(&Certificate) -> f64| certificate.map_or(f64::NAN, of);
    Ok(Measurement {
        instance: orbit.name.clone(),
        hypotheses: of_orbit(orbit),
        statements: vec![Statement {
            what: "sup ‖θ_t − ζ(t·ηλ)‖ over √(ηλ), from above".into(), check: largest
        }],
        twins: (orbit.others.iter().enumerate())
            .map(|(k, &(what, _))| Statement { what: what.into(), check: least(k) })
            .collect(),
        constants: vec![
            plain("sup ‖θ_t − ζ(t·ηλ)‖/√(ηλ), at least", read(&|found| (found.distance / root).lower)),
            plain("sup ‖θ_t − ζ(t·ηλ)‖/√(ηλ), at most", read(&|found| (found.distance / root).upper)),
            plain("radius of the enclosed orbit over ‖w‖", read(&|found| found.radius)),
            plain("steps", orbit.steps as f64),
        ],
        sensitivity: vec![],
    })
}
