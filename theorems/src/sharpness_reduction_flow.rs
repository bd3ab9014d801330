//! The sharpness-reduction flow.

use sharpflow::arithmetic::{distance, dot};
use sharpflow::flow::{Flow, FlowConstants, FlowError};
use sharpflow::loss::Loss;
use sharpflow::measure::{ErrorModel, LadderPoint, worst};

use crate::evidence::{Check, Constant, Measurement, Statement, Strength};
use crate::hypotheses::of_ladder;
use crate::instance::{FLOW_TOLERANCE, Instance};
use crate::records::{LadderRecord, Run};
use crate::theorem::{Judge, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "sharpness_reduction_flow",
    title: "Sharpness-reduction flow",
    strength: Strength::Limit,
    statement: "Near Γ and at the edge of stability, GD with weight decay stays close to ζ(t·ηλ), where \
                dζ/dτ = -2∇_Γ log λ₁(ζ) / (4 + ‖∇_Γ log λ₁(ζ)‖²); the largest distance up to a fixed τ vanishes with ηλ",
    latex: r"\frac{d\zeta}{d\tau}=-\frac{2\nabla_\Gamma\log\lambda_1(\zeta)}{4+\|\nabla_\Gamma\log\lambda_1(\zeta)\|^2}",
    hypotheses: &[
        "the loss is scale-invariant",
        "the rank of ∇²L is constant along Γ",
        "λ₁ is simple along the path",
        "the start is within O(√(ηλ)) of Γ and of the edge, with bounded energy",
        "|h| stays above rounding",
    ],
    source: PAPER,
    judge: Judge::Ladder(judge),
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

fn judge(instance: &Instance, record: &LadderRecord) -> Measurement {
    let flow = instance.flow(LAW);
    let order = |what: &'static str, flow: &Result<Flow<f64>, FlowError>, read: Read, model, holding| Statement {
        what: what.into(),
        check: match flow {
            Ok(flow) => {
                let points = errors(instance, record, flow, read);
                Check::Order { points, model, above: 0.25, holding, floor: FLOW_TOLERANCE }
            }
            Err(error) => Check::Missing { reason: error.to_string() },
        },
    };
    let statements = vec![
        order("raw iterate", &flow, Run::theta, ErrorModel::NextOrder, Some(0.5)),
        order("projected on Γ", &flow, Run::point, ErrorModel::Leading, None),
    ];
    let twins = TWINS.iter().map(|&(what, constants)| {
        let flow = instance.twin_flow(constants, instance.plan.horizon);
        order(what, &flow, Run::point, ErrorModel::Leading, None)
    });
    Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        twins: twins.collect(),
        constants: flow.map_or(vec![], |flow| constants(instance, record, &flow)),
        statements,
    }
}

/// Which vector of a reading is compared: θ or p.
type Read = fn(&Run, usize) -> &[f64];

/// A flow with one constant a little more, and a little less.
type Pair = (Flow<f64>, Flow<f64>);

/// The sup of ‖iterate − ζ(τ)‖ over the window, for every run.
fn errors(instance: &Instance, record: &LadderRecord, flow: &Flow<f64>, read: Read) -> Vec<LadderPoint> {
    let mut predicted = vec![0.0; instance.loss.dimension()];
    let runs = record.runs.iter();
    runs.map(|run| {
        let distances = run.window(0.0, flow.end()).map(|k| {
            flow.at(run.times[k], &mut predicted);
            distance(read(run, k), &predicted)
        });
        let error = worst(distances);
        LadderPoint { start: run.start, parameter: run.intrinsic_lr, error }
    })
    .collect()
}

/// The constants of −aG/(b + c‖G‖²) that fit the projected iterates best, a start at a time: each with the others fixed,
/// and b/a with c/a jointly. One Gauss–Newton step from the theory's values, which errs by the square of the difference.
fn constants(instance: &Instance, record: &LadderRecord, flow: &Flow<f64>) -> Vec<Constant> {
    const STEP: f64 = 1e-3;
    let moved = |by: f64| {
        [
            FlowConstants { numerator: LAW.numerator + by, ..LAW },
            FlowConstants { offset: LAW.offset + by, ..LAW },
            FlowConstants { slope: LAW.slope + by, ..LAW },
        ]
    };
    let pairs: Result<Vec<Pair>, FlowError> = moved(STEP)
        .into_iter()
        .zip(moved(-STEP))
        .map(|(more, less)| Ok((instance.flow(more)?, instance.flow(less)?)))
        .collect();
    let Ok(pairs) = pairs else { return vec![] };
    // Values of one rung: a, b, c alone; b/a and c/a jointly.
    let rung = |k: usize| -> Vec<[f64; 5]> {
        let runs = record.rung(instance, k);
        runs.map(|run| fit_one(instance, run, flow, &pairs, 2.0 * STEP)).collect()
    };
    let (finest, next) = (rung(0), rung(1));
    let names = [
        ("numerator a", LAW.numerator),
        ("denominator b", LAW.offset),
        ("denominator c", LAW.slope),
        ("b/a (joint)", LAW.offset / LAW.numerator),
        ("c/a (joint)", LAW.slope / LAW.numerator),
    ];
    let column = |rows: &[[f64; 5]], k: usize| -> Vec<f64> { rows.iter().map(|row| row[k]).collect() };
    names
        .into_iter()
        .enumerate()
        .map(|(k, (what, theory))| Constant::of_rungs(what, theory, column(&finest, k), &column(&next, k)))
        .collect()
}

fn fit_one(instance: &Instance, run: &Run, flow: &Flow<f64>, pairs: &[Pair], width: f64) -> [f64; 5] {
    let dimension = instance.loss.dimension();
    let mut residual = vec![0.0; dimension];
    let mut scratch = vec![0.0; dimension];
    let mut slopes = vec![vec![0.0; dimension]; pairs.len()];
    // Normal equations over all readings.
    let (mut square, mut along) = ([[0.0; 3]; 3], [0.0; 3]);
    for k in run.window(0.0, instance.plan.horizon) {
        let tau = run.times[k];
        flow.at(tau, &mut scratch);
        for (r, (p, z)) in residual.iter_mut().zip(run.point(k).iter().zip(&scratch)) {
            *r = p - z;
        }
        for (slope, (more, less)) in slopes.iter_mut().zip(pairs) {
            more.at(tau, slope);
            less.at(tau, &mut scratch);
            slope.iter_mut().zip(&scratch).for_each(|(s, l)| *s = (*s - l) / width);
        }
        for i in 0..3 {
            along[i] += dot(&slopes[i], &residual);
            for j in 0..3 {
                square[i][j] += dot(&slopes[i], &slopes[j]);
            }
        }
    }
    let alone = |i: usize| along[i] / square[i][i];
    // With B = b/a and C = c/a: ∂/∂B = a∂/∂b, ∂/∂C = a∂/∂c.
    let determinant = square[1][1] * square[2][2] - square[1][2] * square[2][1];
    let of_b = (along[1] * square[2][2] - along[2] * square[1][2]) / determinant;
    let of_c = (along[2] * square[1][1] - along[1] * square[2][1]) / determinant;
    [
        LAW.numerator + alone(0),
        LAW.offset + alone(1),
        LAW.slope + alone(2),
        (LAW.offset + of_b) / LAW.numerator,
        (LAW.slope + of_c) / LAW.numerator,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Progress;
    use crate::verdict::{decide, level_of_one};
    use sharpflow::data::Dataset;

    /// A path that is the flow of other constants gives those constants back, and excludes the theory's.
    #[test]
    fn the_constants_of_another_flow_are_found() {
        let instance = Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap();
        let mut record = LadderRecord::new(&instance, &Progress::default()).unwrap().unwrap();
        let law = instance.flow(LAW).unwrap();
        let planted = [
            (0, FlowConstants { numerator: 2.02, ..LAW }, 2.02),
            (1, FlowConstants { offset: 4.04, ..LAW }, 4.04),
            (2, FlowConstants { slope: 1.01, ..LAW }, 1.01),
        ];
        for (place, other, expected) in planted {
            let path = instance.flow(other).unwrap();
            record.runs.iter_mut().for_each(|run| run.replace_points(|tau, point| path.at(tau, point)));
            let found = constants(&instance, &record, &law);
            // One Gauss–Newton step errs by the square of the change, 1 %.
            let mean = |k: usize| found[k].values.iter().sum::<f64>() / found[k].values.len() as f64;
            assert!((mean(place) / expected - 1.0).abs() < 3e-4, "{} = {}", found[place].what, mean(place));
            let joint = [other.offset / other.numerator, other.slope / other.numerator];
            for (k, expected) in joint.into_iter().enumerate() {
                assert!((mean(3 + k) / expected - 1.0).abs() < 1e-3, "{} = {}", found[3 + k].what, mean(3 + k));
            }
            let measured = judge(&instance, &record);
            let decided = decide(measured, level_of_one(150));
            let constant = &decided.estimates[place];
            assert!(!constant.estimate.contains(constant.theory.unwrap()), "{constant:?}");
        }
    }
}
