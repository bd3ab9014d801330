//! Heavy-ball momentum follows the same flow, in another time.

use std::any::Any;

use sharpflow::descent::Momentum;
use sharpflow::flow::FlowConstants;
use sharpflow::measure::worst;

use crate::assumption::OF_MOMENTUM;
use crate::checks::{follows, others_fall};
use crate::claims::mean_square::QUADRATURE;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{DynamicsRecord, OtherDynamics, OtherRun, ShortRun, name_on, of_dynamics};
use crate::fit::fitted_dynamics;
use crate::instance::Instance;
use crate::sensitivity::noticed;
use crate::theorem::{BEYOND, Concerns, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "heavy_ball",
    title: "Heavy-ball momentum",
    strength: Strength::Beyond,
    statement: "With m' = μm + ∇L(w) + λw, w' = w - ηm', the edge of stability is at ηλ₁/‖w‖² = 2(1+μ), and near Γ the \
                iterates follow the sharpness-reduction flow, one step lasting ηλ/(1-μ), with ⟨K h²⟩ = 2ηλ/(1+μ)",
    latex: r"\frac{\eta\lambda_1}{\|w\|^2}\to 2(1+\mu),\qquad \frac{d\zeta}{d\tau}=-\frac{2\nabla_\Gamma\log\lambda_1}{4+\|\nabla_\Gamma\log\lambda_1\|^2},\quad\tau=\frac{t\,\eta\lambda}{1-\mu}",
    hypotheses: OF_MOMENTUM,
    source: BEYOND,
    coefficients: Some("exact_heavy_ball"),
    concerns: Concerns::Every,
    judged_on: &[&On::<OtherDynamics>(judge)],
};

const LAW: FlowConstants = FlowConstants::SHARPNESS_REDUCTION;

fn judge((instance, record): (&Instance, &DynamicsRecord)) -> Judged {
    let Some(&Momentum { momentum, .. }) = (record.optimizer as &dyn Any).downcast_ref() else {
        return Err(NotJudged::Unconcerned);
    };
    record.has_runs(instance)?;
    let on = (instance, record);
    let point: fn(&OtherRun, usize) -> &[f64] = |run, k| &run.points[k];
    let faster = |factor: f64| FlowConstants { numerator: LAW.numerator * factor, ..LAW };
    // The reading's δ is of η/((1+μ−ηλ)‖w‖²).
    let edge = |what: &'static str, at: f64| {
        let deviation = |run: &OtherRun| {
            let kept = 1.0 + momentum - run.intrinsic_lr * (1.0 - momentum);
            worst(run.readings.iter().map(|reading| ((2.0 + reading.edge_offset) * kept / at - 1.0).abs()))
        };
        others_fall(what, record, 1e-13, deviation)
    };
    // ηλ = ε(1−μ). Each step of δ neglects |δ| of its terms at most, twice.
    let mean_square = |what: &'static str, factor: f64| {
        let ratio = |run: &ShortRun| {
            let swing = worst(run.whole().iter().map(|(_, reading)| reading.edge_offset.abs()));
            let mean = run.mean(|reading| reading.edge_stiffness() * reading.displacement.powi(2));
            let intrinsic_lr = run.intrinsic_lr * (1.0 - momentum);
            (mean / (factor * intrinsic_lr) - 1.0).abs() / (2.0 * swing + QUADRATURE)
        };
        Statement { what: what.into(), check: Check::bound(record.swings.iter().map(ratio)) }
    };
    let twins = [
        ("one step lasts ηλ", faster(1.0 - momentum)),
        ("one step lasts ηλ/(1-μ)²", faster(1.0 / (1.0 - momentum))),
        ("one step lasts ηλ(1+μ)/(1-μ)", faster(1.0 + momentum)),
        ("denominator 4(1+μ) + ‖G‖²", FlowConstants { offset: 4.0 * (1.0 + momentum), ..LAW }),
        ("denominator 4(1-μ) + ‖G‖²", FlowConstants { offset: 4.0 * (1.0 - momentum), ..LAW }),
        ("sign flipped", faster(-1.0)),
    ];
    let told = twins.into_iter().filter(|&(_, twin)| record.tells(instance, twin));
    Ok(Measurement {
        instance: name_on(record.optimizer, instance),
        hypotheses: of_dynamics(instance, record),
        statements: vec![
            follows("raw iterate", on, LAW, |run, k| &run.thetas[k]),
            edge("ηλ₁/‖w‖² = 2(1+μ)", 2.0 * (1.0 + momentum)),
            mean_square("⟨K h²⟩ against 2ηλ/(1+μ)", 2.0 / (1.0 + momentum)),
        ],
        twins: told
            .map(|(what, twin)| follows(what, on, twin, point))
            .chain([
                edge("edge at 2", 2.0),
                edge("edge at 2/(1-μ)", 2.0 / (1.0 - momentum)),
                mean_square("⟨K h²⟩ = 2ηλ", 2.0),
                mean_square("⟨K h²⟩ = 2ηλ(1-μ)", 2.0 * (1.0 - momentum)),
                mean_square("⟨K h²⟩ = 2ηλ/(1-μ)", 2.0 / (1.0 - momentum)),
            ])
            .collect(),
        // The nearest twin has 1 ± μ times the 4, and the 2.
        constants: fitted_dynamics(instance, record, momentum),
        sensitivity: vec![
            noticed("2 of the edge 2(1+μ)", 2.0, |two| edge("", two * (1.0 + momentum)).check),
            noticed("2 of 2ηλ/(1+μ)", 2.0, |two| mean_square("", two / (1.0 + momentum)).check),
        ],
    })
}
