//! ONNX files: the general way in for networks of other frameworks. What is read of them, and what is not: `docs/onnx.md`.

mod error;
mod facts;
mod importer;
mod operators;
mod schema;
mod tensor;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::{FileError, Opened};
use crate::data::Array;
use crate::network::error::shown;
use crate::network::{Network, NodeId};
pub use error::OnnxError;
use importer::{Importer, Refusal, Value};
use operators::Reduction;
use tensor::Tensor;

/// The largest ONNX file that is read, in bytes.
const LARGEST: u64 = 1 << 30;
/// ONNX's types of numbers that are no whole ones.
const FLOATS: [i32; 4] = [1, 10, 11, 16];
/// What the array of targets may be named.
const TARGETS: [&str; 4] = ["targets", "target", "labels", "y"];

/// The loss of a network whose file ends with its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputLoss {
    /// The mean of (outputs − targets)².
    MeanSquaredError,
    /// Cross-entropy of logits, averaged over all but their classes. These are along axis 1, or along the last one where the targets fit that alone.
    CrossEntropy,
}

/// What an ONNX file leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnnxOptions {
    /// The loss, where the file ends with outputs. Mean squared error is taken where none is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<OutputLoss>,
    /// A `.npz` file with an array for each input, and `targets`. Without it both are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Initializers that are not trained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<String>,
}

impl Network {
    /// Reads an ONNX model, with numbers for sizes that it leaves open. Its initializers become groups of weights with the numbers that
    /// they have.
    ///
    /// # Errors
    /// The file cannot be read or is none of ONNX; an operation that has no place in a network, with its node and what would do; a batch
    /// norm in inference mode, which is not the training loss; data that do not fit; see also [`Network::read`].
    pub fn from_onnx(path: &Path, sizes: &[(&str, usize)], options: &OnnxOptions) -> Result<Opened, FileError> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
        let title = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(open(&title, bytes, path.parent().unwrap_or(Path::new("")), sizes, options)?)
    }
}

fn open(
    title: &str,
    bytes: Vec<u8>,
    folder: &Path,
    sizes: &[(&str, usize)],
    options: &OnnxOptions,
) -> Result<Opened, OnnxError> {
    if bytes.len() as u64 > LARGEST {
        return Err(OnnxError::Malformed {
            reason: format!("it has more than the {LARGEST} bytes of the largest file"),
        });
    }
    let model = schema::Model::decode(Bytes::from(bytes));
    let model = model.map_err(|error| OnnxError::Malformed { reason: shown(&error.to_string()) })?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    let opset = model.opset_import.iter().find(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    let mut importer = Importer::new(title, opset.map_or(1, |set| set.version));
    let output = output(graph)?;
    let needed = needed(graph, output);
    let mut arrays = Arrays::read(options)?;
    weights(&mut importer, graph, &needed, options, folder)?;
    inputs(&mut importer, graph, &needed, sizes, &mut arrays)?;
    importer.run(&graph.node, &needed, folder)?;
    let loss = loss(&mut importer, output, options, &mut arrays)?;
    said(&mut importer, &model);
    let (notes, network) = (std::mem::take(&mut importer.notes), importer.finish(loss)?);
    Ok(Opened { network, arrays: options.data.iter().cloned().collect(), notes })
}

/// The output that is a number by the file's own word, or else the first.
fn output(graph: &schema::Graph) -> Result<&str, OnnxError> {
    let is_number = |output: &&schema::ValueInfo| {
        let shape = output.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()?.shape.as_ref());
        shape.is_some_and(|shape| shape.dim.iter().all(|size| size.dim_value == Some(1)))
    };
    let output = graph.output.iter().find(is_number).or(graph.output.first()).ok_or(OnnxError::NoOutput)?;
    Ok(&output.name)
}

/// The names that an output depends on.
fn needed<'a>(graph: &'a schema::Graph, output: &'a str) -> HashSet<&'a str> {
    let mut needed = HashSet::from([output]);
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|name| needed.contains(name.as_str())) {
            needed.extend(node.input.iter().map(String::as_str));
        }
    }
    needed
}

/// Makes initializers groups of weights, but for whole numbers, running statistics, what is not to be trained, and what an exporter made
/// that is no matrix of a layer.
fn weights(
    importer: &mut Importer,
    graph: &schema::Graph,
    needed: &HashSet<&str>,
    options: &OnnxOptions,
    folder: &Path,
) -> Result<(), OnnxError> {
    let is_there = |name: &String| graph.initializer.iter().any(|tensor| tensor.name == *name);
    if let Some(name) = options.frozen.iter().find(|name| !is_there(name)) {
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
    for tensor in graph.initializer.iter().filter(|tensor| needed.contains(tensor.name.as_str())) {
        let read = Tensor::read(tensor, folder)?;
        let name = tensor.name.as_str();
        let layer = is_made(name).then(|| layer_of(graph, name));
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
        } else if let Some(Some(node)) = layer {
            let found = scope(node).map(|scope| format!("{scope}.weight")).unwrap_or_else(|| name.to_owned());
            computed.push(format!("`{found}`"));
            importer.weight(name, &found, read)?;
        } else {
            importer.weight(name, name, read)?;
        }
    }
    if !taken.is_empty() {
        importer.notes.push(format!(
            "the numbers {} were made by the exporter and are taken as constants. Where they stand for gains and shifts of a normalization, \
             these are not trained here: do_constant_folding=False or docs/frameworks/sharpflow_pytorch.py keeps them",
            shown(&taken.join(", "))
        ));
    }
    if !computed.is_empty() {
        importer.notes.push(format!(
            "the weights {} were computed by the exporter from those of the module before it wrote them: a transposed matrix as a rule, but a \
             weight norm is folded so too, and what is trained is not in the file then. docs/frameworks/sharpflow_pytorch.py keeps the module's own",
            shown(&computed.join(", "))
        ));
    }
    Ok(())
}

/// Whether an exporter made this name, not a module.
fn is_made(name: &str) -> bool {
    let is_number = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '_');
    let starts = ["onnx::", "scalar_tensor", "_val_", "const_"].iter().any(|prefix| name.starts_with(prefix));
    starts || name.strip_prefix("val_").is_some_and(is_number) || is_number(name) || name.contains("Constant")
}

/// The layer whose matrix is the initializer.
fn layer_of<'a>(graph: &'a schema::Graph, name: &str) -> Option<&'a schema::Node> {
    let is_layer = |node: &&schema::Node| matches!(node.op_type.as_str(), "MatMul" | "Gemm" | "Conv");
    graph.node.iter().filter(is_layer).find(|node| node.input.get(1).is_some_and(|input| input == name))
}

/// The module that a node belongs to, as PyTorch's exporters write it: in its name, /first/second/MatMul, or beside it, ['', 'first.second', 'linear'].
fn scope(node: &schema::Node) -> Option<String> {
    let listed = node.metadata_props.iter().find(|entry| entry.key == "pkg.torch.onnx.name_scopes");
    let path: Vec<&str> = match listed {
        Some(entry) => {
            let names: Vec<&str> = entry.value.split('\'').skip(1).step_by(2).collect();
            vec![*names.get(names.len().checked_sub(2)?)?]
        }
        None => node.name.split('/').collect(),
    };
    let path = if listed.is_some() { &path[..] } else { &path[1.min(path.len())..path.len().saturating_sub(1)] };
    let scope = path.join(".");
    (!scope.is_empty()).then_some(scope)
}

/// The arrays of a user's file, with how much of it was asked for.
struct Arrays {
    path: PathBuf,
    arrays: HashMap<String, Array>,
}

impl Arrays {
    fn read(options: &OnnxOptions) -> Result<Option<Self>, OnnxError> {
        let Some(path) = &options.data else { return Ok(None) };
        Ok(Some(Self { path: path.clone(), arrays: Array::read_archive(path)?.into_iter().collect() }))
    }

    /// The array of one of these names.
    fn take(&mut self, input: &str, names: &[&str]) -> Result<(String, Array), OnnxError> {
        if let Some(found) = names.iter().find_map(|name| self.arrays.remove_entry(*name)) {
            return Ok(found);
        }
        let mut available: Vec<&str> = self.arrays.keys().map(String::as_str).collect();
        available.sort_unstable();
        Err(OnnxError::NoArray {
            path: self.path.clone(),
            input: shown(input),
            names: names.join(", "),
            available: shown(&available.join(", ")),
        })
    }
}

/// Gives the graph's inputs their data, from the user's file or drawn.
fn inputs(
    importer: &mut Importer,
    graph: &schema::Graph,
    needed: &HashSet<&str>,
    set: &[(&str, usize)],
    arrays: &mut Option<Arrays>,
) -> Result<(), OnnxError> {
    let is_initializer = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let inputs: Vec<_> = graph.input.iter().filter(|input| !is_initializer(&input.name)).collect();
    let mut sizes: HashMap<String, usize> = set.iter().map(|&(name, size)| (name.to_owned(), size)).collect();
    let dims = |input: &schema::ValueInfo| {
        let kind = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let dims = kind.and_then(|kind| kind.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
        let open = |(k, size): (usize, &schema::Dimension)| match size.dim_value {
            Some(value) => Err(usize::try_from(value).unwrap_or(0)),
            None if size.dim_param.is_empty() => Ok(format!("{}.{k}", input.name)),
            None => Ok(size.dim_param.clone()),
        };
        (kind.map_or(1, |kind| kind.elem_type), dims.iter().enumerate().map(open).collect::<Vec<_>>())
    };
    let mut open: Vec<String> = inputs.iter().flat_map(|input| dims(input).1).filter_map(Result::ok).collect();
    open.sort_unstable();
    open.dedup();
    if let Some((size, _)) = set.iter().find(|(size, _)| open.iter().all(|open| open != size)) {
        let available = if open.is_empty() { "none".into() } else { shown(&open.join(", ")) };
        return Err(OnnxError::NoSuchSize { size: shown(size), available });
    }
    let mut drawn = Vec::new();
    let last = inputs.len().saturating_sub(1);
    for (k, input) in inputs.iter().enumerate().filter(|(_, input)| needed.contains(input.name.as_str())) {
        let (kind, axes) = dims(input);
        let name = input.name.as_str();
        let given = match arrays {
            Some(arrays) => {
                let others: &[&str] = match k {
                    0 => &["inputs", "input", "x"],
                    k if k == last => &TARGETS,
                    _ => &[],
                };
                let names: Vec<&str> = [name].into_iter().chain(others.iter().copied()).collect();
                Some((arrays.path.clone(), arrays.take(name, &names)?))
            }
            None => None,
        };
        if let Some((path, (array, found))) = given {
            let fits = axes.len() == found.shape.len()
                && axes.iter().zip(&found.shape).all(|(axis, &size)| match axis {
                    Err(fixed) => *fixed == size,
                    Ok(open) => *sizes.entry(open.clone()).or_insert(size) == size,
                });
            if !fits {
                let shape = |axis: &Result<String, usize>| match axis {
                    Err(fixed) => fixed.to_string(),
                    Ok(open) => sizes.get(open).map_or_else(|| open.clone(), |size| format!("{open} = {size}")),
                };
                let expected = axes.iter().map(shape).collect();
                return Err(OnnxError::ArrayShape { path, array, input: shown(name), found: found.shape, expected });
            }
            let is_whole = !FLOATS.contains(&kind);
            importer.set(name, Tensor { shape: found.shape, values: found.values, is_whole }.into());
            continue;
        }
        let size = |axis: &Result<String, usize>| match axis {
            Err(fixed) => Ok(*fixed),
            Ok(open) => {
                sizes.get(open).copied().ok_or_else(|| OnnxError::OpenSize { size: shown(open), input: shown(name) })
            }
        };
        let shape = axes.iter().map(size).collect::<Result<Vec<_>, _>>()?;
        drawn.push(format!("`{}`", shown(name)));
        let value = match FLOATS.contains(&kind) {
            true => importer.draw(&shape).map_err(|refusal| whole(name, refusal))?.into(),
            false => Value::Undrawn { shape },
        };
        importer.set(name, value);
    }
    if !drawn.is_empty() {
        importer
            .notes
            .push(format!("there are no data for {}: they are drawn. --data FILE.npz gives some", drawn.join(", ")));
    }
    Ok(())
}

fn whole(name: &str, Refusal(reason): Refusal) -> OnnxError {
    OnnxError::Tensor { name: shown(name), reason }
}

/// The node of the loss: the output, where it is one number, or else the loss of the outputs that was asked for.
fn loss(
    importer: &mut Importer,
    output: &str,
    options: &OnnxOptions,
    arrays: &mut Option<Arrays>,
) -> Result<NodeId, OnnxError> {
    let Some(Value::Node(id)) = importer.get(output) else { return Err(OnnxError::NoOutput) };
    let shape = importer.axes(id);
    if shape.iter().product::<usize>() == 1 {
        return match options.loss {
            None => Ok(id),
            Some(_) => Err(OnnxError::HasLoss { output: shown(output) }),
        };
    }
    let kind = options.loss.unwrap_or(OutputLoss::MeanSquaredError);
    let name = match kind {
        OutputLoss::MeanSquaredError => "the mean squared error",
        OutputLoss::CrossEntropy => "the cross entropy",
    };
    let targets = match arrays {
        Some(arrays) => {
            let (_, found) = arrays.take("targets", &TARGETS)?;
            let is_whole = found.shape != shape;
            Tensor { shape: found.shape, values: found.values, is_whole }
        }
        None => {
            importer.notes.push(format!(
                "the file ends with its outputs `{}`: the loss is {name} to targets that are drawn. --loss and --data say another one",
                shown(output)
            ));
            let drawn = importer.draw(&shape).map_err(|refusal| whole(output, refusal))?;
            match kind {
                OutputLoss::MeanSquaredError => drawn,
                OutputLoss::CrossEntropy => labels(&drawn),
            }
        }
    };
    let wrong = |needed: &str| OnnxError::Targets {
        loss: name,
        found: targets.shape.clone(),
        expected: shape.clone(),
        needed: needed.into(),
    };
    match kind {
        OutputLoss::MeanSquaredError if targets.shape != shape => Err(wrong("targets of the same shape")),
        OutputLoss::MeanSquaredError => {
            operators::mean_squared_error(importer, id, &targets).map_err(|refusal| whole("targets", refusal))
        }
        OutputLoss::CrossEntropy => operators::cross_entropy(importer, id, &targets, Reduction::Mean)
            .map_err(|refusal| whole("targets", refusal))?
            .ok_or_else(|| {
                wrong("a class from 0 for each place but along axis 1, or but along the last one; or targets ≥ 0 of the same shape")
            }),
    }
}

/// The class of the largest of the numbers along axis 1.
fn labels(drawn: &Tensor) -> Tensor {
    let (classes, axis) = if drawn.shape.len() > 1 { (drawn.shape[1], 1) } else { (drawn.shape[0], 0) };
    let after: usize = drawn.shape[axis + 1..].iter().product();
    let others: Vec<usize> =
        drawn.shape.iter().enumerate().filter(|(k, _)| *k != axis).map(|(_, &size)| size).collect();
    let label = |entry: usize| {
        let at = |class: usize| drawn.values[(entry / after * classes + class) * after + entry % after];
        (0..classes).max_by(|&a, &b| at(a).total_cmp(&at(b))).unwrap_or(0) as f64
    };
    Tensor { values: (0..others.iter().product()).map(label).collect(), shape: others, is_whole: true }
}

/// Says of a network without normalizations that an exporter may have folded them away.
fn said(importer: &mut Importer, model: &schema::Model) {
    if importer.normalizations == 0 {
        importer.notes.push(format!(
            "there is no normalization in this file, which {} {} wrote. If the module has batch norms, they were folded into the layers before \
             them, as PyTorch's newer exporter does: this is not the training loss then. docs/frameworks/sharpflow_pytorch.py keeps them",
            shown(if model.producer_name.is_empty() { "an unnamed program" } else { &model.producer_name }),
            shown(&model.producer_version)
        ));
    }
}
