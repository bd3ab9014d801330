//! Predicts the largest errors of runs from the predicted path alone, and whether their order will be decided.

use sharpflow::descent::{EdgeConstants, EdgeStart};
use sharpflow::measure::{LadderPoint, fit_order, worst};

use super::growth::{Energy, late};
use crate::instance::Place;
use crate::verdict::LEAST_ORDER;

/// The order of what vanishes at the edge of stability: the oscillation itself is of the order √(ηλ), and the leading term that the
/// law neglects is as large.
pub(crate) const ORDER: f64 = 0.5;

/// How many fractions of the next term are tried with either sign, besides 0.
const PARTS: i32 = 4;

/// The largest errors that a run is predicted to show, to leading order.
pub(super) struct Largest {
    intrinsic_lr: f64,
    /// |h|.
    pub swing: f64,
    /// |δ|, which is read on both sides of its centre: the centre is added.
    pub offset: f64,
    /// The size of the next term relative to the leading one: that of the centre q h² of δ over √ε. The term may have either sign.
    pub next: f64,
}

impl Largest {
    /// Those of a run that ends at a time, by the energy law with the late answers of normal directions. The energy is that of the start.
    pub fn of(path: &[Place], constants: EdgeConstants, intrinsic_lr: f64, (end, energy): (f64, f64)) -> Self {
        let speed = |place: &Place| constants.speed(place.law.log_gradient_square);
        let rate =
            |place: &Place| (constants.energy_rate(&place.law) + late(constants, place, intrinsic_lr)) / speed(place);
        let root = constants.swing_factor() * intrinsic_lr.sqrt();
        let (mut time, mut grown) = (0.0, 0.0);
        let mut largest = Self { intrinsic_lr, swing: 0.0, offset: 0.0, next: 0.0 };
        for (k, place) in path.iter().enumerate() {
            if let Some(before) = k.checked_sub(1).map(|k| &path[k]) {
                let by = 0.5 * (place.tau - before.tau);
                time += by * (1.0 / speed(before) + 1.0 / speed(place));
                grown += by * (rate(before) + rate(place));
            }
            if time > end {
                break;
            }
            let equilibrium = constants.swing(intrinsic_lr, place.law.log_gradient_square);
            let energy = Energy::of(energy).after(grown);
            let centre = place.law.quartic.abs() * equilibrium * equilibrium;
            let kick = EdgeStart::at_energy(1.0, energy, 0.0).kick;
            largest.swing = worst([largest.swing, equilibrium * kick]);
            largest.offset = worst([largest.offset, root * (8.0 * energy).sqrt() + centre]);
            largest.next = worst([largest.next, centre / root]);
        }
        largest
    }
}

/// Whether an error that is so predicted on every rung will show the order ½ with margin, whatever part of the next term it has, from `-part` to `part`
/// of it. Readings miss `missed` of the error at most.
///
/// Parts between are looked at too: where another effect makes the order smaller, some part of the next term hides it from the bounds.
pub(super) fn decides(rungs: &[Largest], missed: f64, part: f64, error: impl Fn(&Largest) -> f64) -> bool {
    let errors: Vec<f64> = rungs.iter().map(error).collect();
    let is_decisive_with = |part: f64| {
        let point =
            |(rung, error): (&Largest, &f64)| LadderPoint::new(0, rung.intrinsic_lr, error * (part * rung.next).exp());
        is_decisive(&rungs.iter().zip(&errors).map(point).collect::<Vec<_>>(), missed)
    };
    (-PARTS..=PARTS).all(|k| is_decisive_with(part * f64::from(k) / f64::from(PARTS)))
}

/// Whether the bounds of the order hold ½ and are narrow enough to exclude ¼, with a third of them to spare on each side.
fn is_decisive(points: &[LadderPoint], missed: f64) -> bool {
    const PART: f64 = 2.0 / 3.0;
    fit_order(points, missed, 0.0).is_ok_and(|fit| {
        let planned = fit.order;
        (planned.value - ORDER).abs() <= PART * planned.half_width && planned.half_width <= PART * (ORDER - LEAST_ORDER)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::DYNAMICS_READINGS;
    use sharpflow::measure::missed_peak;

    /// As `proofs-notes/scalar_rmsprop.md` has it: up to which size of the next term on the instance's coarsest rung a ladder suffices.
    #[test]
    fn ladders_suffice_up_to_the_next_terms_of_the_note() {
        let decides = |rungs: std::ops::Range<i32>, error: &dyn Fn(f64) -> f64| {
            let parameters = rungs.map(|k| 10f64.powf(-0.5 * f64::from(k)));
            let points: Vec<LadderPoint> =
                parameters.map(|parameter| LadderPoint::new(0, parameter, error(parameter))).collect();
            is_decisive(&points, missed_peak(DYNAMICS_READINGS))
        };
        for (rungs, most) in [(0..4, 0.5), (0..5, 1.0), (1..6, 1.8)] {
            let decides = |next: f64| decides(rungs.clone(), &|x| x.sqrt() * (next * x.sqrt()).exp());
            assert!(decides(most) && !decides(most + 0.1), "{rungs:?}");
        }
        // An error that goes on falling faster, as that of swings which grow less on every finer rung.
        assert!(!decides(0..5, &|x| x.powf(0.58)));
        assert!(!decides(0..5, &|_| f64::NAN));
    }
}
