//! The sharpness-reduction flow.

use sharpflow::arithmetic::{distance, dot};
use sharpflow::flow::{Flow, FlowConstants, FlowError, integrate};
use sharpflow::loss::Loss;
use sharpflow::measure::{ErrorModel, LadderPoint};

use crate::evidence::{Check, Constant, Measurement, Statement};
use crate::instance::Instance;
use crate::records::{LadderRecord, Run};
use crate::theorem::{Judge, PAPER, Strength, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "sharpness_reduction_flow",
    title: "Sharpness-reduction flow",
    strength: Strength::Limit,
    statement: "Near Γ and at the edge of stability, GD with weight decay stays close to ζ(t·ηλ), where \
                dζ/dτ = -2∇_Γ log λ₁(ζ) / (4 + ‖∇_Γ log λ₁(ζ)‖²); the largest distance up to a fixed τ vanishes with ηλ",
    latex: r"\frac{d\zeta}{d\tau}=-\frac{2\nabla_\Gamma\log\lambda_1(\zeta)}{4+\|\nabla_\Gamma\log\lambda_1(\zeta)\|^2}",
    hypotheses: &[
        "the loss is scale-invariant and smooth near Γ",
        "the rank of ∇²L is constant along Γ",
        "λ₁ is simple along the path",
        "the start is within O(√(ηλ)) of Γ and of the edge, with bounded energy",
        "|h| stays above rounding",
    ],
    source: PAPER,
    judge: Judge::Ladder(judge),
};

/// Local error of the integrated flows, far below any distance measured (the smallest are near 10⁻⁵).
const TOLERANCE: f64 = 1e-11;
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

fn judge(instance: &Instance, record: &LadderRecord) -> Option<Measurement> {
    // A flow that cannot be integrated gives no errors, and a check without data is undecided.
    let flow = flow(instance, LAW).ok();
    let order = |what, flow: &Option<Flow<f64>>, read: Read, model, holding| Statement {
        what,
        check: Check::Order {
            points: flow.as_ref().map_or(vec![], |flow| errors(instance, record, flow, read)),
            model,
            above: 0.25,
            holding,
            floor: TOLERANCE,
        },
    };
    let statements = vec![
        order("raw iterate", &flow, Run::theta, ErrorModel::NextOrder, Some(0.5)),
        order("projected on Γ", &flow, Run::point, ErrorModel::Leading, None),
    ];
    let twins = TWINS.iter().map(|&(what, constants)| {
        let flow = self::flow(instance, constants).ok();
        order(what, &flow, Run::point, ErrorModel::Leading, None)
    });
    Some(Measurement {
        instance: instance.name.clone(),
        hypotheses: record.hypotheses.clone(),
        twins: twins.collect(),
        constants: flow.map_or(vec![], |flow| constants(instance, record, &flow)),
        statements,
    })
}

/// Which vector of a reading is compared: θ or p.
type Read = fn(&Run, usize) -> &[f64];

/// A flow with one constant a little more, and a little less.
type Pair = (Flow<f64>, Flow<f64>);

fn flow(instance: &Instance, constants: FlowConstants) -> Result<Flow<f64>, FlowError> {
    let mut minimizers = instance.minimizers.clone();
    integrate(&mut minimizers, constants, &instance.start, instance.plan.horizon, TOLERANCE)
}

/// The sup of ‖iterate − ζ(τ)‖ over the window, for every run.
fn errors(instance: &Instance, record: &LadderRecord, flow: &Flow<f64>, read: Read) -> Vec<LadderPoint> {
    let mut predicted = vec![0.0; instance.loss.dimension()];
    let runs = record.runs.iter();
    runs.map(|run| {
        let mut error = 0.0f64;
        for k in run.window(0.0, instance.plan.horizon) {
            flow.at(run.times[k], &mut predicted);
            let gap = distance(read(run, k), &predicted);
            error = if gap.is_nan() { gap } else { error.max(gap) };
        }
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
        .map(|(more, less)| Ok((self::flow(instance, more)?, self::flow(instance, less)?)))
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
        .map(|(k, (what, theory))| constant(what, theory, column(&finest, k), &column(&next, k)))
        .collect()
}

/// A constant from the finest rung, with the bias that the next rung shows.
///
/// If the bias falls at least like (ηλ)^¼, as the claim demands of the error, then over a half decade it falls by r ≤ 10^(−1/8)
/// and what is left is at most r/(1−r) < 3 times the last difference.
pub(crate) fn constant(what: &'static str, theory: f64, values: Vec<f64>, next: &[f64]) -> Constant {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Constant { what, theory: Some(theory), bias: 3.0 * (mean(&values) - mean(next)).abs(), values }
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
