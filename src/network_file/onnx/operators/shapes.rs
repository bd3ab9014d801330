//! Operations that move numbers and change none.

use std::ops::Range;

use crate::network::NodeId;
use crate::network::ops::{Slice, Take};

use super::super::call::{Call, axes, axis};
use super::super::importer::Importer;
use super::super::tensor::{Tensor, broadcast};
use super::super::value::{Input, Outcome, Refusal, Value};

/// How many numbers a shape has.
pub fn product(shape: &[usize]) -> usize {
    shape.iter().fold(1, |count, &size| count.saturating_mul(size))
}

/// The shape that an operation gives an array of `shape` without moving its numbers.
pub fn target(call: &Call<'_>, shape: &[usize]) -> Outcome<Vec<usize>> {
    let rank = shape.len();
    match call.node.op_type.as_str() {
        "Flatten" => {
            let axis = call.int("axis", 1);
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            let axis = usize::try_from(axis).ok().filter(|&axis| axis <= rank).ok_or("it has no such axis")?;
            Ok(vec![product(&shape[..axis]), product(&shape[axis..])])
        }
        "Squeeze" => {
            let gone = match call.integers(1, "axes")? {
                Some(list) => axes(&list, rank)?,
                None => (0..rank).filter(|&axis| shape[axis] == 1).collect(),
            };
            if let Some(axis) = gone.iter().find(|&&axis| shape[axis] != 1) {
                return Err(format!("axis {axis} has the size {}, not 1", shape[*axis]).into());
            }
            Ok((0..rank).filter(|axis| !gone.contains(axis)).map(|axis| shape[axis]).collect())
        }
        "Unsqueeze" => {
            let list = call.integers(1, "axes")?.ok_or("its axes are missing")?;
            let new = axes(&list, rank + list.len())?;
            let mut target = shape.to_vec();
            for axis in new {
                target.insert(axis.min(target.len()), 1);
            }
            Ok(target)
        }
        _ => {
            let wanted = call.integers(1, "shape")?.ok_or("its shape is missing")?;
            let keeps = call.int("allowzero", 0) == 0;
            let size = |(k, &size): (usize, &i64)| match size {
                0 if keeps => shape.get(k).copied(),
                -1 => Some(1),
                size => usize::try_from(size).ok(),
            };
            let sizes: Option<Vec<usize>> = wanted.iter().enumerate().map(size).collect();
            let mut sizes = sizes.ok_or_else(|| format!("{wanted:?} is no shape"))?;
            if let Some(open) = wanted.iter().position(|&size| size == -1) {
                let others = product(&sizes);
                sizes[open] = product(shape).checked_div(others).unwrap_or(0);
            }
            if product(&sizes) == product(shape) {
                Ok(sizes)
            } else {
                Err(format!("an array of {shape:?} has no shape {wanted:?}").into())
            }
        }
    }
}

/// The shape that `Expand` repeats an array to.
pub struct Target(pub Vec<usize>);

impl Target {
    pub fn of_expand(call: &Call<'_>, shape: &[usize]) -> Outcome<Self> {
        let wanted = sizes(&*call.known(1)?.ok_or("its shape is missing")?)?;
        let target = broadcast(shape, &wanted);
        target.map(Self).ok_or_else(|| format!("an array of {shape:?} does not repeat to {wanted:?}").into())
    }
}

pub fn reshape(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let target = target(call, &importer.axes(x))?;
    importer.reshape("", x, &target)
}

/// The order in which `Transpose` takes the axes.
pub fn order(call: &Call<'_>, rank: usize) -> Outcome<Vec<usize>> {
    let Some(list) = call.ints("perm") else { return Ok((0..rank).rev().collect()) };
    let order = list.iter().map(|&one| axis(one, rank)).collect::<Outcome<Vec<_>>>()?;
    let is_order = order.len() == rank && (0..rank).all(|axis| order.contains(&axis));
    if is_order { Ok(order) } else { Err(format!("{list:?} is no order of {rank} axes").into()) }
}

pub fn transpose(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let order = order(call, importer.axes(x).len())?;
    importer.transpose("", x, &order)
}

pub fn expand(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let Target(shape) = Target::of_expand(call, &importer.axes(x))?;
    importer.widen("", x, &shape)
}

pub fn concatenate(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let inputs = call.inputs.iter().flatten();
    // Exporters write parts without numbers.
    let parts: Vec<&Input> = inputs.filter(|input| !importer.axes_of(input).contains(&0)).collect();
    let nodes = parts.into_iter().map(|input| importer.node(input)).collect::<Outcome<Vec<_>>>()?;
    let [first, rest @ ..] = &nodes[..] else { return Err("nothing is put together".into()) };
    let axis = call.axis("axis", 0, importer.axes(*first).len())?;
    if rest.is_empty() {
        return Ok(*first);
    }
    let name = importer.name("");
    Ok(importer.builder.concatenate(&name, &nodes, axis)?)
}

/// The ranges of an axis that `Split` makes.
pub fn parts(call: &Call<'_>, shape: &[usize]) -> Outcome<Vec<(usize, Range<usize>)>> {
    let axis = call.axis("axis", 0, shape.len())?;
    let size = shape[axis];
    let lengths: Vec<usize> = match call.integers(1, "split")? {
        Some(list) => list.iter().map(|&part| usize::try_from(part).unwrap_or(0)).collect(),
        None => {
            let count = call.node.output.len().max(1);
            let length = size.div_ceil(count).max(1);
            (0..count).map(|k| length.min(size.saturating_sub(k * length))).collect()
        }
    };
    if lengths.iter().fold(0, |sum: usize, &part| sum.saturating_add(part)) != size || lengths.contains(&0) {
        return Err(format!("parts of {lengths:?} do not make up an axis of size {size}").into());
    }
    let mut start = 0;
    Ok(lengths
        .into_iter()
        .map(|length| {
            start += length;
            (axis, start - length..start)
        })
        .collect())
}

pub fn split(importer: &mut Importer, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = importer.node(call.input(0)?)?;
    let parts = parts(call, &importer.axes(x))?;
    let part = |(k, (axis, Range { start, end })): (usize, (usize, Range<usize>))| {
        importer.add(&format!("part_{k}"), Slice { axis, start, end, step: 1 }, &[x]).map(Value::Node)
    };
    parts.into_iter().enumerate().map(part).collect()
}

/// The places along axes that `Slice` takes.
pub fn slices(call: &Call<'_>, shape: &[usize]) -> Outcome<Vec<(usize, Vec<usize>)>> {
    let starts = call.integers(1, "starts")?.ok_or("its starts are missing")?;
    let ends = call.integers(2, "ends")?.ok_or("its ends are missing")?;
    let along = call.integers(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.integers(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), along.len(), steps.len()] != [starts.len(); 3] {
        return Err("as many starts as ends, axes and steps are needed".into());
    }
    let slice = |k: usize| {
        let axis = axis(along[k], shape.len())?;
        let size = shape[axis] as i64;
        let place = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let (start, end, step) = (place(starts[k]), place(ends[k]), steps[k]);
        let mut places = Vec::new();
        let mut at = if step > 0 { start.clamp(0, size) } else { start.clamp(-1, size - 1) };
        if step == 0 {
            return Err("a slice in steps of 0".into());
        }
        while (step > 0 && at < end.min(size)) || (step < 0 && at > end.max(-1)) {
            places.push(at as usize);
            at = at.saturating_add(step);
        }
        Ok((axis, places))
    };
    (0..starts.len()).map(slice).collect()
}

pub fn slice(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let mut x = importer.node(call.input(0)?)?;
    for (axis, indices) in slices(call, &importer.axes(x))? {
        if indices.iter().copied().eq(0..importer.axes(x)[axis]) {
            continue;
        }
        let is_run = indices.windows(2).all(|pair| pair[1] == pair[0] + 1);
        x = match (&indices[..], is_run) {
            ([], _) => return Err("nothing is left".into()),
            ([start, ..], true) => {
                importer.add("", Slice { axis, start: *start, end: start + indices.len(), step: 1 }, &[x])?
            }
            _ => importer.add("", Take { axis, indices }, &[x])?,
        };
    }
    Ok(x)
}

/// Indices into an axis, which may be counted from the end.
pub fn indices(tensor: &Tensor, size: usize) -> Outcome<Vec<usize>> {
    let index = |&x: &f64| {
        let counted = if x < 0.0 { x + size as f64 } else { x };
        let is_index = counted.fract() == 0.0 && (0.0..size as f64).contains(&counted);
        is_index
            .then_some(counted as usize)
            .ok_or_else(|| format!("index {x} is none of an axis of size {size}").into())
    };
    tensor.values.iter().map(index).collect()
}

pub fn gather(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let shape = importer.axes(x);
    let axis = call.axis("axis", 0, shape.len())?;
    let taken = importer.indices(call.input(1)?, shape[axis])?;
    let indices = indices(&taken, shape[axis])?;
    let id = match indices[..] {
        [start] => importer.add("part", Slice { axis, start, end: start + 1, step: 1 }, &[x])?,
        _ => importer.add("taken", Take { axis, indices }, &[x])?,
    };
    importer.reshape("", id, &[&shape[..axis], &taken.shape, &shape[axis + 1..]].concat())
}

/// Numbers put before and after along axes.
pub fn pad(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    if call.text("mode", "constant") != "constant" {
        return Err("a pad that repeats or mirrors entries; one with a constant would do".into());
    }
    let x = importer.node(call.input(0)?)?;
    let rank = importer.axes(x).len();
    let list = call.integers(1, "pads")?.ok_or("its pads are missing")?;
    let value = match call.known(2)? {
        Some(tensor) => tensor.constant().unwrap_or(0.0),
        None => call.float("value", 0.0),
    };
    let along = match call.known(3)? {
        Some(tensor) => tensor
            .integers()
            .ok_or("axes are whole numbers")?
            .iter()
            .map(|&one| axis(one, rank))
            .collect::<Outcome<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    if list.len() != 2 * along.len() {
        return Err(format!("{} pads are not two for each of {} axes", list.len(), along.len()).into());
    }
    let size = |pad: i64| usize::try_from(pad).map_err(|_| Refusal::from("a negative pad; a slice would do"));
    let pads = along.iter().enumerate().map(|(k, &axis)| Ok((axis, size(list[k])?, size(list[along.len() + k])?)));
    let pads = pads.collect::<Outcome<Vec<_>>>()?;
    padded(importer, x, &pads, value)
}

/// `value` put before and after: an axis, how often before, how often after.
pub fn padded(importer: &mut Importer, x: NodeId, pads: &[(usize, usize, usize)], value: f64) -> Outcome<NodeId> {
    let mut id = x;
    for &(axis, before, after) in pads {
        let shape = importer.axes(id);
        let side = |importer: &mut Importer, part: &str, length: usize| {
            let mut shape = shape.clone();
            shape[axis] = length;
            let values = vec![value; importer.shape(&shape)?.count()];
            importer.constant(&format!("{part}_{axis}"), &Tensor { shape, values, is_whole: false })
        };
        let mut parts = vec![];
        if before > 0 {
            parts.push(side(importer, "before", before)?);
        }
        parts.push(id);
        if after > 0 {
            parts.push(side(importer, "after", after)?);
        }
        if parts.len() > 1 {
            let name = importer.name("padded");
            id = importer.builder.concatenate(&name, &parts, axis)?;
        }
    }
    Ok(id)
}

/// Sizes of axes.
pub fn sizes(tensor: &Tensor) -> Outcome<Vec<usize>> {
    let size = |&x: &f64| (x.fract() == 0.0 && (0.0..1e9).contains(&x)).then_some(x as usize);
    let sizes: Option<Vec<usize>> = tensor.values.iter().map(size).collect();
    sizes.ok_or_else(|| "sizes are whole numbers ≥ 0".into())
}
