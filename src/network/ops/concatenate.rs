//! Two arrays, one behind the other.

use super::kernel::{Before, Compute, Inputs, Kernel};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, axis_size, shape_of};
use crate::arithmetic::Scalar;
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::Shape;

/// Two arrays, the second behind the first along an axis. [`Builder::concatenate`](crate::network::Builder::concatenate) takes more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concatenate {
    pub axis: usize,
}

impl Operation for Concatenate {
    const NAMES: &'static [&'static str] = &["concatenate"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { axis: parameters.axis("axis")? })
    }

    fn facts(&self) -> Facts {
        Facts { name: "concatenate", arity: 2, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("axis", self.axis.to_string())]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        let (first, second) = (inputs[0], inputs[1]);
        let mut axes = first.axes().to_vec();
        let size = axis_size(first, self.axis)? + axis_size(second, self.axis)?;
        axes[self.axis] = size;
        let mut other = second.axes().to_vec();
        other[self.axis] = size;
        if axes != other {
            return Err(Fault::Differ { left: first.clone(), right: second.clone() });
        }
        shape_of(&axes)
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        let (left, right) = (operands.degree(0), operands.degree(1));
        if left == right { operands.unshifted(left) } else { Err(Reason::MixedDegrees { left, right }) }
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        // An entry is one of either; a sum of both is at least as complex.
        inputs[0].sum(inputs[1])
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{} and behind it {}, along axis {}", inputs[0], inputs[1], self.axis)
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("[{}, {}]_{{{}}}", inputs[0], inputs[1], self.axis)
    }

    fn rational(&self) -> Op {
        (*self).into()
    }

    fn kernel(&self, inputs: &[&Shape], _: &Shape) -> Kernel {
        let chunk = |shape: &Shape| shape.axes()[self.axis..].iter().product();
        Joined { chunks: [chunk(inputs[0]), chunk(inputs[1])] }.into()
    }
}

/// Chunks of this many entries of the first input and of the second, in turn.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Joined {
    chunks: [usize; 2],
}

impl Compute for Joined {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        let [first, second] = self.chunks;
        let chunks = inputs.scalars(0).chunks(first).zip(inputs.scalars(1).chunks(second));
        for (out, (x, y)) in out.chunks_mut(first + second).zip(chunks) {
            let (of_x, of_y) = out.split_at_mut(first);
            of_x.copy_from_slice(x);
            of_y.copy_from_slice(y);
        }
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        input: usize,
        _: &Inputs<'_, S>,
        (_, of_out): (&[S], &[S]),
        _: &mut [S],
        adjoint: &mut [S],
        _: Before,
    ) {
        let [first, second] = self.chunks;
        let start = if input == 0 { 0 } else { first };
        for (adjoint, of_out) in adjoint.chunks_mut(self.chunks[input]).zip(of_out.chunks(first + second)) {
            adjoint.iter_mut().zip(&of_out[start..]).for_each(|(a, &g)| *a = *a + g);
        }
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}
