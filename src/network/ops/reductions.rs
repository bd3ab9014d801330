//! Reductions over some axes, which stay with size 1.

use super::kernel::{Before, Compute, Inputs, Kernel};
use super::reduce::{reduce, update};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, axes_index, check_axes, reduction, shape_of};
use crate::arithmetic::Scalar;
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::{Reduction, Shape, axes_text};

/// The mean over some axes, or else the sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Total<const MEAN: bool> {
    pub axes: Vec<usize>,
}

/// The sum over some axes.
pub type Sum = Total<false>;

/// The mean over some axes.
pub type Mean = Total<true>;

impl<const MEAN: bool> Operation for Total<MEAN>
where
    Self: Into<Op>,
{
    const NAMES: &'static [&'static str] = if MEAN { &["mean"] } else { &["sum"] };

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { axes: parameters.axes_of("axes")? })
    }

    fn facts(&self) -> Facts {
        Facts { name: Self::NAMES[0], arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("axes", format!("{:?}", self.axes))]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        reduced_shape(inputs[0], &self.axes)
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        operands.reduced(&self.axes)
    }

    fn complexity(&self, inputs: &[Fraction], shapes: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0].sum_of(reduction(shapes[0], &self.axes).reduced())
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{} of {} over {}", Self::NAMES[0], inputs[0], axes_text(&self.axes))
    }

    fn latex(&self, inputs: &[String]) -> String {
        let operator = if MEAN { "\\operatorname{mean}" } else { "\\textstyle\\sum" };
        format!("{operator}_{{{}}} {}", axes_index(&self.axes), inputs[0])
    }

    fn rational(&self) -> Op {
        self.clone().into()
    }

    fn kernel(&self, inputs: &[&Shape], _: &Shape) -> Kernel {
        Summed { reduction: reduction(inputs[0], &self.axes), mean: MEAN }.into()
    }
}

/// The maximum over some axes. It is not smooth.
#[derive(Clone, Debug, PartialEq)]
pub struct Maximum {
    pub axes: Vec<usize>,
}

impl Operation for Maximum {
    const NAMES: &'static [&'static str] = &["maximum"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { axes: parameters.axes_of("axes")? })
    }

    fn facts(&self) -> Facts {
        Facts { name: "maximum", arity: 1, is_smooth: false, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("axes", format!("{:?}", self.axes))]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        reduced_shape(inputs[0], &self.axes)
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        // A maximum keeps a shift only if all the terms that it compares have the same shift.
        match operands.shift(0) {
            Some(along) if !self.axes.iter().all(|axis| along.contains(axis)) => {
                Err(Reason::Shift { degree: operands.degree(0) })
            }
            _ => operands.reduced(&self.axes),
        }
    }

    fn complexity(&self, inputs: &[Fraction], shapes: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0].sum_of(reduction(shapes[0], &self.axes).reduced())
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("maximum of {} over {}", inputs[0], axes_text(&self.axes))
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("\\max_{{{}}} {}", axes_index(&self.axes), inputs[0])
    }

    fn rational(&self) -> Op {
        Mean { axes: self.axes.clone() }.into()
    }

    fn kernel(&self, inputs: &[&Shape], _: &Shape) -> Kernel {
        Largest { reduction: reduction(inputs[0], &self.axes) }.into()
    }
}

fn reduced_shape(input: &Shape, axes: &[usize]) -> Result<Shape, Fault> {
    check_axes(input, axes)?;
    let kept = input.axes().iter().enumerate().map(|(axis, &size)| if axes.contains(&axis) { 1 } else { size });
    shape_of(&kept.collect::<Vec<_>>())
}

/// A sum, divided by the count where it is a mean.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Summed {
    reduction: Reduction,
    mean: bool,
}

impl Compute for Summed {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        reduce(&self.reduction, [&mut *out], [inputs.scalars(0)], [], |[x], []| [x]);
        if self.mean {
            let count = S::constant(self.reduction.reduced() as f64);
            out.iter_mut().for_each(|sum| *sum = *sum / count);
        }
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        _: usize,
        _: &Inputs<'_, S>,
        (_, of_out): (&[S], &[S]),
        _: &mut [S],
        adjoint: &mut [S],
        _: Before,
    ) {
        let count = if self.mean { self.reduction.reduced() } else { 1 };
        let factor = S::constant(1.0) / S::constant(count as f64);
        update(&self.reduction, adjoint, [], [of_out], |a, [], [g]| a + factor * g);
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}

/// A maximum; of equal entries the first stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Largest {
    reduction: Reduction,
}

impl Compute for Largest {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        self.reduction.kept()
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], extra: &mut [S], _: bool) {
        let (reduction, x) = (&self.reduction, inputs.scalars(0));
        let (zero, one) = (S::constant(0.0), S::constant(1.0));
        // 1 marks a result not met.
        extra.fill(one);
        let step = usize::from(!reduction.runs_reduce());
        reduction.for_each_run(|entry, length, result| {
            for k in 0..length {
                let place = result + step * k;
                let value = x[entry + k];
                let largest = if extra[place] == one { value } else { (value - out[place]).choose(value, out[place]) };
                // A value that is not a number stays so.
                out[place] = largest + zero * value;
                extra[place] = zero;
            }
        });
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
        // The adjoint goes to the first entry that is the maximum.
        let (reduction, x) = (&self.reduction, inputs.scalars(0));
        let (zero, one) = (S::constant(0.0), S::constant(1.0));
        // The mark of a result is 1 until its maximum has been met, and 0 afterwards.
        extra.fill(one);
        let step = usize::from(!reduction.runs_reduce());
        reduction.for_each_run(|entry, length, result| {
            for k in 0..length {
                let place = result + step * k;
                let (value, largest) = (x[entry + k], out[place]);
                let is_it = (largest - value).choose(zero, (value - largest).choose(zero, extra[place]));
                adjoint[entry + k] = adjoint[entry + k] + is_it * of_out[place];
                extra[place] = extra[place] - is_it;
            }
        });
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}
