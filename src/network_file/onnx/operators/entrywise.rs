//! Functions of every entry.

use std::f64::consts::FRAC_1_SQRT_2;

use crate::network::NodeId;
use crate::network::error::shown;
use crate::network::ops::{Activation, Add, Divide, Multiply, Op, Scale, Softmax, Subtract};

use super::super::call::{Call, is_whole_type, meant};
use super::super::facts::Fact;
use super::super::importer::Importer;
use super::super::tensor::Tensor;
use super::super::value::{Outcome, Value};
use super::arithmetic::{inverse, number, root, scaled};
use super::shapes::product;

/// One array where a condition holds, which must be known, and another where it does not.
pub fn choice(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let condition = call.known(0)?.ok_or("its condition is missing")?;
    let mut parts = Vec::new();
    for (input, is_first) in [(call.input(1)?, true), (call.input(2)?, false)] {
        let chosen = condition.map(|x| f64::from((x != 0.0) == is_first));
        if chosen.constant() == Some(0.0) {
            continue;
        }
        if let Value::Known(tensor) = &input.value {
            // Entries that are not chosen become 0. A product with a mask would make NaN of an infinite entry.
            let filled = tensor.zip(&chosen, |x, chosen| if chosen == 1.0 { x } else { 0.0 });
            parts.push(importer.constant("filled", &filled.ok_or("its inputs do not fit entry by entry")?)?);
        } else {
            let x = importer.node(input)?;
            let mask = importer.constant("mask", &chosen)?;
            parts.push(if chosen.constant() == Some(1.0) && chosen.shape.is_empty() {
                x
            } else {
                importer.add("part", Multiply, &[x, mask])?
            });
        }
    }
    match parts[..] {
        [one] => Ok(one),
        [one, other] => importer.add("", Add, &[one, other]),
        _ => Err("nothing is chosen".into()),
    }
}

/// `Clip`, and `Max` or `Min` with a known number.
pub fn bounded(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let (x, low, high) = match call.node.op_type.as_str() {
        "Clip" => {
            let of = |k: usize, attribute: &str| match (call.attribute(attribute), call.known(k)?) {
                (Some(_), _) => Ok(Some(call.float(attribute, 0.0))),
                (None, Some(tensor)) if !tensor.values.is_empty() => Ok(tensor.constant().map(meant)),
                _ => Outcome::Ok(None),
            };
            (call.input(0)?.clone(), of(1, "min")?, of(2, "max")?)
        }
        op => {
            let [Some(a), Some(b)] = &call.inputs[..] else {
                return Err("a maximum or minimum of more than two arrays".into());
            };
            let (x, bound) = match (number(importer, b, a), number(importer, a, b)) {
                (Some(bound), _) => (a, bound),
                (None, Some(bound)) => (b, bound),
                _ => return Err("a maximum or minimum of two arrays; one with a known number would do".into()),
            };
            (x.clone(), (op == "Max").then_some(bound), (op == "Min").then_some(bound))
        }
    };
    let id = importer.node(&x)?;
    match (low, high) {
        (None, None) => Ok(id),
        // A tiny lower bound only keeps a size away from 0, and does not change a larger size.
        (Some(low), None) if low > 0.0 && low < 1e-6 && matches!(importer.fact(id), Some(Fact::Size { .. })) => {
            importer.notes.push(format!(
                "the lower bound {low:e} of the size `{}` is left out: it acts only where the size is below it",
                shown(&x.name)
            ));
            Ok(id)
        }
        (Some(0.0), None) => importer.add("", Activation::Relu, &[id]),
        (low, high) => {
            let name = importer.name("");
            Ok(importer.builder.clip(&name, id, low.unwrap_or(-1e300), high.unwrap_or(1e300))?)
        }
    }
}

/// What changes no number.
pub fn same(importer: &mut Importer, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let input = call.input(0)?;
    match call.node.op_type.as_str() {
        "Dropout" => {
            let ratio = call.known(1)?.and_then(|tensor| tensor.constant()).unwrap_or(call.float("ratio", 0.5));
            // Before opset 12 an exporter writes dropout only if the module is in training mode.
            let trains = call.opset < 12 || call.known(2)?.and_then(|tensor| tensor.constant()) == Some(1.0);
            if trains && ratio > 0.0 {
                return Err(format!(
                    "dropout with p = {ratio} makes the loss random. The theory is of one loss: set p to 0"
                )
                .into());
            }
        }
        "Cast" | "CastLike" if is_cut(call)? => {
            return Err("a cast of numbers that depend on weights to whole numbers: it has no derivative".into());
        }
        "Cast" => {
            const ROUNDING: [i64; 2] = [10, 16];
            if ROUNDING.contains(&call.int("to", 1)) {
                importer.notes.push(format!(
                    "the cast `{}` to fewer digits is left out: what follows is the loss without its rounding",
                    shown(&input.name)
                ));
            }
        }
        _ => {}
    }
    Ok(vec![input.value.clone()])
}

/// Whether a cast makes whole numbers of numbers that depend on weights.
fn is_cut(call: &Call<'_>) -> Outcome<bool> {
    let depends = matches!(call.input(0)?.value, Value::Node(_) | Value::Weights { .. });
    let like = call.optional(1).is_some_and(|like| match &like.value {
        Value::Known(tensor) => tensor.is_whole,
        Value::Undrawn { .. } => true,
        Value::Node(_) | Value::Weights { .. } => false,
    });
    let is_whole = if call.node.op_type == "CastLike" { like } else { is_whole_type(call.int("to", 1)) };
    Ok(depends && is_whole)
}

/// `IsNaN` and `IsInf`. The answer is no for every entry, because all numbers of a network must be finite.
pub fn never(importer: &mut Importer, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let shape = importer.axes_of(call.input(0)?);
    let count = importer.shape(&shape)?.count();
    Ok(vec![Tensor { shape, values: vec![0.0; count], is_whole: true }.into()])
}

pub fn softmax(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let shape = importer.axes(x);
    let axis = call.axis("axis", if call.opset < 13 { 1 } else { -1 }, shape.len())?;
    // Before opset 13 it is over all axes from this one on.
    let is_flat = call.opset < 13 && axis + 1 < shape.len();
    let (of, along) = match is_flat {
        true => (importer.reshape("flat", x, &[product(&shape[..axis]), product(&shape[axis..])])?, 1),
        false => (x, axis),
    };
    let is_log = call.node.op_type == "LogSoftmax";
    let part = if is_log || is_flat { "softmax" } else { "" };
    let mut id = importer.add(part, Softmax { axis: along, function: Activation::Exponential }, &[of])?;
    if is_log {
        id = importer.add(if is_flat { "log" } else { "" }, Activation::Logarithm, &[id])?;
    }
    importer.reshape("", id, &shape)
}

/// A function of one array.
pub fn function(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let op = call.node.op_type.as_str();
    let plain: Option<Op> = match op {
        "Exp" => Some(Activation::Exponential.into()),
        "Log" => Some(Activation::Logarithm.into()),
        "Sin" => Some(Activation::Sine.into()),
        "Cos" => Some(Activation::Cosine.into()),
        "Erf" => Some(Activation::ErrorFunction.into()),
        "Tanh" => Some(Activation::Tanh.into()),
        "Sigmoid" => Some(Activation::Logistic.into()),
        "Softplus" => Some(Activation::Softplus.into()),
        "Relu" => Some(Activation::Relu.into()),
        "Neg" => Some(Scale { factor: -1.0 }.into()),
        _ => None,
    };
    let known = ["Sqrt", "Reciprocal", "Abs", "LeakyRelu", "Gelu", "Swish", "Softsign", "HardSwish", "HardSigmoid"];
    if plain.is_none() && !known.contains(&op) {
        return Err(unknown(op).into());
    }
    let x = importer.node(call.input(0)?)?;
    if let Some(plain) = plain {
        return importer.add("", plain, &[x]);
    }
    let name = importer.name("");
    match op {
        "Sqrt" => root(importer, x),
        "Reciprocal" => inverse(importer, x),
        "Abs" => Ok(importer.builder.absolute(&name, x)?),
        "LeakyRelu" => {
            let slope = call.float("alpha", 0.01);
            let positive = importer.add("positive", Activation::Relu, &[x])?;
            let turned = importer.add("turned", Scale { factor: -1.0 }, &[x])?;
            let negative = importer.add("negative", Activation::Relu, &[turned])?;
            let part = importer.add("slope", Scale { factor: slope }, &[negative])?;
            importer.add("", Subtract, &[positive, part])
        }
        "Gelu" if call.text("approximate", "none") == "tanh" => importer.add("", Activation::Gelu, &[x]),
        "Gelu" => {
            // ½x(1 + erf(x/√2)).
            let inner = scaled(importer, x, FRAC_1_SQRT_2)?;
            let error = importer.add("erf", Activation::ErrorFunction, &[inner])?;
            let one = importer.constant("one", &Tensor::number(1.0))?;
            let gate = importer.add("gate", Add, &[error, one])?;
            let half = scaled(importer, x, 0.5)?;
            importer.add("", Multiply, &[half, gate])
        }
        "Swish" => {
            let inner = scaled(importer, x, call.float("alpha", 1.0))?;
            let gate = importer.add("gate", Activation::Logistic, &[inner])?;
            importer.add("", Multiply, &[x, gate])
        }
        "Softsign" => {
            let size = importer.builder.absolute(&format!("{name}.size"), x)?;
            let one = importer.constant("one", &Tensor::number(1.0))?;
            let above = importer.add("above", Add, &[size, one])?;
            importer.add("", Divide, &[x, above])
        }
        _ => {
            // min(max(x/6 + 1/2, 0), 1), and for HardSwish x times it.
            let (slope, shift) = match op {
                "HardSwish" => (1.0 / 6.0, 0.5),
                _ => (call.float("alpha", 0.2), call.float("beta", 0.5)),
            };
            let along = importer.add("along", Scale { factor: slope }, &[x])?;
            let shift = importer.constant("shift", &Tensor::number(shift))?;
            let line = importer.add("line", Add, &[along, shift])?;
            let part = if op == "HardSwish" { importer.name("gate") } else { name };
            let gate = importer.builder.clip(&part, line, 0.0, 1.0)?;
            if op == "HardSwish" { importer.add("", Multiply, &[x, gate]) } else { Ok(gate) }
        }
    }
}

/// What is said of an operation that is not known.
fn unknown(op: &str) -> String {
    match op {
        "If" | "Loop" | "Scan" => {
            "the graph branches on numbers. The theory is of one smooth loss: export it without a branch".into()
        }
        "RandomNormal" | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike" | "Bernoulli" | "Multinomial" => {
            "it draws numbers at random. The theory is of one loss: export it without noise".into()
        }
        "QuantizeLinear" | "DequantizeLinear" | "DynamicQuantizeLinear" => {
            "a quantized network has no derivatives. Export it before it is quantized".into()
        }
        "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "Equal" | "Not" | "And" | "Or" => {
            "it compares numbers that depend on weights, as PyTorch's newer exporter writes softplus. Its older exporter writes Softplus".into()
        }
        "LSTM" | "GRU" | "RNN" => "a recurrent layer as one operation. Written out step by step it would do".into(),
        _ => "this operation has no place in a network file. What would do stands in docs/onnx.md".into(),
    }
}
