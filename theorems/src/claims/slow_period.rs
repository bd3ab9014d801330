//! The period of the slow oscillation at the edge of stability.

use sharpflow::descent::{EdgeConstants, EdgeStart};
use sharpflow::measure::slow_period;

use crate::assumption::AT_THE_EDGE;
use crate::checks::swing_constant;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{DEEP, ENERGIES, ShortRun, SwingRecord, Swings, of_swings};
use crate::instance::Instance;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "slow_period",
    title: "Period of the slow oscillation",
    strength: Strength::Limit,
    statement: "Small oscillations of δ at the edge of stability have the period π/√(2ηλ) steps, whatever the loss; larger ones that of the equation x″ = 4ηλ(1 - e^{2x}) at their energy",
    latex: r"T=\frac{\pi}{\sqrt{2\eta\lambda}}\ (e\to0),\qquad x''=4\eta\lambda\,(1-e^{2x})",
    hypotheses: AT_THE_EDGE,
    source: PAPER,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Swings>(judge)],
};

/// The error of a crossing over the period. A cubic through four readings errs by a sine's fifth order over a 32nd of its period.
const FLOOR: f64 = 1e-6;
const SMALL: f64 = ENERGIES[0];
const LARGE: f64 = ENERGIES[1];

fn judge((instance, record): (&Instance, &SwingRecord)) -> Judged {
    let rate =
        instance.path.first().map_or(f64::NAN, |place| EdgeConstants::GRADIENT_DESCENT.energy_rate(&place.law).abs());
    let deviation = |what: &'static str, energy: f64, law: fn(f64, f64) -> f64| {
        let ratio = |run: &ShortRun| {
            let lr = run.intrinsic_lr;
            let drift = rate * lr * EdgeStart::period(lr, energy);
            let bound = 2.0 * (8.0 * lr * energy).sqrt() + drift + FLOOR;
            (run.period() / law(lr, energy) - 1.0).abs() / bound
        };
        Statement { what: what.into(), check: Check::bound(record.of_energy(energy).map(ratio)) }
    };
    // The nearest twin has an energy twice or half as large.
    let constant = |what: &'static str, energy: f64| {
        let theory = EdgeStart::period(0.5, energy);
        let apart = (EdgeStart::period(0.5, 0.5 * energy) - theory).abs();
        swing_constant(what, (theory, apart), (record, energy), theory * FLOOR, |run| {
            run.period() * (2.0 * run.intrinsic_lr).sqrt()
        })
    };
    let mut measured = Measurement {
        instance: instance.name.clone(),
        hypotheses: of_swings(instance, record),
        statements: vec![
            deviation("small swings against the equation's period", SMALL, EdgeStart::period),
            deviation("large swings against the equation's period", LARGE, EdgeStart::period),
        ],
        twins: vec![
            deviation("small swings: π/√(ηλ)", SMALL, |lr, _| slow_period(0.5 * lr)),
            deviation("small swings: π/√(3ηλ)", SMALL, |lr, _| slow_period(1.5 * lr)),
            deviation("small swings: 2π/√(2ηλ)", SMALL, |lr, _| 2.0 * slow_period(lr)),
            deviation("large swings: π/√(2ηλ)", LARGE, |lr, _| slow_period(lr)),
            deviation("large swings: at half their energy", LARGE, |lr, energy| EdgeStart::period(lr, 0.5 * energy)),
        ],
        constants: vec![constant("T√(2ηλ), small swings", SMALL), constant("T√(2ηλ), large swings", LARGE)],
        sensitivity: vec![],
    };
    if record.of_energy(DEEP).next().is_some() {
        measured.statements.push(deviation("deep swings against the equation's period", DEEP, EdgeStart::period));
        measured.twins.extend([
            deviation("deep swings: π/√(2ηλ)", DEEP, |lr, _| slow_period(lr)),
            deviation("deep swings: at a quarter of their energy", DEEP, |lr, energy| {
                EdgeStart::period(lr, 0.25 * energy)
            }),
            deviation("deep swings: at four times their energy", DEEP, |lr, energy| {
                EdgeStart::period(lr, 4.0 * energy)
            }),
        ]);
    }
    Ok(measured)
}
