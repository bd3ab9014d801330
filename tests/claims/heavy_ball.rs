use crate::judging;
use sharpflow_theorems::evidence::Verdict;

#[test]
fn confirmed_where_the_swings_stay_small() {
    let data = sharpflow::data::Dataset::random(8, 12, 3);
    let instance = sharpflow_theorems::instance::Instance::new("random".into(), &data, 1.1, 3).unwrap();
    let measured = judging::measured("heavy_ball", 0, &[instance]);
    assert_eq!(measured.len(), 2);
    for measurement in measured {
        let evidence = judging::decided(measurement);
        assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", evidence.instance, evidence.reason);
    }
}
