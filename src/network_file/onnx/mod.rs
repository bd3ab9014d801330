//! ONNX files: the general way in for networks of other frameworks. What is read of them, and what is not: `docs/onnx.md`.

mod call;
mod error;
mod facts;
mod importer;
mod initializers;
mod inputs;
mod operators;
mod schema;
mod tensor;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::{FileError, Opened};
use crate::network::error::shown;
use crate::network::{Network, NodeId};
use call::Call;
pub use error::OnnxError;
use importer::Importer;
use initializers::weights;
use inputs::{Arrays, TARGETS, inputs, whole};
use operators::Reduction;
use tensor::Tensor;
use value::{Input, Refusal, Value};

/// The largest ONNX file that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// The loss of a network whose file ends with its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputLoss {
    /// The mean of (outputs − targets)².
    MeanSquaredError,
    /// Cross-entropy of logits, averaged over all axes but that of the classes. The classes are along axis 1, or along the last axis if the targets fit
    /// only that.
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
    /// Initializers that are trained although their names are the exporter's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trained: Vec<String>,
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
    let (output, has_loss) = output(graph)?;
    let needed = needed(graph, output);
    let mut arrays = Arrays::read(options)?;
    weights(&mut importer, graph, &needed, options, folder)?;
    inputs(&mut importer, graph, &needed, (sizes, has_loss), &mut arrays)?;
    build_all(&mut importer, &graph.node, &needed, folder)?;
    let loss = loss(&mut importer, output, options, &mut arrays)?;
    said(&mut importer, &model);
    let (notes, network) = (std::mem::take(&mut importer.notes), importer.finish(loss)?);
    Ok(Opened { network, arrays: options.data.iter().cloned().collect(), notes })
}

/// The output that is a number by the file's own word, or else the first; and whether it is one.
fn output(graph: &schema::Graph) -> Result<(&str, bool), OnnxError> {
    let is_number = |output: &&schema::ValueInfo| {
        let shape = output.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()?.shape.as_ref());
        shape.is_some_and(|shape| shape.dim.iter().all(|size| size.dim_value == Some(1)))
    };
    let output = graph.output.iter().find(is_number).or(graph.output.first()).ok_or(OnnxError::NoOutput)?;
    Ok((&output.name, is_number(&output)))
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

/// Builds the nodes that the output needs, in the order of the graph.
fn build_all(
    importer: &mut Importer,
    nodes: &[schema::Node],
    needed: &HashSet<&str>,
    folder: &Path,
) -> Result<(), OnnxError> {
    let wanted = |node: &&schema::Node| node.output.iter().any(|name| needed.contains(name.as_str()));
    for node in nodes.iter().filter(wanted) {
        let at = node.output.iter().find(|name| !name.is_empty()).cloned().unwrap_or_default();
        let opset = importer.opset;
        let refused = |Refusal(reason): Refusal| OnnxError::Node {
            node: shown(if node.name.is_empty() { &at } else { &node.name }),
            op: shown(&node.op_type),
            opset,
            reason,
        };
        let input = |name: &String| match (name.is_empty(), importer.get(name)) {
            (true, _) => Ok(None),
            (false, Some(value)) => Ok(Some(Input { name: name.clone(), value })),
            _ => Err(refused(format!("its input `{}` is computed nowhere before it", shown(name)).into())),
        };
        let inputs = node.input.iter().map(input).collect::<Result<Vec<_>, _>>()?;
        importer.at = at.clone();
        let call = Call { node, inputs, opset, folder };
        let built = operators::build(importer, &call).map_err(refused)?;
        for (name, value) in node.output.iter().zip(built) {
            importer.set(name, value);
        }
        // An output that was not built is reported at the node that uses it.
    }
    Ok(())
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
