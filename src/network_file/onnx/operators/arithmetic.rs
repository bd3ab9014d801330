//! Sums, products, quotients and powers of every entry, in which normalizations may be written out.

use crate::network::NodeId;
use crate::network::ops::{Add, Divide, Multiply, Power, Scale, SquareRoot, Subtract};

use super::super::call::{Call, kept, meant};
use super::super::facts::{Fact, Size, Stage};
use super::super::importer::Importer;
use super::super::tensor::{Tensor, broadcast};
use super::super::value::{Input, Outcome, Value};

/// The number that every entry of a known input is, where they are the same and the shape of the other input stays.
pub fn number(importer: &Importer, of: &Input, other: &Input) -> Option<f64> {
    let Value::Known(tensor) = &of.value else { return None };
    let axes = importer.axes_of(other);
    let stays = broadcast(&tensor.shape, &axes).is_some_and(|shape| shape == axes);
    tensor.constant().filter(|_| stays).map(meant)
}

pub fn arithmetic(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let op = call.node.op_type.as_str();
    let (first, rest) = call.inputs.split_first().ok_or("it has no inputs")?;
    let mut at = first.clone().ok_or("its first input is missing")?;
    for (k, next) in rest.iter().enumerate() {
        let next = next.as_ref().ok_or("an input is missing")?;
        let id = match op {
            "Sub" => difference(importer, &at, next)?,
            "Mul" => times(importer, &at, next)?,
            "Div" => over(importer, &at, next)?,
            _ => sum(importer, &at, next)?,
        };
        at = Input { name: format!("{}.{k}", at.name), value: Value::Node(id) };
    }
    let id = importer.node(&at)?;
    if op == "Mean" { scaled(importer, id, 1.0 / call.inputs.len() as f64) } else { Ok(id) }
}

fn sum(importer: &mut Importer, a: &Input, b: &Input) -> Outcome<NodeId> {
    for (a, b) in [(a, b), (b, a)] {
        let Some(shift) = number(importer, b, a) else { continue };
        let x = importer.node(a)?;
        if shift == 0.0 {
            return Ok(x);
        }
        let id = importer.constant("shift", &Tensor::number(shift))?;
        let sum = importer.add("", Add, &[x, id])?;
        // ε under the root of a normalization.
        if let Some(Size { of, mut normalization }) = size(importer, x)
            && shift > 0.0
        {
            normalization.epsilon += shift;
            importer.note_fact(sum, Fact::Size { size: Size { of, normalization }, stage: Stage::Square });
        }
        return Ok(sum);
    }
    let (a, b) = (importer.node(a)?, importer.node(b)?);
    importer.add("", Add, &[a, b])
}

fn difference(importer: &mut Importer, a: &Input, b: &Input) -> Outcome<NodeId> {
    if number(importer, b, a) == Some(0.0) {
        return importer.node(a);
    }
    let (a, b) = (importer.node(a)?, importer.node(b)?);
    let id = importer.add("", Subtract, &[a, b])?;
    let fact = match (importer.fact(a).cloned(), importer.fact(b).cloned()) {
        (_, Some(Fact::Moment { of, axes, is_square: false, factor })) if of == a && importer.repeats(b, a, &axes) => {
            let count: usize = axes.iter().map(|&axis| importer.axes(of)[axis]).product();
            Size::new(of, &axes, factor, count, true)
                .filter(|size| size.normalization.averaged && count > 1)
                .map(|size| Fact::Centred { of, axes: size.normalization.axes })
        }
        // The mean of the squares less the square of the mean.
        (Some(Fact::Moment { of, axes, is_square: true, factor }), Some(Fact::Square { of: mean })) => {
            let count: usize = axes.iter().map(|&axis| importer.axes(of)[axis]).product();
            let is_mean = matches!(importer.fact(mean), Some(Fact::Moment { of: other, axes: along, is_square: false, factor: part })
                if *other == of && *along == axes && (part / factor - 1.0).abs() < 1e-6);
            Size::new(of, &axes, factor, count, true)
                .filter(|size| is_mean && size.normalization.averaged && importer.axes(a) == importer.axes(b))
                .map(|size| Fact::Size { size, stage: Stage::Square })
        }
        _ => None,
    };
    if let Some(fact) = fact {
        importer.note_fact(id, fact);
    }
    Ok(id)
}

fn times(importer: &mut Importer, a: &Input, b: &Input) -> Outcome<NodeId> {
    for (a, b) in [(a, b), (b, a)] {
        if let Some(factor) = number(importer, b, a) {
            let x = importer.node(a)?;
            return scaled(importer, x, factor);
        }
    }
    let (a, b) = (importer.node(a)?, importer.node(b)?);
    if a == b {
        return square(importer, a);
    }
    for (a, b) in [(a, b), (b, a)] {
        if let Some(Fact::Size { stage: Stage::Inverse { .. }, .. }) = importer.fact(b)
            && let Some(normal) = importer.quotient(a, b)?
        {
            return Ok(normal);
        }
    }
    let id = importer.add("", Multiply, &[a, b])?;
    for (a, b) in [(a, b), (b, a)] {
        // The gain is noted only if the inverse size has the shape of the sum. Otherwise it is unknown along which axes it is repeated.
        if let Some(Fact::Size { size, stage: Stage::Inverse { gain: None } }) = importer.fact(b).cloned()
            && importer.axes(b) == kept(&importer.axes(size.of), &size.normalization.axes)
        {
            importer.note_fact(id, Fact::Size { size, stage: Stage::Inverse { gain: Some(a) } });
        }
    }
    Ok(id)
}

pub fn square(importer: &mut Importer, x: NodeId) -> Outcome<NodeId> {
    let id = importer.add("", Multiply, &[x, x])?;
    importer.note_fact(id, Fact::Square { of: x });
    Ok(id)
}

pub fn scaled(importer: &mut Importer, x: NodeId, factor: f64) -> Outcome<NodeId> {
    if factor == 1.0 {
        return Ok(x);
    }
    let id = importer.add("", Scale { factor }, &[x])?;
    if let Some(Fact::Moment { of, axes, is_square, factor: before }) = importer.fact(x).cloned() {
        importer.note_fact(id, Fact::Moment { of, axes, is_square, factor: before * factor });
    }
    Ok(id)
}

fn over(importer: &mut Importer, a: &Input, b: &Input) -> Outcome<NodeId> {
    if let Some(divisor) = number(importer, b, a) {
        let x = importer.node(a)?;
        return scaled(importer, x, 1.0 / divisor);
    }
    if let Some(factor) = number(importer, a, b) {
        let inverse = {
            let x = importer.node(b)?;
            inverse(importer, x)?
        };
        return scaled(importer, inverse, factor);
    }
    let (a, b) = (importer.node(a)?, importer.node(b)?);
    if let Some(Fact::Size { stage: Stage::Root, .. }) = importer.fact(b)
        && let Some(normal) = importer.quotient(a, b)?
    {
        return Ok(normal);
    }
    importer.add("", Divide, &[a, b])
}

pub fn inverse(importer: &mut Importer, x: NodeId) -> Outcome<NodeId> {
    let id = importer.add("inverse", Power { exponent: -1.0 }, &[x])?;
    if let Some(Fact::Size { size, stage: Stage::Root }) = importer.fact(x).cloned() {
        importer.note_fact(id, Fact::Size { size, stage: Stage::Inverse { gain: None } });
    }
    Ok(id)
}

/// The square of a size that a node is: a sum of squares, or one with ε.
fn size(importer: &Importer, x: NodeId) -> Option<Size> {
    match importer.fact(x)? {
        Fact::Size { size, stage: Stage::Square } => Some(size.clone()),
        Fact::Moment { of, axes, is_square: true, factor } => {
            let shape = importer.axes(*of);
            let count = axes.iter().map(|&axis| shape[axis]).product();
            match importer.fact(*of) {
                Some(Fact::Centred { of: whole, axes: along }) if along == axes => {
                    Size::new(*whole, axes, *factor, count, true)
                }
                _ => Size::new(*of, axes, *factor, count, false),
            }
        }
        _ => None,
    }
}

pub fn root(importer: &mut Importer, x: NodeId) -> Outcome<NodeId> {
    let id = importer.add("", SquareRoot, &[x])?;
    if let Some(size) = size(importer, x) {
        importer.note_fact(id, Fact::Size { size, stage: Stage::Root });
    }
    Ok(id)
}

pub fn power(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let exponent = call.known(1)?.and_then(|tensor| tensor.constant());
    let exponent = exponent.ok_or("a power whose exponent is not one known number")?;
    let x = importer.node(call.input(0)?)?;
    if exponent == 2.0 {
        return square(importer, x);
    }
    if exponent == 1.0 {
        return Ok(x);
    }
    if exponent == 0.5 {
        return root(importer, x);
    }
    let id = importer.add("", Power { exponent }, &[x])?;
    if exponent == -0.5
        && let Some(size) = size(importer, x)
    {
        importer.note_fact(id, Fact::Size { size, stage: Stage::Inverse { gain: None } });
    }
    Ok(id)
}
