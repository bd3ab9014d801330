//! The same numbers in other places.

use super::kernel::{Before, Compute, Inputs, Kernel, Same};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, axes_index, axis_size, shape_of};
use crate::arithmetic::Scalar;
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::{NOWHERE, Shape, table};

/// Axes in a new order: axis k of the result is axis `order[k]` of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Transpose {
    pub order: Vec<usize>,
}

impl Operation for Transpose {
    const NAMES: &'static [&'static str] = &["transpose"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { order: parameters.axes_of("order")? })
    }

    fn facts(&self) -> Facts {
        Facts { name: "transpose", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("order", format!("{:?}", self.order))]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        let (x, order) = (inputs[0], &self.order);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..x.axes().len()) {
            return Err(Fault::Order { order: order.clone(), axes: x.axes().len() });
        }
        shape_of(&order.iter().map(|&axis| x.axes()[axis]).collect::<Vec<_>>())
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        let moved = |along: &[usize]| (0..self.order.len()).filter(|&k| along.contains(&self.order[k])).collect();
        Ok(match operands.shift(0) {
            None => Degree::Homogeneous(operands.degree(0)),
            Some(along) => Degree::UpToShift { degree: operands.degree(0), constant_along: moved(along) },
        })
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0]
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{}, axes in the order {:?}", inputs[0], self.order)
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("\\operatorname{{transpose}}_{{{}}} {}", axes_index(&self.order), inputs[0])
    }

    fn rational(&self) -> Op {
        self.clone().into()
    }

    fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel {
        let strides = inputs[0].strides();
        let place = |place: &[usize]| Some(self.order.iter().zip(place).map(|(&a, &p)| strides[a] * p).sum());
        Gather { table: table(out, place) }.into()
    }
}

/// The same numbers in another shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape {
    pub shape: Shape,
}

impl Operation for Reshape {
    const NAMES: &'static [&'static str] = &["reshape"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        let axes = parameters.sizes_of("shape")?;
        let shape = Shape::new(&axes).ok_or_else(|| parameters.fault("shape", "at most six axes, none of size 0"))?;
        Ok(Self { shape })
    }

    fn facts(&self) -> Facts {
        Facts { name: "reshape", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("shape", format!("{:?}", self.shape.axes()))]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        if self.shape.count() == inputs[0].count() {
            Ok(self.shape.clone())
        } else {
            Err(Fault::Reshape { from: inputs[0].clone(), to: self.shape.clone() })
        }
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        operands.unshifted(operands.degree(0))
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0]
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{} as {}", inputs[0], self.shape)
    }

    fn latex(&self, inputs: &[String]) -> String {
        let sizes: Vec<_> = self.shape.axes().iter().map(usize::to_string).collect();
        format!("{} \\in \\mathbb{{R}}^{{{}}}", inputs[0], sizes.join(" \\times "))
    }

    fn rational(&self) -> Op {
        self.clone().into()
    }

    fn kernel(&self, _: &[&Shape], _: &Shape) -> Kernel {
        Same.into()
    }
}

/// Every `step`-th of the entries `start..end` along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    pub axis: usize,
    pub start: usize,
    pub end: usize,
    pub step: usize,
}

impl Operation for Slice {
    const NAMES: &'static [&'static str] = &["slice"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self {
            axis: parameters.axis("axis")?,
            start: parameters.size("start", Some(0))?,
            end: parameters.size("end", None)?,
            step: parameters.size("step", Some(1))?,
        })
    }

    fn facts(&self) -> Facts {
        Facts { name: "slice", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("axis", self.axis.to_string()),
            ("start", self.start.to_string()),
            ("end", self.end.to_string()),
            ("step", self.step.to_string()),
        ]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        let &Self { axis, start, end, step } = self;
        let size = axis_size(inputs[0], axis)?;
        if !(start < end && end <= size && step > 0) {
            return Err(Fault::Slice { start, end, step, size });
        }
        let mut axes = inputs[0].axes().to_vec();
        axes[axis] = (end - start).div_ceil(step);
        shape_of(&axes)
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        Ok(operands.same())
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0]
    }

    fn text(&self, inputs: &[&str]) -> String {
        let Self { axis, start, end, step } = self;
        let every = if *step == 1 { String::new() } else { format!(" in steps of {step}") };
        format!("{}, entries {start}..{end}{every} of axis {axis}", inputs[0])
    }

    fn latex(&self, inputs: &[String]) -> String {
        let Self { axis, start, end, step } = self;
        format!("{}\\,[{start}:{end}:{step}]_{{{axis}}}", inputs[0])
    }

    fn rational(&self) -> Op {
        (*self).into()
    }

    fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel {
        let strides = inputs[0].strides();
        let along = |k: usize, p: usize| if k == self.axis { self.start + self.step * p } else { p };
        let place =
            |place: &[usize]| Some(strides.iter().zip(place).enumerate().map(|(k, (s, &p))| s * along(k, p)).sum());
        Gather { table: table(out, place) }.into()
    }
}

/// Output entry k is input entry `table[k]`.
#[derive(Clone, Debug)]
pub(in crate::network) struct Gather {
    pub(super) table: Vec<u32>,
}

impl Compute for Gather {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        let x = inputs.scalars(0);
        for (out, &index) in out.iter_mut().zip(&self.table) {
            *out = if index == NOWHERE { S::constant(0.0) } else { x[index as usize] };
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
        for (&g, &index) in of_out.iter().zip(&self.table).filter(|(_, index)| **index != NOWHERE) {
            adjoint[index as usize] = adjoint[index as usize] + g;
        }
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}
