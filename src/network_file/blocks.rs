//! Blocks of a file, written out: a file without blocks is its tables in their order.

use std::collections::HashMap;
use std::rc::Rc;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{ConstantEntry, DEEPEST, Document, FileError, MOST_NODES, NodeEntry, Size, WeightEntry, names};
use crate::data::ArrayError;
use crate::network::error::{NetworkError, shown};
use crate::network::ops::ParameterError;

/// A part of a network that has a name, and can be put in several places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    /// The names that its inputs have in it.
    inputs: Vec<String>,
    /// Its last node, where none is named.
    output: Option<String>,
    /// Sizes, which a node that uses the block may set.
    #[serde(default)]
    sizes: HashMap<String, usize>,
    #[serde(default)]
    weights: HashMap<String, Spanned<WeightEntry>>,
    #[serde(default)]
    constants: HashMap<String, Spanned<ConstantEntry>>,
    #[serde(default)]
    nodes: HashMap<String, Spanned<NodeEntry>>,
}

/// What a file says of one name, on which line, with the sizes that hold there.
pub(super) struct Entry<T> {
    pub name: String,
    pub line: usize,
    pub sizes: Rc<HashMap<String, usize>>,
    pub value: T,
}

/// A node with the names that its inputs have in the whole network.
pub(super) struct Node<'a> {
    pub op: &'a str,
    pub of: Vec<String>,
    pub parameters: &'a toml::Table,
}

/// A file whose blocks are written out.
pub(super) struct Flat<'a> {
    pub weights: Vec<Entry<&'a WeightEntry>>,
    pub constants: Vec<Entry<&'a ConstantEntry>>,
    pub nodes: Vec<Entry<Node<'a>>>,
}

impl<T> Entry<T> {
    pub fn resolve(&self, axes: &[Size]) -> Result<Vec<usize>, FileError> {
        axes.iter().map(|size| self.size(size)).collect()
    }

    /// A size by its number or its name.
    pub fn size(&self, size: &Size) -> Result<usize, FileError> {
        match size {
            Size::Number(number) => Ok(*number),
            Size::Name(name) => self.sizes.get(name).copied().ok_or_else(|| self.no_size(name)),
        }
    }

    fn no_size(&self, size: &str) -> FileError {
        let (node, size) = (shown(&self.name), shown(size));
        FileError::NoSuchSize { line: self.line, node, size, available: names(&self.sizes) }
    }

    pub fn fault(&self, fault: NetworkError) -> FileError {
        FileError::Network { line: self.line, fault }
    }

    pub fn array(&self, source: ArrayError) -> FileError {
        FileError::Array { line: self.line, node: shown(&self.name), source }
    }

    /// A parameter's error, with where it stands.
    pub fn parameter(&self, op: &str, error: ParameterError) -> FileError {
        match error {
            ParameterError::Expected { parameter, expected } => {
                FileError::Parameter { line: self.line, node: shown(&self.name), op: shown(op), parameter, expected }
            }
            ParameterError::NoSuchSize { size } => self.no_size(&size),
        }
    }

    pub fn unknown(&self, op: &str, parameter: &str) -> FileError {
        let (node, op, parameter) = (shown(&self.name), shown(op), shown(parameter));
        FileError::UnknownParameter { line: self.line, node, op, parameter }
    }
}

/// The tables of a file or of a block.
struct Tables<'a> {
    weights: &'a HashMap<String, Spanned<WeightEntry>>,
    constants: &'a HashMap<String, Spanned<ConstantEntry>>,
    nodes: &'a HashMap<String, Spanned<NodeEntry>>,
}

/// Where names and sizes are looked up.
struct Scope<'a> {
    /// What names of a block are called in the whole network. Others are the file's own.
    names: HashMap<&'a str, String>,
    sizes: Rc<HashMap<String, usize>>,
    /// The blocks that this one stands in.
    within: Vec<&'a str>,
}

impl Scope<'_> {
    fn name(&self, name: &str) -> String {
        self.names.get(name).cloned().unwrap_or_else(|| name.into())
    }
}

impl<'a> Flat<'a> {
    /// The whole file.
    pub fn of(lines: &Lines, file: &'a Document) -> Result<Self, FileError> {
        if let Some(block) = file.blocks.keys().filter(|name| super::operation::is_known(name)).min() {
            return Err(FileError::BlockName { block: shown(block) });
        }
        let mut flat = Self { weights: vec![], constants: vec![], nodes: vec![] };
        let scope = Scope { names: HashMap::new(), sizes: Rc::new(file.sizes.clone()), within: vec![] };
        let tables = Tables { weights: &file.weights, constants: &file.constants, nodes: &file.nodes };
        flat.append(lines, file, &tables, &scope)?;
        Ok(flat)
    }

    fn append(
        &mut self,
        lines: &Lines,
        file: &'a Document,
        tables: &Tables<'a>,
        scope: &Scope<'a>,
    ) -> Result<(), FileError> {
        let entries = self.nodes.len() + self.weights.len() + self.constants.len();
        let more = tables.weights.len() + tables.constants.len() + tables.nodes.len();
        if entries + more > MOST_NODES {
            return Err(FileError::TooManyNodes { nodes: entries + more });
        }
        fn entry<T>(lines: &Lines, scope: &Scope<'_>, name: &str, start: usize, value: T) -> Entry<T> {
            Entry { name: scope.name(name), line: lines.at(start), sizes: scope.sizes.clone(), value }
        }
        for (name, weight) in by_place(tables.weights) {
            self.weights.push(entry(lines, scope, name, weight.span().start, weight.as_ref()));
        }
        for (name, constant) in by_place(tables.constants) {
            self.constants.push(entry(lines, scope, name, constant.span().start, constant.as_ref()));
        }
        for (name, node) in by_place(tables.nodes) {
            let (start, node) = (node.span().start, node.as_ref());
            let of = node.of.names().iter().map(|input| scope.name(input)).collect();
            let entry = entry(lines, scope, name, start, Node { op: &node.op, of, parameters: &node.parameters });
            match file.blocks.get_key_value(&node.op) {
                Some((block, content)) => self.append_block(lines, file, (block, content), entry, scope)?,
                None => self.nodes.push(entry),
            }
        }
        Ok(())
    }

    /// Writes out a node that is a block, as many times as it is repeated, each behind the last one.
    fn append_block(
        &mut self,
        lines: &Lines,
        file: &'a Document,
        (name, block): (&'a str, &'a Block),
        entry: Entry<Node<'a>>,
        scope: &Scope<'a>,
    ) -> Result<(), FileError> {
        let (line, node) = (entry.line, || shown(&entry.name));
        if scope.within.contains(&name) {
            return Err(FileError::BlockCycle { line, node: node(), block: shown(name) });
        }
        if scope.within.len() == DEEPEST {
            return Err(FileError::BlockDepth { line, node: node(), block: shown(name) });
        }
        let (expected, found) = (block.inputs.len(), entry.value.of.len());
        if expected != found {
            return Err(FileError::BlockInputs { line, node: node(), block: shown(name), expected, found });
        }
        let mut sizes = HashMap::clone(&entry.sizes);
        sizes.extend(block.sizes.iter().map(|(name, size)| (name.clone(), *size)));
        let mut repeat = 1;
        for (parameter, value) in entry.value.parameters {
            let size = match value {
                Value::Integer(number) => usize::try_from(*number).ok(),
                Value::String(name) => Some(entry.size(&Size::Name(name.clone()))?),
                _ => None,
            };
            let known = if parameter == "repeat" {
                Some("repeat")
            } else {
                block.sizes.contains_key(parameter).then_some("a size")
            };
            let known = known.ok_or_else(|| entry.unknown(name, parameter))?;
            let wrong = |expected: &str| {
                let error = ParameterError::Expected { parameter: known, expected: expected.into() };
                entry.parameter(name, error)
            };
            let size = size.ok_or_else(|| wrong("a whole number or the name of a size"))?;
            if parameter != "repeat" {
                sizes.insert(parameter.clone(), size);
            } else if (1..=MOST_NODES).contains(&size) {
                repeat = size;
            } else {
                return Err(wrong(&format!("a whole number from 1 to {MOST_NODES}")));
            }
        }
        let tables = Tables { weights: &block.weights, constants: &block.constants, nodes: &block.nodes };
        let last = by_place(&block.nodes).last().map(|(name, _)| name.as_str());
        let output = block.output.as_deref().or(last).unwrap_or_default();
        if !block.nodes.contains_key(output) {
            let (block, output) = (shown(name), shown(output));
            return Err(FileError::BlockOutput { line, node: node(), block, output });
        }
        let sizes = Rc::new(sizes);
        let within = [scope.within.as_slice(), &[name]].concat();
        let mut inputs = entry.value.of.clone();
        for k in 1..=repeat {
            let numbered = || format!("{}.{k}", entry.name);
            let prefix = if repeat == 1 { entry.name.clone() } else { numbered() };
            let own = block.weights.keys().chain(block.constants.keys()).chain(block.nodes.keys());
            let mut names: HashMap<&str, String> =
                own.map(|name| (name.as_str(), format!("{prefix}.{name}"))).collect();
            names.extend(block.inputs.iter().map(String::as_str).zip(inputs.iter().cloned()));
            let result = if k == repeat { entry.name.clone() } else { prefix };
            names.insert(output, result.clone());
            self.append(lines, file, &tables, &Scope { names, sizes: sizes.clone(), within: within.clone() })?;
            if let Some(first) = inputs.first_mut() {
                *first = result;
            }
        }
        Ok(())
    }

    /// The indices of the nodes in an order in which each node follows its inputs. The order of the file is kept, but an input that stands behind its node
    /// moves in front of it.
    pub fn in_order(&self) -> Result<Vec<usize>, FileError> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let nodes = &self.nodes;
        let by_name: HashMap<&str, usize> = nodes.iter().enumerate().map(|(k, node)| (node.name.as_str(), k)).collect();
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
                let Some(name) = nodes[k].value.of.get(input) else {
                    states[k] = State::Done;
                    order.push(k);
                    continue;
                };
                path.push((k, input + 1));
                let Some(&next) = by_name.get(name.as_str()) else { continue };
                match states[next] {
                    State::Done => {}
                    State::New => path.push((next, 0)),
                    State::Open => {
                        let start = path.iter().position(|(k, _)| *k == next).unwrap_or(0);
                        let mut cycle: Vec<&str> = path[start..].iter().map(|(k, _)| nodes[*k].name.as_str()).collect();
                        cycle.push(name);
                        let cycle = shown(&cycle.join(" ← "));
                        return Err(FileError::Cycle { line: nodes[next].line, node: shown(name), cycle });
                    }
                }
            }
        }
        Ok(order)
    }
}

/// A table's entries in the order of the file.
fn by_place<T>(table: &HashMap<String, Spanned<T>>) -> Vec<(&String, &Spanned<T>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_unstable_by_key(|(_, entry)| entry.span().start);
    entries
}

/// Where the lines of a text end.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place).collect())
    }

    /// The line of a place, counted from 1.
    pub fn at(&self, place: usize) -> usize {
        self.0.partition_point(|&end| end < place) + 1
    }
}
