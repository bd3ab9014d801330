//! η̃λ₁ of gradient descent in real numbers stays at the edge of stability, rounding included.

use sharpflow::arithmetic::{Base, Enclosure};
use sharpflow::certificate::{Certificate, Extremes};

use crate::assumption::OF_ORBITS;
use crate::evidence::{Measurement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{CertifiedOrbit, CertifiedOrbits, of_orbit};
use crate::theorem::{BEYOND_ENCLOSED, Concerns, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "certified_pinning",
    title: "Enclosed orbits stay at the edge of stability",
    strength: Strength::Enclosed,
    statement: "On each loss, start and ηλ that the evidence names, gradient descent in real numbers obeys |η̃_tλ₁(p_t) - 2| ≤ √(ηλ) at every step, \
                p_t the point of Γ nearest to θ_t, and no other edge is obeyed so closely",
    latex: r"|\tilde\eta_t\lambda_1(p_t)-2|\le\sqrt{\eta\lambda}",
    hypotheses: OF_ORBITS,
    source: BEYOND_ENCLOSED,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<CertifiedOrbits>(judge)],
};

const EDGE: f64 = 2.0;

/// Other edges. Those of [`EDGE`] ± 0.05 are told only by the smallest ηλ.
const OTHER_EDGES: [(&str, f64); 6] = [
    ("edge at 1", 1.0),
    ("edge at 4", 4.0),
    ("edge at 1.9", 1.9),
    ("edge at 2.1", 2.1),
    ("edge at 1.95", 1.95),
    ("edge at 2.05", 2.05),
];

fn judge(orbit: &CertifiedOrbit) -> Judged {
    let mut twins: Vec<_> = (OTHER_EDGES.into_iter())
        .filter(|(_, edge)| orbit.tells((edge - EDGE).abs()))
        .map(|(what, edge)| orbit.twin(what, move |found| found.edge.farthest_from(edge)))
        .collect();
    // λ₁ falls along the line, and η̃ with it.
    let falls = orbit.path.last().map_or(0.0, |place| EDGE * (1.0 / place.sharpness - 1.0));
    if orbit.tells(falls) {
        twins.push(orbit.twin("η̃ pinned to λ₁ of the start", |found| found.edge_of_start.farthest_from(EDGE)));
    }
    let end = |of: fn(&Extremes) -> Enclosure, bound: fn(Enclosure) -> f64| {
        move |found: &Certificate| bound(of(&found.edge) - Enclosure::from_f64(EDGE))
    };
    Ok(Measurement {
        instance: orbit.name.clone(),
        hypotheses: of_orbit(orbit),
        statements: vec![orbit.within_root("sup |η̃λ₁(p_t) − 2| over √(ηλ), from above", |found| {
            found.edge.farthest_from(EDGE)
        })],
        twins,
        constants: orbit.constants(&[
            ("η̃λ₁ − 2, its least value, at least", &end(|edge| edge.least, |x| x.lower)),
            ("η̃λ₁ − 2, its largest value, at most", &end(|edge| edge.largest, |x| x.upper)),
        ]),
        sensitivity: vec![],
    })
}
