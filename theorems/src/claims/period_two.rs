//! The oscillation of period two along the top eigenvector.

use sharpflow::measure::worst;

use crate::assumption::OF_LADDERS;
use crate::checks::falls;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Ladder, LadderRecord, ORDER, Run, Swing, of_ladder};
use crate::instance::{Answer, Instance, Place};
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
/// The most by which late answers may move log tan of the angle over a ladder where its order is stated. Half of it moves the order by less than a
/// tenth.
const LATE: f64 = 0.1;

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let horizon = instance.plan.horizon;
    let late = moved_by_late_answers(instance);
    let tangent = |swing: &Swing| {
        let along = swing.reading.displacement.abs();
        let beside = swing.reading.distance_to_manifold.powi(2) - along * along;
        beside.max(0.0).sqrt() / along
    };
    // The errors, held to an order at least. Late answers move them either way, about the middle of what they may do.
    let of_order = |what: &'static str, expected: f64, error: &dyn Fn(f64) -> f64| {
        let mut statement =
            falls(what, record, FLOOR, |run: &Run| worst(run.swings_within(horizon).map(tangent).map(error)));
        if let Check::Order { order, missed, at_least, .. } = &mut statement.check {
            (*order, *at_least) = (expected, true);
            *missed += 0.5 * late;
        }
        statement
    };
    let is_stated = late <= LATE;
    let angle = || of_order("tangent of the angle between θ - p and v₁", ORDER, &|tangent| tangent);
    let other_angles = || {
        [
            of_order("θ - p at half a radian to v₁", ORDER, &|tangent| (tangent.atan() - 0.5).abs()),
            of_order("angle of the order ηλ", 1.0, &|tangent| tangent),
        ]
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        // What is said of every instance stands first, so that the k-th statement is the same everywhere.
        statements: [signs("h changes sign at every step", instance, record, |step| step % 2 == 1)]
            .into_iter()
            .chain(is_stated.then(angle))
            .collect(),
        twins: [
            signs("h keeps its sign", instance, record, |_| false),
            signs("h changes sign at every second step", instance, record, |step| step % 4 >= 2),
            signs("h changes sign at every third step", instance, record, |step| (step / 3) % 2 == 1),
        ]
        .into_iter()
        .chain(is_stated.then(other_angles).into_iter().flatten())
        .collect(),
        constants: vec![],
        sensitivity: vec![],
    })
}

/// By how much late answers move log tan of the angle from one rung of the ladder to another, at most.
///
/// Beside v₁, θ − p is the answer of the other normal directions to h². Along u_k it is ⟨T, u_k⟩h²/(2λ_k), T = ∇³L[v₁, v₁], if the answer is immediate.
/// Of one that is λ₁/(2λ_k) steps late only the part 1/(1 + s) of the square follows a swing, s = 2ηλ(λ₁/λ_k)² (`energy_law.md`).
fn moved_by_late_answers(instance: &Instance) -> f64 {
    let beside = |place: &Place, intrinsic_lr: f64| {
        // v₁'s own answer lies along v₁.
        let others = place.answers.iter().skip(1);
        let square = |answer: &Answer| answer.part * answer.late / (1.0 + 2.0 * intrinsic_lr * answer.late.powi(2));
        others.map(square).sum::<f64>().sqrt()
    };
    let ladder = &instance.plan.intrinsic_lrs;
    let [coarsest, finest] = [ladder.first(), ladder.last()].map(|rung| rung.copied().unwrap_or(f64::NAN));
    // A loss of one normal direction has nothing beside v₁ but what p and S add.
    let places = instance.path.iter().filter(|place| beside(place, 0.0) > 0.0);
    worst(std::iter::once(0.0).chain(places.map(|place| (beside(place, finest) / beside(place, coarsest)).ln())))
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
