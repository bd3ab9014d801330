use crate::judging;
use sharpflow_theorems::evidence::Verdict;

#[test]
fn confirmed_where_the_swings_stay_small() {
    let data = sharpflow::data::Dataset::random(8, 12, 3);
    let instance = sharpflow_theorems::instance::Instance::new("random".into(), &data, 1.1, 3).unwrap();
    let measured = judging::measured("heavy_ball", 0, &[instance]);
    // With μ = ½ runs that are short enough do not come so far as to tell the flow from wrong ones here.
    assert!(measured.len() == 1 && measured[0].instance.ends_with("μ = 0.25"), "{}", measured[0].instance);
    for measurement in measured {
        let evidence = judging::decided(measurement);
        assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", evidence.instance, evidence.reason);
    }
}
