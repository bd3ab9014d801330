//! Losses.

use crate::network::NodeId;
use crate::network::ops::{CrossEntropy, MeanSquaredError, Multiply, Scale, Sum};

use super::super::call::Call;
use super::super::importer::Importer;
use super::super::tensor::Tensor;
use super::super::value::Outcome;
use super::shapes::product;

/// What a loss does with its entries.
#[derive(Clone, Copy, PartialEq)]
pub enum Reduction {
    Mean,
    Sum,
}

/// mean (a − b)², where b is known.
pub fn mean_squared_error(importer: &mut Importer, outputs: NodeId, targets: &Tensor) -> Outcome<NodeId> {
    let targets = importer.constant("targets", targets)?;
    importer.add("mean_squared_error", MeanSquaredError, &[outputs, targets])
}

/// Targets as vectors along the last axis. Labels count classes; other targets have the shape of the logits, whose classes are along axis `at`.
fn vectors(shape: &[usize], at: usize, targets: &Tensor) -> Option<Tensor> {
    let classes = *shape.get(at)?;
    let others: Vec<usize> = shape.iter().enumerate().filter(|(axis, _)| *axis != at).map(|(_, &size)| size).collect();
    let last: Vec<usize> = others.iter().copied().chain([classes]).collect();
    if targets.shape == shape && !targets.is_whole && targets.values.iter().all(|&x| x >= 0.0) {
        let from = |place: &[usize]| {
            let mut from = place[..place.len() - 1].to_vec();
            from.insert(at, place[place.len() - 1]);
            Some(from)
        };
        return targets.gather(&last, from);
    }
    let flat = [product(&others)];
    if targets.shape != others && targets.shape != flat {
        return None;
    }
    let mut values = vec![0.0; product(&last)];
    for (entry, &label) in targets.values.iter().enumerate() {
        let is_class = label.fract() == 0.0 && (0.0..classes as f64).contains(&label);
        *values.get_mut(entry * classes + label as usize).filter(|_| is_class)? = 1.0;
    }
    Some(Tensor { shape: last, values, is_whole: false })
}

/// Cross-entropy of logits; `None` where the targets are none of theirs. The classes are along axis 1, or else along the last one.
pub fn cross_entropy(
    importer: &mut Importer,
    logits: NodeId,
    targets: &Tensor,
    reduction: Reduction,
) -> Outcome<Option<NodeId>> {
    let shape = importer.axes(logits);
    let (first, last) = (1.min(shape.len().saturating_sub(1)), shape.len().saturating_sub(1));
    let [by_first, by_last] = [first, last].map(|at| vectors(&shape, at, targets));
    if first != last && by_first.is_some() && by_last.is_some() {
        importer
            .notes
            .push(format!("the targets fit classes along axis 1 of {shape:?} and along the last one: axis 1 is taken"));
    }
    let (at, targets) = match (by_first, by_last) {
        (Some(targets), _) => (first, targets),
        (None, Some(targets)) => (last, targets),
        (None, None) => return Ok(None),
    };
    let count = product(&targets.shape[..targets.shape.len() - 1]);
    let x = moved_last(importer, logits, at)?;
    let targets = importer.constant("targets", &targets)?;
    let id = importer.add("cross_entropy", CrossEntropy, &[x, targets])?;
    match reduction {
        Reduction::Mean => Ok(Some(id)),
        Reduction::Sum => importer.add("sum", Scale { factor: count as f64 }, &[id]).map(Some),
    }
}

/// The classes as the last axis.
fn moved_last(importer: &mut Importer, x: NodeId, at: usize) -> Outcome<NodeId> {
    let order: Vec<usize> = (0..importer.axes(x).len()).filter(|&axis| axis != at).chain([at]).collect();
    importer.transpose("classes", x, &order)
}

/// `SoftmaxCrossEntropyLoss` and `NegativeLogLikelihoodLoss`.
pub fn of_labels(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let shape = importer.axes(x);
    if call.optional(2).is_some() {
        return Err("a loss with weights of classes".into());
    }
    let reduction = match call.text("reduction", "mean").as_str() {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        _ => return Err("a loss that is not reduced to one number".into()),
    };
    let labels = importer.indices(call.input(1)?, shape.get(1).copied().unwrap_or(0))?;
    if call.attribute("ignore_index").is_some() && labels.values.contains(&(call.int("ignore_index", 0) as f64)) {
        return Err("some of its labels are to be ignored; leave those rows out".into());
    }
    let wrong = || format!("labels of {:?} are none of {} classes", labels.shape, shape.get(1).copied().unwrap_or(0));
    if call.node.op_type == "SoftmaxCrossEntropyLoss" {
        return cross_entropy(importer, x, &labels, reduction)?.ok_or_else(|| wrong().into());
    }
    let at = 1.min(shape.len().saturating_sub(1));
    let targets = vectors(&shape, at, &labels).ok_or_else(wrong)?;
    let count = product(&targets.shape[..targets.shape.len() - 1]);
    let of = moved_last(importer, x, at)?;
    let targets = importer.constant("targets", &targets)?;
    let picked = importer.add("picked", Multiply, &[of, targets])?;
    let axes: Vec<usize> = (0..importer.axes(picked).len()).collect();
    let sum = importer.add("total", Sum { axes }, &[picked])?;
    let sum = importer.reshape("number", sum, &[])?;
    importer.add("", Scale { factor: if reduction == Reduction::Mean { -1.0 / count as f64 } else { -1.0 } }, &[sum])
}
