//! Networks as TOML files. The format, with every operation: `docs/architectures.md`.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::{fs, io};

use serde::Deserialize;
use thiserror::Error;
use toml::{Spanned, Value};

use super::activation::Activation;
use super::builder::{Builder, Convolution};
use super::error::NetworkError;
use super::op::{Constant, Normalization, Op, Origin};
use super::shape::{MOST_NUMBERS, Shape};
use super::{Network, NodeId};

/// The most nodes a file can name.
const MOST_NODES: usize = 4096;
/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 28;

/// Why a file is no network, and on which line. Lines count from 1.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} has {bytes} bytes; a network file has at most {LARGEST_FILE}", path.display())]
    TooLong { path: PathBuf, bytes: u64 },
    #[error("line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    #[error("line {line}: {fault}")]
    Network { line: usize, fault: NetworkError },
    #[error("{0}")]
    Whole(NetworkError),
    #[error("line {line}: node `{node}`: no operation is named `{op}`")]
    NoSuchOperation { line: usize, node: String, op: String },
    #[error("line {line}: node `{node}`: `{op}` needs `{parameter}`, {expected}")]
    Parameter { line: usize, node: String, op: String, parameter: &'static str, expected: &'static str },
    #[error("line {line}: node `{node}`: `{op}` has no parameter `{parameter}`")]
    UnknownParameter { line: usize, node: String, op: String, parameter: String },
    #[error("line {line}: node `{node}`: its input `{input}` is neither a weight, a constant nor a node")]
    NoSuchInput { line: usize, node: String, input: String },
    #[error("line {line}: node `{node}` needs itself: {cycle}")]
    Cycle { line: usize, node: String, cycle: String },
    #[error("line {line}: `{node}`: no size is named `{size}`")]
    NoSuchSize { line: usize, node: String, size: String },
    #[error("there is no size `{size}` to set; there are: {available}")]
    NoSuchSetting { size: String, available: String },
    #[error("line {line}: `{node}`: a constant has either `values` or `normal`, a seed")]
    Source { line: usize, node: String },
    #[error("no nodes: nothing is computed")]
    NoNodes,
    #[error("{nodes} nodes are more than the {MOST_NODES} a file can have")]
    TooManyNodes { nodes: usize },
    #[error("the output `{node}` is not there")]
    NoSuchOutput { node: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    title: String,
    output: Option<String>,
    #[serde(default)]
    sizes: HashMap<String, usize>,
    #[serde(default)]
    weights: HashMap<String, Spanned<Vec<Size>>>,
    #[serde(default)]
    constants: HashMap<String, Spanned<ConstantEntry>>,
    #[serde(default)]
    nodes: HashMap<String, Spanned<NodeEntry>>,
}

/// A size: a number, or the name of one.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Size {
    Number(usize),
    Name(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstantEntry {
    shape: Vec<Size>,
    values: Option<Vec<f64>>,
    normal: Option<u64>,
    #[serde(default)]
    standardize: bool,
}

#[derive(Deserialize)]
struct NodeEntry {
    op: String,
    of: OneOrMany,
    #[serde(flatten)]
    parameters: toml::Table,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

impl Network {
    /// Reads a network file.
    ///
    /// # Errors
    /// What is wrong, and on which line.
    pub fn read(path: impl Into<PathBuf>, sizes: &[(&str, usize)]) -> Result<Self, FileError> {
        let path = path.into();
        let unreadable = |source| FileError::Unreadable { path: path.clone(), source };
        let bytes = fs::metadata(&path).map_err(unreadable)?.len();
        if bytes > LARGEST_FILE {
            return Err(FileError::TooLong { path, bytes });
        }
        Self::from_toml(&fs::read_to_string(&path).map_err(unreadable)?, sizes)
    }

    /// Reads a network from TOML, with other values for some of its named sizes.
    ///
    /// # Errors
    /// See [`Network::read`].
    pub fn from_toml(text: &str, sizes: &[(&str, usize)]) -> Result<Self, FileError> {
        let mut file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            FileError::Syntax { line, reason: error.message().lines().next().unwrap_or_default().into() }
        })?;
        if file.nodes.len() + file.weights.len() + file.constants.len() > MOST_NODES {
            return Err(FileError::TooManyNodes { nodes: file.nodes.len() });
        }
        for &(name, size) in sizes {
            if file.sizes.insert(name.into(), size).is_none() {
                file.sizes.remove(name);
                let mut available: Vec<_> = file.sizes.into_keys().collect();
                available.sort_unstable();
                return Err(FileError::NoSuchSetting { size: name.into(), available: available.join(", ") });
            }
        }
        Reader { text, sizes: &file.sizes, builder: Builder::new(file.title.as_str()) }.read(&file)
    }

    /// The network as TOML, which [`Network::from_toml`] reads back.
    pub fn to_toml(&self) -> String {
        let mut text = format!("title = {}\n", quoted(self.title()));
        text.push_str("\n[weights]\n");
        for group in self.groups() {
            let _ = writeln!(text, "{} = {:?}", quoted(group.name), group.shape.axes());
        }
        text.push_str("\n[constants]\n");
        for node in self.nodes() {
            if let Op::Constant(constant) = &node.op {
                let _ = writeln!(text, "{} = {{ {} }}", quoted(&node.name), data(constant));
            }
        }
        text.push_str("\n[nodes]\n");
        for node in self.nodes().iter().filter(|node| !matches!(node.op, Op::Weight(_) | Op::Constant(_))) {
            let of: Vec<_> = node.inputs.iter().map(|&input| quoted(&self.node(input).name)).collect();
            let (name, op, of) = (quoted(&node.name), quoted(node.op.name()), of.join(", "));
            let _ = writeln!(text, "{name} = {{ op = {op}, of = [{of}]{} }}", parameters(&node.op));
        }
        text
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What a file says of a constant. Standardized numbers that were given stand there standardized.
fn data(constant: &Constant) -> String {
    let Constant { shape, values, origin, standardized } = constant;
    let shape = shape.axes();
    match origin {
        Origin::Given => format!("shape = {shape:?}, values = {values:?}"),
        Origin::Normal { seed } => format!("shape = {shape:?}, normal = {seed}, standardize = {standardized}"),
    }
}

/// An operation's parameters, each after a comma.
fn parameters(op: &Op) -> String {
    match op {
        Op::MatrixProduct { transpose_right: true } => ", transpose_right = true".into(),
        Op::Scale(factor) => format!(", factor = {factor:?}"),
        Op::Sum { axes } | Op::Mean { axes } | Op::Maximum { axes } => format!(", axes = {axes:?}"),
        Op::Transpose { order } => format!(", order = {order:?}"),
        Op::Reshape(shape) => format!(", shape = {:?}", shape.axes()),
        Op::Slice { axis, start, end, step } => {
            format!(", axis = {axis}, start = {start}, end = {end}, step = {step}")
        }
        Op::Patches { window, stride, padding } => {
            format!(", window = {window:?}, stride = {stride}, padding = {padding}")
        }
        Op::Normalize(Normalization { axes, epsilon, centred, averaged }) => {
            format!(", axes = {axes:?}, epsilon = {epsilon:?}, centred = {centred}, averaged = {averaged}")
        }
        Op::Softmax { axis, function } => format!(", axis = {axis}, function = {}", quoted(function.name())),
        _ => String::new(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// A file on its way to a network.
struct Reader<'a> {
    text: &'a str,
    sizes: &'a HashMap<String, usize>,
    builder: Builder,
}

impl Reader<'_> {
    fn read(mut self, file: &File) -> Result<Network, FileError> {
        for (name, axes) in by_place(&file.weights) {
            let line = self.line(axes);
            let axes = self.resolve(line, name, axes.as_ref())?;
            self.builder.weight(name, &axes).map_err(|fault| FileError::Network { line, fault })?;
        }
        for (name, entry) in by_place(&file.constants) {
            self.constant(name, entry)?;
        }
        let nodes = by_place(&file.nodes);
        for k in in_order(self.text, &nodes)? {
            self.node(nodes[k].0, nodes[k].1)?;
        }
        let output = match (&file.output, nodes.last()) {
            (Some(name), _) => name,
            (None, Some((last, _))) => *last,
            (None, None) => return Err(FileError::NoNodes),
        };
        let output = self.builder.find(output).ok_or_else(|| FileError::NoSuchOutput { node: output.clone() })?;
        self.builder.finish(output).map_err(FileError::Whole)
    }

    fn line<T>(&self, spanned: &Spanned<T>) -> usize {
        line_of(self.text, spanned.span().start)
    }

    fn resolve(&self, line: usize, node: &str, axes: &[Size]) -> Result<Vec<usize>, FileError> {
        let size = |size: &Size| match size {
            Size::Number(number) => Ok(*number),
            Size::Name(name) => self.sizes.get(name).copied().ok_or_else(|| FileError::NoSuchSize {
                line,
                node: node.into(),
                size: name.clone(),
            }),
        };
        axes.iter().map(size).collect()
    }

    fn constant(&mut self, name: &str, spanned: &Spanned<ConstantEntry>) -> Result<(), FileError> {
        let (line, entry) = (self.line(spanned), spanned.as_ref());
        let axes = self.resolve(line, name, &entry.shape)?;
        let built = match (&entry.values, entry.normal) {
            (Some(values), None) => self.builder.constant(name, &axes, values.clone()),
            (None, Some(seed)) => self.builder.normal(name, &axes, seed),
            _ => return Err(FileError::Source { line, node: name.into() }),
        };
        let standardized = built.and_then(|id| if entry.standardize { self.builder.standardize(id) } else { Ok(()) });
        standardized.map_err(|fault| FileError::Network { line, fault })
    }

    fn node(&mut self, name: &str, spanned: &Spanned<NodeEntry>) -> Result<(), FileError> {
        let (line, entry) = (self.line(spanned), spanned.as_ref());
        let missing = |input: &String| FileError::NoSuchInput { line, node: name.into(), input: input.clone() };
        let inputs = entry.of.names().iter().map(|input| self.builder.find(input).ok_or_else(|| missing(input)));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let mut parameters =
            Parameters { line, name, op: &entry.op, sizes: self.sizes, rest: entry.parameters.clone() };
        let operation = parameters.operation()?;
        if let Some(parameter) = parameters.rest.keys().next() {
            return Err(FileError::UnknownParameter {
                line,
                node: name.into(),
                op: entry.op.clone(),
                parameter: parameter.clone(),
            });
        }
        operation
            .build(&mut self.builder, name, &inputs)
            .map(|_| ())
            .map_err(|fault| FileError::Network { line, fault })
    }
}

/// A table's entries in the order of the file.
fn by_place<T>(table: &HashMap<String, Spanned<T>>) -> Vec<(&String, &Spanned<T>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_unstable_by_key(|(_, entry)| entry.span().start);
    entries
}

/// The nodes' numbers, each after its inputs; those that may stand as they do stay.
fn in_order(text: &str, nodes: &[(&String, &Spanned<NodeEntry>)]) -> Result<Vec<usize>, FileError> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let by_name: HashMap<&String, usize> = nodes.iter().enumerate().map(|(k, (name, _))| (*name, k)).collect();
    let mut states = vec![State::New; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    for root in 0..nodes.len() {
        // The path to the node at hand, each with how many of its inputs are done.
        let mut path = vec![(root, 0)];
        while let Some((k, input)) = path.pop() {
            if states[k] == State::Done {
                continue;
            }
            states[k] = State::Open;
            let entry = nodes[k].1.as_ref();
            let Some(name) = entry.of.names().get(input) else {
                states[k] = State::Done;
                order.push(k);
                continue;
            };
            path.push((k, input + 1));
            let Some(&next) = by_name.get(name) else { continue };
            match states[next] {
                State::Done => {}
                State::New => path.push((next, 0)),
                State::Open => {
                    let start = path.iter().position(|(k, _)| *k == next).unwrap_or(0);
                    let mut cycle: Vec<&str> = path[start..].iter().map(|(k, _)| nodes[*k].0.as_str()).collect();
                    cycle.push(name);
                    return Err(FileError::Cycle {
                        line: line_of(text, nodes[next].1.span().start),
                        node: name.clone(),
                        cycle: cycle.join(" ← "),
                    });
                }
            }
        }
    }
    Ok(order)
}

/// An operation as a file names it: a primitive one, or one that is written as several.
enum Operation {
    Primitive(Op),
    BatchNorm { epsilon: f64 },
    LayerNorm { epsilon: f64 },
    RmsNorm { epsilon: f64 },
    GroupNorm { groups: usize, epsilon: f64 },
    WeightNorm { epsilon: f64 },
    WeightStandardization { epsilon: f64 },
    Attention { epsilon: f64 },
    Convolution(Convolution),
    AveragePool(Convolution),
    MaxPool(Convolution),
    NormalizedCrossEntropy { epsilon: f64 },
}

impl Operation {
    fn build(self, builder: &mut Builder, name: &str, inputs: &[NodeId]) -> Result<NodeId, NetworkError> {
        // A wrong number of inputs is told apart by the primitive operation's own count.
        match (self, inputs) {
            (Self::Primitive(op), _) => builder.add(name, op, inputs),
            (Self::BatchNorm { epsilon }, &[x]) => builder.batch_norm(name, x, epsilon),
            (Self::LayerNorm { epsilon }, &[x]) => builder.layer_norm(name, x, epsilon),
            (Self::RmsNorm { epsilon }, &[x]) => builder.rms_norm(name, x, epsilon),
            (Self::GroupNorm { groups, epsilon }, &[x]) => builder.group_norm(name, x, groups, epsilon),
            (Self::WeightNorm { epsilon }, &[x]) => builder.weight_norm(name, x, epsilon),
            (Self::WeightStandardization { epsilon }, &[x]) => builder.weight_standardization(name, x, epsilon),
            (Self::Attention { epsilon }, &[q, k, v]) => builder.attention(name, [q, k, v], epsilon),
            (Self::Convolution(shape), &[x, kernels]) => builder.convolution(name, x, kernels, &shape),
            (Self::AveragePool(shape), &[x]) => builder.average_pool(name, x, &shape),
            (Self::MaxPool(shape), &[x]) => builder.max_pool(name, x, &shape),
            (Self::NormalizedCrossEntropy { epsilon }, &[logits, targets]) => {
                builder.normalized_cross_entropy(name, logits, targets, epsilon)
            }
            (operation, _) => Err(NetworkError::Node { node: name.into(), fault: operation.wrong_count(inputs.len()) }),
        }
    }

    fn wrong_count(&self, found: usize) -> super::Fault {
        let (op, expected) = match self {
            Self::Attention { .. } => ("attention", 3),
            Self::Convolution(_) => ("convolution", 2),
            Self::NormalizedCrossEntropy { .. } => ("normalized_cross_entropy", 2),
            _ => ("a normalization or a pool", 1),
        };
        super::Fault::Arity { op, expected, found }
    }
}

/// A node's parameters; those that were read are taken out of `rest`.
struct Parameters<'a> {
    line: usize,
    name: &'a str,
    op: &'a str,
    sizes: &'a HashMap<String, usize>,
    rest: toml::Table,
}

impl Parameters<'_> {
    fn operation(&mut self) -> Result<Operation, FileError> {
        let op = self.op;
        if let Some(activation) = Activation::ALL.into_iter().find(|activation| activation.name() == op) {
            return Ok(Operation::Primitive(Op::Activation(activation)));
        }
        let primitive = match op {
            "matrix_product" => Op::MatrixProduct { transpose_right: self.flag("transpose_right", false)? },
            "linear" => Op::MatrixProduct { transpose_right: true },
            "add" | "bias" => Op::Add,
            "subtract" => Op::Subtract,
            "multiply" => Op::Multiply,
            "divide" => Op::Divide,
            "scale" => Op::Scale(self.number("factor", None)?),
            "square_root" => Op::SquareRoot,
            "sum" => Op::Sum { axes: self.sizes_of("axes")? },
            "mean" => Op::Mean { axes: self.sizes_of("axes")? },
            "maximum" => Op::Maximum { axes: self.sizes_of("axes")? },
            "transpose" => Op::Transpose { order: self.sizes_of("order")? },
            "reshape" => {
                let axes = self.sizes_of("shape")?;
                Op::Reshape(Shape::new(&axes).ok_or_else(|| self.fault("shape", "at most six axes, none of size 0"))?)
            }
            "slice" => Op::Slice {
                axis: self.size("axis", None)?,
                start: self.size("start", Some(0))?,
                end: self.size("end", None)?,
                step: self.size("step", Some(1))?,
            },
            "patches" => {
                let Convolution { window, stride, padding } = self.window()?;
                Op::Patches { window, stride, padding }
            }
            "normalize" => Op::Normalize(Normalization {
                axes: self.sizes_of("axes")?,
                epsilon: self.number("epsilon", Some(0.0))?,
                centred: self.flag("centred", true)?,
                averaged: self.flag("averaged", true)?,
            }),
            "softmax" => Op::Softmax { axis: self.size("axis", None)?, function: self.positive_function()? },
            "mean_squared_error" => Op::MeanSquaredError,
            "cross_entropy" => Op::CrossEntropy,
            _ => return self.composed(),
        };
        Ok(Operation::Primitive(primitive))
    }

    fn composed(&mut self) -> Result<Operation, FileError> {
        let epsilon =
            self.rest.contains_key("epsilon").then(|| self.number("epsilon", None)).transpose()?.unwrap_or(0.0);
        Ok(match self.op {
            "batch_norm" => Operation::BatchNorm { epsilon },
            "layer_norm" => Operation::LayerNorm { epsilon },
            "rms_norm" => Operation::RmsNorm { epsilon },
            "group_norm" => Operation::GroupNorm { groups: self.size("groups", None)?, epsilon },
            "weight_norm" => Operation::WeightNorm { epsilon },
            "weight_standardization" => Operation::WeightStandardization { epsilon },
            "attention" => Operation::Attention { epsilon },
            "convolution" => Operation::Convolution(self.window()?),
            "average_pool" => Operation::AveragePool(self.window()?),
            "max_pool" => Operation::MaxPool(self.window()?),
            "normalized_cross_entropy" => Operation::NormalizedCrossEntropy { epsilon },
            op => {
                return Err(FileError::NoSuchOperation { line: self.line, node: self.name.into(), op: op.into() });
            }
        })
    }

    fn fault(&self, parameter: &'static str, expected: &'static str) -> FileError {
        let (node, op) = (self.name.into(), self.op.into());
        FileError::Parameter { line: self.line, node, op, parameter, expected }
    }

    fn number(&mut self, parameter: &'static str, default: Option<f64>) -> Result<f64, FileError> {
        match (self.rest.remove(parameter), default) {
            (Some(Value::Float(number)), _) => Ok(number),
            (Some(Value::Integer(number)), _) => Ok(number as f64),
            (None, Some(default)) => Ok(default),
            _ => Err(self.fault(parameter, "a number")),
        }
    }

    fn flag(&mut self, parameter: &'static str, default: bool) -> Result<bool, FileError> {
        match self.rest.remove(parameter) {
            Some(Value::Boolean(flag)) => Ok(flag),
            None => Ok(default),
            _ => Err(self.fault(parameter, "true or false")),
        }
    }

    fn as_size(&self, value: Option<Value>) -> Option<usize> {
        let size = match value? {
            Value::Integer(number) => usize::try_from(number).ok(),
            Value::String(name) => self.sizes.get(&name).copied(),
            _ => None,
        };
        size.filter(|&size| size <= MOST_NUMBERS)
    }

    fn size(&mut self, parameter: &'static str, default: Option<usize>) -> Result<usize, FileError> {
        match (self.rest.remove(parameter), default) {
            (None, Some(default)) => Ok(default),
            (value, _) => {
                self.as_size(value).ok_or_else(|| self.fault(parameter, "a whole number ≥ 0 or the name of a size"))
            }
        }
    }

    fn sizes_of(&mut self, parameter: &'static str) -> Result<Vec<usize>, FileError> {
        let list = match self.rest.remove(parameter) {
            Some(Value::Array(values)) => values.into_iter().map(|value| self.as_size(Some(value))).collect(),
            _ => None,
        };
        list.ok_or_else(|| self.fault(parameter, "a list of whole numbers ≥ 0 or names of sizes"))
    }

    fn window(&mut self) -> Result<Convolution, FileError> {
        Ok(Convolution {
            window: self.sizes_of("window")?,
            stride: self.size("stride", Some(1))?,
            padding: self.size("padding", Some(0))?,
        })
    }

    fn positive_function(&mut self) -> Result<Activation, FileError> {
        match self.rest.remove("function") {
            None => Ok(Activation::Exponential),
            Some(Value::String(name)) if name == Activation::Exponential.name() => Ok(Activation::Exponential),
            Some(Value::String(name)) if name == Activation::Cauchy.name() => Ok(Activation::Cauchy),
            _ => Err(self.fault("function", "\"exp\" or \"cauchy\"")),
        }
    }
}
