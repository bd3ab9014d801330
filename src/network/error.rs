use thiserror::Error;

use super::shape::{MOST_AXES, MOST_NUMBERS, Shape};
pub(crate) use crate::text::shown;

/// Why a network cannot be built, and at which node.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum NetworkError {
    #[error("node `{node}`: {fault}")]
    Node { node: String, fault: Fault },
    #[error("the output `{node}` is an array of {shape}; a loss is one number")]
    NotANumber { node: String, shape: Shape },
    #[error("the output `{node}` is weights or data, nothing computed from them")]
    NotComputed { node: String },
    #[error("no weights: nothing to differentiate by")]
    NoWeights,
    #[error("no node is named `{node}`; a network of {nodes} nodes was asked for it")]
    NoSuchNode { node: String, nodes: usize },
    #[error("no weights are named `{group}`; there are: {groups}")]
    NoSuchGroup { group: String, groups: String },
    #[error("the output does not depend on the weights `{node}`")]
    Unused { node: String },
}

/// Why a node has no number at a point.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum PointFault {
    #[error("its output is {value}")]
    NotFinite { value: f64 },
    #[error("the loss has a number, but its gradient holds {value}")]
    Gradient { value: f64 },
    #[error("its input lies beyond a kink, by {excess:.1e}, off the smooth piece of the loss")]
    Kink { excess: f64 },
    /// A size² too large for a double.
    #[error("the square of the size that it divides by overflows: its input reaches {largest:.1e}")]
    Overflow { largest: f64 },
    /// A size² too small for a double to hold all its digits.
    #[error("the square of the size that it divides by underflows: its input is at most {largest:.1e}")]
    Underflow { largest: f64 },
    /// 0/0 up to rounding.
    #[error(
        "its input is constant along the normalized axes up to rounding (it varies by {spread:.1e} about values of {largest:.1e}): the quotient is 0/0"
    )]
    Constant { spread: f64, largest: f64 },
}

/// What is wrong with a node.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Fault {
    #[error("a node of this name is there already")]
    Duplicate,
    #[error("a name is made of 1 to 128 letters, digits and the signs _ . - / :")]
    Name,
    #[error("{op} takes {expected} inputs, not {found}")]
    Arity { op: &'static str, expected: usize, found: usize },
    #[error("input {input} is no earlier node of this network")]
    Foreign { input: usize },
    #[error("cannot multiply matrices of {left} and {right}{}", if *transpose_right { ", the right one transposed" } else { "" })]
    MatrixProduct { left: Shape, right: Shape, transpose_right: bool },
    #[error("arrays of {left} and {right} do not fit entry by entry")]
    Broadcast { left: Shape, right: Shape },
    #[error("arrays of {left} and {right} must have the same shape")]
    Differ { left: Shape, right: Shape },
    #[error("there is no axis {axis} in an array of {shape} (axes count from 0)")]
    Axis { axis: usize, shape: Shape },
    #[error("axes {axes:?} of {shape}: none, one named twice, or too scattered to reduce over")]
    Axes { axes: Vec<usize>, shape: Shape },
    #[error("{order:?} is no order of {axes} axes")]
    Order { order: Vec<usize>, axes: usize },
    #[error("an array of {from} has no shape {to}: the numbers of entries differ")]
    Reshape { from: Shape, to: Shape },
    #[error("{start}..{end} in steps of {step} is no range within an axis of size {size}")]
    Slice { start: usize, end: usize, step: usize, size: usize },
    #[error("a window of {window} axes slides over batch, {window} axes and channels, not over {shape}")]
    WindowAxes { window: usize, shape: Shape },
    #[error("a window {patches} has no place in {shape}")]
    Window { patches: String, shape: Shape },
    #[error("{groups} groups do not divide {channels} channels")]
    Groups { groups: usize, channels: usize },
    #[error("nothing lies between {low} and {high}")]
    Interval { low: f64, high: f64 },
    #[error("a batch of signals or images is upsampled by a factor of 1 or more, not {shape} by {factor}")]
    Upsample { factor: usize, shape: Shape },
    #[error("the exponent {0} is no multiple of ½ within ±16, or is 0")]
    Exponent(f64),
    #[error("index {index} is none of an axis of size {size} (indices count from 0)")]
    Index { index: usize, size: usize },
    #[error("indices are whole numbers from 0, in a constant; entry {entry} is {value}")]
    NoIndex { entry: usize, value: f64 },
    #[error("indices are taken from a constant")]
    NotConstant,
    #[error("{heads} heads do not divide {channels} channels")]
    Heads { heads: usize, channels: usize },
    #[error("positions are rotated in pairs: {channels} channels are no even number")]
    Odd { channels: usize },
    #[error("kernels of {found} do not fit: {expected} are needed")]
    Kernels { found: Shape, expected: String },
    #[error("the {what} is {value}")]
    NotFinite { what: &'static str, value: f64 },
    #[error("ε = {0} is not a number ≥ 0")]
    Epsilon(f64),
    #[error("entry {entry} of the constant is {value}")]
    ConstantNotFinite { entry: usize, value: f64 },
    #[error("{found} numbers do not fill an array of {shape}")]
    Length { found: usize, shape: Shape },
    #[error("column {column} is constant: it cannot be standardized")]
    ConstantColumn { column: usize },
    #[error(
        "too large, too many axes or an empty one: an array has at most {MOST_NUMBERS} numbers and {MOST_AXES} axes, a network four times as many numbers"
    )]
    TooLarge,
    #[error("{op} asks for a sign, which this arithmetic has not everywhere")]
    Sign { op: &'static str },
    #[error("{op} is transcendental, which this arithmetic has not")]
    Transcendental { op: &'static str },
}
