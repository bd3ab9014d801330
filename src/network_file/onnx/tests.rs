//! Operations one by one: the loss Σ w·x has the gradient x, so that what a graph computes is read off.

use std::path::Path;

use prost::Message;

use super::schema::{Attribute, Graph, Model, Node, OperatorSet, Tensor, ValueInfo};
use super::{OnnxError, OnnxOptions, open};
use crate::loss::Evaluator;
use crate::network::{Network, NetworkLoss};

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Attribute]) -> Node {
    Node {
        op_type: op.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        attribute: attributes.to_vec(),
        ..Node::default()
    }
}

fn ints(name: &str, ints: &[i64]) -> Attribute {
    Attribute { name: name.into(), ints: ints.to_vec(), i: ints[0], ..Attribute::default() }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    Tensor { name: name.into(), dims: dims.to_vec(), data_type: 1, float_data: values.to_vec(), ..Tensor::default() }
}

fn wholes(name: &str, values: &[i64]) -> Tensor {
    let dims = vec![values.len() as i64];
    Tensor { name: name.into(), dims, data_type: 7, int64_data: values.to_vec(), ..Tensor::default() }
}

fn model(opset: i64, nodes: Vec<Node>, initializers: Vec<Tensor>) -> Vec<u8> {
    let output = nodes.last().map(|node| node.output[0].clone()).unwrap_or_default();
    let graph = Graph {
        node: nodes,
        initializer: initializers,
        output: vec![ValueInfo { name: output, r#type: None }],
        ..Graph::default()
    };
    let opset_import = vec![OperatorSet { domain: String::new(), version: opset }];
    Model { graph: Some(graph), opset_import, ..Model::default() }.encode_to_vec()
}

fn read(bytes: Vec<u8>) -> Result<Network, OnnxError> {
    let frozen = vec!["x".into()];
    let options = OnnxOptions { frozen, ..OnnxOptions::default() };
    open("test", bytes, Path::new(""), &[], &options).map(|opened| opened.network)
}

/// What the nodes make of `x`, as `y`, whose numbers a group of weights of its shape multiplies.
fn made(opset: i64, mut nodes: Vec<Node>, x: Tensor, mut others: Vec<Tensor>, shape: &[i64]) -> Vec<f64> {
    let count = shape.iter().product::<i64>() as usize;
    nodes.push(node("Mul", &["w", "y"], "product", &[]));
    nodes.push(node("ReduceSum", &["product"], "loss", &[ints("keepdims", &[0])]));
    others.extend([x, floats("w", shape, &vec![0.5; count])]);
    let network = read(model(opset, nodes, others)).unwrap();
    let loss = NetworkLoss::<f64>::new(&network).unwrap();
    Evaluator::new(&loss).evaluate(&network.given_weights().unwrap()).1.to_vec()
}

/// x of this shape, counted from 0.
fn counted(dims: &[i64]) -> Tensor {
    let count = dims.iter().product::<i64>();
    floats("x", dims, &(0..count).map(|k| k as f32).collect::<Vec<_>>())
}

#[test]
fn numbers_that_are_known_move_as_numpy_moves_them() {
    let slice = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64], shape: &[i64]| {
        let others = vec![wholes("s", starts), wholes("e", ends), wholes("a", axes), wholes("t", steps)];
        made(13, vec![node("Slice", &["x", "s", "e", "a", "t"], "y", &[])], counted(&[3, 4]), others, shape)
    };
    assert_eq!(slice(&[1], &[i64::MAX], &[0], &[1], &[2, 4]), [4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    assert_eq!(slice(&[-1, -1], &[i64::MIN, -4], &[1, 0], &[-2, -2], &[2, 2]), [11.0, 9.0, 3.0, 1.0]);
    let gathered = made(
        13,
        vec![node("Gather", &["x", "i"], "y", &[ints("axis", &[1])])],
        counted(&[2, 3]),
        vec![wholes("i", &[-1, 0])],
        &[2, 2],
    );
    assert_eq!(gathered, [2.0, 0.0, 5.0, 3.0]);
    let turned = made(9, vec![node("Transpose", &["x"], "y", &[])], counted(&[2, 3]), vec![], &[3, 2]);
    assert_eq!(turned, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    let shaped = made(
        13,
        vec![node("Reshape", &["x", "s"], "a", &[]), node("Transpose", &["a"], "y", &[ints("perm", &[0, 2, 1])])],
        counted(&[2, 6]),
        vec![wholes("s", &[0, -1, 3])],
        &[2, 3, 2],
    );
    assert_eq!(shaped, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
    let upper = made(14, vec![node("Trilu", &["x"], "y", &[])], counted(&[2, 3]), vec![], &[2, 3]);
    assert_eq!(upper, [0.0, 1.0, 2.0, 0.0, 4.0, 5.0]);
    let summed = made(
        14,
        vec![node("CumSum", &["x", "a"], "y", &[])],
        counted(&[2, 3]),
        vec![Tensor { dims: vec![], ..wholes("a", &[0]) }],
        &[2, 3],
    );
    assert_eq!(summed, [0.0, 1.0, 2.0, 3.0, 5.0, 7.0]);
    let tiled =
        made(13, vec![node("Tile", &["x", "r"], "y", &[])], counted(&[1, 2]), vec![wholes("r", &[2, 2])], &[2, 4]);
    assert_eq!(tiled, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    let put = vec![
        node("Split", &["x"], "a", &[ints("axis", &[1]), ints("split", &[1, 2])]),
        node("Concat", &["b", "a"], "y", &[ints("axis", &[1])]),
    ];
    let put = put.into_iter().map(|mut node| {
        if node.op_type == "Split" {
            node.output.push("b".into());
        }
        node
    });
    assert_eq!(made(11, put.collect(), counted(&[2, 3]), vec![], &[2, 3]), [1.0, 2.0, 0.0, 4.0, 5.0, 3.0]);
}

#[test]
fn conditions_and_ranges_are_computed() {
    let nodes = vec![
        node("Shape", &["x"], "shape", &[]),
        node("Gather", &["shape", "one"], "size", &[ints("axis", &[0])]),
        node("Range", &["zero", "size", "step"], "range", &[]),
        node("Less", &["range", "step"], "condition", &[]),
        node("Where", &["condition", "x", "infinite"], "y", &[]),
    ];
    let number = |name: &str, value: i64| Tensor { dims: vec![], ..wholes(name, &[value]) };
    let others =
        vec![number("one", 1), number("zero", 0), number("step", 1), floats("val_3", &[], &[f32::NEG_INFINITY])];
    let mut nodes = nodes;
    nodes[4].input[2] = "val_3".into();
    // −∞ is a number that the exponential takes to 0.
    assert_eq!(made(14, nodes, counted(&[2, 3]), others, &[2, 3]), [0.0, -1e30, -1e30, 3.0, -1e30, -1e30]);
}

/// Normalizations that a file writes out are read as such, and their gains and shifts beside them.
#[test]
fn normalizations_in_plain_operations_are_seen() {
    let has = |nodes: Vec<Node>, expected: &str| {
        let others = vec![
            floats("w", &[2, 4], &[0.1, -0.4, 0.3, 1.0, 2.0, 0.0, -1.0, 0.5]),
            floats("val_1", &[], &[1e-5]),
            floats("val_2", &[], &[2.0]),
            floats("val_3", &[], &[0.25]),
            wholes("axes", &[1]),
        ];
        let network = read(model(18, nodes, [others, vec![counted(&[1])]].concat())).unwrap();
        let text = network.to_toml();
        assert!(text.contains(expected), "{text}");
    };
    let mean = || node("ReduceMean", &["w", "axes"], "mean", &[]);
    let centred = || node("Sub", &["w", "mean"], "centred", &[]);
    let end = || node("ReduceSum", &["normal"], "loss", &[ints("keepdims", &[0])]);
    let layer = "op = \"normalize\", of = [\"w\"], axes = [1], epsilon = 1e-5, centred = true, averaged = true";
    let root = |of: &str| vec![node("Add", &[of, "val_1"], "raised", &[]), node("Sqrt", &["raised"], "root", &[])];
    let nodes = [
        vec![mean(), centred(), node("Pow", &["centred", "val_2"], "square", &[])],
        vec![node("ReduceMean", &["square", "axes"], "variance", &[])],
        root("variance"),
        vec![node("Div", &["centred", "root"], "normal", &[]), end()],
    ];
    has(nodes.concat(), layer);
    // The mean of the squares less the square of the mean, and a sum times 1/N.
    let nodes = [
        vec![
            mean(),
            centred(),
            node("Mul", &["w", "w"], "squares", &[]),
            node("Mul", &["mean", "mean"], "of_mean", &[]),
        ],
        vec![node("ReduceSum", &["squares", "axes"], "sum", &[]), node("Mul", &["sum", "val_3"], "average", &[])],
        vec![node("Sub", &["average", "of_mean"], "variance", &[])],
        root("variance"),
        vec![node("Reciprocal", &["root"], "inverse", &[]), node("Mul", &["centred", "inverse"], "normal", &[]), end()],
    ];
    has(nodes.concat(), layer);
    let nodes =
        vec![node("ReduceL2", &["w", "axes"], "length", &[]), node("Div", &["w", "length"], "normal", &[]), end()];
    has(nodes, "op = \"normalize\", of = [\"w\"], axes = [1], epsilon = 0.0, centred = false, averaged = false");
    // The mean of another axis is no centre.
    let nodes = vec![
        node("ReduceMean", &["w"], "mean", &[ints("axes", &[0])]),
        centred(),
        node("ReduceL2", &["centred", "axes"], "length", &[]),
        node("Div", &["centred", "length"], "normal", &[]),
        end(),
    ];
    has(nodes, "of = [\"centred\"], axes = [1], epsilon = 0.0, centred = false");
}

#[test]
fn what_has_no_place_is_refused_at_its_node() {
    let refused = |nodes: Vec<Node>, others: Vec<Tensor>, expected: &str| {
        let error = read(model(20, nodes, [others, vec![counted(&[1])]].concat())).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let w = || floats("w", &[2, 3], &[1.0; 6]);
    let batch = node("BatchNormalization", &["w", "gain", "shift", "mean", "variance"], "y", &[]);
    let channels = ["gain", "shift", "mean", "variance"].map(|name| floats(name, &[3], &[1.0; 3]));
    refused(
        vec![batch],
        [vec![w()], channels.to_vec()].concat(),
        "node `y` (`BatchNormalization` of opset 20): batch norm in inference mode",
    );
    let whole = Attribute { name: "to".into(), i: 7, ..Attribute::default() };
    refused(vec![node("Cast", &["w"], "y", &[whole])], vec![w()], "to whole numbers: it has no derivative");
    refused(vec![node("Frobnicate", &["w"], "y", &[])], vec![w()], "node `y` (`Frobnicate` of opset 20)");
    refused(vec![node("Relu", &["v"], "y", &[])], vec![w()], "its input `v` is computed nowhere before it");
    refused(
        vec![node("Relu", &["w"], "y", &[])],
        vec![floats("w", &[2, 3], &[1.0; 5])],
        "5 numbers do not fill an array of [2, 3]",
    );
    refused(vec![node("Relu", &["w"], "y", &[])], vec![floats("w", &[i64::MAX, 3], &[1.0; 5])], "`w`: an array of");
    refused(vec![node("MatMul", &["w", "w"], "y", &[])], vec![w()], "cannot multiply matrices");
    refused(vec![node("ReduceSum", &["w"], "y", &[])], vec![floats("w", &[1], &[f32::NAN])], "`w`: entry 0 is NaN");
    let outside = Tensor {
        data_location: 1,
        float_data: vec![],
        external_data: vec![super::schema::Entry { key: "location".into(), value: "../secret".into() }],
        ..w()
    };
    refused(vec![node("Relu", &["w"], "y", &[])], vec![outside], "does not lie beside the model");
}

/// Matrices that an exporter renamed, in one module: each keeps its own numbers.
#[test]
fn two_matrices_of_one_module_are_two_groups() {
    let named = |mut node: Node, name: &str| {
        node.name = name.into();
        node
    };
    let nodes = vec![
        named(node("MatMul", &["x", "onnx::MatMul_1"], "a", &[]), "/attention/MatMul"),
        named(node("MatMul", &["x", "onnx::MatMul_2"], "b", &[]), "/attention/MatMul_1"),
        node("Mul", &["a", "b"], "ab", &[]),
        node("ReduceSum", &["ab"], "loss", &[ints("keepdims", &[0])]),
    ];
    let matrix = |name: &str, value: f32| floats(name, &[2, 1], &[value; 2]);
    let others = vec![matrix("onnx::MatMul_1", 2.0), matrix("onnx::MatMul_2", 3.0), counted(&[1, 2])];
    let network = read(model(13, nodes, others)).unwrap();
    let groups: Vec<&str> = network.groups().map(|group| group.name).collect();
    assert_eq!(groups, ["attention.weight", "attention.weight.2"]);
    assert_eq!(network.given_weights().unwrap(), [2.0, 2.0, 3.0, 3.0]);
    let loss = NetworkLoss::<f64>::new(&network).unwrap();
    assert_eq!(Evaluator::new(&loss).evaluate(&[2.0, 2.0, 3.0, 3.0]).0, 6.0);
}

/// A bound on one side alone leaves the other side as it is.
#[test]
fn a_clip_of_one_side_keeps_the_other() {
    let value = |bound: usize, w: [f32; 2]| {
        let inputs = [["w", "val_1", ""], ["w", "", "val_1"]][bound];
        let nodes = vec![node("Clip", &inputs, "y", &[]), node("ReduceSum", &["y"], "loss", &[ints("keepdims", &[0])])];
        let network = read(model(13, nodes, vec![floats("w", &[2], &w), floats("val_1", &[], &[0.3]), counted(&[1])]));
        let network = network.unwrap();
        let loss = NetworkLoss::<f64>::new(&network).unwrap();
        let mut evaluator = Evaluator::new(&loss);
        let (value, gradient) = evaluator.evaluate(&network.given_weights().unwrap());
        (value, gradient.to_vec())
    };
    // The bound that single precision rounds is the decimal that was meant.
    let near = |(value, slope): (f64, Vec<f64>), expected: f64| {
        (value - expected).abs() < 1e-14 && slope.iter().sum::<f64>() == 1.0
    };
    assert!(near(value(0, [-7.25, 3.0]), 3.3));
    assert!(near(value(1, [-7.25, 3.0]), -6.95));
}

/// The exact GELU, as one node and as exporters write it out.
#[test]
fn the_exact_gelu_is_made_of_the_error_function() {
    let numbers = [-2.0f32, -0.5, 0.25, 3.0];
    let value = |nodes: Vec<Node>| {
        let sum = node("ReduceSum", &["y"], "loss", &[ints("keepdims", &[0])]);
        let root = floats("val_1", &[], &[std::f32::consts::SQRT_2]);
        let others =
            vec![floats("w", &[4], &numbers), root, floats("val_2", &[], &[1.0]), floats("val_3", &[], &[0.5])];
        let network = read(model(20, [nodes, vec![sum]].concat(), [others, vec![counted(&[1])]].concat())).unwrap();
        let loss = NetworkLoss::<f64>::new(&network).unwrap();
        Evaluator::new(&loss).evaluate(&network.given_weights().unwrap()).0
    };
    let whole = value(vec![node("Gelu", &["w"], "y", &[])]);
    let written_out = value(vec![
        node("Div", &["w", "val_1"], "inner", &[]),
        node("Erf", &["inner"], "error", &[]),
        node("Add", &["error", "val_2"], "gate", &[]),
        node("Mul", &["w", "gate"], "twice", &[]),
        node("Mul", &["twice", "val_3"], "y", &[]),
    ]);
    let gelu = |x: f64| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2));
    let expected: f64 = numbers.iter().map(|&x| gelu(x.into())).sum();
    for found in [whole, written_out] {
        assert!((found - expected).abs() < 1e-14, "{found} for {expected}");
    }
}

/// Bytes changed at random: an error, or a network, and nothing worse.
#[test]
fn damaged_files_are_refused() {
    let files: [(&str, &[u8]); 3] = [
        ("images", include_bytes!("../../../tests/frameworks/onnx/images_loss.legacy.onnx")),
        ("modern", include_bytes!("../../../tests/frameworks/onnx/modern.legacy.onnx")),
        ("weight_norm", include_bytes!("../../../tests/frameworks/onnx/weight_norm.legacy.onnx")),
    ];
    let read = crate::damage::read_damaged(&files, |name, bytes| {
        open(name, bytes, Path::new(""), &[], &OnnxOptions::default()).is_ok()
    });
    assert!(read > 0, "no damaged file was still one");
}
