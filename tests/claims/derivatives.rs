//! Networks and derivatives that PyTorch and JAX wrote (`tests/frameworks`), against derivatives in double-double.

use std::path::{Path, PathBuf};

use sharpflow::data::Array;
use sharpflow::network::Network;
use sharpflow::network::homogeneity::Answer;
use sharpflow_theorems::derivatives::{
    DerivativeAnswer, DerivativeCheck, DerivativesError, PatternReading, check_derivatives,
};

type Arrays = Vec<(String, Array)>;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frameworks").join(name)
}

fn network(name: &str) -> Network {
    Network::read(fixture(&format!("{name}.toml")), &[]).unwrap()
}

fn values(name: &str) -> Arrays {
    Array::read_archive(&fixture(&format!("{name}_values.npz"))).unwrap()
}

fn checked(name: &str) -> DerivativeCheck {
    check_derivatives(&network(name), &values(name)).unwrap()
}

fn is_right(pattern: &PatternReading) -> bool {
    matches!(pattern.answer, DerivativeAnswer::Right { .. })
}

/// Which operations make a pattern wrong by themselves.
fn at_fault<'a>(found: &'a DerivativeCheck, pattern: &str) -> Vec<&'a str> {
    let found = found.patterns.iter().find(|reading| reading.pattern == pattern).unwrap();
    assert!(found.answer.is_wrong(), "{pattern}: {:?}", found.answer);
    found.alone.iter().filter(|(_, alone)| alone.is_wrong()).map(|(kind, _)| kind.as_str()).collect()
}

#[test]
fn every_derivative_of_jax_is_right() {
    for name in ["jax_batch_norm", "jax_weight_norm", "jax_images", "jax_transformer"] {
        let found = checked(name);
        assert!(found.framework.as_ref().is_some_and(|said| said.starts_with("JAX")), "{name}");
        // Every pattern of the orders 1 to 3, and the loss itself.
        assert!(found.patterns.len() >= 13, "{name}: {}", found.patterns.len());
        let wrong: Vec<_> = found.patterns.iter().filter(|pattern| !is_right(pattern)).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

#[test]
fn pytorch_has_gradients_right_and_higher_derivatives_of_its_normalizations_wrong() {
    for name in [
        "torch_batch_norm",
        "torch_weight_norm",
        "torch_invariant",
        "torch_transformer",
        "torch_images",
        "torch_instances",
    ] {
        let found = checked(name);
        let low = found.patterns.iter().filter(|pattern| pattern.order <= 1);
        let wrong: Vec<_> =
            low.filter(|pattern| !is_right(pattern) && pattern.answer != DerivativeAnswer::Refused).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
    let found = checked("torch_batch_norm");
    assert!(found.patterns.iter().filter(|pattern| pattern.pattern == "autograd.grad twice").all(is_right));
    assert_eq!(at_fault(&found, "func.grad(jvp)"), ["batch_norm"]);
    assert_eq!(at_fault(&found, "func.grad(grad(grad))"), ["batch_norm"]);
    assert_eq!(at_fault(&checked("torch_weight_norm"), "autograd.grad twice"), ["weight_norm"]);
    assert_eq!(at_fault(&checked("torch_invariant"), "func.grad(jvp)"), ["layer_norm"]);
    // Group norm beside it is right.
    assert_eq!(at_fault(&checked("torch_images"), "func.grad(grad(grad))"), ["batch_norm"]);
    // F.normalize beside it is right.
    assert_eq!(at_fault(&checked("torch_instances"), "func.grad(jvp)"), ["instance_norm"]);
}

#[test]
fn scale_invariance_of_what_pytorch_wrote_is_read_from_it() {
    assert_eq!(network("torch_invariant").homogeneity(&[], 0).answer, Answer::Proved);
    // Its ε is 10⁻⁵, and the last layer has no norm behind it.
    assert!(matches!(network("torch_batch_norm").homogeneity(&[], 0).answer, Answer::Refuted { .. }));
    // g·v/‖v‖: the directions are free of scale, the lengths are not.
    let groups: Vec<_> = network("torch_weight_norm").groups().map(|group| group.name.to_owned()).collect();
    let directions: Vec<&str> = groups.iter().filter(|name| name.ends_with("original1")).map(String::as_str).collect();
    assert_eq!(directions.len(), 2, "{groups:?}");
    assert_eq!(network("torch_weight_norm").homogeneity(&directions, 0).answer, Answer::Proved);
    assert_ne!(network("torch_weight_norm").homogeneity(&[], 0).answer, Answer::Proved);
}

#[test]
fn another_loss_than_the_framework_has_is_noticed() {
    let text = std::fs::read_to_string(fixture("torch_batch_norm.toml")).unwrap();
    for (from, to) in [("1e-05", "1.1e-05"), ("\"relu\", of", "\"tanh\", of")] {
        assert!(text.contains(from));
        let other = Network::open(&text.replace(from, to), &fixture(""), &[]).unwrap().network;
        let found = check_derivatives(&other, &values("torch_batch_norm")).unwrap();
        assert!(found.patterns.iter().filter(|pattern| pattern.order <= 1).all(|pattern| pattern.answer.is_wrong()));
    }
}

/// One part in 10⁹ is much to a derivative in doubles.
#[test]
fn a_small_error_is_not_taken_for_rounding() {
    let mut arrays = values("jax_batch_norm");
    for (_, array) in arrays.iter_mut().filter(|(name, _)| name.starts_with("2 | ")) {
        array.values.iter_mut().for_each(|x| *x *= 1.0 + 1e-9);
    }
    let found = check_derivatives(&network("jax_batch_norm"), &arrays).unwrap();
    assert!(found.patterns.iter().all(|pattern| pattern.answer.is_wrong() == (pattern.order == 2)));
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let network = network("jax_batch_norm");
    let with = |change: &dyn Fn(&mut Arrays)| {
        let mut arrays = values("jax_batch_norm");
        change(&mut arrays);
        check_derivatives(&network, &arrays).unwrap_err()
    };
    let of = |arrays: &mut Arrays, name: &str| arrays.iter().position(|(known, _)| known == name).unwrap();
    let error = with(&|arrays| arrays.retain(|(name, _)| name != "direction"));
    assert!(matches!(error, DerivativesError::Missing { name: "direction" }));
    let error = with(&|arrays| arrays.retain(|(name, _)| !name.contains(" | ")));
    assert!(matches!(error, DerivativesError::NothingToCompare));
    let error = with(&|arrays| {
        let k = of(arrays, "weights");
        arrays[k].1.values[3] = f64::NAN;
    });
    assert!(error.to_string().contains("entry 3 of the array `weights` is NaN"), "{error}");
    let error = with(&|arrays| {
        let k = of(arrays, "weights");
        arrays[k].1.values[3] += 1e-3;
    });
    assert!(matches!(error, DerivativesError::OtherWeights { entry: 3, .. }));
    let error = with(&|arrays| {
        let k = of(arrays, "2 | grad(grad)");
        arrays[k].1.values.pop();
    });
    assert!(
        error.to_string().contains("the array `2 | grad(grad)` has 29 numbers, and the network needs 30"),
        "{error}"
    );
    // A NaN that a framework gave is an answer of it, and a wrong one.
    let mut arrays = values("jax_batch_norm");
    let k = of(&mut arrays, "2 | grad(grad)");
    arrays[k].1.values[0] = f64::NAN;
    let found = check_derivatives(&network, &arrays).unwrap();
    assert_eq!(found.patterns.iter().filter(|pattern| pattern.answer == DerivativeAnswer::NotFinite).count(), 1);
}
