//! Networks as frameworks export them, made scale-invariant by the mends that `inspect` proposes.

use sharpflow::loss::Evaluator;
use sharpflow::network::homogeneity::Answer;
use sharpflow::network::{Network, NetworkLoss};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/frameworks");

fn exported(name: &str) -> Network {
    Network::read(format!("{FOLDER}/{name}.toml"), &[]).unwrap()
}

/// What is written of a mended network is proved scale-invariant when it is read again, and its loss is another number than infinity there.
#[test]
fn mended_networks_are_scale_invariant() {
    let names = ["torch_batch_norm", "torch_images", "torch_instances", "torch_weight_norm"];
    for name in names.into_iter().chain(["jax_images"]) {
        let network = exported(name);
        assert_ne!(network.homogeneity(&[], 0).answer, Answer::Proved, "{name}");
        let mended = network.mended(0).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = Network::from_toml(&mended.network.with_data_given().to_toml(), &[]).unwrap();
        assert_eq!(again.homogeneity(&[], 0).answer, Answer::Proved, "{name}");
        let weights = again.given_weights().unwrap();
        let loss = NetworkLoss::<f64>::new(&again).unwrap();
        let at = |scale: f64| {
            let w: Vec<f64> = weights.iter().map(|w| scale * w).collect();
            Evaluator::new(&loss).evaluate(&w).0
        };
        let (one, three) = (at(1.0), at(3.0));
        assert!(one.is_finite() && (one - three).abs() <= 1e-12 * one.abs(), "{name}: {one} and {three}");
    }
}

/// The readout and the affine weights of batch norm are frozen, and what stands before the batch norm is not.
#[test]
fn nothing_is_frozen_without_need() {
    let mended = exported("torch_batch_norm").mended(0).unwrap();
    assert_eq!(mended.epsilons, ["batch_norm"]);
    assert_eq!(mended.frozen, ["1.weight", "1.bias", "3.weight", "3.bias"]);
    let groups: Vec<_> = mended.network.groups().map(|group| group.name.to_owned()).collect();
    assert_eq!(groups, ["0.weight", "0.bias"]);
    // A network that is scale-invariant stays what it is.
    let invariant = exported("torch_invariant");
    let mended = invariant.mended(0).unwrap();
    assert!(mended.epsilons.is_empty() && mended.frozen.is_empty());
    assert_eq!(mended.network, invariant);
}

#[test]
fn a_network_that_cannot_be_mended_says_where() {
    let text = "[weights]\nw = [3, 1]\n[constants]\nx = { shape = [4, 3], normal = 1 }\ny = { shape = [4, 1], normal = 2 }\n\
                [nodes]\nout = { op = \"matrix_product\", of = [\"x\", \"w\"] }\n\
                loss = { op = \"mean_squared_error\", of = [\"out\", \"y\"] }\n";
    let error = Network::from_toml(text, &[]).unwrap().mended(0).unwrap_err();
    assert_eq!(error.node, "loss");
    assert!(error.to_string().contains("the output is not normalized"), "{error}");
    // Its residual stream starts at the embedding and goes into the logits, so that no group of weights by itself is scale-invariant.
    assert!(exported("torch_transformer").mended(0).is_err());
}
