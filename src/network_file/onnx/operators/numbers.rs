//! Operations of numbers that are known, which are computed when the file is read: shapes, indices, masks and data.

use std::rc::Rc;

use super::super::call::{Call, axes, axis, is_whole_type};
use super::super::importer::Importer;
use super::super::tensor::Tensor;
use super::super::value::{Input, Outcome, Value};
use super::shapes::{Target, order, sizes, target};

/// What the operation gives where all that it needs is known; `None` where it is of nodes.
pub fn fold(importer: &Importer, call: &Call<'_>) -> Outcome<Option<Vec<Value>>> {
    let op = call.node.op_type.as_str();
    let one = |tensor: Tensor| Ok(Some(vec![tensor.into()]));
    match op {
        "Constant" => return one(constant(call)?),
        "Shape" => {
            let shape = importer.axes_of(call.input(0)?);
            let rank = shape.len() as i64;
            let place = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize;
            let (start, end) = (place(call.int("start", 0)), place(call.int("end", rank)));
            return one(Tensor::whole(shape[start..end.max(start)].iter().copied()));
        }
        "Size" => {
            let count: usize = importer.axes_of(call.input(0)?).iter().product();
            return one(Tensor { is_whole: true, ..Tensor::number(count as f64) });
        }
        _ => {}
    }
    let known = |input: &Option<Input>| match input {
        Some(Input { value: Value::Known(tensor), .. }) => Some(tensor.clone()),
        _ => None,
    };
    let present = || call.inputs.iter().filter(|input| input.is_some());
    let tensors: Option<Vec<Rc<Tensor>>> = present().map(known).collect();
    let Some(tensors) = tensors.filter(|tensors| !tensors.is_empty()) else { return Ok(None) };
    let fits = |tensor: Option<Tensor>| tensor.ok_or_else(|| "its inputs do not fit together".into());
    let first = &tensors[0];
    if let Some(f) = of_one(op) {
        return one(first.map(f));
    }
    if let Some((f, is_condition)) = of_two(op, tensors.iter().all(|tensor| tensor.is_whole)) {
        let all = tensors[1..].iter().try_fold((**first).clone(), |at, next| at.zip(next, f));
        let mut all = fits(all)?;
        all.is_whole |= is_condition;
        return one(all);
    }
    Ok(Some(match op {
        "Cast" => {
            let is_whole = is_whole_type(call.int("to", 1));
            let cut = |x: f64| match call.int("to", 1) {
                9 => f64::from(x != 0.0),
                _ if is_whole => x.trunc(),
                _ => x,
            };
            vec![Tensor { is_whole, ..first.map(cut) }.into()]
        }
        "Identity" => vec![Value::Known(first.clone())],
        "Where" => {
            let [condition, a, b] = &tensors[..] else { return Err("it has three inputs".into()) };
            let chosen = |is_first: bool| condition.map(move |x| f64::from((x != 0.0) == is_first));
            let part = |x: &Tensor, is_first| x.zip(&chosen(is_first), |x, chosen| if chosen == 1.0 { x } else { 0.0 });
            let sum = part(a, true).zip(part(b, false)).and_then(|(a, b)| a.zip(&b, |a, b| a + b));
            let is_whole = a.is_whole && b.is_whole;
            vec![Tensor { is_whole, ..fits(sum)? }.into()]
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => vec![first.reshaped(&target(call, &first.shape)?).into()],
        "Transpose" => {
            let order = order(call, first.shape.len())?;
            let shape: Vec<usize> = order.iter().map(|&k| first.shape[k]).collect();
            let from = |place: &[usize]| {
                let mut from = vec![0; place.len()];
                order.iter().zip(place).for_each(|(&axis, &k)| from[axis] = k);
                Some(from)
            };
            vec![fits(first.gather(&shape, from))?.into()]
        }
        "Expand" => {
            let Target(shape) = Target::of_expand(call, &first.shape)?;
            vec![fits(first.broadcast(&shape))?.into()]
        }
        "Concat" => vec![concatenated(&tensors, call.axis("axis", 0, first.shape.len())?)?.into()],
        "Slice" => {
            let slices = super::shapes::slices(call, &first.shape)?;
            let mut at = (**first).clone();
            for (axis, indices) in slices {
                at = fits(taken(&at, axis, &indices))?;
            }
            vec![at.into()]
        }
        "Gather" => {
            let axis = call.axis("axis", 0, first.shape.len())?;
            let indices = tensors.get(1).ok_or("its indices are missing")?;
            let places = super::shapes::indices(indices, first.shape[axis])?;
            let taken = fits(taken(first, axis, &places))?;
            let shape = [&first.shape[..axis], &indices.shape[..], &first.shape[axis + 1..]].concat();
            vec![taken.reshaped(&shape).into()]
        }
        "Split" => {
            let parts = super::shapes::parts(call, &first.shape)?;
            let part = |(axis, range): (usize, std::ops::Range<usize>)| {
                fits(taken(first, axis, &range.collect::<Vec<_>>())).map(Value::from)
            };
            parts.into_iter().map(part).collect::<Outcome<Vec<_>>>()?
        }
        "ConstantOfShape" => {
            let shape = sizes(first)?;
            let value = match call.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
                Some(tensor) => read(tensor, call)?,
                None => Tensor::number(0.0),
            };
            let number = Tensor { shape: vec![], values: value.values[..value.values.len().min(1)].to_vec(), ..value };
            vec![fits(number.broadcast(&shape))?.into()]
        }
        "Range" => {
            let [start, limit, step] = &tensors[..] else { return Err("it has three inputs".into()) };
            let (start, limit, step) = (numeral(start)?, numeral(limit)?, numeral(step)?);
            let count = ((limit - start) / step).ceil().max(0.0);
            if !(count <= crate::network::shape::MOST_NUMBERS as f64) {
                return Err(format!("a range of {count} numbers").into());
            }
            let values: Vec<f64> = (0..count as usize).map(|k| start + k as f64 * step).collect();
            vec![Tensor { shape: vec![values.len()], values, is_whole: tensors[0].is_whole }.into()]
        }
        "Trilu" => {
            let [.., rows, columns] = first.shape[..] else { return Err("a matrix is needed".into()) };
            let k = tensors.get(1).map(|k| numeral(k)).transpose()?.unwrap_or(0.0);
            let is_upper = call.int("upper", 1) != 0;
            let mut tensor = (**first).clone();
            for (place, value) in tensor.values.iter_mut().enumerate() {
                let (row, column) = (place / columns % rows, place % columns);
                let above = column as f64 - row as f64;
                if if is_upper { above < k } else { above > k } {
                    *value = 0.0;
                }
            }
            vec![tensor.into()]
        }
        "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceSum" | "ReduceMean" => {
            let f: fn(f64, f64) -> f64 = match op {
                "ReduceMax" => f64::max,
                "ReduceMin" => f64::min,
                "ReduceProd" => |a, b| a * b,
                _ => |a, b| a + b,
            };
            let mut tensor = reduced(call, first, f)?;
            if op == "ReduceMean" {
                let each = first.values.len() as f64 / tensor.values.len() as f64;
                tensor = tensor.map(|sum| sum / each);
            }
            vec![tensor.into()]
        }
        "CumSum" => {
            let along = axis(numeral(tensors.get(1).ok_or("its axis is missing")?)? as i64, first.shape.len())?;
            let apart: usize = first.shape[along + 1..].iter().product();
            let mut tensor = (**first).clone();
            for place in 0..tensor.values.len() {
                if !(place / apart).is_multiple_of(first.shape[along]) {
                    tensor.values[place] += tensor.values[place - apart];
                }
            }
            vec![tensor.into()]
        }
        "Tile" => {
            let repeats = sizes(tensors.get(1).ok_or("its repeats are missing")?)?;
            let shape: Option<Vec<usize>> =
                first.shape.iter().zip(&repeats).map(|(size, times)| size.checked_mul(*times)).collect();
            let shape = shape.filter(|shape| shape.len() == repeats.len()).ok_or("its repeats do not fit")?;
            let from =
                |place: &[usize]| Some(place.iter().zip(&first.shape).map(|(k, &size)| k % size.max(1)).collect());
            vec![fits(first.gather(&shape, from))?.into()]
        }
        "OneHot" => {
            let [indices, depth, values] = &tensors[..] else { return Err("it has three inputs".into()) };
            let (depth, rank) = (numeral(depth)?, indices.shape.len());
            let along = axis(call.int("axis", -1), rank + 1)?;
            let mut shape = indices.shape.clone();
            shape.insert(along, depth as usize);
            let [off, on] = values.values[..] else { return Err("two values are needed".into()) };
            let from = |place: &[usize]| Some([&place[..along], &place[along + 1..]].concat());
            let mut tensor = fits(indices.gather(&shape, from))?;
            let apart: usize = shape[along + 1..].iter().product();
            for (place, value) in tensor.values.iter_mut().enumerate() {
                let class = (place / apart % shape[along]) as f64;
                let wanted = if *value < 0.0 { *value + depth } else { *value };
                *value = if class == wanted { on } else { off };
            }
            vec![Tensor { is_whole: values.is_whole, ..tensor }.into()]
        }
        _ => return Ok(None),
    }))
}

/// What an operation does with each number.
fn of_one(op: &str) -> Option<fn(f64) -> f64> {
    Some(match op {
        "Neg" => |x| -x,
        "Abs" => f64::abs,
        "Sqrt" => f64::sqrt,
        "Exp" => f64::exp,
        "Log" => f64::ln,
        "Sin" => f64::sin,
        "Cos" => f64::cos,
        "Reciprocal" => |x| 1.0 / x,
        "Floor" => f64::floor,
        "Ceil" => f64::ceil,
        "Round" => f64::round_ties_even,
        "Sign" => |x| if x == 0.0 { 0.0 } else { x.signum() },
        "Not" => |x| f64::from(x == 0.0),
        "IsNaN" => |x| f64::from(x.is_nan()),
        "IsInf" => |x| f64::from(x.is_infinite()),
        _ => return None,
    })
}

/// A function of two numbers.
type OfTwo = fn(f64, f64) -> f64;

/// What an operation does with two numbers, and whether that is a condition.
fn of_two(op: &str, are_whole: bool) -> Option<(OfTwo, bool)> {
    let f: (OfTwo, bool) = match op {
        "Add" | "Sum" => (|a, b| a + b, false),
        "Sub" => (|a, b| a - b, false),
        "Mul" => (|a, b| a * b, false),
        "Div" if are_whole => (|a, b| (a / b).trunc(), false),
        "Div" => (|a, b| a / b, false),
        "Mod" => (|a, b| a - (a / b).floor() * b, false),
        "Pow" => (f64::powf, false),
        "Max" => (f64::max, false),
        "Min" => (f64::min, false),
        "Equal" => (|a, b| f64::from(a == b), true),
        "Less" => (|a, b| f64::from(a < b), true),
        "Greater" => (|a, b| f64::from(a > b), true),
        "LessOrEqual" => (|a, b| f64::from(a <= b), true),
        "GreaterOrEqual" => (|a, b| f64::from(a >= b), true),
        "And" => (|a, b| f64::from(a != 0.0 && b != 0.0), true),
        "Or" => (|a, b| f64::from(a != 0.0 || b != 0.0), true),
        "Xor" => (|a, b| f64::from((a != 0.0) != (b != 0.0)), true),
        _ => return None,
    };
    Some(f)
}

fn read(tensor: &super::super::schema::Tensor, call: &Call<'_>) -> Outcome<Tensor> {
    Tensor::read(tensor, call.folder).map_err(|error| error.to_string().into())
}

fn constant(call: &Call<'_>) -> Outcome<Tensor> {
    let attribute = call.node.attribute.first().ok_or("it has no value")?;
    Ok(match attribute.name.as_str() {
        "value" => read(attribute.t.as_ref().ok_or("it has no value")?, call)?,
        "value_float" => Tensor::number(f64::from(attribute.f)),
        "value_int" => Tensor { is_whole: true, ..Tensor::number(attribute.i as f64) },
        "value_floats" => {
            let values: Vec<f64> = attribute.floats.iter().map(|&x| f64::from(x)).collect();
            Tensor { shape: vec![values.len()], values, is_whole: false }
        }
        "value_ints" => {
            let values: Vec<f64> = attribute.ints.iter().map(|&x| x as f64).collect();
            Tensor { shape: vec![values.len()], values, is_whole: true }
        }
        other => return Err(format!("a constant of the kind `{}`", crate::network::error::shown(other)).into()),
    })
}

/// A single number.
pub fn numeral(tensor: &Tensor) -> Outcome<f64> {
    match tensor.values[..] {
        [number] => Ok(number),
        _ => Err(format!("one number is needed, not {}", tensor.values.len()).into()),
    }
}

/// The entries of an axis at some places.
fn taken(tensor: &Tensor, axis: usize, places: &[usize]) -> Option<Tensor> {
    let mut shape = tensor.shape.clone();
    *shape.get_mut(axis)? = places.len();
    let from = |place: &[usize]| {
        let mut from = place.to_vec();
        from[axis] = places[place[axis]];
        Some(from)
    };
    tensor.gather(&shape, from)
}

fn concatenated(tensors: &[Rc<Tensor>], axis: usize) -> Outcome<Tensor> {
    let first = &tensors[0];
    let others = |tensor: &Tensor| {
        let mut shape = tensor.shape.clone();
        if axis < shape.len() {
            shape.remove(axis);
        }
        shape
    };
    if tensors.iter().any(|tensor| tensor.shape.len() != first.shape.len() || others(tensor) != others(first)) {
        return Err("its inputs do not fit together".into());
    }
    let before: usize = first.shape[..axis].iter().product();
    let mut values = Vec::new();
    for row in 0..before {
        for tensor in tensors {
            let length: usize = tensor.shape[axis..].iter().product();
            values.extend_from_slice(&tensor.values[row * length..(row + 1) * length]);
        }
    }
    let mut shape = first.shape.clone();
    shape[axis] = tensors.iter().map(|tensor| tensor.shape[axis]).sum();
    Ok(Tensor { shape, values, is_whole: tensors.iter().all(|tensor| tensor.is_whole) })
}

fn reduced(call: &Call<'_>, tensor: &Tensor, f: fn(f64, f64) -> f64) -> Outcome<Tensor> {
    let rank = tensor.shape.len();
    let along = match call.integers(1, "axes")? {
        Some(list) if !list.is_empty() => axes(&list, rank)?,
        _ => (0..rank).collect(),
    };
    let kept: Vec<usize> = (0..rank).filter(|axis| !along.contains(axis)).collect();
    let shape: Vec<usize> = kept.iter().map(|&axis| tensor.shape[axis]).collect();
    let mut values: Vec<Option<f64>> = vec![None; shape.iter().product()];
    for (place, &value) in tensor.values.iter().enumerate() {
        let at = |axis: usize| place / tensor.shape[axis + 1..].iter().product::<usize>() % tensor.shape[axis];
        let flat = kept.iter().fold(0, |flat, &axis| flat * tensor.shape[axis] + at(axis));
        values[flat] = Some(values[flat].map_or(value, |before| f(before, value)));
    }
    let values: Option<Vec<f64>> = values.into_iter().collect();
    let shape = match call.int("keepdims", 1) {
        0 => shape,
        _ => super::super::call::kept(&tensor.shape, &along),
    };
    Ok(Tensor { shape, values: values.ok_or("there is nothing to reduce")?, is_whole: tensor.is_whole })
}
