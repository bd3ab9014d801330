//! The norm of the weights follows the sharpness.

use sharpflow::measure::worst;

use crate::checks::{constant, falls};
use crate::evidence::{Measurement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Ladder, LadderRecord, Run, Swing, of_ladder};
use crate::instance::{Instance, LEARNING_RATE};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "equilibrium_norm",
    title: "Equilibrium norm",
    strength: Strength::Limit,
    statement: "At the edge of stability ‖w‖² = ηλ₁(p)/2·(1 + O(√(ηλ))): the norm follows the sharpness down",
    latex: r"\|w_t\|^2=\tfrac12\eta\lambda_1(p_t)\,(1+O(\sqrt{\eta\lambda}))",
    hypotheses: &["those of the sharpness-reduction flow"],
    source: PAPER,
    concerns: Concerns::Every,
    judged_on: &[&On::<Ladder>(judge)],
};

/// ‖w‖² and λ₁ are known to a few roundings.
const FLOOR: f64 = 1e-13;

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let horizon = instance.plan.horizon;
    let ratio = |swing: &Swing| swing.norm_square / (LEARNING_RATE * swing.reading.sharpness);
    let deviation = |what, predicted: f64| {
        falls(what, record, FLOOR, move |run: &Run| {
            worst(run.swings_within(horizon).map(|swing| (ratio(swing) / predicted - 1.0).abs()))
        })
    };
    let law = |what, law: &dyn Fn(&Swing, &Swing) -> f64| {
        falls(what, record, FLOOR, |run: &Run| {
            let first = run.swings.first();
            let deviation =
                |swing: &Swing| first.map_or(f64::NAN, |first| (swing.norm_square / law(first, swing) - 1.0).abs());
            worst(run.swings_within(horizon).map(deviation))
        })
    };
    let half = 0.5 * LEARNING_RATE;
    let mean = |run: &Run| {
        let (sum, count) = run.swings_within(horizon).fold((0.0, 0.0), |(s, n), swing| (s + ratio(swing), n + 1.0));
        sum / count
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![deviation("‖w‖² against ηλ₁/2", 0.5)],
        twins: vec![
            deviation("ηλ₁", 1.0),
            deviation("ηλ₁/4", 0.25),
            deviation("ηλ₁/2.1", 1.0 / 2.1),
            law("the norm of the start, ηλ₁(p₀)/2", &|first, _| half * first.reading.sharpness),
            law("‖w‖ ∝ λ₁", &|first, swing| half * swing.reading.sharpness.powi(2) / first.reading.sharpness),
        ],
        constants: vec![constant("‖w‖²/(ηλ₁), its mean", 0.5, (instance, record), mean)],
    })
}
