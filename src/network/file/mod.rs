//! Networks as TOML files. The format, with every operation: `docs/architectures.md`.

mod blocks;
mod operation;

use std::collections::HashMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use toml::{Spanned, Value};

use super::builder::Builder;
use super::error::{NetworkError, shown};
use super::ops::{Constant, Op, Origin, Parameters};
use super::{Network, NodeId};
use crate::data::{Array, ArrayError};
use blocks::{Block, Entry, Flat, Lines, Node};
use operation::Operation;

/// The number that stands for −∞ in a mask that is added before a softmax: its exponential is 0.
const MASKED: f64 = -1e30;
/// The most nodes a file can name.
const MOST_NODES: usize = 4096;
/// How many blocks may stand one in the other.
const DEEPEST: usize = 32;
/// The largest network file that is read, in bytes: room for three million numbers.
pub const LARGEST_FILE: u64 = 1 << 26;

/// Why a file is no network, and on which line. Lines count from 1.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("has more than the {LARGEST_FILE} bytes of the largest network file")]
    TooLong,
    #[error("line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    #[error("line {line}: {fault}")]
    Network { line: usize, fault: NetworkError },
    #[error("{0}")]
    Whole(NetworkError),
    #[error("line {line}: node `{node}`: no operation is named `{op}`; there are: {available}")]
    NoSuchOperation { line: usize, node: String, op: String, available: String },
    #[error("line {line}: node `{node}`: `{op}` needs `{parameter}`, {expected}")]
    Parameter { line: usize, node: String, op: String, parameter: &'static str, expected: String },
    #[error("line {line}: node `{node}`: `{op}` has no parameter `{parameter}`")]
    UnknownParameter { line: usize, node: String, op: String, parameter: String },
    #[error("line {line}: node `{node}`: its input `{input}` is neither a weight, a constant nor a node")]
    NoSuchInput { line: usize, node: String, input: String },
    #[error("line {line}: node `{node}` needs itself: {cycle}")]
    Cycle { line: usize, node: String, cycle: String },
    #[error("line {line}: `{node}`: no size is named `{size}`; there are: {available}")]
    NoSuchSize { line: usize, node: String, size: String, available: String },
    #[error("there is no size `{size}` to set; there are: {available}")]
    NoSuchSetting { size: String, available: String },
    #[error("line {line}: `{node}`: a constant has one of `values`, `normal` (a seed) and `file`")]
    Source { line: usize, node: String },
    #[error("line {line}: `{node}`: `{parameter}` belongs to a constant with `{of}`")]
    OfOthers { line: usize, node: String, parameter: &'static str, of: &'static str },
    #[error("line {line}: `{node}`: a constant without `file` needs `shape`")]
    NoShape { line: usize, node: String },
    #[error("line {line}: `{node}`: {source}")]
    Array { line: usize, node: String, source: ArrayError },
    #[error("line {line}: `{node}`: the block `{block}` takes {expected} inputs, not {found}")]
    BlockInputs { line: usize, node: String, block: String, expected: usize, found: usize },
    #[error("line {line}: `{node}`: the block `{block}` has no node `{output}` to be its output")]
    BlockOutput { line: usize, node: String, block: String, output: String },
    #[error("line {line}: `{node}`: the block `{block}` contains itself")]
    BlockCycle { line: usize, node: String, block: String },
    #[error("line {line}: `{node}`: the block `{block}` would stand within {DEEPEST} others, which is too deep")]
    BlockDepth { line: usize, node: String, block: String },
    #[error("the block `{block}` has the name of an operation")]
    BlockName { block: String },
    #[error("no nodes: nothing is computed")]
    NoNodes,
    #[error("{nodes} nodes are more than the {MOST_NODES} a file can have")]
    TooManyNodes { nodes: usize },
    #[error("the output `{node}` is not there")]
    NoSuchOutput { node: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
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
    #[serde(default)]
    blocks: HashMap<String, Block>,
}

/// A size: a number, or the name of one.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "a size is a whole number ≥ 0 or the name of one")]
enum Size {
    Number(usize),
    Name(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstantEntry {
    shape: Option<Vec<Size>>,
    values: Option<Vec<f64>>,
    normal: Option<u64>,
    /// A file of numbers, seen from the folder of the network's file.
    file: Option<String>,
    /// Which array of a file that has several.
    array: Option<String>,
    /// The first row that is taken, and the first that is not any more.
    rows: Option<(Size, Size)>,
    /// How many classes there are, for labels that become vectors.
    one_hot: Option<Size>,
    #[serde(default)]
    standardize: bool,
    /// Says of a constant that it stands for weights that are not trained. It changes nothing.
    #[serde(default, rename = "frozen")]
    _frozen: bool,
}

#[derive(Deserialize)]
struct NodeEntry {
    op: String,
    of: OneOrMany,
    #[serde(flatten)]
    parameters: toml::Table,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "inputs are a name or a list of names")]
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

/// A network that was read, and the files of numbers that were needed for it.
#[derive(Clone, Debug)]
pub struct Opened {
    pub network: Network,
    pub arrays: Vec<PathBuf>,
}

impl Network {
    /// Reads a network file.
    ///
    /// # Errors
    /// The error says what is wrong, and on which line.
    pub fn read(path: impl AsRef<Path>, sizes: &[(&str, usize)]) -> Result<Self, FileError> {
        let path = path.as_ref();
        let text = Self::read_text(path)?;
        Self::open(&text, path.parent().unwrap_or(Path::new("")), sizes).map(|opened| opened.network)
    }

    /// The text of a network file, for [`Network::from_toml`].
    ///
    /// # Errors
    /// The file cannot be read, is too long, or is not UTF-8.
    pub fn read_text(path: impl AsRef<Path>) -> Result<String, FileError> {
        // The length is counted while the file is read: a device or a pipe does not say how long it is.
        let mut text = String::new();
        File::open(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LARGEST_FILE { Err(FileError::TooLong) } else { Ok(text) }
    }

    /// Reads a network from TOML, with other values for some of its named sizes. Files of numbers are looked for in the working directory.
    ///
    /// # Errors
    /// See [`Network::read`].
    pub fn from_toml(text: &str, sizes: &[(&str, usize)]) -> Result<Self, FileError> {
        Self::open(text, Path::new(""), sizes).map(|opened| opened.network)
    }

    /// The same with the folder from which files of numbers are seen.
    ///
    /// # Errors
    /// See [`Network::read`].
    pub fn open(text: &str, folder: &Path, sizes: &[(&str, usize)]) -> Result<Opened, FileError> {
        let lines = Lines::of(text);
        let mut file: Document = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| lines.at(span.start));
            FileError::Syntax { line, reason: shown(&plain(error.message().lines().next().unwrap_or_default())) }
        })?;
        for &(name, size) in sizes {
            if file.sizes.insert(name.into(), size).is_none() {
                file.sizes.remove(name);
                return Err(FileError::NoSuchSetting { size: shown(name), available: names(&file.sizes) });
            }
        }
        let reader =
            Reader { folder, builder: Builder::new(file.title.as_str()), arrays: vec![], blocks: block_names(&file) };
        reader.read(&Flat::of(&lines, &file)?, file.output.as_deref())
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
        for node in self.nodes().iter().filter(|node| !node.inputs.is_empty()) {
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

/// The entry of a constant in a file. Numbers that were given and standardized are written standardized.
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
    op.parameters().into_iter().map(|(name, value)| format!(", {name} = {value}")).collect()
}

/// The names of sizes, for a message.
fn names(sizes: &HashMap<String, usize>) -> String {
    let mut names: Vec<&str> = sizes.keys().map(String::as_str).collect();
    names.sort_unstable();
    if names.is_empty() { "none".into() } else { shown(&names.join(", ")) }
}

/// A parser's message without the names of Rust's types.
fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 10] = [
        ("struct Block", "a block, { inputs = […], … }"),
        ("struct NodeEntry", "a node, { op = \"…\", of = […] }"),
        ("struct ConstantEntry", "a constant, { shape = […], … }"),
        ("struct Document", "a network file"),
        ("usize", "a whole number ≥ 0"),
        ("u64", "a whole number ≥ 0"),
        ("f64", "a number"),
        ("a sequence", "a list"),
        ("a map", "a table"),
        ("floating point", "the number"),
    ];
    WORDS.into_iter().fold(message.into(), |message, (from, to)| message.replace(from, to))
}

fn block_names(file: &Document) -> Vec<String> {
    let mut names: Vec<String> = file.blocks.keys().cloned().collect();
    names.sort_unstable();
    names
}

/// A file on its way to a network.
struct Reader<'a> {
    folder: &'a Path,
    builder: Builder,
    arrays: Vec<PathBuf>,
    /// The names of blocks, for a message.
    blocks: Vec<String>,
}

impl Reader<'_> {
    fn read(mut self, flat: &Flat<'_>, output: Option<&str>) -> Result<Opened, FileError> {
        for entry in &flat.weights {
            let axes = entry.resolve(entry.value)?;
            self.builder.weight(&entry.name, &axes).map_err(|fault| entry.fault(fault))?;
        }
        for entry in &flat.constants {
            self.constant(entry)?;
        }
        for k in flat.in_order()? {
            self.node(&flat.nodes[k])?;
        }
        let output = match (output, flat.nodes.last()) {
            (Some(name), _) => name,
            (None, Some(last)) => &last.name,
            (None, None) => return Err(FileError::NoNodes),
        };
        let output = self.builder.find(output).ok_or_else(|| FileError::NoSuchOutput { node: shown(output) })?;
        let network = self.builder.finish(output).map_err(FileError::Whole)?;
        Ok(Opened { network, arrays: self.arrays })
    }

    fn constant(&mut self, entry: &Entry<&ConstantEntry>) -> Result<(), FileError> {
        let (name, line, value) = (entry.name.as_str(), entry.line, entry.value);
        let of_others = |parameter, of| FileError::OfOthers { line, node: shown(name), parameter, of };
        let axes = value.shape.as_ref().map(|axes| entry.resolve(axes)).transpose()?;
        if value.file.is_none() {
            if value.rows.is_some() {
                return Err(of_others("rows", "file"));
            }
            if value.array.is_some() {
                return Err(of_others("array", "file"));
            }
        }
        let shape = || axes.clone().ok_or_else(|| FileError::NoShape { line, node: shown(name) });
        let array = match (&value.values, value.normal, &value.file) {
            (Some(values), None, None) => {
                let masked = |&x: &f64| if x == f64::NEG_INFINITY { MASKED } else { x };
                Array { shape: shape()?, values: values.iter().map(masked).collect() }
            }
            (None, Some(seed), None) => {
                if value.one_hot.is_some() {
                    return Err(of_others("one_hot", "values` or `file"));
                }
                let id = self.builder.normal(name, &shape()?, seed).map_err(|fault| entry.fault(fault))?;
                return self.standardized(entry, id);
            }
            (None, None, Some(file)) => {
                let path = self.folder.join(file);
                let rows = match &value.rows {
                    Some((first, end)) => Some((entry.size(first)?, entry.size(end)?)),
                    None => None,
                };
                let array = Array::read(&path, value.array.as_deref(), rows).map_err(|source| entry.array(source))?;
                self.arrays.push(path);
                array
            }
            _ => return Err(FileError::Source { line, node: shown(name) }),
        };
        let array = match &value.one_hot {
            Some(classes) => array.one_hot(entry.size(classes)?).map_err(|source| entry.array(source))?,
            None => array,
        };
        // A shape that a file's array is given need not be the file's.
        let axes = axes.filter(|_| value.one_hot.is_none() || value.file.is_some()).unwrap_or(array.shape);
        let id = self.builder.constant(name, &axes, array.values).map_err(|fault| entry.fault(fault))?;
        self.standardized(entry, id)
    }

    fn standardized(&mut self, entry: &Entry<&ConstantEntry>, id: NodeId) -> Result<(), FileError> {
        match entry.value.standardize {
            true => self.builder.standardize(id).map_err(|fault| entry.fault(fault)),
            false => Ok(()),
        }
    }

    fn node(&mut self, entry: &Entry<Node<'_>>) -> Result<(), FileError> {
        let (name, line, node) = (entry.name.as_str(), entry.line, &entry.value);
        let missing = |input: &String| FileError::NoSuchInput { line, node: shown(name), input: shown(input) };
        let inputs = node.of.iter().map(|input| self.builder.find(input).ok_or_else(|| missing(input)));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let axes = inputs.first().map_or(0, |&input| self.builder.axes(input));
        let mut parameters = Parameters { sizes: &entry.sizes, axes, rest: node.parameters.clone() };
        let operation = Operation::read(node.op, &mut parameters).map_err(|error| entry.parameter(node.op, error))?;
        let Some(operation) = operation else {
            let available = operation::available(node.op, &self.blocks);
            return Err(FileError::NoSuchOperation { line, node: shown(name), op: shown(node.op), available });
        };
        if let Some(parameter) = parameters.rest.keys().next() {
            return Err(entry.unknown(node.op, parameter));
        }
        operation.build(&mut self.builder, name, &inputs).map(|_| ()).map_err(|fault| entry.fault(fault))
    }
}
