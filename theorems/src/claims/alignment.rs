//! The displacement's alignment with the top eigenvector.

use sharpflow::measure::{LadderPoint, StatisticsError, fit_order, worst};

use crate::assumption::OF_LADDERS;
use crate::checks::falls;
use crate::evidence::{Check, Measurement, Strength};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{Ladder, LadderRecord, ORDER, Run, Swing, of_ladder};
use crate::instance::{Answer, Instance, Place};
use crate::theorem::{Concerns, PAPER, Theorem};
use crate::verdict::LEAST_ORDER;

pub(crate) static THEOREM: Theorem = Theorem {
    id: "alignment",
    title: "Alignment with the top eigenvector",
    strength: Strength::Limit,
    statement: "At the edge of stability the displacement θ - p lines up with the top eigenvector v₁: the largest angle between them is O(√(ηλ))",
    latex: r"\angle(\theta_t-p_t,\,\pm v_1)=O(\sqrt{\eta\lambda})",
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
    let rungs = record.intrinsic_lrs();
    let finest = rungs.last().copied().unwrap_or(f64::NAN);
    let moved = |intrinsic_lr: f64| moved_by_late_answers(instance, intrinsic_lr, finest);
    let moves_order =
        order_moved(&rungs, &moved).map_err(|error| NotJudged::Because(format!("{}: {error}", instance.name)))?;
    // Half of what lies between the order and the least one is left to late answers, and half to the fit.
    if !(moves_order <= 0.5 * (ORDER - LEAST_ORDER)) {
        return Err(NotJudged::Because(format!(
            "{}: its normal directions answer late, which may move the order of the angle by {moves_order:.2}",
            instance.name
        )));
    }
    let tangent = |swing: &Swing| {
        let along = swing.reading.displacement.abs();
        let beside = swing.reading.distance_to_manifold.powi(2) - along * along;
        beside.max(0.0).sqrt() / along
    };
    // The errors must fall with at least this order.
    let of_order = |what: &'static str, expected: f64, error: &dyn Fn(f64) -> f64| {
        let mut statement =
            falls(what, record, FLOOR, |run: &Run| worst(run.swings_within(horizon).map(tangent).map(error)));
        if let Check::Order { points, order, at_least, .. } = &mut statement.check {
            (*order, *at_least) = (expected, true);
            points.iter_mut().for_each(|point| point.moved = moved(point.parameter));
        }
        statement
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![of_order("tangent of the angle between θ - p and v₁", ORDER, &|tangent| tangent)],
        twins: vec![
            of_order("θ - p at half a radian to v₁", ORDER, &|tangent| (tangent.atan() - 0.5).abs()),
            of_order("angle of the order ηλ", 1.0, &|tangent| tangent),
        ],
        constants: vec![],
        sensitivity: vec![],
    })
}

/// By how much late answers move the order that is fitted, at most: the half-width of an exact power law on this ladder.
fn order_moved(rungs: &[f64], moved: &dyn Fn(f64) -> f64) -> Result<f64, StatisticsError> {
    let point = |&rung: &f64| LadderPoint { moved: moved(rung), ..LadderPoint::new(0, rung, rung.powf(ORDER)) };
    let fitted = fit_order(&rungs.iter().map(point).collect::<Vec<_>>(), 0.0, 0.0);
    fitted.map(|fit| fit.order.half_width)
}

/// By how much late answers move log tan of the angle on a rung, compared with the finest one, at most.
///
/// Beside v₁, θ − p is the answer of the other normal directions to h². Along u_k it is ⟨T, u_k⟩h²/(2λ_k), T = ∇³L[v₁, v₁], if the answer is immediate.
/// Of one that is λ₁/(2λ_k) steps late only the part 1/(1 + s) of the square follows a swing, s = 2ηλ(λ₁/λ_k)² (`energy_law.md`).
fn moved_by_late_answers(instance: &Instance, intrinsic_lr: f64, finest: f64) -> f64 {
    let beside = |place: &Place, intrinsic_lr: f64| {
        // v₁'s own answer lies along v₁.
        let others = place.answers.iter().skip(1);
        let square = |answer: &Answer| answer.part * answer.late / (1.0 + 2.0 * intrinsic_lr * answer.late.powi(2));
        others.map(square).sum::<f64>().sqrt()
    };
    // A place where no other normal direction answers is left out. There only p and S turn θ − p away from v₁.
    let places = instance.path.iter().filter(|place| beside(place, 0.0) > 0.0);
    worst(std::iter::once(0.0).chain(places.map(|place| (beside(place, finest) / beside(place, intrinsic_lr)).ln())))
}
