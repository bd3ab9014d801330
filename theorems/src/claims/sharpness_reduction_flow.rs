//! The sharpness-reduction flow.

use std::sync::Arc;

use sharpflow::arithmetic::distance;
use sharpflow::flow::{Flow, FlowConstants, FlowError};
use sharpflow::measure::worst;

use crate::assumption::OF_LADDERS;
use crate::checks::falls;
use crate::evidence::{Check, Constant, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Ladder, LadderRecord, Run, of_ladder};
use crate::fit::{Apart, fitted};
use crate::instance::{APART, FLOW_TOLERANCE, Instance};
use crate::sensitivity::tells;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "sharpness_reduction_flow",
    title: "Sharpness-reduction flow",
    strength: Strength::Limit,
    statement: "Near Γ and at the edge of stability, GD with weight decay stays close to ζ(t·ηλ), where \
                dζ/dτ = -2∇_Γ log λ₁(ζ) / (4 + ‖∇_Γ log λ₁(ζ)‖²); the largest distance up to a fixed τ vanishes with ηλ",
    latex: r"\frac{d\zeta}{d\tau}=-\frac{2\nabla_\Gamma\log\lambda_1(\zeta)}{4+\|\nabla_\Gamma\log\lambda_1(\zeta)\|^2}",
    hypotheses: OF_LADDERS,
    source: PAPER,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Ladder>(judge)],
};

const LAW: FlowConstants = FlowConstants::SHARPNESS_REDUCTION;

const TWINS: [(&str, FlowConstants); 8] = [
    ("denominator 3 + ‖G‖²", FlowConstants { offset: 3.0, ..LAW }),
    ("denominator 5 + ‖G‖²", FlowConstants { offset: 5.0, ..LAW }),
    ("denominator 4", FlowConstants { slope: 0.0, ..LAW }),
    ("denominator 4 + 2‖G‖²", FlowConstants { slope: 2.0, ..LAW }),
    ("numerator 1", FlowConstants { numerator: 1.0, ..LAW }),
    ("numerator 4 (time 2ηλ)", FlowConstants { numerator: 4.0, ..LAW }),
    ("sign flipped", FlowConstants { numerator: -2.0, ..LAW }),
    ("flow stands still", FlowConstants { numerator: 0.0, ..LAW }),
];

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let flow = instance.flow(LAW);
    let order = |what: &'static str, flow: &Result<Arc<Flow<f64>>, FlowError>, read: Read| match flow {
        Ok(flow) => falls(what, record, FLOW_TOLERANCE, |run| largest_distance(run, flow, read)),
        Err(error) => Statement { what: what.into(), check: Check::Missing { reason: error.to_string() } },
    };
    let statements = vec![order("raw iterate", &flow, Run::theta), order("projected on Γ", &flow, Run::point)];
    let twins = TWINS.iter().filter_map(|&(what, constants)| {
        let twin = instance.twin_flow(constants, instance.plan.horizon);
        let is_told = match (&flow, &twin) {
            (Ok(law), Ok(twin)) => {
                instance.is_read(twin.end()) && tells(instance.apart(law, twin), APART * instance.finest_swing())
            }
            _ => true,
        };
        is_told.then(|| order(what, &twin, Run::point))
    });
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        twins: twins.collect(),
        constants: constants(instance, record),
        statements,
        sensitivity: vec![],
    })
}

/// The vector of a reading that is compared: θ or p.
type Read = fn(&Run, usize) -> &[f64];

/// The sup of ‖iterate − ζ(τ)‖ over the window of a run.
fn largest_distance(run: &Run, flow: &Flow<f64>, read: Read) -> f64 {
    let mut predicted = vec![0.0; run.dimension];
    worst(run.window(0.0, flow.end()).map(|k| {
        flow.at(run.times[k], &mut predicted);
        distance(read(run, k), &predicted)
    }))
}

/// The constants that fit the projected iterates of the three finest rungs.
fn constants(instance: &Instance, record: &LadderRecord) -> Vec<Constant> {
    let paths = |k| record.rung(k).map(|run| run.path(instance.plan.horizon)).collect();
    // The nearest twins: numerator 1, denominator 3 or 5, the slope left out.
    let apart = Apart { numerator: 1.0, offset: 1.0, slope: 1.0 };
    fitted(instance, (LAW, apart), instance.plan.horizon, instance.finest_swing(), paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Values;
    use crate::progress::Progress;
    use crate::verdict::{decide, level_of_one};
    use sharpflow::data::Dataset;

    /// A path that is the flow of other constants gives those constants back, and excludes the theory's.
    #[test]
    fn the_constants_of_another_flow_are_found() {
        let instance = Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap();
        let mut record = LadderRecord::new(&instance, &Progress::default()).unwrap();
        let planted = [
            (0, FlowConstants { numerator: 2.02, ..LAW }, 2.02),
            (1, FlowConstants { offset: 4.04, ..LAW }, 4.04),
            (2, FlowConstants { slope: 1.01, ..LAW }, 1.01),
        ];
        for (place, other, expected) in planted {
            let path = instance.flow(other).unwrap();
            record.runs.iter_mut().for_each(|run| run.replace_points(|tau, point| path.at(tau, point)));
            let found = constants(&instance, &record);
            // One Gauss–Newton step errs by the square of the change, 1 %.
            let mean = |k: usize| match &found[k].values {
                Values::Limit { values, .. } => values.rungs[0].iter().sum::<f64>() / values.rungs[0].len() as f64,
                _ => f64::NAN,
            };
            assert!((mean(place) / expected - 1.0).abs() < 3e-4, "{} = {}", found[place].what, mean(place));
            let joint = [other.offset / other.numerator, other.slope / other.numerator];
            for (k, expected) in joint.into_iter().enumerate() {
                assert!((mean(3 + k) / expected - 1.0).abs() < 1e-3, "{} = {}", found[3 + k].what, mean(3 + k));
            }
            let measured = judge((&instance, &record)).unwrap();
            let decided = decide(measured, level_of_one(150));
            let constant = &decided.estimates[place];
            assert!(!constant.estimate.contains(constant.theory().unwrap()), "{constant:?}");
        }
    }
}
