//! Networks as TOML files. The format, with every operation: `docs/architectures.md`.

mod blocks;
mod error;
mod onnx;
mod operation;
pub mod zoo;

use std::collections::HashMap;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::data::Array;
use crate::network::builder::Builder;
use crate::network::error::shown;
use crate::network::ops::{self, Constant, Op, Origin, Parameters};
use crate::network::{Network, NodeId};
use blocks::{Block, Entry, Flat, Lines, Node};
pub use error::FileError;
use error::plain;
pub use onnx::{OnnxError, OnnxOptions, OutputLoss};
use operation::Operation;

/// The number that stands for −∞ in a mask that is added before a softmax: its exponential is 0.
const MASKED: f64 = -1e30;
/// The most nodes a file can name.
const MOST_NODES: usize = 4096;
/// How many blocks may stand one in the other.
const DEEPEST: usize = 32;
/// The largest network file that is read, in bytes: room for three million numbers.
pub const LARGEST_FILE: u64 = 1 << 26;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    title: String,
    output: Option<String>,
    #[serde(default)]
    sizes: HashMap<String, usize>,
    #[serde(default)]
    weights: HashMap<String, Spanned<WeightEntry>>,
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

/// A group of weights: its shape, or its numbers too.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "weights are a list of sizes, or { shape = […], values = […] }, or { file = \"…\" } with `array`"
)]
enum WeightEntry {
    Drawn(Vec<Size>),
    Given(GivenWeights),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenWeights {
    shape: Option<Vec<Size>>,
    values: Option<Vec<f64>>,
    file: Option<String>,
    array: Option<String>,
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
    /// What the user should know of how it was read, a line each.
    pub notes: Vec<String>,
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
        for node in self.nodes() {
            if let Op::Weight(ops::Weight { shape, values }) = &node.op {
                let (name, shape) = (quoted(&node.name), shape.axes());
                let _ = match values {
                    Some(values) => writeln!(text, "{name} = {{ shape = {shape:?}, values = {values:?} }}"),
                    None => writeln!(text, "{name} = {shape:?}"),
                };
            }
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
            self.weight(entry)?;
        }
        let is_drawn = |entry: &&Entry<&WeightEntry>| matches!(entry.value, WeightEntry::Drawn(_));
        let (drawn, given): (Vec<_>, Vec<_>) = flat.weights.iter().partition(is_drawn);
        if let (Some(drawn), Some(given)) = (drawn.first(), given.first()) {
            return Err(FileError::PartlyGiven { given: shown(&given.name), drawn: shown(&drawn.name) });
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
        Ok(Opened { network, arrays: self.arrays, notes: vec![] })
    }

    fn weight(&mut self, entry: &Entry<&WeightEntry>) -> Result<(), FileError> {
        let (name, line) = (entry.name.as_str(), entry.line);
        let built = match entry.value {
            WeightEntry::Drawn(axes) => self.builder.weight(name, &entry.resolve(axes)?),
            WeightEntry::Given(GivenWeights { shape, values, file, array }) => {
                let axes = shape.as_ref().map(|axes| entry.resolve(axes)).transpose()?;
                let (found, values) = match (values, file) {
                    (Some(_), None) if array.is_some() => {
                        return Err(FileError::OfOthers { line, node: shown(name), parameter: "array", of: "file" });
                    }
                    (Some(values), None) => (None, values.clone()),
                    (None, Some(file)) => {
                        let read = self.array(entry, file, array.as_deref(), None)?;
                        (Some(read.shape), read.values)
                    }
                    _ => return Err(FileError::WeightSource { line, node: shown(name) }),
                };
                let axes = axes.or(found).ok_or_else(|| FileError::NoShape { line, node: shown(name) })?;
                self.builder.weight_at(name, &axes, values)
            }
        };
        built.map(|_| ()).map_err(|fault| entry.fault(fault))
    }

    /// The numbers of a file, which is seen from the folder of the network's file.
    fn array<T>(
        &mut self,
        entry: &Entry<T>,
        file: &str,
        array: Option<&str>,
        rows: Option<(usize, usize)>,
    ) -> Result<Array, FileError> {
        let path = self.folder.join(file);
        let read = Array::read(&path, array, rows).map_err(|source| entry.array(source))?;
        if !self.arrays.contains(&path) {
            self.arrays.push(path);
        }
        Ok(read)
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
                let rows = match &value.rows {
                    Some((first, end)) => Some((entry.size(first)?, entry.size(end)?)),
                    None => None,
                };
                self.array(entry, file, value.array.as_deref(), rows)?
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
