use crate::judging;
use sharpflow::arithmetic::{add_scaled, distance};
use sharpflow::data::Dataset;
use sharpflow::loss::Derivatives;
use sharpflow_theorems::evidence::{Check, Verdict};
use sharpflow_theorems::instance::{FAMILIES, Instance};

/// There starts once had no part along v₁, and the claim was refuted.
#[test]
fn a_start_off_the_manifold_has_a_part_along_the_sharpest_direction() {
    let family = FAMILIES.iter().find(|family| family.architecture == "rms_norm").unwrap();
    let evidence = judging::decided(
        judging::measured("stability_threshold", 0, &[family.instance(181_897_281).unwrap()]).remove(0),
    );
    assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
}

/// A multiplier that is wrong by a thousandth, over the bound: twice what the expansion in h leaves, and rounding.
#[test]
fn a_wrong_multiplier_is_wrong_by_as_much_as_it_is() {
    const H: f64 = 1e-5;
    let instance = Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap();
    let measured = judging::measured("stability_threshold", 0, std::slice::from_ref(&instance)).remove(0);
    let twin = measured.twins.iter().find(|twin| twin.what == "multiplier 1.001 - η̃λ₁").unwrap();
    let Check::Bound { ratios, .. } = &twin.check else { panic!("no bound") };
    let products = [1.9, 1.98, 2.02, 2.05];
    let places = instance.path.iter().step_by(4).flat_map(|place| products.map(|product| (place, product)));
    assert_eq!(ratios.len(), places.clone().count());
    for (ratio, (place, product)) in ratios.iter().zip(places) {
        let v = &place.geometry.direction;
        // ∇⁴L[v₁, v₁, v₁] by differences of ∇³L[v₁, v₁], to the square of 10⁻⁴.
        let third = |by: f64| {
            let mut point = place.point.clone();
            add_scaled(&mut point, by, v);
            let mut found = v.clone();
            Derivatives::new(&instance.loss).third_derivative(&point, v, &mut found);
            found
        };
        let fourth = distance(&third(1e-4), &third(-1e-4)) / 2e-4;
        let next = H * H * (product / place.geometry.sharpness * fourth / 6.0 + product * product + 1.0);
        let rounding = 64.0 * v.len() as f64 * f64::EPSILON * (1.0 + product) / H;
        let expected = 1e-3 / (2.0 * next + rounding);
        // The multiplier's own error is within the bound.
        assert!((ratio - expected).abs() <= 1.0 + 1e-5 * expected, "{ratio} {expected}");
    }
}
