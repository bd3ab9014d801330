//! Convolutions and pools. ONNX has the channels after the batch, a network has them last.

use crate::network::NodeId;
use crate::network::ops::{Add, Patches};

use super::super::call::Call;
use super::super::importer::Importer;
use super::super::value::Outcome;
use super::shapes::{padded, product};

fn channels_last(importer: &mut Importer, x: NodeId) -> Outcome<NodeId> {
    let rank = importer.axes(x).len();
    if !(3..=4).contains(&rank) {
        return Err(format!("a window over {} axes; over one or two it would do", rank.saturating_sub(2)).into());
    }
    let order: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
    importer.transpose("last", x, &order)
}

fn channels_first(importer: &mut Importer, x: NodeId) -> Outcome<NodeId> {
    let rank = importer.axes(x).len();
    let order: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
    importer.transpose("", x, &order)
}

/// The one number that an attribute has for all axes.
fn same(call: &Call<'_>, name: &str) -> Outcome<usize> {
    match call.ints(name) {
        None | Some([]) => Ok(1),
        Some(list @ [first, ..]) if list.iter().all(|size| size == first) => {
            usize::try_from(*first).map_err(|_| format!("{name} {list:?}").into())
        }
        Some(list) => Err(format!("{name} {list:?}: a network has one for all axes").into()),
    }
}

/// The window over `x`, whose channels are last, and `x` padded with `value` where a window cannot pad it itself.
fn windowed(
    importer: &mut Importer,
    call: &Call<'_>,
    x: NodeId,
    window: Vec<usize>,
    value: f64,
) -> Outcome<(NodeId, Patches)> {
    let places = window.len();
    let (stride, dilation) = (same(call, "strides")?, same(call, "dilations")?);
    let shape = importer.axes(x);
    let reach = |axis: usize| window[axis].saturating_sub(1).saturating_mul(dilation).saturating_add(1);
    let pads: Vec<(usize, usize)> = match call.text("auto_pad", "NOTSET").as_str() {
        "NOTSET" | "" => {
            let list = call.ints("pads").map_or(vec![0; 2 * places], <[i64]>::to_vec);
            let sizes: Option<Vec<usize>> = list.iter().map(|&pad| usize::try_from(pad).ok()).collect();
            let sizes = sizes.filter(|sizes| sizes.len() == 2 * places).ok_or_else(|| format!("pads {list:?}"))?;
            (0..places).map(|axis| (sizes[axis], sizes[axis + places])).collect()
        }
        "VALID" => vec![(0, 0); places],
        mode @ ("SAME_UPPER" | "SAME_LOWER") => {
            let pad = |axis: usize| {
                let out = shape[axis + 1].div_ceil(stride.max(1));
                let all = ((out - 1) * stride + reach(axis)).saturating_sub(shape[axis + 1]);
                if mode == "SAME_UPPER" { (all / 2, all - all / 2) } else { (all - all / 2, all / 2) }
            };
            (0..places).map(pad).collect()
        }
        other => return Err(format!("the padding `{other}`").into()),
    };
    let (first, _) = pads[0];
    if value == 0.0 && pads.iter().all(|&(before, after)| before == first && after == first) {
        return Ok((x, Patches { window, stride, padding: first, dilation }));
    }
    let pads: Vec<_> = pads.into_iter().enumerate().map(|(axis, (before, after))| (axis + 1, before, after)).collect();
    let x = padded(importer, x, &pads, value)?;
    Ok((x, Patches { window, stride, padding: 0, dilation }))
}

pub fn convolution(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let x = importer.node(call.input(0)?)?;
    let kernels = importer.node(call.input(1)?)?;
    let of = channels_last(importer, x)?;
    let shape = importer.axes(kernels);
    let [outputs, inner, window @ ..] = &shape[..] else { return Err(format!("kernels of {shape:?}").into()) };
    if window.len() + 2 != importer.axes(of).len() {
        return Err(format!("kernels of {shape:?} on an array of {:?}", importer.axes(x)).into());
    }
    let order: Vec<usize> = [0].into_iter().chain(2..shape.len()).chain([1]).collect();
    let rows = importer.transpose("kernels", kernels, &order)?;
    let rows = importer.reshape("rows", rows, &[*outputs, inner * product(window)])?;
    let (of, patches) = windowed(importer, call, of, window.to_vec(), 0.0)?;
    let groups = usize::try_from(call.int("group", 1)).unwrap_or(0);
    let name = importer.name("convolution");
    let mut id = importer.builder.convolution(&name, of, rows, &patches, groups)?;
    if let Some(bias) = call.optional(2) {
        let bias = importer.node(bias)?;
        id = importer.add("biased", Add, &[id, bias])?;
    }
    channels_first(importer, id)
}

pub fn pool(importer: &mut Importer, call: &Call<'_>) -> Outcome<NodeId> {
    let is_mean = call.node.op_type == "AveragePool";
    let x = importer.node(call.input(0)?)?;
    let of = channels_last(importer, x)?;
    let list = call.ints("kernel_shape").ok_or("its window is missing")?;
    let window: Option<Vec<usize>> =
        list.iter().map(|&size| usize::try_from(size).ok().filter(|&size| size > 0)).collect();
    let window = window.filter(|window| window.len() + 2 == importer.axes(of).len());
    let window = window.ok_or_else(|| format!("a window of {list:?}"))?;
    // Padding is never the largest.
    let plain = of;
    let (of, patches) = windowed(importer, call, of, window.clone(), if is_mean { 0.0 } else { f64::NEG_INFINITY })?;
    let is_padded = patches.padding > 0 || of != plain;
    if is_mean && is_padded && call.int("count_include_pad", 0) == 0 {
        return Err("a mean over a window that does not count its padding".into());
    }
    if call.int("ceil_mode", 0) != 0 {
        let shape = importer.axes(of);
        let rest = |axis: usize| {
            let reach = (window[axis] - 1).saturating_mul(patches.dilation).saturating_add(1);
            (shape[axis + 1] + 2 * patches.padding).saturating_sub(reach) % patches.stride.max(1)
        };
        if (0..window.len()).any(|axis| rest(axis) != 0) {
            return Err("a pool whose last window hangs over the end (ceil_mode)".into());
        }
    }
    let name = importer.name("pooled");
    let id = match is_mean {
        true => importer.builder.average_pool(&name, of, &patches)?,
        false => importer.builder.max_pool(&name, of, &patches)?,
    };
    channels_first(importer, id)
}
