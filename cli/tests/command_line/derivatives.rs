//! `check-derivatives`: exit codes, what is printed, and files that do not fit.

use std::path::Path;

use crate::folder::{Folder, assert_refused, text};
use serde_json::Value;

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/frameworks").join(name).to_string_lossy().into_owned()
}

#[test]
fn wrong_derivatives_are_named_with_the_operation_that_is_wrong() {
    let folder = Folder::new("derivatives");
    let of = |name: &str| [fixture(&format!("{name}.toml")), fixture(&format!("{name}_values.npz"))];
    let [network, values] = of("torch_batch_norm");
    let output = folder.run(&["check-derivatives", &network, &values]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("Derivatives by PyTorch 2.15.0"), "{said}");
    let line = said.lines().find(|line| line.contains("func.grad(jvp) ")).unwrap();
    assert!(line.contains("WRONG, off by 0.") && line.contains(": batch_norm alone is off by 0."), "{line}");
    let line = said.lines().find(|line| line.contains("autograd.grad twice")).unwrap();
    assert!(line.ends_with("right"), "{line}");

    let [network, values] = of("jax_weight_norm");
    let output = folder.run(&["check-derivatives", &network, &values, "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["schema"], &found["framework"]), (&"sharpflow-derivatives/1".into(), &"JAX 0.10.2".into()));
    assert!(found["patterns"].as_array().unwrap().iter().all(|pattern| pattern["answer"] == "right"));
}

#[test]
fn files_that_do_not_fit_are_refused_in_a_line() {
    let folder = Folder::new("derivatives-wrong");
    let network = fixture("torch_batch_norm.toml");
    assert_refused(&folder.run(&["check-derivatives", &network, "none.npz"]), &["none.npz", "cannot be read"]);
    folder.file("values.csv", "1,2\n");
    assert_refused(
        &folder.run(&["check-derivatives", &network, "values.csv"]),
        &["values.csv", "is neither a .npz nor a .safetensors file"],
    );
    folder.file("empty.npz", "");
    assert_refused(&folder.run(&["check-derivatives", &network, "empty.npz"]), &["empty.npz"]);
    let other = fixture("jax_weight_norm_values.npz");
    assert_refused(&folder.run(&["check-derivatives", &network, &other]), &["`weights` has 25 numbers", "needs 41"]);
    // The file of the network's own numbers has no derivatives in it.
    let numbers = fixture("torch_batch_norm.npz");
    assert_refused(&folder.run(&["check-derivatives", &network, &numbers]), &["there is no array `weights`"]);
}

/// What takes long is left out with a word, and the proof stands.
#[test]
fn a_large_network_is_inspected_without_its_sharpness() {
    let folder = Folder::new("inspect-large");
    let sizes = ["--size", "samples=80", "--size", "features=80", "--size", "width=8000"];
    let output = folder.run(&[&["inspect", "batch_norm"][..], &sizes].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("all weights: proved") && said.contains("; --thorough measures it"), "{said}");
    assert!(!said.contains("ordinary λ₁"), "{said}");
}

#[test]
fn a_network_with_weights_is_looked_at_there() {
    let folder = Folder::new("given-weights");
    let output = folder.run(&["inspect", &fixture("torch_invariant.toml")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let said = text(&output.stdout);
    assert!(said.contains("At the weights that were given"), "{said}");
    assert_eq!(folder.run(&["inspect", &fixture("torch_batch_norm.toml")]).status.code(), Some(1));
}
