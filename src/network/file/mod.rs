//! Networks as TOML files. The format, with every operation: `docs/architectures.md`.

mod operation;

use std::collections::HashMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use thiserror::Error;
use toml::{Spanned, Value};

use super::Network;
use super::builder::Builder;
use super::error::{NetworkError, shown};
use super::ops::{Constant, Op, Origin, ParameterError, Parameters};
use operation::Operation;

/// The number that stands for −∞ in a mask that is added before a softmax: its exponential is 0.
const MASKED: f64 = -1e30;
/// The most nodes a file can name.
const MOST_NODES: usize = 4096;
/// The largest file that is read, in bytes: room for half a million numbers.
const LARGEST_FILE: u64 = 1 << 24;

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
    shape: Vec<Size>,
    values: Option<Vec<f64>>,
    normal: Option<u64>,
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

impl Network {
    /// Reads a network file.
    ///
    /// # Errors
    /// The error says what is wrong, and on which line.
    pub fn read(path: impl AsRef<Path>, sizes: &[(&str, usize)]) -> Result<Self, FileError> {
        Self::from_toml(&Self::read_text(path)?, sizes)
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

    /// Reads a network from TOML, with other values for some of its named sizes.
    ///
    /// # Errors
    /// See [`Network::read`].
    pub fn from_toml(text: &str, sizes: &[(&str, usize)]) -> Result<Self, FileError> {
        let mut file: Document = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            FileError::Syntax { line, reason: shown(&plain(error.message().lines().next().unwrap_or_default())) }
        })?;
        if file.nodes.len() + file.weights.len() + file.constants.len() > MOST_NODES {
            return Err(FileError::TooManyNodes { nodes: file.nodes.len() });
        }
        for &(name, size) in sizes {
            if file.sizes.insert(name.into(), size).is_none() {
                file.sizes.remove(name);
                return Err(FileError::NoSuchSetting { size: shown(name), available: names(&file.sizes) });
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

/// A size by its number or its name.
fn resolve(size: &Size, sizes: &HashMap<String, usize>, line: usize, node: &str) -> Result<usize, FileError> {
    match size {
        Size::Number(number) => Ok(*number),
        Size::Name(name) => sizes.get(name).copied().ok_or_else(|| FileError::NoSuchSize {
            line,
            node: shown(node),
            size: shown(name),
            available: names(sizes),
        }),
    }
}

/// A parser's message without the names of Rust's types.
fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 9] = [
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
    fn read(mut self, file: &Document) -> Result<Network, FileError> {
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
        let output = self.builder.find(output).ok_or_else(|| FileError::NoSuchOutput { node: shown(output) })?;
        self.builder.finish(output).map_err(FileError::Whole)
    }

    fn line<T>(&self, spanned: &Spanned<T>) -> usize {
        line_of(self.text, spanned.span().start)
    }

    fn resolve(&self, line: usize, node: &str, axes: &[Size]) -> Result<Vec<usize>, FileError> {
        axes.iter().map(|size| resolve(size, self.sizes, line, node)).collect()
    }

    fn constant(&mut self, name: &str, spanned: &Spanned<ConstantEntry>) -> Result<(), FileError> {
        let (line, entry) = (self.line(spanned), spanned.as_ref());
        let axes = self.resolve(line, name, &entry.shape)?;
        let built = match (&entry.values, entry.normal) {
            (Some(values), None) => {
                let masked = |&x: &f64| if x == f64::NEG_INFINITY { MASKED } else { x };
                self.builder.constant(name, &axes, values.iter().map(masked).collect())
            }
            (None, Some(seed)) => self.builder.normal(name, &axes, seed),
            _ => return Err(FileError::Source { line, node: shown(name) }),
        };
        let standardized = built.and_then(|id| if entry.standardize { self.builder.standardize(id) } else { Ok(()) });
        standardized.map_err(|fault| FileError::Network { line, fault })
    }

    fn node(&mut self, name: &str, spanned: &Spanned<NodeEntry>) -> Result<(), FileError> {
        let (line, entry) = (self.line(spanned), spanned.as_ref());
        let missing = |input: &String| FileError::NoSuchInput { line, node: shown(name), input: shown(input) };
        let inputs = entry.of.names().iter().map(|input| self.builder.find(input).ok_or_else(|| missing(input)));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let axes = inputs.first().map_or(0, |&input| self.builder.axes(input));
        let mut parameters = Parameters { sizes: self.sizes, axes, rest: entry.parameters.clone() };
        let operation =
            Operation::read(&entry.op, &mut parameters).map_err(|error| self.fault(line, name, &entry.op, error))?;
        let Some(operation) = operation else {
            let (node, op, available) = (shown(name), shown(&entry.op), operation::available(&entry.op));
            return Err(FileError::NoSuchOperation { line, node, op, available });
        };
        if let Some(parameter) = parameters.rest.keys().next() {
            return Err(FileError::UnknownParameter {
                line,
                node: shown(name),
                op: shown(&entry.op),
                parameter: shown(parameter),
            });
        }
        operation
            .build(&mut self.builder, name, &inputs)
            .map(|_| ())
            .map_err(|fault| FileError::Network { line, fault })
    }
}

impl Reader<'_> {
    /// A parameter's error, with where it stands.
    fn fault(&self, line: usize, name: &str, op: &str, error: ParameterError) -> FileError {
        let (node, op) = (shown(name), shown(op));
        match error {
            ParameterError::Expected { parameter, expected } => {
                FileError::Parameter { line, node, op, parameter, expected }
            }
            ParameterError::NoSuchSize { size } => {
                FileError::NoSuchSize { line, node, size: shown(&size), available: names(self.sizes) }
            }
        }
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
                        node: shown(name),
                        cycle: shown(&cycle.join(" ← ")),
                    });
                }
            }
        }
    }
    Ok(order)
}
