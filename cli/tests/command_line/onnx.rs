//! ONNX files on the command line: what is read, what is said, and what is refused.

use std::path::Path;

use crate::folder::{Folder, assert_refused, text};

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/frameworks/onnx").join(name).to_string_lossy().into_owned()
}

#[test]
fn a_model_is_inspected_with_its_own_weights() {
    let folder = Folder::new("onnx-inspect");
    let (model, data) = (fixture("weight_norm.legacy.onnx"), fixture("weight_norm.npz"));
    let output = folder.run(&["inspect", &model, "--data", &data, "--loss", "mse"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("l2.parametrizations.weight.original1 by itself: proved"), "{said}");
    assert!(said.contains("At the weights that were given"), "{said}");
    assert!(text(&output.stderr).is_empty(), "{}", text(&output.stderr));

    // Written as a network file it is the same network.
    let written = folder.run(&["inspect", &model, "--data", &data, "--toml"]);
    folder.file("same.toml", &text(&written.stdout));
    let again = folder.run(&["inspect", "same.toml"]);
    let after = |said: &str| said.split_once("Scale invariance").map(|(_, rest)| rest.to_owned());
    assert_eq!(after(&text(&again.stdout)), after(&said));
}

#[test]
fn what_a_file_leaves_open_is_told_or_asked_for() {
    let folder = Folder::new("onnx-open");
    let model = fixture("batch_norm.dynamo.onnx");
    let output = folder.run(&["inspect", &model]);
    let said = text(&output.stderr);
    assert!(
        said.contains("there are no data for `x`") && said.contains("there is no normalization in this file"),
        "{said}"
    );
    assert_refused(&folder.run(&["inspect", &model, "--size", "batch=3"]), &["there is no size `batch` to set"]);
    assert_refused(&folder.run(&["inspect", &model, "--frozen", "nothing"]), &["`nothing`", "net.0.weight"]);
    assert_refused(&folder.run(&["inspect", "circle", "--loss", "mse"]), &["circle is no ONNX file"]);
    let legacy = fixture("batch_norm.legacy_withloss.onnx");
    assert_refused(&folder.run(&["inspect", &legacy, "--loss", "mse"]), &["the output `out` is one number, a loss"]);
    folder.file("empty.onnx", "");
    assert_refused(&folder.run(&["inspect", "empty.onnx"]), &["empty.onnx", "without a graph"]);
    folder.file("text.onnx", "no model at all");
    assert_refused(&folder.run(&["inspect", "text.onnx"]), &["text.onnx", "is no ONNX file"]);
    let output = folder.run(&["verify", "--data", "some.npz"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("<--network <NETWORK>|--target <COLUMN>>"), "{}", text(&output.stderr));
}

/// Evidence of a model keeps all of its numbers, and can be checked without it.
#[test]
fn a_model_is_verified_and_its_evidence_checked() {
    let folder = Folder::new("onnx-verify");
    let (model, data) = (fixture("weight_norm.legacy.onnx"), fixture("weight_norm.npz"));
    let asked = ["verify", "scale_invariance", "--network", &model, "--data", &data, "--out", "evidence", "--quiet"];
    let output = folder.run(&asked);
    // The biases and gains of the model are not invariant: the hypothesis fails.
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let checked = folder.run(&["check-evidence", "evidence", "--quiet"]);
    assert_eq!(checked.status.code(), Some(0), "{}{}", text(&checked.stdout), text(&checked.stderr));
}
