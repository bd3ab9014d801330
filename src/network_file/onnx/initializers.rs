//! Which initializers are weights, and what they are called.

use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use super::OnnxOptions;
use super::error::OnnxError;
use super::importer::Importer;
use super::schema;
use super::tensor::Tensor;
use super::value::Value;
use crate::network::error::shown;

/// Makes groups of weights of the initializers. Some initializers become constants: whole numbers, masks, running statistics, what is not to be trained, and
/// arrays that an exporter made and that are not the matrix of a layer.
pub(super) fn weights(
    importer: &mut Importer,
    graph: &schema::Graph,
    needed: &HashSet<&str>,
    options: &OnnxOptions,
    folder: &Path,
) -> Result<(), OnnxError> {
    let is_there = |name: &String| graph.initializer.iter().any(|tensor| tensor.name == *name);
    if let Some(name) = options.frozen.iter().chain(&options.trained).find(|name| !is_there(name)) {
        let available: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        return Err(OnnxError::NoSuchInitializer { name: shown(name), available: shown(&available.join(", ")) });
    }
    let statistics: HashSet<&str> = graph
        .node
        .iter()
        .filter(|node| node.op_type == "BatchNormalization")
        .flat_map(|node| node.input.iter().skip(3).map(String::as_str))
        .collect();
    let (mut computed, mut taken) = (Vec::new(), Vec::new());
    // Two matrices of one module have its name both, and are two groups.
    let mut groups: HashSet<String> = graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
    for tensor in graph.initializer.iter().filter(|tensor| needed.contains(tensor.name.as_str())) {
        let read = Tensor::read(tensor, folder)?;
        let name = tensor.name.as_str();
        let is_trained = options.trained.iter().any(|trained| trained == name);
        let layer = (is_made(name) && !is_trained).then(|| layer_of(graph, name));
        let is_constant = read.is_whole
            || read.values.is_empty()
            // A mask.
            || read.values.contains(&f64::NEG_INFINITY)
            || statistics.contains(name)
            || options.frozen.iter().any(|frozen| frozen == name)
            || layer == Some(None);
        if is_constant {
            if layer == Some(None)
                && !read.is_whole
                && read.values.len() > 1
                && read.values.iter().all(|x| x.is_finite())
            {
                taken.push(format!("`{name}`"));
            }
            importer.set(name, read.into());
        } else if let Some(entry) = read.values.iter().position(|value| !value.is_finite()) {
            let reason = format!("entry {entry} is {}", read.values[entry]);
            return Err(OnnxError::Tensor { name: shown(name), reason });
        } else if let Some(Some(node)) = layer {
            let found = match scope(node).map(|scope| format!("{scope}.weight")) {
                Some(wanted) => {
                    let mut names = std::iter::once(wanted.clone()).chain((2..).map(|k| format!("{wanted}.{k}")));
                    names.find(|name| groups.insert(name.clone())).unwrap_or(wanted)
                }
                None => name.to_owned(),
            };
            computed.push(format!("`{found}`"));
            importer.set(name, Value::Weights { group: found, tensor: Rc::new(read) });
        } else {
            importer.set(name, Value::Weights { group: name.into(), tensor: Rc::new(read) });
        }
    }
    if !taken.is_empty() {
        importer.notes.push(format!(
            "the numbers {} have names that the exporter made and are taken as constants. Where they are weights, such as the gains of a normalization, \
             --trained NAME makes them so",
            shown(&taken.join(", "))
        ));
    }
    if !computed.is_empty() {
        importer.notes.push(format!(
            "the weights {} have names that the exporter made: a transposed matrix of the module as a rule, but a weight norm is folded so too, and \
             what is trained is not in the file then. The exporters of docs/frameworks keep the module's own",
            shown(&computed.join(", "))
        ));
    }
    Ok(())
}

/// Names of operations. PyTorch's newer exporter gives such a name to an array that it computed before it wrote the file.
const OPERATIONS: [&str; 27] = [
    "add",
    "arange",
    "clone",
    "div",
    "expand",
    "eye",
    "full",
    "full_like",
    "masked_fill",
    "mul",
    "neg",
    "new_full",
    "new_ones",
    "new_zeros",
    "ones",
    "ones_like",
    "permute",
    "pow",
    "reshape",
    "rsqrt",
    "sqrt",
    "sub",
    "transpose",
    "tril",
    "triu",
    "unsqueeze",
    "zeros",
];

/// Whether an exporter made this name, not a module.
fn is_made(name: &str) -> bool {
    let operation = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
    if OPERATIONS.contains(&operation) {
        return true;
    }
    let is_number = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '_');
    let starts = ["onnx::", "scalar_tensor"].iter().any(|prefix| name.starts_with(prefix));
    let is_numbered = ["val_", "_val_", "const_"].iter().any(|prefix| name.strip_prefix(prefix).is_some_and(is_number));
    starts || is_numbered || is_number(name) || name.contains("/Constant")
}

/// The layer whose matrix is the initializer.
fn layer_of<'a>(graph: &'a schema::Graph, name: &str) -> Option<&'a schema::Node> {
    let is_layer = |node: &&schema::Node| matches!(node.op_type.as_str(), "MatMul" | "Gemm" | "Conv");
    graph.node.iter().filter(is_layer).find(|node| node.input.get(1).is_some_and(|input| input == name))
}

/// The module that a node belongs to. PyTorch's exporters write it in the node's name, as in /first/second/MatMul, or beside the name, as in
/// ['', 'first.second', 'linear'].
fn scope(node: &schema::Node) -> Option<String> {
    let listed = node.metadata_props.iter().find(|entry| entry.key == "pkg.torch.onnx.name_scopes");
    let path: Vec<&str> = match listed {
        Some(entry) => {
            let names: Vec<&str> = entry.value.split('\'').skip(1).step_by(2).collect();
            vec![*names.get(names.len().checked_sub(2)?)?]
        }
        None => {
            let (path, _) = node.name.strip_prefix('/')?.rsplit_once('/')?;
            path.split('/').collect()
        }
    };
    let scope = path.join(".");
    (!scope.is_empty()).then_some(scope)
}
