//! What a network's loss has at a point: nodes without a number, and digits that normalizations lose.

use super::super::error::PointFault;
use super::super::ops::Kernel;
use super::{NetworkLoss, Step};
use crate::loss::Loss;

/// The smallest size by which a normalization divides: where it is nearly 0 the loss has a cusp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmallestSize {
    /// The place of the normalization in its network.
    pub node: usize,
    pub smallest: f64,
    /// The largest size at the same node.
    pub largest: f64,
}

impl NetworkLoss<f64> {
    /// The smallest size by which a normalization divides at `w`, of length D, relative to the largest at its node; `None` where nothing that
    /// depends on the weights is normalized.
    pub fn smallest_size(&self, w: &[f64]) -> Option<SmallestSize> {
        let (mut gradient, mut scratch) = (vec![0.0; self.dimension], vec![0.0; self.scratch()]);
        self.prepare(&mut scratch);
        self.evaluate(w, &mut gradient, &mut scratch);
        // The forward pass's sizes come first in what a normalization keeps, and the backward pass leaves them.
        let extras = &scratch[2 * self.values..];
        let of_steps = self.steps.iter().filter_map(|step| match &step.kernel {
            Kernel::Normalized(normalized) => Some((step.node, normalized.sizes(&extras[step.extra.clone()]))),
            _ => None,
        });
        let of_nodes = of_steps.map(|(node, sizes)| {
            let (smallest, largest) =
                sizes.fold((f64::INFINITY, 0.0f64), |(least, most), size| (least.min(size), most.max(size)));
            SmallestSize { node, smallest, largest }
        });
        of_nodes.min_by(|a, b| (a.smallest / a.largest).total_cmp(&(b.smallest / b.largest)))
    }

    /// The first node, by its place in the network, that has no number at `w`, of length D, and why; `None` where all have.
    pub fn fault(&self, w: &[f64]) -> Option<(usize, PointFault)> {
        let not_finite = |numbers: &[f64]| numbers.iter().copied().find(|x| !x.is_finite());
        for (node, range) in &self.fixed_nodes {
            if let Some(value) = not_finite(&self.fixed[range.clone()]) {
                return Some((*node, PointFault::NotFinite { value }));
            }
        }
        self.first(w, |step, input, output, extra| {
            let not_a_number = || not_finite(output).map(|value| PointFault::NotFinite { value });
            step.kernel.fault(input, extra).or_else(not_a_number).map(|fault| (step.node, fault))
        })
    }

    /// The centred normalization that takes out the largest mean at `w`, of length D, in units of the size by which it divides then. Its output loses as many digits as
    /// this number has. `None` where nothing that depends on the weights is centred.
    pub fn largest_offset(&self, w: &[f64]) -> Option<(usize, f64)> {
        let mut largest: Option<(usize, f64)> = None;
        self.first(w, |step, _, _, extra| -> Option<()> {
            if let Kernel::Normalized(normalized) = &step.kernel
                && let Some(offset) = normalized.offset(extra)
                && largest.is_none_or(|(_, most)| offset > most)
            {
                largest = Some((step.node, offset));
            }
            None
        });
        largest
    }

    /// Runs forwards at `w`, shows each step with its first input, its output and what its kernel keeps, and returns what `find` finds first.
    fn first<R>(&self, w: &[f64], mut find: impl FnMut(&Step, &[f64], &[f64], &[f64]) -> Option<R>) -> Option<R> {
        let mut scratch = vec![0.0; self.scratch()];
        self.prepare(&mut scratch);
        let (values, rest) = scratch.split_at_mut(self.values);
        let (extras, fixed) = rest[self.values..].split_at_mut(self.extras);
        self.steps.iter().find_map(|step| {
            let (before, out) = values.split_at_mut(step.out.start);
            let inputs = self.inputs(step, [w, before, fixed]);
            let (out, extra) = (&mut out[..step.out.len()], &mut extras[step.extra.clone()]);
            step.kernel.forward(&inputs, out, extra, false);
            find(step, inputs.scalars(0), out, extra)
        })
    }
}
