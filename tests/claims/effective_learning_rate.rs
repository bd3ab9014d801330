use crate::judging;
use sharpflow_theorems::evidence::Check;

/// A second seed is a second experiment.
#[test]
fn neighbouring_seeds_share_no_draw() {
    let ratios = |seed| -> Vec<u64> {
        // The last arithmetic is double-double.
        let measured = judging::measured("effective_learning_rate", seed, &[]).pop().unwrap();
        let Check::Bound { ratios, .. } = &measured.statements[0].check else { panic!("no bound") };
        ratios.iter().map(|ratio| ratio.to_bits()).collect()
    };
    let (first, second) = (ratios(0), ratios(1));
    assert_eq!(first.len(), 100);
    // A residual of exactly 0 can happen to any draw.
    assert!(first.iter().all(|ratio| *ratio == 0 || !second.contains(ratio)));
}
