//! What can be wrong with an ONNX file.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::data::ArrayError;
use crate::network::error::NetworkError;

/// Why an ONNX file is no network, and at which node.
#[derive(Debug, Error)]
pub enum OnnxError {
    #[error("is no ONNX file: {reason}")]
    Malformed { reason: String },
    #[error("is an ONNX file without a graph")]
    NoGraph,
    #[error("node `{node}` (`{op}` of opset {opset}): {reason}")]
    Node { node: String, op: String, opset: i64, reason: String },
    #[error("`{name}`: {reason}")]
    Tensor { name: String, reason: String },
    #[error("`{name}`: its numbers are in `{}`, which cannot be read: {source}", path.display())]
    External { name: String, path: PathBuf, source: io::Error },
    #[error("the size `{size}` of the input `{input}` has no number in the file: --size {size}=NUMBER gives it one")]
    OpenSize { size: String, input: String },
    #[error("there is no size `{size}` to set; the file's open sizes are: {available}")]
    NoSuchSize { size: String, available: String },
    #[error("the file has no initializer `{name}`; there are: {available}")]
    NoSuchInitializer { name: String, available: String },
    #[error("{0}")]
    Data(#[from] ArrayError),
    #[error("entry {entry} of the array `{array}` of `{}` is {value}", path.display())]
    NotFinite { path: PathBuf, array: String, entry: usize, value: f64 },
    #[error("`{}` has no array for the input `{input}`, which may be named {names}; there are: {available}", path.display())]
    NoArray { path: PathBuf, input: String, names: String, available: String },
    #[error("the array `{array}` of `{}` has the shape {found:?}; the input `{input}` has {expected:?}", path.display())]
    ArrayShape { path: PathBuf, array: String, input: String, found: Vec<usize>, expected: Vec<String> },
    #[error("the output `{output}` is one number, a loss: `--loss` is for files without one")]
    HasLoss { output: String },
    #[error("the targets of {loss} have the shape {found:?}; outputs of {expected:?} need {needed}")]
    Targets { loss: &'static str, found: Vec<usize>, expected: Vec<usize>, needed: String },
    #[error("nothing is computed: the graph has no output that depends on weights")]
    NoOutput,
    #[error("{0}")]
    Network(#[from] NetworkError),
}
