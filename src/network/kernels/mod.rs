//! What a node computes, forwards and backwards, over any scalar.

mod products;
mod reductions;

use crate::arithmetic::product::Operand;
use crate::arithmetic::{Scalar, sum_of, vectorized};
use crate::network::activation::Activation;
use crate::network::error::PointFault;
use crate::network::op::{Normalization, Op, patch_places, product_sizes};
use crate::network::shape::{NOWHERE, Reduction, Shape, table};
use products::MatrixProducts;
use reductions::{
    log_sum, maximum, maximum_backward, normalization_fault, normalize, normalize_backward, reduce, softmax,
    softmax_backward, update,
};

/// An operation with everything that its shapes decide.
#[derive(Clone, Debug)]
pub(in crate::network) enum Kernel {
    /// The output is the input, in another shape.
    Same,
    Product(MatrixProducts),
    /// Entrywise; a table where an operand is broadcast.
    Binary {
        operation: Binary,
        tables: [Option<Vec<u32>>; 2],
    },
    Scale(f64),
    SquareRoot,
    Activation(Activation),
    Sum {
        reduction: Reduction,
        mean: bool,
    },
    Maximum(Reduction),
    /// Output entry k is input entry `table[k]`.
    Gather(Vec<u32>),
    Normalize {
        reduction: Reduction,
        normalization: Normalization,
    },
    Softmax {
        reduction: Reduction,
        function: Activation,
    },
    MeanSquaredError,
    CrossEntropy {
        classes: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub(in crate::network) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// What stands in an adjoint before an operation adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::network) enum Before {
    /// Nothing: it is to be written.
    Nothing,
    /// What other operations added.
    Some,
    /// What this operation alone is going to write, but for infinitesimals.
    Known,
}

/// The values of an input: scalars, and the data they are constants of if they depend on no weight.
#[derive(Clone, Copy)]
pub(in crate::network) struct Input<'a, S: Scalar> {
    pub scalars: &'a [S],
    pub data: Option<&'a [S::Base]>,
}

impl<'a, S: Scalar> Input<'a, S> {
    fn operand(self, range: std::ops::Range<usize>) -> Operand<'a, S> {
        match self.data {
            Some(data) => Operand::data(&data[range]),
            None => Operand::scalars(&self.scalars[range]),
        }
    }
}

impl Kernel {
    /// The kernel of an operation; none for weights and constants.
    pub(in crate::network) fn new(op: &Op, inputs: &[&Shape], out: &Shape) -> Option<Self> {
        // Shapes were checked when the node was added, so that a reduction exists.
        let over = |axes: &[usize]| Reduction::new(inputs[0], axes);
        Some(match op {
            Op::Weight(_) | Op::Constant(_) => return None,
            Op::Reshape(_) => Self::Same,
            Op::MatrixProduct { transpose_right } => {
                let (_, m, k, n) = product_sizes(inputs[0], inputs[1], out);
                Self::Product(MatrixProducts { sizes: (m, k, n), transpose_right: *transpose_right })
            }
            Op::Add => Self::binary(Binary::Add, inputs, out),
            Op::Subtract => Self::binary(Binary::Subtract, inputs, out),
            Op::Multiply => Self::binary(Binary::Multiply, inputs, out),
            Op::Divide => Self::binary(Binary::Divide, inputs, out),
            Op::Scale(factor) => Self::Scale(*factor),
            Op::SquareRoot => Self::SquareRoot,
            Op::Activation(activation) => Self::Activation(*activation),
            Op::Sum { axes } => Self::Sum { reduction: over(axes)?, mean: false },
            Op::Mean { axes } => Self::Sum { reduction: over(axes)?, mean: true },
            Op::Maximum { axes } => Self::Maximum(over(axes)?),
            Op::Transpose { order } => {
                let strides = inputs[0].strides();
                Self::Gather(table(out, |place| Some(order.iter().zip(place).map(|(&a, &p)| strides[a] * p).sum())))
            }
            Op::Slice { axis, start, step, .. } => {
                let strides = inputs[0].strides();
                let along = |k: usize, p: usize| if k == *axis { start + step * p } else { p };
                Self::Gather(table(out, |place| {
                    Some(strides.iter().zip(place).enumerate().map(|(k, (s, &p))| s * along(k, p)).sum())
                }))
            }
            Op::Patches { window, stride, padding } => {
                Self::Gather(patch_table(inputs[0], out, window, *stride, *padding)?)
            }
            Op::Normalize(normalization) => {
                Self::Normalize { reduction: over(&normalization.axes)?, normalization: normalization.clone() }
            }
            Op::Softmax { axis, function } => Self::Softmax { reduction: over(&[*axis])?, function: *function },
            Op::MeanSquaredError => Self::MeanSquaredError,
            Op::CrossEntropy => Self::CrossEntropy { classes: inputs[0].axes().last().copied().unwrap_or(1) },
        })
    }

    fn binary(operation: Binary, inputs: &[&Shape], out: &Shape) -> Self {
        let table_of = |input: &Shape| (input.count() != out.count()).then(|| broadcast_table(input, out));
        Self::Binary { operation, tables: [table_of(inputs[0]), table_of(inputs[1])] }
    }

    /// How many scalars it keeps from the forward pass to the backward one, besides its output.
    pub(in crate::network) fn extra(&self, out: &Shape) -> usize {
        match self {
            Self::Activation(_) => out.count(),
            Self::Normalize { reduction, .. } => 3 * reduction.kept(),
            Self::Maximum(reduction) | Self::Softmax { reduction, .. } => reduction.kept(),
            _ => 0,
        }
    }

    /// Writes the output. Where it is `known` but for infinitesimals, products leave that part as it stands.
    pub(in crate::network) fn forward<S: Scalar>(
        &self,
        inputs: &[Input<'_, S>; 2],
        out: &mut [S],
        extra: &mut [S],
        known: bool,
    ) {
        if let Self::Product(product) = self {
            product.forward(inputs, out, known);
        } else {
            let inputs = [inputs[0].scalars, inputs[1].scalars];
            vectorized::<S, _>(
                #[inline(always)]
                || self.forward_by_entries(inputs, out, extra),
            );
        }
    }

    /// Adds to `adjoint`, that of input `input`, what `of_out`, the output's, means for it; writes it where there is none before.
    pub(in crate::network) fn backward<S: Scalar>(
        &self,
        input: usize,
        inputs: &[Input<'_, S>; 2],
        (out, of_out): (&[S], &[S]),
        extra: &mut [S],
        adjoint: &mut [S],
        before: Before,
    ) {
        let first = before != Before::Some;
        if let Self::Product(product) = self {
            product.backward(input, inputs, of_out, adjoint, before);
        } else {
            // These two write what the others add to.
            let writes = matches!(self, Self::Normalize { .. } | Self::Activation(_));
            if first && !writes {
                adjoint.fill(S::constant(0.0));
            }
            let inputs = [inputs[0].scalars, inputs[1].scalars];
            vectorized::<S, _>(
                #[inline(always)]
                || self.backward_by_entries(input, inputs, (out, of_out), extra, adjoint, first),
            );
        }
    }

    /// Why a normalization of this input, whose forward pass left `extra`, has no number: its size vanishes or is too large to square.
    pub(in crate::network) fn fault(&self, x: &[f64], extra: &[f64]) -> Option<PointFault> {
        let Self::Normalize { reduction, normalization } = self else { return None };
        if normalization.epsilon > 0.0 {
            return None;
        }
        normalization_fault(reduction, normalization, x, extra)
    }

    #[inline(always)]
    fn forward_by_entries<S: Scalar>(&self, [x, y]: [&[S]; 2], out: &mut [S], extra: &mut [S]) {
        match self {
            // A product of matrices has entries of its own.
            Self::Same | Self::Product(_) => {}
            Self::Binary { operation, tables } => binary_forward(*operation, tables, x, y, out),
            Self::Scale(factor) => map(x, out, |x| S::constant(*factor) * x),
            Self::SquareRoot => map(x, out, Scalar::sqrt),
            Self::Activation(activation) => activate(*activation, x, out, extra),
            Self::Sum { reduction, mean } => {
                reduce(reduction, [&mut *out], [x], [], |[x], []| [x]);
                if *mean {
                    let count = S::constant(reduction.reduced() as f64);
                    out.iter_mut().for_each(|sum| *sum = *sum / count);
                }
            }
            Self::Maximum(reduction) => maximum(reduction, x, out, extra),
            Self::Gather(table) => {
                for (out, &index) in out.iter_mut().zip(table) {
                    *out = if index == NOWHERE { S::constant(0.0) } else { x[index as usize] };
                }
            }
            Self::Normalize { reduction, normalization } => normalize(reduction, normalization, x, out, extra),
            Self::Softmax { reduction, function } => softmax(reduction, *function, x, out, extra),
            Self::MeanSquaredError => {
                let square = sum_of(x.len(), |i| (x[i] - y[i]) * (x[i] - y[i]));
                out[0] = square / S::constant(x.len() as f64);
            }
            Self::CrossEntropy { classes } => {
                let rows = x.chunks_exact(*classes).zip(y.chunks_exact(*classes));
                let total = rows.fold(S::constant(0.0), |total, (logits, targets)| {
                    let (largest, log_sum) = log_sum(logits);
                    total + sum_of(*classes, |c| targets[c] * (log_sum - (logits[c] - largest)))
                });
                out[0] = total / S::constant((x.len() / classes) as f64);
            }
        }
    }

    #[inline(always)]
    fn backward_by_entries<S: Scalar>(
        &self,
        input: usize,
        [x, y]: [&[S]; 2],
        (out, of_out): (&[S], &[S]),
        extra: &mut [S],
        adjoint: &mut [S],
        first: bool,
    ) {
        match self {
            Self::Same | Self::Product(_) => {}
            Self::Binary { operation, tables } => {
                binary_backward(*operation, tables, input, [x, y], (out, of_out), adjoint);
            }
            Self::Scale(factor) => add_map(adjoint, of_out, |_, g| S::constant(*factor) * g),
            Self::SquareRoot => add_map(adjoint, of_out, |i, g| g / (out[i] + out[i])),
            Self::Activation(_) if first => {
                for ((a, &g), &derivative) in adjoint.iter_mut().zip(of_out).zip(&*extra) {
                    *a = g * derivative;
                }
            }
            Self::Activation(_) => {
                for ((a, &g), &derivative) in adjoint.iter_mut().zip(of_out).zip(&*extra) {
                    *a = *a + g * derivative;
                }
            }
            Self::Sum { reduction, mean } => {
                let count = if *mean { reduction.reduced() } else { 1 };
                let factor = S::constant(1.0) / S::constant(count as f64);
                update(reduction, adjoint, [], [of_out], |a, [], [g]| a + factor * g);
            }
            Self::Maximum(reduction) => maximum_backward(reduction, x, (out, of_out), extra, adjoint),
            Self::Gather(table) => {
                for (&g, &index) in of_out.iter().zip(table).filter(|(_, index)| **index != NOWHERE) {
                    adjoint[index as usize] = adjoint[index as usize] + g;
                }
            }
            Self::Normalize { reduction, normalization } => {
                normalize_backward(reduction, normalization, (out, of_out), extra, adjoint, first);
            }
            Self::Softmax { reduction, function } => {
                softmax_backward(reduction, *function, x, (out, of_out), extra, adjoint);
            }
            Self::MeanSquaredError => {
                let sign = if input == 0 { 2.0 } else { -2.0 };
                let factor = S::constant(sign) * of_out[0] / S::constant(x.len() as f64);
                for ((a, &x), &y) in adjoint.iter_mut().zip(x).zip(y) {
                    *a = *a + factor * (x - y);
                }
            }
            Self::CrossEntropy { classes } => {
                let factor = of_out[0] / S::constant((x.len() / classes) as f64);
                let rows = x.chunks_exact(*classes).zip(y.chunks_exact(*classes));
                for ((logits, targets), adjoint) in rows.zip(adjoint.chunks_exact_mut(*classes)) {
                    let (largest, log_sum) = log_sum(logits);
                    let weight = sum_of(*classes, |c| targets[c]);
                    for (c, adjoint) in adjoint.iter_mut().enumerate() {
                        let log_probability = logits[c] - largest - log_sum;
                        *adjoint = *adjoint
                            + factor
                                * if input == 0 {
                                    weight * Activation::Exponential.value(log_probability) - targets[c]
                                } else {
                                    -log_probability
                                };
                    }
                }
            }
        }
    }
}

/// Where each entry of `out` comes from in an operand that is broadcast to it.
fn broadcast_table(input: &Shape, out: &Shape) -> Vec<u32> {
    let rank = out.axes().len();
    let own = input.strides();
    table(out, |place| {
        let along = (0..rank).filter(|&axis| input.aligned(axis, rank) > 1);
        Some(along.map(|axis| own[axis + own.len() - rank] * place[axis]).sum())
    })
}

fn patch_table(input: &Shape, out: &Shape, window: &[usize], stride: usize, padding: usize) -> Option<Vec<u32>> {
    let places = patch_places(input, window, stride, padding).ok()?;
    let strides = input.strides();
    let digits = |mut index: usize, sizes: &[usize]| -> Vec<usize> {
        let mut digits = vec![0; sizes.len()];
        for (digit, size) in digits.iter_mut().zip(sizes).rev() {
            *digit = index % size;
            index /= size;
        }
        digits
    };
    let count: usize = places.iter().product();
    Some(table(out, |at| {
        let (position, within) = (digits(at[0] % count, &places), digits(at[1], window));
        let mut index = at[0] / count * strides[0] + at[2];
        for (axis, (&position, &within)) in position.iter().zip(&within).enumerate() {
            let along = (position * stride + within).checked_sub(padding)?;
            if along >= input.axes()[axis + 1] {
                return None;
            }
            index += along * strides[axis + 1];
        }
        Some(index)
    }))
}

#[inline(always)]
fn map<S: Scalar>(x: &[S], out: &mut [S], f: impl Fn(S) -> S) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = f(x);
    }
}

/// Leaves the derivatives in `extra`. The choice of the function stands outside the loop over entries.
#[inline(always)]
fn activate<S: Scalar>(activation: Activation, x: &[S], out: &mut [S], extra: &mut [S]) {
    macro_rules! each {
        ($($function:ident),*) => {
            match activation {
                $(Activation::$function => {
                    for ((out, derivative), &x) in out.iter_mut().zip(&mut *extra).zip(x) {
                        (*out, *derivative) = Activation::$function.value_and_derivative(x);
                    }
                })*
            }
        };
    }
    each!(Tanh, Softplus, Logistic, Exponential, Logarithm, Gelu, Relu, AlgebraicSigmoid, Rational, Cauchy);
}

#[inline(always)]
fn add_map<S: Scalar>(adjoint: &mut [S], of_out: &[S], f: impl Fn(usize, S) -> S) {
    for (i, (a, &g)) in adjoint.iter_mut().zip(of_out).enumerate() {
        *a = *a + f(i, g);
    }
}

#[inline(always)]
fn binary_forward<S: Scalar>(operation: Binary, tables: &[Option<Vec<u32>>; 2], x: &[S], y: &[S], out: &mut [S]) {
    match operation {
        Binary::Add => entrywise(tables, x, y, out, |x, y| x + y),
        Binary::Subtract => entrywise(tables, x, y, out, |x, y| x - y),
        Binary::Multiply => entrywise(tables, x, y, out, |x, y| x * y),
        Binary::Divide => entrywise(tables, x, y, out, |x, y| x / y),
    }
}

#[inline(always)]
fn entrywise<S: Scalar>(tables: &[Option<Vec<u32>>; 2], x: &[S], y: &[S], out: &mut [S], f: impl Fn(S, S) -> S) {
    match tables {
        [None, None] => {
            for (out, (&x, &y)) in out.iter_mut().zip(x.iter().zip(y)) {
                *out = f(x, y);
            }
        }
        _ => {
            for (k, out) in out.iter_mut().enumerate() {
                *out = f(x[at(&tables[0], k)], y[at(&tables[1], k)]);
            }
        }
    }
}

#[inline(always)]
fn at(table: &Option<Vec<u32>>, k: usize) -> usize {
    table.as_ref().map_or(k, |table| table[k] as usize)
}

#[inline(always)]
fn binary_backward<S: Scalar>(
    operation: Binary,
    tables: &[Option<Vec<u32>>; 2],
    input: usize,
    [x, y]: [&[S]; 2],
    (out, of_out): (&[S], &[S]),
    adjoint: &mut [S],
) {
    let own = &tables[input];
    let mut add = |f: &dyn Fn(usize) -> S| {
        for k in 0..of_out.len() {
            let place = at(own, k);
            adjoint[place] = adjoint[place] + f(k);
        }
    };
    match (operation, input) {
        (Binary::Add, _) | (Binary::Subtract, 0) => add(&|k| of_out[k]),
        (Binary::Subtract, _) => add(&|k| -of_out[k]),
        (Binary::Multiply, 0) => add(&|k| of_out[k] * y[at(&tables[1], k)]),
        (Binary::Multiply, _) => add(&|k| of_out[k] * x[at(&tables[0], k)]),
        (Binary::Divide, 0) => add(&|k| of_out[k] / y[at(&tables[1], k)]),
        (Binary::Divide, _) => add(&|k| -(of_out[k] * out[k] / y[at(&tables[1], k)])),
    }
}
