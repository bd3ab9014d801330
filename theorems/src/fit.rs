//! The constants of a flow, fitted to paths.

use std::sync::Arc;

use sharpflow::arithmetic::dot;
use sharpflow::flow::{Flow, FlowConstants, FlowError};

use crate::evidence::{Constant, Rungs, Values};
use crate::experiments::{DynamicsRecord, OtherRun};
use crate::instance::Instance;
use crate::sensitivity::tells;

/// A path on Γ: times and points.
pub(crate) type Path<'a> = Vec<(f64, &'a [f64])>;

/// A flow with one constant a little more, and a little less.
type Pair = (Arc<Flow<f64>>, Arc<Flow<f64>>);

/// The distances of the nearest twins of a, b and c.
#[derive(Clone, Copy)]
pub(crate) struct Apart {
    pub numerator: f64,
    pub offset: f64,
    pub slope: f64,
}

/// The constants of −aG/(b + c‖G‖²) that fit each path of the three finest rungs best; `paths` gives those of the k-th finest rung. Each
/// constant is fitted with the others fixed, and b/a with c/a jointly. The fit is one Gauss–Newton step from the law's values, and errs by
/// the square of the difference.
///
/// A constant is left out where the path predicted cannot tell it from its nearest twin: where a path that is off by `swing`, the size of
/// the oscillation on the finest rung, would move the constant by half of the twin's distance. There are no constants where a flow
/// cannot be followed.
pub(crate) fn fitted<'a>(
    instance: &Instance,
    (law, apart): (FlowConstants, Apart),
    horizon: f64,
    swing: f64,
    paths: impl Fn(usize) -> Vec<Path<'a>>,
) -> Vec<Constant> {
    const STEP: f64 = 1e-3;
    let moved = |by: f64| {
        [
            FlowConstants { numerator: law.numerator * (1.0 + by), ..law },
            FlowConstants { offset: law.offset * (1.0 + by), ..law },
            FlowConstants { slope: law.slope * (1.0 + by), ..law },
        ]
    };
    let flow = |constants: FlowConstants| instance.flow_over(constants, horizon);
    let flows = || -> Result<(Arc<Flow<f64>>, Vec<Pair>), FlowError> {
        let pair = |(more, less)| Ok((flow(more)?, flow(less)?));
        Ok((flow(law)?, moved(STEP).into_iter().zip(moved(-STEP)).map(pair).collect::<Result<_, FlowError>>()?))
    };
    let Ok((flow, pairs)) = flows() else { return vec![] };
    let fits: [Vec<Fit>; 3] = [0, 1, 2].map(|k| {
        let paths = paths(k);
        paths.iter().map(|path| Fit::of(law, path, &flow, &pairs, 2.0 * STEP)).collect()
    });
    // The responses depend only on the times of the readings and on the predicted path, so that those of the first run serve for all.
    let Some(responses) = fits[0].first().map(|fit| fit.responses) else { return vec![] };
    let of_b = apart.offset / law.numerator.abs();
    let of_c = apart.slope / law.numerator.abs();
    let names = [
        ("numerator a", law.numerator, apart.numerator),
        ("denominator b", law.offset, apart.offset),
        ("denominator c", law.slope, apart.slope),
        ("b/a (joint)", law.offset / law.numerator, of_b),
        ("c/a (joint)", law.slope / law.numerator, of_c),
    ];
    let named = names.into_iter().enumerate();
    let told = named.filter(|&(k, (_, theory, apart))| tells(0.5 * apart, theory.abs() * swing / responses[k]));
    told.map(|(k, (what, theory, apart))| {
        let values = Rungs::finest(|rung| fits[rung].iter().map(|fit| fit.constants[k]).collect());
        Constant { what: what.into(), values: Values::Limit { values, theory, apart } }
    })
    .collect()
}

/// The constants of its flow that fit the points of another dynamics. Its nearest twins have `twin` times a constant more or less.
pub(crate) fn fitted_dynamics(instance: &Instance, record: &DynamicsRecord, twin: f64) -> Vec<Constant> {
    let paths = |k| record.rung(k).map(OtherRun::path).collect();
    let law = record.optimizer.flow();
    let apart = Apart { numerator: twin * law.numerator.abs(), offset: twin * law.offset, slope: twin * law.slope };
    let Some(finest) = record.rung(0).next().map(|run| run.intrinsic_lr) else { return vec![] };
    let swing = record.optimizer.constants().swing(finest, instance.geometry.log_gradient_square());
    fitted(instance, (law, apart), record.horizon, swing, paths)
}

/// The constants that fit a path: a, b, c alone; b/a and c/a jointly.
struct Fit {
    constants: [f64; 5],
    /// How far the path moves, as a root mean square over its readings, when a constant changes by its own size and the others follow.
    responses: [f64; 5],
}

impl Fit {
    fn of(law: FlowConstants, path: &Path<'_>, flow: &Flow<f64>, pairs: &[Pair], width: f64) -> Self {
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
        let response = |square: f64| (square / path.len() as f64).sqrt();
        Self {
            constants: [
                law.numerator * alone(0),
                law.offset * alone(1),
                law.slope * alone(2),
                law.offset * of_b / law.numerator,
                law.slope * of_c / law.numerator,
            ],
            responses: [
                response(square[0][0]),
                response(square[1][1]),
                response(square[2][2]),
                response(determinant / square[2][2]),
                response(determinant / square[1][1]),
            ],
        }
    }
}
