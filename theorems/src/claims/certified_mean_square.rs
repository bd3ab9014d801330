//! The mean square of the oscillation of gradient descent in real numbers, rounding included.

use sharpflow::arithmetic::{Base, Enclosure};
use sharpflow::certificate::Certificate;

use crate::assumption::OF_ORBITS;
use crate::evidence::{Measurement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{CertifiedOrbit, CertifiedOrbits, of_orbit};
use crate::theorem::{BEYOND_ENCLOSED, Concerns, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "certified_mean_square",
    title: "Enclosed mean square of the oscillation",
    strength: Strength::Enclosed,
    statement: "On each loss, start and ηλ that the evidence names, gradient descent in real numbers obeys |⟨K h²⟩/(2ηλ) - 1| ≤ √(ηλ), \
                the mean being over all steps and K = 4 + ‖∇_Γ log λ₁‖², and with other constants it does not",
    latex: r"\left|\frac{\langle K h^2\rangle}{2\eta\lambda}-1\right|\le\sqrt{\eta\lambda},\qquad K=4+\|\nabla_\Gamma\log\lambda_1\|^2",
    hypotheses: OF_ORBITS,
    source: BEYOND_ENCLOSED,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<CertifiedOrbits>(judge)],
};

/// ⟨(offset + slope‖G‖²)h²⟩ = of_rate·ηλ.
#[derive(Clone, Copy)]
struct Law {
    of_rate: f64,
    offset: f64,
    slope: f64,
}

const LAW: Law = Law { of_rate: 2.0, offset: 4.0, slope: 1.0 };

const TWINS: [(&str, Law); 8] = [
    ("ηλ", Law { of_rate: 1.0, ..LAW }),
    ("4ηλ", Law { of_rate: 4.0, ..LAW }),
    ("2.2ηλ", Law { of_rate: 2.2, ..LAW }),
    ("1.9ηλ", Law { of_rate: 1.9, ..LAW }),
    ("K = 3 + ‖G‖²", Law { offset: 3.0, ..LAW }),
    ("K = 5 + ‖G‖²", Law { offset: 5.0, ..LAW }),
    ("K = 4", Law { slope: 0.0, ..LAW }),
    ("K = 4 + 2‖G‖²", Law { slope: 2.0, ..LAW }),
];

impl Law {
    /// What it makes of ⟨Kh²⟩/(2ηλ), as the true law's ⟨h²⟩/(2ηλ) = 1/K predicts it along the line.
    fn predicted(self, orbit: &CertifiedOrbit) -> f64 {
        let stiffness = |law: Self, square: f64| law.offset + law.slope * square;
        let of_place = |square: f64| stiffness(self, square) / stiffness(LAW, square);
        let ends = orbit.path.len().saturating_sub(1).max(1);
        // The trapezoid rule.
        let weight = |k: usize| if k.is_multiple_of(ends) { 0.5 } else { 1.0 };
        let places = orbit.path.iter().enumerate();
        let sum: f64 = places.map(|(k, place)| weight(k) * of_place(place.log_gradient_square)).sum();
        LAW.of_rate / self.of_rate * sum / ends as f64
    }

    /// What it makes of the same, enclosed.
    fn mean_square(self, found: &Certificate) -> Enclosure {
        let number = Enclosure::from_f64;
        let sum = number(self.offset) * found.mean_square + number(self.slope) * found.mean_square_along;
        number(LAW.of_rate) * sum / number(self.of_rate)
    }

    fn off(self, found: &Certificate) -> Enclosure {
        (self.mean_square(found) - Enclosure::from_f64(1.0)).absolute()
    }
}

fn judge(orbit: &CertifiedOrbit) -> Judged {
    let told = TWINS.into_iter().filter(|(_, twin)| orbit.tells((twin.predicted(orbit) - 1.0).abs()));
    Ok(Measurement {
        instance: orbit.name.clone(),
        hypotheses: of_orbit(orbit),
        statements: vec![orbit.within_root("|⟨Kh²⟩/(2ηλ) − 1| over √(ηλ), from above", |found| LAW.off(found))],
        twins: told.map(|(what, twin)| orbit.twin(what, move |found| twin.off(found))).collect(),
        constants: orbit.constants(&[
            ("⟨Kh²⟩/(2ηλ), at least", &|found| LAW.mean_square(found).lower),
            ("⟨Kh²⟩/(2ηλ), at most", &|found| LAW.mean_square(found).upper),
        ]),
        sensitivity: vec![],
    })
}
