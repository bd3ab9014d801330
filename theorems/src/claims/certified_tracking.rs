//! Gradient descent in real numbers stays beside the flow at every step, rounding included.

use sharpflow::arithmetic::{Base, Enclosure};
use sharpflow::certificate::Certificate;

use crate::assumption::OF_ORBITS;
use crate::evidence::{Measurement, Strength};
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
    let ratio =
        |of: fn(Enclosure) -> f64| move |found: &Certificate| orbit.over_root(|_| found.distance).map_or(f64::NAN, of);
    let farther = |k: usize| move |found: &Certificate| Enclosure::from_f64(found.from_others[k]);
    Ok(Measurement {
        instance: orbit.name.clone(),
        hypotheses: of_orbit(orbit),
        statements: vec![orbit.within_root("sup ‖θ_t − ζ(t·ηλ)‖ over √(ηλ), from above", |found| found.distance)],
        twins: orbit.others.iter().enumerate().map(|(k, &(what, _))| orbit.twin(what, farther(k))).collect(),
        constants: orbit.constants(&[
            ("sup ‖θ_t − ζ(t·ηλ)‖/√(ηλ), at least", &ratio(|ratio| ratio.lower)),
            ("sup ‖θ_t − ζ(t·ηλ)‖/√(ηλ), at most", &ratio(|ratio| ratio.upper)),
        ]),
        sensitivity: vec![],
    })
}
