//! What nodes are besides what they compute, so that a normalization which a file writes out in plain operations is seen to be one.

use crate::network::NodeId;
use crate::network::ops::Normalization;

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    /// An array with its axes in another order.
    Transposed { of: NodeId, order: Vec<usize> },
    /// The square of every entry.
    Square { of: NodeId },
    /// `factor` times the sum over `axes` of the entries, or of their squares.
    Moment { of: NodeId, axes: Vec<usize>, is_square: bool, factor: f64 },
    /// An array less its mean over `axes`.
    Centred { of: NodeId, axes: Vec<usize> },
    /// What a normalization divides by, as its square, itself or its inverse, which may have a gain as a factor.
    Size { size: Size, stage: Stage },
}

/// What a normalization of a node divides by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Size {
    pub of: NodeId,
    pub normalization: Normalization,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    Square,
    Root,
    Inverse { gain: Option<NodeId> },
}

impl Size {
    /// The square of the size: a multiple of a sum of squares over `axes`, where that is their mean or their sum.
    ///
    /// Files write 1/N in single precision, so that the multiple need not be exact.
    pub fn new(of: NodeId, axes: &[usize], factor: f64, count: usize, centred: bool) -> Option<Self> {
        let is = |number: f64| (factor / number - 1.0).abs() < 1e-6;
        let averaged = match (is(1.0 / count as f64), is(1.0)) {
            (true, _) => true,
            (false, true) => false,
            _ => return None,
        };
        Some(Self { of, normalization: Normalization { axes: axes.to_vec(), epsilon: 0.0, centred, averaged } })
    }
}
