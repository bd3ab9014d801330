//! Products of matrices, one for each of a batch.

use super::kernel::{Before, Compute, Inputs, Kernel};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, shape_of};
use crate::arithmetic::Scalar;
use crate::arithmetic::product::{Operand, multiply, multiply_infinitesimals};
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::Shape;

/// Left (…×m×k) times right (k×n, or …×k×n with the same leading axes); the right one's last two axes are exchanged first where
/// `transpose_right`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatrixProduct {
    pub transpose_right: bool,
}

impl Operation for MatrixProduct {
    const NAMES: &'static [&'static str] = &["matrix_product", "linear"];

    fn read(name: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { transpose_right: name == "linear" || parameters.flag("transpose_right", false)? })
    }

    fn facts(&self) -> Facts {
        Facts { name: "matrix_product", arity: 2, is_smooth: true, is_algebraic: true, role: Role::Layer }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        if self.transpose_right { vec![("transpose_right", "true".into())] } else { vec![] }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        product_shape(inputs[0], inputs[1], self.transpose_right)
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        let (a, b) = (operands.degree(0), operands.degree(1));
        // The product is linear in its left factor. A term of it that is constant along rows stays so.
        // A term constant along leading axes stays so only where the right factor has no leading axes.
        match (operands.shift(0), operands.shift(1)) {
            (None, None) => Ok(Degree::Homogeneous(a + b)),
            (Some(along), None) => {
                let [left, right] = [0, 1].map(|k| operands.shapes[k].axes().len());
                let first = if right == 2 { 0 } else { left - 2 };
                let kept = along.iter().copied().filter(|axis| (first..left - 1).contains(axis));
                Degree::shifted(a + b, kept.collect())
            }
            _ => Err(Reason::Shift { degree: a }),
        }
    }

    fn complexity(&self, inputs: &[Fraction], shapes: &[&Shape], out: &Shape, _: &mut Roots) -> Fraction {
        let (_, _, inner, _) = product_sizes(shapes[0], shapes[1], out);
        inputs[0].product(inputs[1]).sum_of(inner)
    }

    fn text(&self, inputs: &[&str]) -> String {
        let transposed = if self.transpose_right { "ᵀ" } else { "" };
        format!("{} · {}{transposed}", inputs[0], inputs[1])
    }

    fn latex(&self, inputs: &[String]) -> String {
        let transposed = if self.transpose_right { "^{\\top}" } else { "" };
        format!("{}\\,{}{transposed}", inputs[0], inputs[1])
    }

    fn rational(&self) -> Op {
        (*self).into()
    }

    fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel {
        let (_, m, k, n) = product_sizes(inputs[0], inputs[1], out);
        MatrixProducts { sizes: (m, k, n), transpose_right: self.transpose_right }.into()
    }
}

/// Batches, m, k, n of a matrix product. Where the right one has no leading axes, those of the left are more rows.
fn product_sizes(left: &Shape, right: &Shape, out: &Shape) -> (usize, usize, usize, usize) {
    let last = |shape: &Shape, k: usize| shape.axes()[shape.axes().len() - k];
    let (k, n) = (last(left, 1), last(out, 1));
    let batches = if right.axes().len() == 2 { 1 } else { right.count() / (k * n) };
    (batches, out.count() / (batches * n), k, n)
}

fn product_shape(left: &Shape, right: &Shape, transpose_right: bool) -> Result<Shape, Fault> {
    let wrong = || Fault::MatrixProduct { left: left.clone(), right: right.clone(), transpose_right };
    let ([.., _, k], [.., a, b]) = (left.axes(), right.axes()) else {
        return Err(wrong());
    };
    let (inner, columns) = if transpose_right { (b, a) } else { (a, b) };
    let leading = |shape: &Shape| shape.axes()[..shape.axes().len() - 2].to_vec();
    if inner != k || !(right.axes().len() == 2 || leading(left) == leading(right)) {
        return Err(wrong());
    }
    let mut axes = left.axes().to_vec();
    if let Some(last) = axes.last_mut() {
        *last = *columns;
    }
    shape_of(&axes)
}

/// Products m×k by k×n, the right matrix perhaps stored transposed.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct MatrixProducts {
    sizes: (usize, usize, usize),
    transpose_right: bool,
}

impl MatrixProducts {
    /// How many products an entry of the result is the sum of.
    pub(in crate::network) fn terms(&self) -> usize {
        self.sizes.1
    }

    fn operands<'a, S: Scalar>(&self, batch: usize, inputs: &Inputs<'a, S>) -> [Operand<'a, S>; 2] {
        let (m, k, n) = self.sizes;
        let left = inputs.operand(0, batch * m * k..(batch + 1) * m * k);
        let right = inputs.operand(1, batch * k * n..(batch + 1) * k * n);
        [left, right.transposed_if(self.transpose_right)]
    }
}

impl Compute for MatrixProducts {
    const IS_LOOPS: bool = false;
    const WRITES: bool = true;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], known: bool) {
        let (m, _, n) = self.sizes;
        let before = if known { Before::Known } else { Before::Nothing };
        for (batch, out) in out.chunks_exact_mut(m * n).enumerate() {
            let [left, right] = self.operands(batch, inputs);
            multiply_into(out, before, self.sizes, left, right);
        }
    }

    fn backward<S: Scalar>(
        &self,
        input: usize,
        inputs: &Inputs<'_, S>,
        (_, of_out): (&[S], &[S]),
        _: &mut [S],
        adjoint: &mut [S],
        before: Before,
    ) {
        let (m, k, n) = self.sizes;
        let size = if input == 0 { m * k } else { k * n };
        for (batch, (adjoint, of_out)) in adjoint.chunks_exact_mut(size).zip(of_out.chunks_exact(m * n)).enumerate() {
            let [left, right] = self.operands(batch, inputs);
            let of_out = Operand::scalars(of_out);
            let (sizes, left, right) = match (input, self.transpose_right) {
                (0, _) => ((m, n, k), of_out, right.transposed()),
                (_, true) => ((n, m, k), of_out.transposed(), left),
                (_, false) => ((k, m, n), left.transposed(), of_out),
            };
            multiply_into(adjoint, before, sizes, left, right);
        }
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}

fn multiply_into<S: Scalar>(
    out: &mut [S],
    before: Before,
    sizes: (usize, usize, usize),
    left: Operand<'_, S>,
    right: Operand<'_, S>,
) {
    match before {
        Before::Nothing => multiply(out, false, sizes, left, right),
        Before::Some => multiply(out, true, sizes, left, right),
        Before::Known => multiply_infinitesimals(out, sizes, left, right),
    }
}
