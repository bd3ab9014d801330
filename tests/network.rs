//! Networks as data: kernels against compositions and differences, derivatives, files, exact arithmetic.

mod common;

use common::{cases, normal_vector};
use proptest::prelude::*;
use sharpflow::arithmetic::{Base, Jet, Quad, Real, Scalar, add_scaled, distance, dot, norm};
use sharpflow::data::Dataset;
use sharpflow::loss::{Derivatives, Evaluator, LinearRegression, Loss};
use sharpflow::network::zoo::ZOO;
use sharpflow::network::{Activation, Builder, Convolution, Network, NetworkLoss, NodeId, Normalization, Op};

fn cast<T: Base>(w: &[f64]) -> Vec<T> {
    w.iter().map(|&x| T::from_f64(x)).collect()
}

fn value<T: Real>(network: &Network, w: &[f64]) -> f64 {
    let loss = NetworkLoss::<T>::new(network).unwrap();
    Evaluator::<_, T>::new(&loss).evaluate(&cast(w)).0.to_f64()
}

/// ∇L(w)·v against the central difference in double-double, whose own error is near 2⁻⁶⁰.
fn check_gradient(network: &Network, seed: u64) {
    let loss = NetworkLoss::<Quad>::new(network).unwrap();
    let d = loss.dimension();
    let (w, v) = (cast::<Quad>(&normal_vector(d, seed)), cast::<Quad>(&normal_vector(d, seed ^ 1)));
    let mut evaluator = Evaluator::<_, Quad>::new(&loss);
    let step = Quad::from_f64(2f64.powi(-30));
    let mut at = |sign: f64| {
        let mut at = w.clone();
        add_scaled(&mut at, Quad::from_f64(sign) * step, &v);
        evaluator.evaluate(&at).0
    };
    let difference = ((at(1.0) - at(-1.0)) / (step + step)).to_f64();
    let slope = dot(evaluator.evaluate(&w).1, &v).to_f64();
    assert!((difference - slope).abs() <= 1e-12 * (1.0 + slope.abs()), "{}: {difference} {slope}", network.title());
}

#[test]
fn gradients_of_the_zoo_are_differences_of_its_losses() {
    for architecture in ZOO {
        let network = architecture.network(&[]).unwrap();
        let small = architecture.exact().unwrap();
        for seed in 0..3 {
            check_gradient(&network, seed);
            check_gradient(&small, seed);
        }
    }
}
