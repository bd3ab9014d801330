//! The energy of the slow oscillation at the edge of stability.

use sharpflow::descent::EdgeStart;
use sharpflow::measure::{Reading, missed_peak, worst};

use crate::assumption::AT_THE_EDGE;
use crate::checks::{swing_constant, swings_fall};
use crate::evidence::{Measurement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{ENERGIES, SWING_READINGS, ShortRun, SwingRecord, Swings, of_swings};
use crate::instance::Instance;
use crate::sensitivity::{noticed, tells};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "energy",
    title: "Energy of the slow oscillation",
    strength: Strength::Limit,
    statement: "At the edge of stability E = ½δ² - 4ηλ log|h| + K h² is conserved to leading order over one slow period",
    latex: r"E=\tfrac12\delta^2-4\eta\lambda\log|h|+Kh^2",
    hypotheses: AT_THE_EDGE,
    source: PAPER,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Swings>(judge)],
};

/// e is a sum of terms of size 1 to 10, each known to many digits more.
const FLOOR: f64 = 1e-9;

/// E = a δ² − 4b ηλ log|h| + (c₀ + c‖G‖²)h².
#[derive(Clone, Copy)]
struct Form {
    of_offset: f64,
    of_log: f64,
    of_square: (f64, f64),
}

/// A twin is tried where its K at the start differs from the law's K by at least this fraction. The note says why.
const TELLS: f64 = 0.15;

const LAW: Form = Form { of_offset: 0.5, of_log: 1.0, of_square: (4.0, 1.0) };

const TWINS: [(&str, Form); 8] = [
    ("δ² for ½δ²", Form { of_offset: 1.0, ..LAW }),
    ("¼δ² for ½δ²", Form { of_offset: 0.25, ..LAW }),
    ("-½δ² for ½δ²", Form { of_offset: -0.5, ..LAW }),
    ("2ηλ log|h|", Form { of_log: 0.5, ..LAW }),
    ("8ηλ log|h|", Form { of_log: 2.0, ..LAW }),
    ("K = 2 + ‖G‖²", Form { of_square: (2.0, 1.0), ..LAW }),
    ("K = 8 + ‖G‖²", Form { of_square: (8.0, 1.0), ..LAW }),
    ("K = 4 + 2‖G‖²", Form { of_square: (4.0, 2.0), ..LAW }),
];

impl Form {
    /// K where ‖G‖² is `square`.
    fn stiffness(&self, square: f64) -> f64 {
        self.of_square.0 + self.of_square.1 * square
    }
}

fn judge((instance, record): (&Instance, &SwingRecord)) -> Judged {
    let skewness = instance.skewness();
    let swing = |what, energy: f64, form: Form| {
        swings_fall(what, record, energy, (missed(energy), FLOOR), move |run: &ShortRun| variation(run, skewness, form))
    };
    let large = |what, form| swing(what, ENERGIES[1], form);
    let square = instance.geometry.log_gradient_square();
    let is_told = |form: Form| tells((form.stiffness(square) / LAW.stiffness(square) - 1.0).abs(), TELLS);
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_swings(instance, record),
        statements: vec![swing("small swings", ENERGIES[0], LAW), large("large swings", LAW)],
        twins: TWINS
            .iter()
            .filter(|(_, form)| form.of_square == LAW.of_square || is_told(*form))
            .map(|&(what, form)| large(what, form))
            .collect(),
        constants: vec![
            swing_constant("½ of ½δ²", (0.5, 0.25), (record, ENERGIES[1]), FLOOR, |run| fitted(run, skewness)[0]),
            swing_constant("4 of 4ηλ log|h|", (4.0, 2.0), (record, ENERGIES[1]), FLOOR, |run| {
                fitted(run, skewness)[1]
            }),
        ],
        sensitivity: vec![
            noticed("4 of K", 4.0, |four| large("", Form { of_square: (four, 1.0), ..LAW }).check),
            noticed("1 of ‖G‖² in K", 1.0, |one| large("", Form { of_square: (4.0, one), ..LAW }).check),
        ],
    })
}

/// a and b for which aδ² − bηλ log|h| + K h² varies least over a whole period.
fn fitted(run: &ShortRun, skewness: f64) -> [f64; 2] {
    let terms = |reading: &Reading| {
        let h = amplitude(run, reading, skewness);
        [reading.edge_offset.powi(2), -run.intrinsic_lr * h.ln(), reading.edge_stiffness() * h * h]
    };
    let means = [0, 1, 2].map(|k| run.mean(|reading| terms(reading)[k]));
    let product = |i: usize, j: usize| {
        run.mean(|reading| {
            let terms = terms(reading);
            (terms[i] - means[i]) * (terms[j] - means[j])
        })
    };
    let determinant = product(0, 0) * product(1, 1) - product(0, 1).powi(2);
    [
        (product(0, 1) * product(1, 2) - product(1, 1) * product(0, 2)) / determinant,
        (product(0, 1) * product(0, 2) - product(0, 0) * product(1, 2)) / determinant,
    ]
}

/// The range of E from the first upward crossing of δ to the next, in units of the energy that E has above its minimum.
///
/// The largest change from the first value would be upwards on one rung and downwards on another. The error would have a bend between these rungs. The range is
/// the sum of both changes and has no bend.
fn variation(run: &ShortRun, skewness: f64, form: Form) -> f64 {
    let lr = run.intrinsic_lr;
    let energy = |reading: &Reading| {
        let h = amplitude(run, reading, skewness);
        let stiffness = form.stiffness(reading.log_gradient_square);
        form.of_offset * reading.edge_offset.powi(2) - 4.0 * form.of_log * lr * h.ln() + stiffness * h * h
    };
    let Some((first, between, last)) = run.over_period(energy) else { return f64::NAN };
    let side = |sign: f64| {
        let changes: Vec<f64> = between.iter().map(|energy| sign * (energy - first)).collect();
        worst([peak(&changes), sign * (last - first), 0.0])
    };
    (side(1.0) + side(-1.0)) / (4.0 * lr * run.energy)
}

/// |h + ½αh²|, the amplitude of the oscillation: h itself carries a part that is odd in h, as large as δ, and changes from step to step
/// (`energy.md`). α is that of the start, where h is positive.
fn amplitude(run: &ShortRun, reading: &Reading, skewness: f64) -> f64 {
    let side = run.readings.first().map_or(1.0, |(_, first)| first.displacement.signum());
    let h = side * reading.displacement;
    (h + 0.5 * skewness * h * h).abs()
}

/// The peak of a smooth curve between readings: that of the parabola through the logarithms of the largest one and its neighbours, through the
/// values themselves where a logarithm does not exist, or the largest one where there is no parabola.
fn peak(values: &[f64]) -> f64 {
    let largest = worst(values.iter().copied());
    let at = values.iter().position(|value| value.total_cmp(&largest).is_eq());
    let around = at.and_then(|k| Some([*values.get(k.checked_sub(1)?)?, values[k], *values.get(k + 1)?]));
    let parabola = |[before, middle, after]: [f64; 3]| {
        let curvature = before - 2.0 * middle + after;
        let has_peak = curvature < 0.0 && curvature.is_finite();
        has_peak.then(|| middle - 0.125 * (before - after).powi(2) / curvature)
    };
    let through_logarithms = |values: [f64; 3]| parabola(values.map(f64::ln)).map(f64::exp);
    around.and_then(|values| through_logarithms(values).or_else(|| parabola(values))).unwrap_or(largest)
}

/// What [`peak`] misses at most at the turn of a swing, where h² goes like cosh⁻²(t√(4ηλY)), Y = h²/h²_eq at the turn: the two nearest readings
/// are half a reading away from it, and the third three halves.
fn missed(energy: f64) -> f64 {
    let turn = EdgeStart::at_energy(1.0, energy, 0.0).kick;
    let half = 2.0 * turn * EdgeStart::period(1.0, energy) / (2.0 * SWING_READINGS);
    let [near, far] = [half, 3.0 * half].map(|t| -2.0 * t.cosh().ln());
    -near - 0.125 * (near - far) + missed_peak(SWING_READINGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve like cosh⁻², read at any offset: the peak found is within what is said to be missed, and much nearer than the largest reading.
    #[test]
    fn a_peak_between_readings_is_found() {
        let missed = missed(ENERGIES[1]);
        assert!(missed < 0.04, "{missed}");
        let half = 2.0 * EdgeStart::at_energy(1.0, ENERGIES[1], 0.0).kick * EdgeStart::period(1.0, ENERGIES[1])
            / (2.0 * SWING_READINGS);
        for k in 0..=16 {
            let offset = half * (f64::from(k) / 8.0 - 1.0);
            let values: Vec<f64> = (-4..=4).map(|i| (offset + 2.0 * half * f64::from(i)).cosh().powi(-2)).collect();
            let found = peak(&values);
            assert!(found <= 1.0 + 1e-12 && found >= 1.0 - missed - 1e-12, "{k}: {found}");
        }
        assert!(peak(&[1.0, f64::NAN, 2.0]).is_nan());
        assert_eq!(peak(&[3.0, 2.0, 1.0]), 3.0);
        // 1 - (t - ¼)² read at -1, 0 and 1.
        assert_eq!(peak(&[-0.5625, 0.9375, 0.4375]), 1.0);
    }
}
