//! Products of matrices, and what is made of them.

use crate::network::NodeId;
use crate::network::ops::{Activation, Add, MatrixProduct, Scale, Softmax};

use super::super::call::Call;
use super::super::facts::Fact;
use super::super::importer::Importer;
use super::super::tensor::{Tensor, broadcast};
use super::super::value::{Outcome, Value};
use super::arithmetic::scaled;

pub fn matmul(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let (left, right) = (importer.node(call.input(0)?)?, importer.node(call.input(1)?)?);
    product(importer, left, right)
}

/// a·b as NumPy has it: of vectors, of matrices, and of batches of them.
fn product(importer: &mut Importer, left: NodeId, right: NodeId) -> Outcome<NodeId> {
    let (a, b) = (importer.axes(left), importer.axes(right));
    if a.is_empty() || b.is_empty() {
        return Err("a product of matrices with a number".into());
    }
    // If b is the transpose of a matrix, as a layer's weights are written, the product takes this matrix with `transpose_right`.
    if a.len() >= 2
        && b.len() == 2
        && let Some(Fact::Transposed { of, order }) = importer.fact(right).cloned()
        && order == [1, 0]
    {
        return importer.add("", MatrixProduct { transpose_right: true }, &[left, of]);
    }
    let rows = if a.len() == 1 { vec![1, a[0]] } else { a.clone() };
    let columns = if b.len() == 1 { vec![b[0], 1] } else { b.clone() };
    let (mut x, mut y) = (importer.reshape("row", left, &rows)?, importer.reshape("column", right, &columns)?);
    let (before, after) = (&rows[..rows.len() - 2], &columns[..columns.len() - 2]);
    if !after.is_empty() && before != after {
        let batch =
            broadcast(before, after).ok_or_else(|| format!("batches of {before:?} and {after:?} do not fit"))?;
        x = importer.widen("left", x, &[&batch, &rows[rows.len() - 2..]].concat())?;
        y = importer.widen("right", y, &[&batch, &columns[columns.len() - 2..]].concat())?;
    }
    let id = importer.add("", MatrixProduct { transpose_right: false }, &[x, y])?;
    let mut shape = importer.axes(id);
    if a.len() == 1 {
        shape.remove(shape.len() - 2);
    }
    if b.len() == 1 {
        shape.pop();
    }
    importer.reshape("number", id, &shape)
}

pub fn gemm(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let mut a = importer.node(call.input(0)?)?;
    let b = importer.node(call.input(1)?)?;
    if call.int("transA", 0) != 0 {
        a = importer.transpose("rows", a, &[1, 0])?;
    }
    let bias = call.optional(2).filter(|_| call.float("beta", 1.0) != 0.0);
    let (alpha, beta) = (call.float("alpha", 1.0), call.float("beta", 1.0));
    let part = if bias.is_some() { "product" } else { "" };
    let id = importer.add(part, MatrixProduct { transpose_right: call.int("transB", 0) != 0 }, &[a, b])?;
    let id = scaled(importer, id, alpha)?;
    let Some(bias) = bias else { return Ok(id) };
    if matches!(&bias.value, Value::Known(tensor) if tensor.constant() == Some(0.0)) {
        return Ok(id);
    }
    let bias = importer.node(bias)?;
    let bias = scaled(importer, bias, beta)?;
    importer.add("", Add, &[id, bias])
}

/// softmax(q·kᵀ·scale + mask)·v.
pub fn attention(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    if call.node.output.len() > 1 && call.node.output[1..].iter().any(|name| !name.is_empty())
        || call.optional(4).is_some()
        || call.float("softcap", 0.0) != 0.0
    {
        return Err("attention with a cache, a cap or more outputs than one".into());
    }
    let heads = |name: &str| usize::try_from(call.int(name, 0)).unwrap_or(0);
    let mut parts = Vec::new();
    for (k, count) in [(0, heads("q_num_heads")), (1, heads("kv_num_heads")), (2, heads("kv_num_heads"))] {
        let x = importer.node(call.input(k)?)?;
        parts.push(match importer.axes(x)[..] {
            [batch, places, channels] if count > 0 && channels % count == 0 => {
                let split = importer.reshape(&format!("parted_{k}"), x, &[batch, places, count, channels / count])?;
                importer.transpose(&format!("by_head_{k}"), split, &[0, 2, 1, 3])?
            }
            [_, _, _, _] => x,
            ref shape => return Err(format!("attention over an array of {shape:?}").into()),
        });
    }
    let (q, k, v) = (parts[0], parts[1], parts[2]);
    let (of_q, of_k) = (importer.axes(q), importer.axes(k));
    if of_q[1] != of_k[1] {
        return Err("attention with grouped queries".into());
    }
    let scores = importer.add("scores", MatrixProduct { transpose_right: true }, &[q, k])?;
    let scale = call.float("scale", 1.0 / (of_q[3] as f64).sqrt());
    let mut scores = importer.add("scaled", Scale { factor: scale }, &[scores])?;
    let (rows, columns) = (of_q[2], of_k[2]);
    if call.int("is_causal", 0) != 0 {
        let masked = |place: usize| if place % columns > place / columns { f64::NEG_INFINITY } else { 0.0 };
        let values = (0..rows * columns).map(masked).collect();
        let mask = importer.constant("causal", &Tensor { shape: vec![rows, columns], values, is_whole: false })?;
        scores = importer.add("after", Add, &[scores, mask])?;
    }
    if let Some(input) = call.optional(3) {
        let mask = match &input.value {
            // A mask of conditions says which places are seen.
            Value::Known(tensor) if tensor.is_whole => importer.constant(
                "mask",
                &Tensor { is_whole: false, ..tensor.map(|x| if x == 0.0 { f64::NEG_INFINITY } else { 0.0 }) },
            )?,
            _ => importer.node(input)?,
        };
        scores = importer.add("masked", Add, &[scores, mask])?;
    }
    let softmax = Softmax { axis: 3, function: Activation::Exponential };
    let weights = importer.add("weights", softmax, &[scores])?;
    let out = importer.add("attended", MatrixProduct { transpose_right: false }, &[weights, v])?;
    if importer.axes_of(call.input(0)?).len() == 4 {
        return Ok(out);
    }
    let [batch, count, places, channels] = importer.axes(out)[..] else { return Err("four axes are needed".into()) };
    let out = importer.transpose("by_place", out, &[0, 2, 1, 3])?;
    importer.reshape("", out, &[batch, places, count * channels])
}
