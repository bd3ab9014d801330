//! Losses: one number of two arrays.

use super::activation::Activation;
use super::kernel::{Before, Compute, Inputs, Kernel};
use super::reduce::log_sum;
use super::{Facts, Op, Operation, ParameterError, Parameters, Role};
use crate::arithmetic::{Scalar, sum_of};
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::Shape;

/// mean((a − b)²).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanSquaredError;

impl Operation for MeanSquaredError {
    const NAMES: &'static [&'static str] = &["mean_squared_error"];

    fn read(_: &str, _: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self)
    }

    fn facts(&self) -> Facts {
        Facts { name: "mean_squared_error", arity: 2, is_smooth: true, is_algebraic: true, role: Role::Loss }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        number_of(inputs)
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        let (a, b) = (operands.degree(0), operands.degree(1));
        if a == b { operands.unshifted(2.0 * a) } else { Err(Reason::MixedDegrees { left: a, right: b }) }
    }

    fn complexity(&self, inputs: &[Fraction], shapes: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        square_of_difference(inputs, shapes)
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("mean of ({} − {})²", inputs[0], inputs[1])
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("\\operatorname{{mean}}\\,({} - {})^2", inputs[0], inputs[1])
    }

    fn rational(&self) -> Op {
        (*self).into()
    }

    fn kernel(&self, _: &[&Shape], _: &Shape) -> Kernel {
        SquaredError.into()
    }
}

/// −Σ_c t_c log softmax(z)_c over the last axis, averaged over the others: logits z and targets t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy;

impl Operation for CrossEntropy {
    const NAMES: &'static [&'static str] = &["cross_entropy"];

    fn read(_: &str, _: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self)
    }

    fn facts(&self) -> Facts {
        Facts { name: "cross_entropy", arity: 2, is_smooth: true, is_algebraic: false, role: Role::Loss }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        number_of(inputs)
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        match operands.degree(0) {
            0.0 => operands.unshifted(operands.degree(1)),
            degree => Err(Reason::UnnormalizedOutput { degree }),
        }
    }

    fn complexity(&self, inputs: &[Fraction], shapes: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        square_of_difference(inputs, shapes)
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("cross-entropy of the logits {} against {}", inputs[0], inputs[1])
    }

    fn latex(&self, inputs: &[String]) -> String {
        let [z, t] = [&inputs[0], &inputs[1]];
        format!("-\\operatorname{{mean}} \\textstyle\\sum {t} \\odot \\log\\operatorname{{softmax}} {z}")
    }

    fn rational(&self) -> Op {
        MeanSquaredError.into()
    }

    fn kernel(&self, inputs: &[&Shape], _: &Shape) -> Kernel {
        Entropy { classes: inputs[0].axes().last().copied().unwrap_or(1) }.into()
    }
}

/// A number, where both arrays have one shape.
fn number_of(inputs: &[&Shape]) -> Result<Shape, Fault> {
    if inputs[0] == inputs[1] {
        Ok(Shape::number())
    } else {
        Err(Fault::Differ { left: inputs[0].clone(), right: inputs[1].clone() })
    }
}

fn square_of_difference(inputs: &[Fraction], shapes: &[&Shape]) -> Fraction {
    let difference = inputs[0].sum(inputs[1]);
    difference.product(difference).sum_of(shapes[0].count())
}

/// mean((a − b)²).
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct SquaredError;

impl Compute for SquaredError {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        let (x, y) = (inputs.scalars(0), inputs.scalars(1));
        let square = sum_of(x.len(), |i| (x[i] - y[i]) * (x[i] - y[i]));
        out[0] = square / S::constant(x.len() as f64);
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        input: usize,
        inputs: &Inputs<'_, S>,
        (_, of_out): (&[S], &[S]),
        _: &mut [S],
        adjoint: &mut [S],
        _: Before,
    ) {
        let (x, y) = (inputs.scalars(0), inputs.scalars(1));
        let sign = if input == 0 { 2.0 } else { -2.0 };
        let factor = S::constant(sign) * of_out[0] / S::constant(x.len() as f64);
        for ((a, &x), &y) in adjoint.iter_mut().zip(x).zip(y) {
            *a = *a + factor * (x - y);
        }
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}

/// Cross-entropy of this many classes.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Entropy {
    classes: usize,
}

impl Compute for Entropy {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        let (x, y, classes) = (inputs.scalars(0), inputs.scalars(1), self.classes);
        let rows = x.chunks_exact(classes).zip(y.chunks_exact(classes));
        let total = rows.fold(S::constant(0.0), |total, (logits, targets)| {
            let (largest, log_sum) = log_sum(logits);
            total + sum_of(classes, |c| targets[c] * (log_sum - (logits[c] - largest)))
        });
        out[0] = total / S::constant((x.len() / classes) as f64);
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        input: usize,
        inputs: &Inputs<'_, S>,
        (_, of_out): (&[S], &[S]),
        _: &mut [S],
        adjoint: &mut [S],
        _: Before,
    ) {
        let (x, y, classes) = (inputs.scalars(0), inputs.scalars(1), self.classes);
        let factor = of_out[0] / S::constant((x.len() / classes) as f64);
        let rows = x.chunks_exact(classes).zip(y.chunks_exact(classes));
        for ((logits, targets), adjoint) in rows.zip(adjoint.chunks_exact_mut(classes)) {
            let (largest, log_sum) = log_sum(logits);
            let weight = sum_of(classes, |c| targets[c]);
            for (c, adjoint) in adjoint.iter_mut().enumerate() {
                let log_probability = logits[c] - largest - log_sum;
                let of_input = if input == 0 {
                    weight * Activation::Exponential.value(log_probability) - targets[c]
                } else {
                    -log_probability
                };
                *adjoint = *adjoint + factor * of_input;
            }
        }
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}
