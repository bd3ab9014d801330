//! What must not change a regression's λ₁, and what must change it in a known way: constants, orders, repeats, rotations, units.

use crate::common::cases;
use faer::Mat;
use proptest::prelude::*;
use sharpflow::data::Dataset;
use sharpflow::loss::{LinearRegression, Loss};
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers};

const ANGLE: f64 = 0.9;

/// Rank, R, ‖w*‖ and λ₁ at an angle.
fn measured(data: &Dataset) -> (usize, [f64; 3]) {
    let (components, targets) = data.principal_components().unwrap();
    let loss = LinearRegression::<f64>::in_components(&components, &targets).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    let mut axis = vec![0.0; loss.dimension()];
    axis[loss.dimension() - 1] = 1.0;
    let angle = if minimizers.manifold_dimension() == 0 { 0.0 } else { ANGLE };
    let point = minimizers.at_angle(angle, &axis).unwrap();
    let mut geometry = Geometry::new(loss.dimension());
    minimizers.geometry(&point, &mut geometry).unwrap();
    (minimizers.rank(), [minimizers.correlation(), minimizers.minimum_norm(), geometry.sharpness])
}

/// Whole numbers: whatever is added to them below is exact in doubles, so that the data are the same.
fn whole(n: usize, d: usize, seed: u64) -> Dataset {
    let drawn = Dataset::random(n, d, seed);
    let features = Mat::from_fn(n, d, |i, j| (1e4 * drawn.features[(i, j)]).round());
    Dataset::new(features, drawn.targets.iter().map(|y| (1e4 * y).round()).collect())
}

fn tables() -> impl Strategy<Value = Dataset> {
    (4usize..9, 3usize..12, any::<u64>()).prop_map(|(n, d, seed)| whole(n, d, seed))
}

fn changed(data: &Dataset, feature: impl Fn(usize, usize) -> f64, target: impl Fn(usize) -> f64) -> Dataset {
    let (n, d) = (data.features.nrows(), data.features.ncols());
    Dataset::new(Mat::from_fn(n, d, feature), (0..n).map(target).collect())
}

/// Relative differences, over what the decompositions of well-conditioned data explain: a hundred units for each sample.
fn check(before: &Dataset, after: &Dataset, factors: [f64; 3]) -> Result<(), TestCaseError> {
    let ((rank, a), (other, b)) = (measured(before), measured(after));
    prop_assert_eq!(rank, other);
    let tolerance = 100.0 * before.targets.len() as f64 * f64::EPSILON * condition(before);
    for ((a, b), factor) in a.into_iter().zip(b).zip(factors) {
        prop_assert!((b / (a * factor) - 1.0).abs() <= tolerance, "{a} {b} {factor} {tolerance}");
    }
    Ok(())
}

/// σ₁/σᵣ of the features.
fn condition(data: &Dataset) -> f64 {
    let values = data.principal_components().unwrap().0.values;
    (values[0] / values[values.len() - 1]).0
}

proptest! {
    #![proptest_config(cases(64))]

    /// Batch normalization does not see a constant added to a column, nor do the centred targets one added to them.
    #[test]
    fn constants_change_nothing(data in tables(), exponent in 0i32..12, seed: u64) {
        let offset = |j: usize| (((seed >> (j % 32)) % 7) as f64 - 3.0) * 10f64.powi(exponent).round();
        let d = data.features.ncols();
        let after = changed(&data, |i, j| data.features[(i, j)] + offset(j), |i| data.targets[i] + offset(d));
        check(&data, &after, [1.0; 3])?;
    }

    /// The order of samples and of features is no part of the data.
    #[test]
    fn orders_change_nothing(data in tables(), turn in 1usize..8) {
        let (n, d) = (data.features.nrows(), data.features.ncols());
        let after =
            changed(&data, |i, j| data.features[((i + turn) % n, (j * (d - 1) + turn) % d)], |i| data.targets[(i + turn) % n]);
        check(&data, &after, [1.0; 3])?;
    }

    /// The loss is a mean over samples.
    #[test]
    fn repeated_samples_change_nothing(data in tables(), times in 2usize..4) {
        let (n, d) = (data.features.nrows(), data.features.ncols());
        let features = Mat::from_fn(times * n, d, |i, j| data.features[(i % n, j)]);
        let after = Dataset::new(features, (0..times * n).map(|i| data.targets[i % n]).collect());
        check(&data, &after, [1.0; 3])?;
    }

    /// Units of all features together: w* is divided by them, and λ₁ on the sphere is the same. Units of the targets: w* and λ₁, of which the
    /// loss is the square.
    #[test]
    fn units_change_what_they_must(data in tables(), [a, b] in prop::array::uniform2(-30i32..30)) {
        let (a, b) = (f64::from(a).exp2(), f64::from(b).exp2());
        let after = changed(&data, |i, j| a * data.features[(i, j)], |i| b * data.targets[i]);
        check(&data, &after, [1.0, b / a, b * b])?;
    }

    /// A reflection of the features' axes, I − 2vvᵀ/‖v‖² with whole v and a factor ‖v‖² that keeps all numbers whole.
    #[test]
    fn rotations_change_nothing(data in tables(), seed: u64) {
        let d = data.features.ncols();
        let v: Vec<f64> = (0..d).map(|j| ((seed >> (2 * (j % 30))) % 4) as f64 - 1.0).collect();
        let square: f64 = v.iter().map(|x| x * x).sum();
        prop_assume!(square > 0.0);
        let along: Vec<f64> =
            (0..data.features.nrows()).map(|i| (0..d).map(|j| data.features[(i, j)] * v[j]).sum()).collect();
        let after =
            changed(&data, |i, j| square * data.features[(i, j)] - 2.0 * along[i] * v[j], |i| data.targets[i]);
        check(&data, &after, [1.0, 1.0 / square, 1.0])?;
    }

    /// A feature given in two columns, 3/5 and 4/5 of it, is the same feature along another axis; Γ has one more dimension.
    #[test]
    fn a_split_feature_changes_nothing(data in tables()) {
        let (n, d) = (data.features.nrows(), data.features.ncols());
        // Five times as large, so that all numbers are whole.
        let entry = |i: usize, j: usize| match j {
            0 => 3.0 * data.features[(i, 0)],
            j if j == d => 4.0 * data.features[(i, 0)],
            j => 5.0 * data.features[(i, j)],
        };
        let after = Dataset::new(Mat::from_fn(n, d + 1, entry), data.targets.clone());
        prop_assume!(measured(&data).0 < d);
        check(&data, &after, [1.0, 0.2, 1.0])?;
    }
}
