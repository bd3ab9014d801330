//! The oscillation of period two along the top eigenvector.

use sharpflow::measure::worst;

use crate::assumption::OF_LADDERS;
use crate::checks::falls;
use crate::evidence::{Check, Measurement, Outcome, Statement, Strength};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{Ladder, LadderRecord, Run, Swing, of_ladder};
use crate::instance::{Answer, Instance, Place};
use crate::theorem::{Concerns, PAPER, Theorem};
use crate::verdict::{FAMILY_CONFIDENCE, outcome};

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
    if !is_in_range(instance, record) {
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

/// Whether the angle is predicted to have its order on the ladder. Beside v₁, θ − p is the answer of the other normal directions to h². Along u_k
/// it is ⟨T, u_k⟩h²/(2λ_k), T = ∇³L[v₁, v₁], if the answer is immediate. One that is λ₁/(2λ_k) steps late keeps 1/(1 + s) of its square, s =
/// 2ηλ(λ₁/λ_k)² (`energy_law.md`). The order predicted so, fitted as the measured one is, must pass.
fn is_in_range(instance: &Instance, record: &LadderRecord) -> bool {
    let beside = |place: &Place, intrinsic_lr: f64| {
        // v₁'s own answer lies along v₁.
        let others = place.answers.iter().skip(1);
        let square = |answer: &Answer| answer.part * answer.late / (1.0 + 2.0 * intrinsic_lr * answer.late.powi(2));
        others.map(square).sum::<f64>().sqrt()
    };
    let predicted = |run: &Run| {
        let largest = worst(instance.path.iter().map(|place| beside(place, run.intrinsic_lr)));
        run.intrinsic_lr.sqrt() * largest
    };
    // A loss of one normal direction has nothing beside v₁ but what p and S add.
    let has_answers = instance.path.iter().any(|place| beside(place, 0.0) > 0.0);
    let statement = falls("", record, 0.0, predicted);
    !has_answers || outcome(&statement.check, FAMILY_CONFIDENCE) == Outcome::Passes
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
