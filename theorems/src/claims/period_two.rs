//! The oscillation of period two along the top eigenvector.

use sharpflow::descent::EdgeConstants;
use sharpflow::measure::{missed_peak, worst};

use crate::assumption::OF_LADDERS;
use crate::checks::falls;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{Ladder, LadderRecord, Largest, Run, Swing, decides, of_ladder};
use crate::instance::{Instance, READINGS, START_ENERGY};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "period_two",
    title: "Oscillation of period two",
    strength: Strength::Limit,
    statement: "At the edge of stability h = ⟨θ - p, v₁⟩ changes sign at every step, and the displacement θ - p lines up with the top eigenvector v₁: the largest angle between them vanishes with ηλ",
    latex: r"\operatorname{sign}h_{t+1}=-\operatorname{sign}h_t,\qquad \angle(\theta_t-p_t,\,\pm v_1)=O(\sqrt{\eta\lambda})",
    hypotheses: OF_LADDERS,
    source: PAPER,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Ladder>(judge)],
};

/// ‖θ − p‖² − h² cancels to a rounding of the larger: the angle is known to √u.
const FLOOR: f64 = 1e-8;

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let horizon = instance.plan.horizon;
    if !is_in_range(instance) {
        let why = "normal directions answer so late that on this ladder the angle is not yet of the order √(ηλ)";
        return Err(NotJudged::Because(format!("{}: {why}", instance.name)));
    }
    let tangent = |swing: &Swing| {
        let along = swing.reading.displacement.abs();
        let beside = swing.reading.distance_to_manifold.powi(2) - along * along;
        beside.max(0.0).sqrt() / along
    };
    let lines_up = |what: &'static str| {
        falls(what, record, FLOOR, move |run: &Run| worst(run.swings_within(horizon).map(tangent)))
    };
    let at_half_a_radian = falls("θ - p at half a radian to v₁", record, FLOOR, |run: &Run| {
        worst(run.swings_within(horizon).map(|swing| (tangent(swing).atan() - 0.5).abs()))
    });
    // The same errors, held to another order.
    let of_order = |what: &'static str, other: f64| {
        let mut statement = lines_up(what);
        if let Check::Order { order, .. } = &mut statement.check {
            *order = other;
        }
        statement
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![
            lines_up("tangent of the angle between θ - p and v₁"),
            signs("h changes sign at every step", instance, record, |step| step % 2 == 1),
        ],
        twins: vec![
            at_half_a_radian,
            of_order("angle of the order ηλ", 1.0),
            signs("h keeps its sign", instance, record, |_| false),
            signs("h changes sign at every second step", instance, record, |step| step % 4 >= 2),
            signs("h changes sign at every third step", instance, record, |step| (step / 3) % 2 == 1),
        ],
        constants: vec![],
        sensitivity: vec![],
    })
}

/// How much of the next term of |h| the angle may have.
const PART_OF_NEXT: f64 = 0.5;

/// Whether the angle is predicted to show its order on the ladder. A loss of one normal direction has nothing beside v₁ but what p and S add.
fn is_in_range(instance: &Instance) -> bool {
    let end = (instance.plan.horizon, START_ENERGY);
    let largest = |&intrinsic_lr: &f64| Largest::of(&instance.path, EdgeConstants::GRADIENT_DESCENT, intrinsic_lr, end);
    let rungs: Vec<Largest> = instance.plan.intrinsic_lrs.iter().map(largest).collect();
    rungs.iter().all(|rung| rung.tangent == 0.0)
        || decides(&rungs, missed_peak(READINGS), PART_OF_NEXT, |rung| rung.tangent)
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
