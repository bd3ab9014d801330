//! What a node computes, forwards and backwards, over any scalar: the operations with everything that their shapes decide.

use std::ops::Range;

use super::activation::Activation;
use super::concatenate::Joined;
use super::entrywise::{Binary, Root, Scaled};
use super::losses::{Entropy, SquaredError};
use super::normalize::Normalized;
use super::piece::Piece;
use super::power::Powers;
use super::product::MatrixProducts;
use super::rearrange::Gather;
use super::reductions::{Largest, Summed};
use super::softmax::Softmaxed;
use crate::arithmetic::product::Operand;
use crate::arithmetic::{Scalar, vectorized};
use crate::network::error::PointFault;
use crate::network::shape::Shape;

/// Where a node's values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::network) enum Source {
    /// Among the weights; the adjoint is a part of the gradient.
    Weight(Range<usize>),
    /// Among the values that depend on weights.
    Active(Range<usize>),
    /// Among the constants.
    Fixed(Range<usize>),
}

impl Source {
    /// How many numbers are there.
    pub fn count(&self) -> usize {
        match self {
            Self::Weight(range) | Self::Active(range) | Self::Fixed(range) => range.len(),
        }
    }
}

/// The inputs of a node: where each is, and all values.
#[derive(Clone, Copy)]
pub(in crate::network) struct Inputs<'a, S: Scalar> {
    pub sources: &'a [Source],
    pub weights: &'a [S],
    pub values: &'a [S],
    pub fixed: &'a [S],
    /// The data that the fixed values are constants of.
    pub data: &'a [S::Base],
}

impl<'a, S: Scalar> Inputs<'a, S> {
    /// The values of input `k`.
    #[inline(always)]
    pub fn scalars(&self, k: usize) -> &'a [S] {
        match &self.sources[k] {
            Source::Weight(range) => &self.weights[range.clone()],
            Source::Active(range) => &self.values[range.clone()],
            Source::Fixed(range) => &self.fixed[range.clone()],
        }
    }

    /// A part of input `k` as an operand of a matrix product: data, if it depends on no weight.
    pub fn operand(&self, k: usize, part: Range<usize>) -> Operand<'a, S> {
        match &self.sources[k] {
            Source::Fixed(range) => Operand::data(&self.data[range.clone()][part]),
            Source::Weight(_) | Source::Active(_) => Operand::scalars(&self.scalars(k)[part]),
        }
    }
}

/// What stands in an adjoint before an operation adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::network) enum Before {
    /// Nothing: it is to be written.
    Nothing,
    /// What other operations added.
    Some,
    /// The values that this operation alone is going to write, without their infinitesimals.
    Known,
}

/// What a kernel does. Nothing has a default.
pub(in crate::network) trait Compute {
    /// Whether it is loops over entries, which are compiled for the widest vectors there are; else it calls kernels of its own.
    const IS_LOOPS: bool;
    /// Whether its backward pass writes an adjoint in which there is nothing before; else zeros are put there first.
    const WRITES: bool;

    /// How many scalars it keeps from the forward pass to the backward one, besides its output.
    fn extra(&self, out: &Shape) -> usize;

    /// Writes the output. Where it is `known` but for infinitesimals, products leave that part as it stands.
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], extra: &mut [S], known: bool);

    /// Adds to `adjoint`, the adjoint of input `input`, the contribution of the output's adjoint. `of` is the output and its adjoint.
    fn backward<S: Scalar>(
        &self,
        input: usize,
        inputs: &Inputs<'_, S>,
        of: (&[S], &[S]),
        extra: &mut [S],
        adjoint: &mut [S],
        before: Before,
    );

    /// The reason why the output is no number for the first input `x`, if the kernel can name one. `extra` is what the forward pass kept.
    fn fault(&self, x: &[f64], extra: &[f64]) -> Option<PointFault>;
}

macro_rules! kernels {
    ($($name:ident),* $(,)?) => {
        /// A kernel of any kind.
        #[derive(Clone, Debug)]
        pub(in crate::network) enum Kernel {
            $($name($name)),*
        }

        $(impl From<$name> for Kernel {
            fn from(kernel: $name) -> Self {
                Self::$name(kernel)
            }
        })*

        impl Kernel {
            /// See [`Compute::extra`].
            pub fn extra(&self, out: &Shape) -> usize {
                match self { $(Self::$name(kernel) => kernel.extra(out)),* }
            }

            /// See [`Compute::forward`].
            pub fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], extra: &mut [S], known: bool) {
                match self { $(Self::$name(kernel) => {
                    if $name::IS_LOOPS {
                        vectorized::<S, _>(
                            #[inline(always)]
                            || kernel.forward(inputs, out, extra, known),
                        );
                    } else {
                        kernel.forward(inputs, out, extra, known);
                    }
                })* }
            }

            /// See [`Compute::backward`].
            pub fn backward<S: Scalar>(
                &self,
                input: usize,
                inputs: &Inputs<'_, S>,
                of: (&[S], &[S]),
                extra: &mut [S],
                adjoint: &mut [S],
                before: Before,
            ) {
                match self { $(Self::$name(kernel) => {
                    if before != Before::Some && !$name::WRITES {
                        adjoint.fill(S::constant(0.0));
                    }
                    if $name::IS_LOOPS {
                        vectorized::<S, _>(
                            #[inline(always)]
                            || kernel.backward(input, inputs, of, extra, adjoint, before),
                        );
                    } else {
                        kernel.backward(input, inputs, of, extra, adjoint, before);
                    }
                })* }
            }

            /// See [`Compute::fault`].
            pub fn fault(&self, x: &[f64], extra: &[f64]) -> Option<PointFault> {
                match self { $(Self::$name(kernel) => kernel.fault(x, extra)),* }
            }
        }
    };
}

kernels! {
    Same,
    MatrixProducts,
    Binary,
    Scaled,
    Root,
    Powers,
    Activation,
    Summed,
    Largest,
    Piece,
    Gather,
    Joined,
    Normalized,
    Softmaxed,
    SquaredError,
    Entropy,
}

/// The output is the input, in another shape: nothing is computed.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Same;

impl Compute for Same {
    const IS_LOOPS: bool = false;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    fn forward<S: Scalar>(&self, _: &Inputs<'_, S>, _: &mut [S], _: &mut [S], _: bool) {}

    fn backward<S: Scalar>(&self, _: usize, _: &Inputs<'_, S>, _: (&[S], &[S]), _: &mut [S], _: &mut [S], _: Before) {}

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}
