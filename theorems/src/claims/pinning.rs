//! The effective learning rate stays at the edge of stability.

use sharpflow::measure::worst;

use crate::assumption::OF_LADDERS;
use crate::checks::{constant, falls};
use crate::evidence::{Measurement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Ladder, LadderRecord, Run, Swing, of_ladder};
use crate::instance::{APART, Instance, Place};
use crate::sensitivity::tells;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "pinning",
    title: "Pinning at the edge of stability",
    strength: Strength::Limit,
    statement: "Near Γ, η̃λ₁(p) = 2 + O(√(ηλ)) all along the run, p the nearest point of Γ",
    latex: r"\tilde\eta_t\lambda_1(p_t)=2+O(\sqrt{\eta\lambda})",
    hypotheses: OF_LADDERS,
    source: PAPER,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Ladder>(judge)],
};

/// δ is known to a few roundings of η̃λ₁.
const FLOOR: f64 = 1e-13;

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let horizon = instance.plan.horizon;
    let edge = |swing: &Swing| swing.reading.edge_offset + 2.0;
    let deviation = |what, predicted: f64| {
        falls(what, record, FLOOR, move |run: &Run| {
            worst(run.swings_within(horizon).map(|swing| (edge(swing) / predicted - 1.0).abs()))
        })
    };
    // η̃ in units of what it was at the start: pinned to a λ₁ that does not move.
    let to_start = falls("η̃ pinned to λ₁ of the start", record, FLOOR, |run: &Run| {
        let of = |swing: &Swing| 0.5 * edge(swing) / swing.reading.sharpness * instance.geometry.sharpness - 1.0;
        worst(run.swings_within(horizon).map(|swing| of(swing).abs()))
    });
    // λ₁ must be predicted to move by several times what δ swings on the finest rung.
    let moved = |place: &Place| (place.geometry.sharpness / instance.geometry.sharpness).ln().abs();
    let falls_far = tells(worst(instance.path.iter().map(moved)), APART * instance.finest_offset());
    let mean = |run: &Run| {
        let (sum, count) = run.swings_within(horizon).fold((0.0, 0.0), |(s, n), swing| (s + edge(swing), n + 1.0));
        sum / count
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![deviation("|η̃λ₁/2 - 1|", 2.0)],
        twins: [deviation("edge at 1", 1.0), deviation("edge at 4", 4.0), deviation("edge at 2.1", 2.1)]
            .into_iter()
            .chain(falls_far.then_some(to_start))
            .collect(),
        constants: vec![constant("η̃λ₁, its mean", (2.0, 0.1), record, mean)],
        sensitivity: vec![],
    })
}
