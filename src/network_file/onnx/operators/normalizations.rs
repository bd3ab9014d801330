//! Normalizations.

use crate::network::NodeId;
use crate::network::error::shown;
use crate::network::ops::{Add, Divide, Multiply, Normalization, SquareRoot, Subtract};

use super::super::call::Call;
use super::super::facts::{Fact, Size};
use super::super::importer::Importer;
use super::super::tensor::Tensor;
use super::super::value::{Input, Outcome, Value};
use super::shapes::product;

/// A normalization of `x` over `axes`.
fn normal(
    importer: &mut Importer,
    part: &str,
    x: NodeId,
    axes: Vec<usize>,
    epsilon: f64,
    centred: bool,
) -> Outcome<NodeId> {
    importer.normalize(part, &Size { of: x, normalization: Normalization { axes, epsilon, centred, averaged: true } })
}

/// x times the gain plus the shift, which are both given the shape `shape`. A gain of known ones is left out, and so is a shift of known zeros.
fn affine(
    importer: &mut Importer,
    x: NodeId,
    gain: Option<&Input>,
    shift: Option<&Input>,
    shape: &[usize],
) -> Outcome<NodeId> {
    let mut id = x;
    for (input, neutral, is_gain) in [(gain, 1.0, true), (shift, 0.0, false)] {
        let Some(input) = input else { continue };
        if matches!(&input.value, Value::Known(tensor) if tensor.constant() == Some(neutral)) {
            continue;
        }
        let part = importer.node(input)?;
        let part = importer.reshape(if is_gain { "gain" } else { "shift" }, part, shape)?;
        id = match is_gain {
            true => importer.add("scaled", Multiply, &[id, part])?,
            false => importer.add("shifted", Add, &[id, part])?,
        };
    }
    Ok(id)
}

/// The shape of one number for each channel, the axis after the batch.
fn by_channel(shape: &[usize]) -> Vec<usize> {
    let mut along = vec![1; shape.len().saturating_sub(1)];
    if let (Some(first), Some(&channels)) = (along.first_mut(), shape.get(1)) {
        *first = channels;
    }
    along
}

pub fn batch(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let shape = importer.axes(x);
    if shape.len() < 2 {
        return Err(format!("batch norm of an array of {shape:?}").into());
    }
    let axes: Vec<usize> = (0..shape.len()).filter(|&axis| axis != 1).collect();
    let epsilon = call.float("epsilon", 1e-5);
    let along = by_channel(&shape);
    let (gain, shift) = (call.input(1)?.clone(), call.input(2)?.clone());
    // Before opset 14 training shows as further outputs.
    let trains = match call.opset {
        14.. => call.int("training_mode", 0) != 0,
        _ => call.node.output.iter().skip(1).any(|name| !name.is_empty()),
    };
    let (mean, variance) = (call.input(3)?.clone(), call.input(4)?.clone());
    let id = match (trains, &mean.value, &variance.value) {
        (true, ..) => normal(importer, "normalized", x, axes, epsilon, true)?,
        (false, Value::Node(mean), Value::Node(variance)) => {
            let (mean, variance) = (*mean, *variance);
            if is_of_batch(importer, x, &axes, mean, variance) {
                importer.notes.push(format!(
                    "`{}` is written as a batch norm in inference mode whose statistics the graph computes from the batch: it is read as one in training mode, which it is",
                    shown(&call.node.name)
                ));
                normal(importer, "normalized", x, axes, epsilon, true)?
            } else {
                importer.notes.push(format!(
                    "`{}` is a batch norm in inference mode with statistics that the graph computes, which are not the mean and the variance of its batch: this is not PyTorch's training loss. Exported by docs/frameworks/sharpflow_pytorch.py it would be",
                    shown(&call.node.name)
                ));
                written_out(importer, x, (mean, variance), &along, epsilon)?
            }
        }
        _ => {
            return Err("batch norm in inference mode, with running statistics: this is not the training loss. \
                docs/frameworks/sharpflow_pytorch.py exports the training loss, and so does PyTorch's older exporter: \
                torch.onnx.export(module.train(), …, dynamo=False, training=torch.onnx.TrainingMode.TRAINING, opset_version=14 or more)"
                .into());
        }
    };
    affine(importer, id, Some(&gain), Some(&shift), &along)
}

/// Whether these are the mean and the variance over `axes`.
fn is_of_batch(importer: &Importer, x: NodeId, axes: &[usize], mean: NodeId, variance: NodeId) -> bool {
    let shape = importer.axes(x);
    let count: usize = axes.iter().map(|&axis| shape[axis]).product();
    let is_mean = |factor: f64| (factor * count as f64 - 1.0).abs() < 1e-6;
    let of_mean = matches!(importer.fact(mean), Some(Fact::Moment { of, axes: along, is_square: false, factor })
        if *of == x && along == axes && is_mean(*factor));
    let of_variance = match importer.fact(variance) {
        Some(Fact::Moment { of, axes: along, is_square: true, factor }) => {
            let centred =
                matches!(importer.fact(*of), Some(Fact::Centred { of, axes: along }) if *of == x && along == axes);
            centred && along == axes && is_mean(*factor)
        }
        Some(Fact::Size { size, .. }) => {
            let Normalization { axes: along, epsilon, centred, averaged } = &size.normalization;
            size.of == x && along == axes && *epsilon == 0.0 && *centred && *averaged
        }
        _ => false,
    };
    of_mean && of_variance
}

/// (x − mean)/√(variance + ε).
fn written_out(
    importer: &mut Importer,
    x: NodeId,
    (mean, variance): (NodeId, NodeId),
    along: &[usize],
    epsilon: f64,
) -> Outcome<NodeId> {
    let mean = importer.reshape("mean", mean, along)?;
    let variance = importer.reshape("variance", variance, along)?;
    let epsilon = importer.constant("epsilon", &Tensor::number(epsilon))?;
    let raised = importer.add("raised", Add, &[variance, epsilon])?;
    let size = importer.add("size", SquareRoot, &[raised])?;
    let centred = importer.add("centred", Subtract, &[x, mean])?;
    importer.add("normalized", Divide, &[centred, size])
}

pub fn layer(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let centred = call.node.op_type == "LayerNormalization";
    let x = importer.node(call.input(0)?)?;
    let shape = importer.axes(x);
    let axis = call.axis("axis", -1, shape.len())?;
    let id = normal(importer, "normalized", x, (axis..shape.len()).collect(), call.float("epsilon", 1e-5), centred)?;
    let shift = call.optional(2).filter(|_| centred);
    let along = call.optional(1).map(|gain| importer.axes_of(gain)).unwrap_or_default();
    affine(importer, id, call.optional(1), shift, &along)
}

pub fn instance(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let shape = importer.axes(x);
    if shape.len() < 3 {
        return Err(format!("instance norm of an array of {shape:?}").into());
    }
    let id = normal(importer, "normalized", x, (2..shape.len()).collect(), call.float("epsilon", 1e-5), true)?;
    affine(importer, id, call.optional(1), call.optional(2), &by_channel(&shape))
}

pub fn group(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let shape = importer.axes(x);
    let groups = usize::try_from(call.int("num_groups", 0)).unwrap_or(0);
    if shape.len() < 2 || groups == 0 || !shape[1].is_multiple_of(groups) {
        return Err(format!("{groups} groups of the channels of an array of {shape:?}").into());
    }
    let parted = [shape[0], groups, product(&shape[1..]) / groups];
    let grouped = importer.reshape("grouped", x, &parted)?;
    let id = normal(importer, "normalized", grouped, vec![2], call.float("epsilon", 1e-5), true)?;
    // Opset 18 has a gain for each group, later ones for each channel.
    let gains = call.optional(1).map(|gain| product(&importer.axes_of(gain)));
    if gains == Some(groups) && groups != shape[1] {
        let id = affine(importer, id, call.optional(1), call.optional(2), &[groups, 1])?;
        return importer.reshape("", id, &shape);
    }
    let id = importer.reshape("whole", id, &shape)?;
    affine(importer, id, call.optional(1), call.optional(2), &by_channel(&shape))
}

/// `LpNormalization` and `MeanVarianceNormalization`.
pub fn plain(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let rank = importer.axes(x).len();
    if call.node.op_type == "MeanVarianceNormalization" {
        let list = call.ints("axes").map_or(vec![0, 2, 3], <[i64]>::to_vec);
        let axes = super::super::call::axes(&list, rank)?;
        return normal(importer, "", x, axes, 1e-9, true);
    }
    if call.int("p", 2) != 2 {
        return Err(format!("a norm of order {}", call.int("p", 2)).into());
    }
    let axes = vec![call.axis("axis", -1, rank)?];
    importer.normalize(
        "",
        &Size { of: x, normalization: Normalization { axes, epsilon: 0.0, centred: false, averaged: false } },
    )
}
