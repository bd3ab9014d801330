//! What the suites share: how proptest runs, and random instances of linear regression.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rand_distr::{Distribution, StandardNormal};
use sharpflow::data::{Dataset, Stream, generator};

/// `cases` cases; failing seeds are printed, shrunk and kept beside the suites as `*.regressions`.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// Random data with a kernel: 3 to 12 samples, 1 to 8 more features than samples.
pub fn data_with_kernel() -> impl Strategy<Value = Dataset> {
    (3usize..12, 1usize..8, any::<u64>()).prop_map(|(n, more, seed)| Dataset::random(n, n + more, seed))
}

/// A standard normal vector.
pub fn normal_vector(dimension: usize, seed: u64) -> Vec<f64> {
    let mut generator = generator(seed, Stream::Test);
    (0..dimension).map(|_| StandardNormal.sample(&mut generator)).collect()
}
