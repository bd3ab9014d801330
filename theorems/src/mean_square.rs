//! The mean square of the oscillation along v₁.

use sharpflow::measure::worst;

use crate::evidence::{Measurement, Strength};
use crate::hypotheses::{constant, falls, of_ladder};
use crate::instance::Instance;
use crate::records::{LadderRecord, Run, Swing};
use crate::theorem::{Judge, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "mean_square",
    title: "Mean square of the oscillation",
    strength: Strength::Limit,
    statement: "At the edge of stability, averaged over the slow oscillation, ⟨K h²⟩ = 2ηλ with K = 4 + ‖∇_Γ log λ₁‖²",
    latex: r"\langle K h^2\rangle=2\eta\lambda,\qquad K=4+\|\nabla_\Gamma\log\lambda_1\|^2",
    hypotheses: &["those of the sharpness-reduction flow"],
    source: PAPER,
    judge: Judge::Ladder(judge),
};

/// The trapezoid rule over readings is in error by far less than any deviation; rounding by less still.
const FLOOR: f64 = 1e-12;

fn judge(instance: &Instance, record: &LadderRecord) -> Measurement {
    let horizon = instance.plan.horizon;
    let order = |what, law: [f64; 3]| falls(what, record, FLOOR, move |run: &Run| deviation(run, horizon, law));
    let ratio =
        |run: &Run| running_means(run, horizon, 4.0, 1.0).last().map_or(f64::NAN, |(_, mean)| mean / run.intrinsic_lr);
    Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![order("⟨K h²⟩ against 2ηλ", [2.0, 4.0, 1.0])],
        twins: vec![
            order("ηλ", [1.0, 4.0, 1.0]),
            order("4ηλ", [4.0, 4.0, 1.0]),
            order("K = 2 + ‖G‖²", [2.0, 2.0, 1.0]),
            order("K = 8 + ‖G‖²", [2.0, 8.0, 1.0]),
            order("K = 4 + 2‖G‖²", [2.0, 4.0, 2.0]),
            order("K = 4", [2.0, 4.0, 0.0]),
        ],
        constants: vec![constant("⟨K h²⟩/(ηλ)", 2.0, (instance, record), ratio)],
    }
}

/// sup |⟨(b + c‖G‖²)h²⟩/(aηλ) − 1| over the means from the start to every τ of the window's second half, by the trapezoid rule. A
/// mean over whole oscillations would be nearer; but the oscillation may die out, and then there are none.
fn deviation(run: &Run, horizon: f64, [predicted, offset, slope]: [f64; 3]) -> f64 {
    let end = horizon / run.intrinsic_lr;
    let means = running_means(run, horizon, offset, slope);
    let late = means.filter(|(step, _)| *step >= 0.5 * end);
    worst(late.map(|(_, mean)| (mean / (predicted * run.intrinsic_lr) - 1.0).abs()))
}

fn running_means(run: &Run, horizon: f64, offset: f64, slope: f64) -> impl Iterator<Item = (f64, f64)> {
    let square = move |swing: &Swing| {
        (offset + slope * (swing.reading.edge_stiffness - 4.0)) * swing.reading.displacement.powi(2)
    };
    let mut sum = 0.0;
    let pairs = run.swings_within(horizon).zip(run.swings_within(horizon).skip(1));
    pairs.map(move |(before, after)| {
        sum += 0.5 * (after.step - before.step) as f64 * (square(before) + square(after));
        (after.step as f64, sum / after.step as f64)
    })
}
