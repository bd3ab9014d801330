//! The oscillation of period two along the top eigenvector.

use crate::assumption::OF_LADDERS;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Ladder, LadderRecord, Run, Swing, of_ladder};
use crate::instance::Instance;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "period_two",
    title: "Oscillation of period two",
    strength: Strength::Limit,
    statement: "At the edge of stability h = ⟨θ - p, v₁⟩ changes sign at every step",
    latex: r"\operatorname{sign}h_{t+1}=-\operatorname{sign}h_t",
    hypotheses: OF_LADDERS,
    source: PAPER,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Ladder>(judge)],
};

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![signs("h changes sign at every step", instance, record, |step| step % 2 == 1)],
        twins: vec![
            signs("h keeps its sign", instance, record, |_| false),
            signs("h changes sign at every second step", instance, record, |step| step % 4 >= 2),
            signs("h changes sign at every third step", instance, record, |step| (step / 3) % 2 == 1),
        ],
        constants: vec![],
        sensitivity: vec![],
    })
}

/// Whether the signs of h follow a pattern. `negative` says at which steps the sign is not the first one. No failure is allowed.
fn signs(what: &'static str, instance: &Instance, record: &LadderRecord, negative: fn(u64) -> bool) -> Statement {
    let failures = |run: &Run| {
        let first = run.swings.first().map_or(f64::NAN, |swing| swing.reading.displacement);
        let wrong = |swing: &&Swing| {
            let expected = if negative(swing.step) { -first } else { first };
            !(expected * swing.reading.displacement > 0.0)
        };
        run.swings_within(instance.plan.horizon).filter(wrong).count() as f64 / 0.5
    };
    Statement { what: what.into(), check: Check::bound(record.runs.iter().map(failures)) }
}
