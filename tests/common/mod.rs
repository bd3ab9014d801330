//! What the suites share: how proptest runs, and random instances of linear regression.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rand_distr::{Distribution, StandardNormal};
use sharpflow::data::{Dataset, Stream, generator};

/// `cases` cases; failing seeds are printed, shrunk and kept beside the suites as `*.regressions`.
#[allow(dead_code, reason = "not every suite draws by proptest")]
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// The same for cases that are seeds alone, which no smaller one is simpler than.
#[allow(dead_code, reason = "most suites draw more than seeds")]
pub fn seeds(cases: u32) -> ProptestConfig {
    ProptestConfig { max_shrink_iters: 0, ..self::cases(cases) }
}

/// Random data with a kernel: 3 to 12 samples, 1 to 8 more features than samples.
#[allow(dead_code, reason = "not every suite draws data")]
pub fn data_with_kernel() -> impl Strategy<Value = Dataset> {
    (3usize..12, 1usize..8, any::<u64>()).prop_map(|(n, more, seed)| Dataset::random(n, n + more, seed))
}

/// A standard normal vector.
#[allow(dead_code, reason = "not every suite draws vectors")]
pub fn normal_vector(dimension: usize, seed: u64) -> Vec<f64> {
    let mut generator = generator(seed, Stream::Test);
    (0..dimension).map(|_| StandardNormal.sample(&mut generator)).collect()
}
