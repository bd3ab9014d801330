//! Softmax.

use super::activation::Activation;
use super::kernel::{Before, Compute, Inputs, Kernel};
use super::reduce::{largest_leading, reduce, update};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, axis_size, reduction};
use crate::arithmetic::Scalar;
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::{Reduction, Shape};

/// f(x)/Σf(x) along an axis; f is the exponential or, for exact arithmetic, another positive function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    pub axis: usize,
    pub function: Activation,
}

impl Operation for Softmax {
    const NAMES: &'static [&'static str] = &["softmax"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { axis: parameters.axis("axis")?, function: positive_function(parameters)? })
    }

    fn facts(&self) -> Facts {
        Facts {
            name: "softmax",
            arity: 1,
            is_smooth: true,
            is_algebraic: self.function.facts().is_algebraic,
            role: Role::Other,
        }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("axis", self.axis.to_string()), ("function", format!("\"{}\"", self.function.name()))]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        axis_size(inputs[0], self.axis).map(|_| inputs[0].clone())
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        match (operands.degree(0), operands.shift(0)) {
            // A softmax of the exponential removes a term that is constant along its axis.
            (0.0, Some(along)) if along.contains(&self.axis) && self.function == Activation::Exponential => {
                Ok(Degree::Homogeneous(0.0))
            }
            (0.0, None) => Ok(Degree::Homogeneous(0.0)),
            (degree, Some(_)) => Err(Reason::Shift { degree }),
            (degree, None) => Err(Reason::Function { degree }),
        }
    }

    fn complexity(&self, inputs: &[Fraction], shapes: &[&Shape], out: &Shape, roots: &mut Roots) -> Fraction {
        let weight = self.function.complexity(inputs, shapes, out, roots);
        weight.quotient(weight.sum_of(reduction(shapes[0], &[self.axis]).reduced()))
    }

    fn text(&self, inputs: &[&str]) -> String {
        let (x, axis, f) = (inputs[0], self.axis, self.function.name());
        if self.function == Activation::Exponential {
            format!("softmax of {x} along axis {axis}")
        } else {
            format!("{f}({x})/Σ{f}({x}) along axis {axis}")
        }
    }

    fn latex(&self, inputs: &[String]) -> String {
        let axis = self.axis;
        if self.function == Activation::Exponential {
            return format!("\\operatorname{{softmax}}_{{{axis}}} {}", inputs[0]);
        }
        let f = self.function.latex(inputs);
        format!("\\frac{{{f}}}{{\\sum_{{{axis}}} {f}}}")
    }

    fn rational(&self) -> Op {
        Self { function: Activation::Cauchy, ..*self }.into()
    }

    fn kernel(&self, inputs: &[&Shape], _: &Shape) -> Kernel {
        Softmaxed { reduction: reduction(inputs[0], &[self.axis]), function: self.function }.into()
    }
}

fn positive_function(parameters: &mut Parameters<'_>) -> Result<Activation, ParameterError> {
    match parameters.rest.remove("function") {
        None => Ok(Activation::Exponential),
        Some(toml::Value::String(name)) if name == Activation::Exponential.name() => Ok(Activation::Exponential),
        Some(toml::Value::String(name)) if name == Activation::Cauchy.name() => Ok(Activation::Cauchy),
        _ => Err(parameters.fault("function", "\"exp\" or \"cauchy\"")),
    }
}

/// A softmax with its reduction.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Softmaxed {
    reduction: Reduction,
    function: Activation,
}

impl Compute for Softmaxed {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        self.reduction.kept()
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], extra: &mut [S], _: bool) {
        let (reduction, function, x) = (&self.reduction, self.function, inputs.scalars(0));
        out.copy_from_slice(x);
        if function == Activation::Exponential {
            // The largest entry is subtracted to avoid an overflow. The common factor cancels in the quotient.
            let largest = largest_leading(x);
            out.iter_mut().for_each(|x| *x = *x - largest);
        }
        out.iter_mut().for_each(|x| *x = function.value(*x));
        reduce(reduction, [&mut *extra], [&*out], [], |[x], []| [x]);
        extra.iter_mut().for_each(|sum| *sum = S::constant(1.0) / *sum);
        update(reduction, out, [], [&*extra], |x, [], [inverse]| x * inverse);
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        _: usize,
        inputs: &Inputs<'_, S>,
        (out, of_out): (&[S], &[S]),
        extra: &mut [S],
        adjoint: &mut [S],
        _: Before,
    ) {
        // With p the output and g its adjoint: p·(log f)′·(g − Σ g·p).
        let (reduction, function, x) = (&self.reduction, self.function, inputs.scalars(0));
        reduce(reduction, [&mut *extra], [of_out, out], [], |[g, p], []| [g * p]);
        update(reduction, adjoint, [of_out, out, x], [&*extra], |a, [g, p, x], [sum]| {
            let change = p * (g - sum);
            if function == Activation::Exponential {
                return a + change;
            }
            let (value, derivative) = function.value_and_derivative(x);
            a + change * derivative / value
        });
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}
