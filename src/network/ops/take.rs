//! Entries of an axis by their indices.

use super::kernel::Kernel;
use super::rearrange::Gather;
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, axis_size, shape_of};
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::Fault;
use crate::network::reason::Reason;
use crate::network::shape::{Shape, table};

/// The entries of an axis at these indices, in this order; an index may come more than once.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    pub axis: usize,
    pub indices: Vec<usize>,
}

impl Operation for Take {
    const NAMES: &'static [&'static str] = &["take"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { axis: parameters.axis("axis")?, indices: parameters.sizes_of("indices")? })
    }

    fn facts(&self) -> Facts {
        Facts { name: "take", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("axis", self.axis.to_string()), ("indices", format!("{:?}", self.indices))]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        let size = axis_size(inputs[0], self.axis)?;
        if let Some(&index) = self.indices.iter().find(|index| **index >= size) {
            return Err(Fault::Index { index, size });
        }
        let mut axes = inputs[0].axes().to_vec();
        axes[self.axis] = self.indices.len();
        shape_of(&axes)
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        Ok(operands.same())
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0]
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{}, {} of axis {}", inputs[0], self.listed(), self.axis)
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("{}\\,[\\text{{{}}}]_{{{}}}", inputs[0], self.listed(), self.axis)
    }

    fn rational(&self) -> Op {
        self.clone().into()
    }

    fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel {
        let strides = inputs[0].strides();
        let along = |k: usize, p: usize| if k == self.axis { self.indices[p] } else { p };
        let place =
            |place: &[usize]| Some(strides.iter().zip(place).enumerate().map(|(k, (s, &p))| s * along(k, p)).sum());
        Gather { table: table(out, place) }.into()
    }
}

impl Take {
    /// The indices, of many the first ones.
    fn listed(&self) -> String {
        const SHOWN: usize = 8;
        let shown: Vec<String> = self.indices.iter().take(SHOWN).map(usize::to_string).collect();
        let more = if self.indices.len() > SHOWN { ", …" } else { "" };
        format!("entries {}{more}", shown.join(", "))
    }
}
