//! Operations of network files against JAX (`tests/operations/make_fixtures.py`).

use serde::Deserialize;
use sharpflow::arithmetic::{Quad, Real};
use sharpflow::loss::{Derivatives, Evaluator};
use sharpflow::network::{Network, NetworkLoss};

#[derive(Deserialize)]
struct Fixtures {
    operations: Vec<Fixture>,
}

#[derive(Deserialize)]
struct Fixture {
    name: String,
    network: String,
    weights: Vec<f64>,
    direction: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    hessian_vector: Vec<f64>,
}

/// Both sides round each of some hundred sums and products; what they are sums of is no larger than a thousand.
const TOLERANCE: f64 = 1e3 * 1e2 * f64::EPSILON;

#[test]
fn values_gradients_and_products_are_those_of_jax() {
    let fixtures: Fixtures = toml::from_str(include_str!("../operations/fixtures.toml")).unwrap();
    assert!(fixtures.operations.len() >= 18);
    for fixture in fixtures.operations {
        let Fixture { name, network, weights, direction, value, gradient, hessian_vector } = fixture;
        let network = Network::from_toml(&network, &[]).unwrap();
        let near = |found: f64, expected: f64, what: &str| {
            let size = 1.0 + expected.abs();
            assert!((found - expected).abs() <= TOLERANCE * size, "{name}: {what} {found}, JAX {expected}");
        };
        let loss = NetworkLoss::<f64>::new(&network).unwrap();
        near(Evaluator::<_, f64>::new(&loss).evaluate(&weights).0, value, "value");
        let mut image = vec![0.0; weights.len()];
        let mut derivatives = Derivatives::new(&loss);
        derivatives.hessian_vector(&weights, &direction, &mut image);
        image.iter().zip(&hessian_vector).for_each(|(&found, &expected)| near(found, expected, "∇²L·v"));
        let (_, found) = derivatives.gradient(&weights);
        found.iter().zip(&gradient).for_each(|(&found, &expected)| near(found, expected, "∇L"));
        // The same in double-double, where functions have series of their own.
        let wide = |v: &[f64]| -> Vec<Quad> { v.iter().map(|&x| Quad::from_f64(x)).collect() };
        let loss = NetworkLoss::<Quad>::new(&network).unwrap();
        let mut image = wide(&weights);
        Derivatives::new(&loss).hessian_vector(&wide(&weights), &wide(&direction), &mut image);
        image.iter().zip(&hessian_vector).for_each(|(found, &expected)| near(found.to_f64(), expected, "∇²L·v"));
    }
}
