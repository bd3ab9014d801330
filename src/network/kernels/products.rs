//! Products of matrices, one for each of a batch.

use super::{Before, Input};
use crate::arithmetic::Scalar;
use crate::arithmetic::product::{Operand, multiply, multiply_infinitesimals};

/// Products m×k by k×n, the right matrix perhaps stored transposed.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct MatrixProducts {
    pub sizes: (usize, usize, usize),
    pub transpose_right: bool,
}

impl MatrixProducts {
    /// Writes the products, all of them or where the rest is `known` their infinitesimals.
    pub fn forward<S: Scalar>(&self, inputs: &[Input<'_, S>; 2], out: &mut [S], known: bool) {
        let (m, _, n) = self.sizes;
        let before = if known { Before::Known } else { Before::Nothing };
        for (batch, out) in out.chunks_exact_mut(m * n).enumerate() {
            let [left, right] = self.operands(batch, inputs);
            multiply_into(out, before, self.sizes, left, right);
        }
    }

    /// What the output's adjoint means for the factor `input`.
    pub fn backward<S: Scalar>(
        &self,
        input: usize,
        inputs: &[Input<'_, S>; 2],
        of_out: &[S],
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

    fn operands<'a, S: Scalar>(&self, batch: usize, inputs: &[Input<'a, S>; 2]) -> [Operand<'a, S>; 2] {
        let (m, k, n) = self.sizes;
        let left = inputs[0].operand(batch * m * k..(batch + 1) * m * k);
        let right = inputs[1].operand(batch * k * n..(batch + 1) * k * n);
        [left, right.transposed_if(self.transpose_right)]
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
