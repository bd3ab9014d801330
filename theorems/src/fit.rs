//! The constants of a flow, fitted to paths.

use sharpflow::arithmetic::dot;
use sharpflow::flow::{Flow, FlowConstants, FlowError};

use crate::evidence::Constant;
use crate::experiments::{DynamicsRecord, OtherRun};
use crate::instance::Instance;

/// A path on Γ: times and points.
pub(crate) type Path<'a> = Vec<(f64, &'a [f64])>;

/// A flow with one constant a little more, and a little less.
type Pair = (Flow<f64>, Flow<f64>);

/// The constants of −aG/(b + c‖G‖²) that fit each path of the finest rung and of the next rung best. Each constant is fitted with the
/// others fixed, and b/a with c/a jointly. The fit is one Gauss–Newton step from the law's values, and errs by the square of the
/// difference. There are no constants where a flow cannot be followed.
pub(crate) fn fitted(instance: &Instance, law: FlowConstants, horizon: f64, paths: [&[Path<'_>]; 2]) -> Vec<Constant> {
    const STEP: f64 = 1e-3;
    let moved = |by: f64| {
        [
            FlowConstants { numerator: law.numerator * (1.0 + by), ..law },
            FlowConstants { offset: law.offset * (1.0 + by), ..law },
            FlowConstants { slope: law.slope * (1.0 + by), ..law },
        ]
    };
    let flow = |constants: FlowConstants| instance.flow_over(constants, horizon);
    let flows = || -> Result<(Flow<f64>, Vec<Pair>), FlowError> {
        let pair = |(more, less)| Ok((flow(more)?, flow(less)?));
        Ok((flow(law)?, moved(STEP).into_iter().zip(moved(-STEP)).map(pair).collect::<Result<_, FlowError>>()?))
    };
    let Ok((flow, pairs)) = flows() else { return vec![] };
    let rung = |paths: &[Path<'_>]| -> Vec<[f64; 5]> {
        paths.iter().map(|path| fit_one(law, path, &flow, &pairs, 2.0 * STEP)).collect()
    };
    let (finest, next) = (rung(paths[0]), rung(paths[1]));
    let names = [
        ("numerator a", law.numerator),
        ("denominator b", law.offset),
        ("denominator c", law.slope),
        ("b/a (joint)", law.offset / law.numerator),
        ("c/a (joint)", law.slope / law.numerator),
    ];
    let column = |rows: &[[f64; 5]], k: usize| -> Vec<f64> { rows.iter().map(|row| row[k]).collect() };
    names
        .into_iter()
        .enumerate()
        .map(|(k, (what, theory))| Constant::of_rungs(what, theory, column(&finest, k), &column(&next, k)))
        .collect()
}

/// The constants of its flow that fit the points of another dynamics.
pub(crate) fn fitted_dynamics(instance: &Instance, record: &DynamicsRecord) -> Vec<Constant> {
    let paths = |k: usize| -> Vec<Path<'_>> { record.rung(k).map(OtherRun::path).collect() };
    let optimizer = record.optimizer;
    fitted(instance, optimizer.flow(), record.horizon, [&paths(0), &paths(1)])
}

/// a, b, c alone; b/a and c/a jointly.
fn fit_one(law: FlowConstants, path: &Path<'_>, flow: &Flow<f64>, pairs: &[Pair], width: f64) -> [f64; 5] {
    let dimension = path.first().map_or(0, |(_, point)| point.len());
    let mut residual = vec![0.0; dimension];
    let mut scratch = vec![0.0; dimension];
    let mut slopes = vec![vec![0.0; dimension]; pairs.len()];
    // Normal equations over all readings, in relative changes of the constants.
    let (mut square, mut along) = ([[0.0; 3]; 3], [0.0; 3]);
    for &(tau, point) in path {
        flow.at(tau, &mut scratch);
        for (r, (p, z)) in residual.iter_mut().zip(point.iter().zip(&scratch)) {
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
    let alone = |i: usize| 1.0 + along[i] / square[i][i];
    let determinant = square[1][1] * square[2][2] - square[1][2] * square[2][1];
    let of_b = 1.0 + (along[1] * square[2][2] - along[2] * square[1][2]) / determinant;
    let of_c = 1.0 + (along[2] * square[1][1] - along[1] * square[2][1]) / determinant;
    [
        law.numerator * alone(0),
        law.offset * alone(1),
        law.slope * alone(2),
        law.offset * of_b / law.numerator,
        law.slope * of_c / law.numerator,
    ]
}
