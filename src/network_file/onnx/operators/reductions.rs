//! Sums, means and maxima over axes.

use crate::network::NodeId;
use crate::network::ops::{Activation, Maximum, Mean, Sum};

use super::super::call::{Call, axes, kept};
use super::super::facts::Fact;
use super::super::importer::Importer;
use super::super::value::Outcome;
use super::arithmetic::{root, square};

/// The mean or the sum over axes, which stay with size 1.
pub fn total(importer: &mut Importer, part: &str, x: NodeId, along: &[usize], is_mean: bool) -> Outcome<NodeId> {
    let shape = importer.axes(x);
    let count: usize = along.iter().map(|&axis| shape[axis]).product();
    let axes = along.to_vec();
    let id = match is_mean {
        true => importer.add(part, Mean { axes: axes.clone() }, &[x])?,
        false => importer.add(part, Sum { axes: axes.clone() }, &[x])?,
    };
    let (of, is_square) = match importer.fact(x) {
        Some(Fact::Square { of }) => (*of, true),
        _ => (x, false),
    };
    let factor = if is_mean { 1.0 / count as f64 } else { 1.0 };
    importer.note_fact(id, Fact::Moment { of, axes, is_square, factor });
    Ok(id)
}

pub fn reduce(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let op = call.node.op_type.as_str();
    let x = importer.node(call.input(0)?)?;
    let shape = importer.axes(x);
    let rank = shape.len();
    let is_global = op.starts_with("Global");
    let along: Vec<usize> = match is_global {
        true => (2..rank).collect(),
        false => match call.integers(1, "axes")? {
            Some(list) if !list.is_empty() => axes(&list, rank)?,
            _ if call.int("noop_with_empty_axes", 0) != 0 => return Ok(x),
            _ => (0..rank).collect(),
        },
    };
    let whole = kept(&shape, &along);
    let out: Vec<usize> = match is_global || call.int("keepdims", 1) != 0 {
        true => whole,
        false => (0..rank).filter(|axis| !along.contains(axis)).map(|axis| shape[axis]).collect(),
    };
    if along.is_empty() {
        return Ok(x);
    }
    let id = match op {
        "ReduceMean" | "GlobalAveragePool" => total(importer, "mean", x, &along, true)?,
        "ReduceSum" => total(importer, "sum", x, &along, false)?,
        "ReduceMax" | "GlobalMaxPool" => importer.add("largest", Maximum { axes: along }, &[x])?,
        "ReduceSumSquare" | "ReduceL2" => {
            let square = square(importer, x)?;
            let sum = total(importer, "sum", square, &along, false)?;
            if op == "ReduceL2" { root(importer, sum)? } else { sum }
        }
        _ => {
            let power = importer.add("exp", Activation::Exponential, &[x])?;
            let sum = total(importer, "sum", power, &along, false)?;
            importer.add("log", Activation::Logarithm, &[sum])?
        }
    };
    importer.reshape("", id, &out)
}
