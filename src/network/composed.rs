//! Operations that are written as a few primitive ones. The nodes in between are named after the last, `name.part`.

use super::NodeId;
use super::builder::{Builder, Built};
use super::error::{Fault, NetworkError, shown};
use super::ops::{
    Activation, Add, Concatenate, CrossEntropy, Maximum, Mean, Multiply, Normalization, Op, Patches, Reshape, Scale,
    Slice, Softmax, Subtract, Take, Transpose,
};
use super::shape::MOST_NUMBERS;

impl Builder {
    /// Mean 0 and variance 1 over every axis but the last, the channels.
    pub fn batch_norm(&mut self, name: &str, x: NodeId, epsilon: f64) -> Built {
        let last = self.axes(x).saturating_sub(1);
        self.normalize(name, x, (0..last).collect(), epsilon, true, true)
    }

    /// Mean 0 and variance 1 over the last axis.
    pub fn layer_norm(&mut self, name: &str, x: NodeId, epsilon: f64) -> Built {
        self.normalize(name, x, vec![self.axes(x).saturating_sub(1)], epsilon, true, true)
    }

    /// Root mean square 1 over the last axis.
    pub fn rms_norm(&mut self, name: &str, x: NodeId, epsilon: f64) -> Built {
        self.normalize(name, x, vec![self.axes(x).saturating_sub(1)], epsilon, false, true)
    }

    /// Length 1 over every axis but the first, the outputs: the direction of weight norm, whose length is a node of its own.
    pub fn weight_norm(&mut self, name: &str, x: NodeId, epsilon: f64) -> Built {
        self.normalize(name, x, (1..self.axes(x)).collect(), epsilon, false, false)
    }

    /// Scaled weight standardization: mean 0 and length 1 over every axis but the first, the outputs.
    pub fn weight_standardization(&mut self, name: &str, x: NodeId, epsilon: f64) -> Built {
        self.normalize(name, x, (1..self.axes(x)).collect(), epsilon, true, false)
    }

    /// Group norm: for each of the batch, mean 0 and variance 1 over a group of channels and all places.
    pub fn group_norm(&mut self, name: &str, x: NodeId, groups: usize, epsilon: f64) -> Built {
        let axes = self.shape(x).map(|shape| shape.axes().to_vec()).unwrap_or_default();
        let channels = axes.last().copied().unwrap_or(0);
        if groups == 0 || channels % groups != 0 || axes.len() < 2 {
            return Err(NetworkError::Node { node: name.into(), fault: Fault::Groups { groups, channels } });
        }
        let places = axes[1..axes.len() - 1].iter().product();
        let grouped = self.shape_at(name, &[axes[0], places, groups, channels / groups])?;
        let grouped = self.add(&format!("{name}.grouped"), Reshape { shape: grouped }, &[x])?;
        let normal = self.normalize(&format!("{name}.normalized"), grouped, vec![1, 3], epsilon, true, true)?;
        let shape = self.shape_at(name, &axes)?;
        self.add(name, Reshape { shape }, &[normal])
    }

    /// softmax(q̂·k̂ᵀ/√d)·v, where q̂ and k̂ have root mean square 1 along the last axis, of size d. With several heads, each has its share of
    /// this axis for itself.
    pub fn attention(&mut self, name: &str, [q, k, v]: [NodeId; 3], heads: usize, epsilon: f64) -> Built {
        let part = |part: &str| format!("{name}.{part}");
        if heads != 1 {
            let split = |builder: &mut Self, of: &str, x| builder.split_heads(&part(of), x, heads);
            let q = split(self, "queries.by_head", q)?;
            let (k, v) = (split(self, "keys.by_head", k)?, split(self, "values.by_head", v)?);
            let attended = self.attention(&part("by_head"), [q, k, v], 1, epsilon)?;
            return self.join_heads(name, attended);
        }
        let size = self.shape(q).and_then(|shape| shape.axes().last()).copied().unwrap_or(1);
        let queries = self.rms_norm(&part("queries"), q, epsilon)?;
        let keys = self.rms_norm(&part("keys"), k, epsilon)?;
        let scores = self.linear(&part("scores"), queries, keys)?;
        let scaled = self.add(&part("scaled"), Scale { factor: (size as f64).sqrt().recip() }, &[scores])?;
        let axis = self.axes(scaled).saturating_sub(1);
        let softmax = Softmax { axis, function: Activation::Exponential };
        let weights = self.add(&part("weights"), softmax, &[scaled])?;
        self.matrix_product(name, weights, v)
    }

    /// Arrays one behind the other along an axis, in their order.
    pub fn concatenate(&mut self, name: &str, inputs: &[NodeId], axis: usize) -> Built {
        match inputs {
            [first, second] => self.add(name, Concatenate { axis }, &[*first, *second]),
            [before @ .., _, last] if !before.is_empty() => {
                let head =
                    self.concatenate(&format!("{name}.{}", inputs.len() - 1), &inputs[..inputs.len() - 1], axis)?;
                self.add(name, Concatenate { axis }, &[head, *last])
            }
            // The operation's own count tells what is wrong.
            _ => self.add(name, Concatenate { axis }, inputs),
        }
    }

    /// A convolution of a batch of signals or images with kernels (outputs × (window · channels)). With several groups, the channels and the
    /// outputs are shared out among them, and a kernel has the channels of its group alone: as many groups as channels make it depthwise.
    pub fn convolution(&mut self, name: &str, x: NodeId, kernels: NodeId, shape: &Patches, groups: usize) -> Built {
        let part = |part: &str| format!("{name}.{part}");
        let (patches, mut axes) = self.patches(name, x, shape)?;
        let [positions, window, channels] = self.sizes(patches);
        let product = if groups == 1 {
            let rows = self.shape_at(name, &[positions, window * channels])?;
            let rows = self.add(&part("rows"), Reshape { shape: rows }, &[patches])?;
            self.linear(&part("product"), rows, kernels)?
        } else {
            let found = self.shape(kernels).cloned().unwrap_or_default();
            let fault = |fault| NetworkError::Node { node: shown(name), fault };
            if groups == 0 || channels % groups != 0 {
                return Err(fault(Fault::Groups { groups, channels }));
            }
            let (inner, outputs) = (window * channels / groups, found.axes().first().copied().unwrap_or(0));
            if outputs % groups != 0 || found.axes() != [outputs, inner] {
                let expected = format!("a multiple of {groups} × {inner}");
                return Err(fault(Fault::Kernels { found, expected }));
            }
            let parted = self.shape_at(name, &[positions, window, groups, channels / groups])?;
            let parted = self.add(&part("parted"), Reshape { shape: parted }, &[patches])?;
            let ordered = self.add(&part("by_group"), Transpose { order: vec![2, 0, 1, 3] }, &[parted])?;
            let rows = self.shape_at(name, &[groups, positions, inner])?;
            let rows = self.add(&part("rows"), Reshape { shape: rows }, &[ordered])?;
            let own = self.shape_at(name, &[groups, outputs / groups, inner])?;
            let own = self.add(&part("kernels"), Reshape { shape: own }, &[kernels])?;
            let product = self.linear(&part("product"), rows, own)?;
            let joined = self.add(&part("by_position"), Transpose { order: vec![1, 0, 2] }, &[product])?;
            let flat = self.shape_at(name, &[positions, outputs])?;
            self.add(&part("joined"), Reshape { shape: flat }, &[joined])?
        };
        axes.extend(self.shape(product).and_then(|shape| shape.axes().last()));
        let out = self.shape_at(name, &axes)?;
        self.add(name, Reshape { shape: out }, &[product])
    }

    /// The mean over every window.
    pub fn average_pool(&mut self, name: &str, x: NodeId, shape: &Patches) -> Built {
        self.pool(name, x, shape, Mean { axes: vec![1] })
    }

    /// The maximum over every window. Not smooth.
    pub fn max_pool(&mut self, name: &str, x: NodeId, shape: &Patches) -> Built {
        self.pool(name, x, shape, Maximum { axes: vec![1] })
    }

    /// Cross-entropy of logits that are first given root mean square 1.
    pub fn normalized_cross_entropy(&mut self, name: &str, logits: NodeId, targets: NodeId, epsilon: f64) -> Built {
        let logits = self.rms_norm(&format!("{name}.logits"), logits, epsilon)?;
        self.add(name, CrossEntropy, &[logits, targets])
    }

    /// |x|, entry by entry, as max(x, 0) + max(−x, 0). Not smooth.
    pub fn absolute(&mut self, name: &str, x: NodeId) -> Built {
        let part = |part: &str| format!("{name}.{part}");
        let opposite = self.add(&part("opposite"), Scale { factor: -1.0 }, &[x])?;
        let above = self.activation(&part("above"), Activation::Relu, x)?;
        let below = self.activation(&part("below"), Activation::Relu, opposite)?;
        self.add(name, Add, &[above, below])
    }

    /// x, but no less than `low` and no more than `high`, as x + max(low − x, 0) − max(x − high, 0). A bound that is far away adds 0, so that
    /// nothing is rounded. Not smooth.
    pub fn clip(&mut self, name: &str, x: NodeId, low: f64, high: f64) -> Built {
        let part = |part: &str| format!("{name}.{part}");
        if !(low < high) {
            let fault = Fault::Interval { low, high };
            return Err(NetworkError::Node { node: shown(name), fault });
        }
        let mut beyond = |end: &str, bound: f64, is_low: bool| {
            let bound = self.constant(&part(end), &[], vec![bound])?;
            let order = if is_low { [bound, x] } else { [x, bound] };
            let excess = self.add(&part(&format!("{end}.excess")), Subtract, &order)?;
            self.activation(&part(&format!("{end}.beyond")), Activation::Relu, excess)
        };
        let (under, over) = (beyond("low", low, true)?, beyond("high", high, false)?);
        let raised = self.add(&part("raised"), Add, &[x, under])?;
        self.add(name, Subtract, &[raised, over])
    }

    /// Every place of a batch of signals or images repeated `factor` times along each axis.
    pub fn upsample(&mut self, name: &str, x: NodeId, factor: usize) -> Built {
        let axes = self.shape(x).map(|shape| shape.axes().to_vec()).unwrap_or_default();
        if !(3..=4).contains(&axes.len()) || factor == 0 {
            let fault = Fault::Upsample { factor, shape: self.shape(x).cloned().unwrap_or_default() };
            return Err(NetworkError::Node { node: shown(name), fault });
        }
        let (mut at, last) = (x, axes.len() - 2);
        for (axis, &size) in axes.iter().enumerate().take(last + 1).skip(1) {
            let count = size.checked_mul(factor).filter(|&count| count <= MOST_NUMBERS);
            let count = count.ok_or_else(|| NetworkError::Node { node: shown(name), fault: Fault::TooLarge })?;
            let indices = (0..count).map(|k| k / factor).collect();
            let name = if axis == last { name.to_owned() } else { format!("{name}.axis_{axis}") };
            at = self.add(&name, Take { axis, indices }, &[at])?;
        }
        Ok(at)
    }

    /// The rows of a table at the indices that a constant holds.
    pub fn embedding(&mut self, name: &str, table: NodeId, indices: NodeId) -> Built {
        let fault = |fault| NetworkError::Node { node: shown(name), fault };
        let Some(Op::Constant(constant)) = self.op(indices) else { return Err(fault(Fault::NotConstant)) };
        let whole = |(entry, &value): (usize, &f64)| match value.fract() == 0.0 && (0.0..1e9).contains(&value) {
            true => Ok(value as usize),
            false => Err(fault(Fault::NoIndex { entry, value })),
        };
        let taken = constant.values.iter().enumerate().map(whole).collect::<Result<_, _>>()?;
        let rows = self.shape(table).map(|shape| shape.axes().to_vec()).unwrap_or_default();
        let axes = [constant.shape.axes(), rows.get(1..).unwrap_or_default()].concat();
        let taken = self.add(&format!("{name}.rows"), Take { axis: 0, indices: taken }, &[table])?;
        let shape = self.shape_at(name, &axes)?;
        self.add(name, Reshape { shape }, &[taken])
    }

    /// Rotary positions (RoPE): of …×positions×channels, the channels k and k + d/2 at position t are turned by the angle t·base^(−2k/d).
    pub fn rotary(&mut self, name: &str, x: NodeId, base: f64) -> Built {
        let part = |part: &str| format!("{name}.{part}");
        let fault = |fault| NetworkError::Node { node: shown(name), fault };
        let axes = self.shape(x).map(|shape| shape.axes().to_vec()).unwrap_or_default();
        let [.., positions, channels] = axes[..] else {
            return Err(fault(Fault::Axis { axis: 1, shape: self.shape(x).cloned().unwrap_or_default() }));
        };
        if channels % 2 != 0 {
            return Err(fault(Fault::Odd { channels }));
        }
        if !(base > 0.0 && base.is_finite()) {
            return Err(fault(Fault::NotFinite { what: "base", value: base }));
        }
        let (half, axis) = (channels / 2, axes.len() - 1);
        let angle = |k: usize| {
            let (position, channel) = (k / channels, k % channels % half);
            position as f64 * base.powf(-2.0 * channel as f64 / channels as f64)
        };
        let of = |f: fn(f64) -> f64| (0..positions * channels).map(|k| f(angle(k))).collect();
        let cosines = self.constant(&part("cosines"), &[positions, channels], of(f64::cos))?;
        let sines = self.constant(&part("sines"), &[positions, channels], of(f64::sin))?;
        let slice = |start, end| Slice { axis, start, end, step: 1 };
        let first = self.add(&part("first"), slice(0, half), &[x])?;
        let second = self.add(&part("second"), slice(half, channels), &[x])?;
        let opposite = self.add(&part("opposite"), Scale { factor: -1.0 }, &[second])?;
        let turned = self.concatenate(&part("turned"), &[opposite, first], axis)?;
        let along = self.add(&part("along"), Multiply, &[x, cosines])?;
        let across = self.add(&part("across"), Multiply, &[turned, sines])?;
        self.add(name, Add, &[along, across])
    }

    fn normalize(
        &mut self,
        name: &str,
        x: NodeId,
        axes: Vec<usize>,
        epsilon: f64,
        centred: bool,
        averaged: bool,
    ) -> Built {
        self.add(name, Normalization { axes, epsilon, centred, averaged }, &[x])
    }

    fn pool(&mut self, name: &str, x: NodeId, shape: &Patches, reduction: impl Into<Op>) -> Built {
        let (patches, mut axes) = self.patches(name, x, shape)?;
        let pooled = self.add(&format!("{name}.pooled"), reduction, &[patches])?;
        axes.extend(self.shape(pooled).and_then(|shape| shape.axes().last()));
        let out = self.shape_at(name, &axes)?;
        self.add(name, Reshape { shape: out }, &[pooled])
    }

    /// The patches, and the result's axes but for the channels.
    fn patches(&mut self, name: &str, x: NodeId, shape: &Patches) -> Result<(NodeId, Vec<usize>), NetworkError> {
        let input = self.shape(x).cloned().unwrap_or_default();
        let places = shape.places(&input).map_err(|fault| NetworkError::Node { node: name.into(), fault })?;
        let patches = self.add(&format!("{name}.patches"), shape.clone(), &[x])?;
        Ok((patches, [&input.axes()[..1], &places].concat()))
    }

    /// …×positions×channels as …×heads×positions×(channels of a head).
    fn split_heads(&mut self, name: &str, x: NodeId, heads: usize) -> Built {
        let axes = self.shape(x).map(|shape| shape.axes().to_vec()).unwrap_or_default();
        let [before @ .., positions, channels] = &axes[..] else {
            return Err(NetworkError::Node { node: shown(name), fault: Fault::Heads { heads, channels: 0 } });
        };
        if heads == 0 || channels % heads != 0 {
            return Err(NetworkError::Node { node: shown(name), fault: Fault::Heads { heads, channels: *channels } });
        }
        let parted = self.shape_at(name, &[before, &[*positions, heads, channels / heads]].concat())?;
        let parted = self.add(&format!("{name}.parted"), Reshape { shape: parted }, &[x])?;
        self.add(name, Transpose { order: last_but_one_exchanged(axes.len() + 1) }, &[parted])
    }

    /// The inverse of `split_heads`.
    fn join_heads(&mut self, name: &str, x: NodeId) -> Built {
        let axes = self.shape(x).map(|shape| shape.axes().to_vec()).unwrap_or_default();
        let order = last_but_one_exchanged(axes.len());
        let ordered = self.add(&format!("{name}.by_position"), Transpose { order }, &[x])?;
        let joined = match &axes[..] {
            [before @ .., heads, positions, channels] => [before, &[*positions, heads * channels]].concat(),
            _ => axes,
        };
        let shape = self.shape_at(name, &joined)?;
        self.add(name, Reshape { shape }, &[ordered])
    }

    /// The sizes of an array of three axes.
    fn sizes(&self, id: NodeId) -> [usize; 3] {
        self.shape(id).and_then(|shape| shape.axes().try_into().ok()).unwrap_or_default()
    }
}

/// The order of this many axes in which the third and the second from the end have changed places.
fn last_but_one_exchanged(axes: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..axes).collect();
    order.swap(axes - 3, axes - 2);
    order
}
