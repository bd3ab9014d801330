//! What can be wrong with a network file.

use std::io;

use thiserror::Error;

use super::onnx::OnnxError;
use super::{DEEPEST, LARGEST_FILE, MOST_NODES};
use crate::data::ArrayError;
use crate::network::error::NetworkError;

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
    #[error("line {line}: `{node}`: weights that are given have one of `values` and `file`")]
    WeightSource { line: usize, node: String },
    #[error("the weights `{given}` have numbers and the weights `{drawn}` have none: give all of them, or none")]
    PartlyGiven { given: String, drawn: String },
    #[error("line {line}: `{node}`: `{parameter}` belongs to an entry with `{of}`")]
    OfOthers { line: usize, node: String, parameter: &'static str, of: &'static str },
    #[error("line {line}: `{node}`: numbers without `file` need `shape`")]
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
    #[error("{0}")]
    Onnx(#[from] OnnxError),
    #[error("the output `{node}` is not there")]
    NoSuchOutput { node: String },
}

/// A parser's message without the names of Rust's types.
pub(super) fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 12] = [
        (" as i128", ", which is too large for any size"),
        ("struct Block", "a block, { inputs = […], … }"),
        ("enum WeightEntry", "weights, [sizes] or { file = \"…\" }"),
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
