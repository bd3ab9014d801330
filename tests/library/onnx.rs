//! Models of PyTorch's two exporters and of jax2onnx against the derivatives that PyTorch and JAX compute in double precision.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sharpflow::data::Array;
use sharpflow::loss::Derivatives;
use sharpflow::network::homogeneity::Answer;
use sharpflow::network::{Network, NetworkLoss};
use sharpflow::network_file::{OnnxOptions, Opened, OutputLoss};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/frameworks/onnx");

fn open(file: &str, data: Option<&str>, loss: Option<OutputLoss>) -> Opened {
    let data = data.map(|name| Path::new(FOLDER).join(name));
    // The gain that jax2onnx named.
    let trained = if file == "jax.onnx" { vec!["const_17".into()] } else { vec![] };
    let options = OnnxOptions { loss, data, trained, ..OnnxOptions::default() };
    Network::from_onnx(&Path::new(FOLDER).join(file), &[], &options).unwrap()
}

/// The array's numbers as the group of this shape has them, transposed or not.
fn fitting(array: &Array, shape: &[usize], is_transposed: bool) -> Vec<f64> {
    if !is_transposed {
        assert_eq!(array.shape, shape);
        return array.values.clone();
    }
    let &[rows, columns] = shape else { panic!("{shape:?} is no matrix") };
    assert_eq!(array.shape, [columns, rows]);
    (0..rows * columns).map(|k| array.values[k % columns * rows + k / columns]).collect()
}

/// ‖a − b‖/‖b‖.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |of: &dyn Fn(usize) -> f64| (0..b.len()).map(|k| of(k) * of(k)).sum::<f64>().sqrt();
    norm(&|k| a[k] - b[k]) / norm(&|k| b[k])
}

/// L, ∇L, ∇²L v and ∇³L[v, v] are PyTorch's. Both sum a few hundred terms, each some 10⁻¹⁶ off; three derivatives of a quotient cancel a few digits.
#[test]
fn derivatives_are_those_of_the_framework() {
    let (mse, ce) = (Some(OutputLoss::MeanSquaredError), Some(OutputLoss::CrossEntropy));
    let files = [
        ("batch_norm.legacy", "batch_norm", mse),
        ("batch_norm.legacy_opset13", "batch_norm", mse),
        ("batch_norm.dynamo_batchstats", "batch_norm", mse),
        ("weight_norm.legacy", "weight_norm", mse),
        ("images.legacy", "images", ce),
        ("images.legacy_12", "images", ce),
        ("images_loss.legacy", "images_loss", None),
        ("transformer.dynamo", "transformer", ce),
        ("instances.legacy", "instances", mse),
        ("instances.dynamo", "instances", mse),
        ("modern.legacy", "modern", mse),
        ("modern.legacy_9", "modern", mse),
        ("modern.dynamo", "modern", mse),
        ("jax", "jax", mse),
    ];
    for (file, numbers, loss) in files {
        let numbers = format!("{numbers}.npz");
        let Opened { network, notes, .. } = open(&format!("{file}.onnx"), Some(&numbers), loss);
        // Those of jax2onnx have its names too, and stand as they were.
        let is_transposed = |name: &str| {
            file != "jax"
                && notes.iter().any(|note| note.contains("a transposed matrix") && note.contains(&format!("`{name}`")))
        };
        let arrays: HashMap<String, Array> =
            Array::read_archive(&PathBuf::from(FOLDER).join(&numbers)).unwrap().into_iter().collect();
        let all = |what: &str| -> Vec<f64> {
            let of = |name: &str| arrays.get(&format!("{what}/{}", name.strip_prefix("module.").unwrap_or(name)));
            let group = |group: sharpflow::network::WeightGroup<'_>| {
                let array = of(group.name).unwrap_or_else(|| panic!("{file}: {}", group.name));
                fitting(array, group.shape.axes(), is_transposed(group.name))
            };
            network.groups().flat_map(group).collect()
        };
        let program = NetworkLoss::<f64>::new(&network).unwrap();
        let mut derivatives = Derivatives::new(&program);
        let (w, v) = (network.given_weights().unwrap(), all("v"));
        assert!(distance(&w, &all("param")) < 1e-15, "{file}");
        let (value, gradient) = derivatives.gradient(&w);
        assert!((value / arrays["loss"].values[0] - 1.0).abs() < 1e-14, "{file}: {value}");
        assert!(distance(gradient, &all("grad")) < 1e-13, "{file}");
        let mut out = vec![0.0; w.len()];
        derivatives.hessian_vector(&w, &v, &mut out);
        assert!(distance(&out, &all("hvp")) < 1e-12, "{file}: {:e}", distance(&out, &all("hvp")));
        derivatives.third_derivative(&w, &v, &mut out);
        assert!(distance(&out, &all("third")) < 1e-12, "{file}: {:e}", distance(&out, &all("third")));
    }
}

/// What an exporter lost is told in a line, and a loss that it kept in spite of its words is told too.
#[test]
fn what_exporters_do_is_told() {
    let told = |file: &str, expected: &str| {
        let Opened { notes, .. } = open(file, Some("batch_norm.npz"), Some(OutputLoss::MeanSquaredError));
        assert!(notes.iter().any(|note| note.contains(expected)), "{file}: {notes:?}");
    };
    told("batch_norm.dynamo.onnx", "there is no normalization in this file, which pytorch 2.15.0+cu132 wrote");
    told("batch_norm.dynamo_batchstats.onnx", "read as one in training mode, which it is");
    let Opened { notes, .. } = open("batch_norm.legacy.onnx", Some("batch_norm.npz"), None);
    assert!(notes.is_empty(), "{notes:?}");
    let Opened { notes, .. } = open("batch_norm.legacy.onnx", None, None);
    assert!(
        notes[0].contains("there are no data for `x`") && notes[1].contains("to targets that are drawn"),
        "{notes:?}"
    );
}

#[test]
fn directions_of_weight_norm_are_invariant() {
    let Opened { network, .. } = open("weight_norm.legacy.onnx", Some("weight_norm.npz"), None);
    for (name, found) in network.homogeneity_by_group(0) {
        let is_direction = name.ends_with("original1");
        assert_eq!(matches!(found.answer, Answer::Proved), is_direction, "{name}: {:?}", found.answer);
    }
}

#[test]
fn data_that_do_not_fit_are_refused() {
    let refused = |sizes: &[(&str, usize)], options: OnnxOptions, expected: &str| {
        let error = Network::from_onnx(&Path::new(FOLDER).join("batch_norm.legacy.onnx"), sizes, &options).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    let with = |name: &str| OnnxOptions { data: Some(Path::new(FOLDER).join(name)), ..OnnxOptions::default() };
    refused(&[], with("weight_norm.npz"), "the input `x` has [\"16\", \"6\"]");
    refused(&[("batch", 3)], OnnxOptions::default(), "there is no size `batch` to set");
    refused(&[], OnnxOptions { frozen: vec!["nothing".into()], ..OnnxOptions::default() }, "`nothing`");
    refused(&[], with("missing.npz"), "missing.npz");
    refused(
        &[],
        OnnxOptions { loss: Some(OutputLoss::CrossEntropy), ..with("batch_norm.npz") },
        "the targets of the cross entropy",
    );
}
