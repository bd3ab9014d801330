//! Operations without inputs: weights and data.

use super::kernel::{Kernel, Same};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role};
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::Fault;
use crate::network::reason::Reason;
use crate::network::shape::Shape;

/// A group of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    pub shape: Shape,
    /// The numbers that the group was given, in row-major order, as those of a training that went before; `None` where it is to be drawn.
    pub values: Option<Vec<f64>>,
}

/// Where the numbers of a constant come from, so that a file need not list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// They are given one by one.
    Given,
    /// Standard normal draws from a seed.
    Normal { seed: u64 },
}

/// Data: an array of finite numbers in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    pub shape: Shape,
    pub values: Vec<f64>,
    pub origin: Origin,
    /// Whether each column was given mean 0 and variance 1 after it was read or drawn.
    pub standardized: bool,
}

/// Passes if numbers are finite and as many as a shape asks for.
fn check(values: &[f64], shape: &Shape) -> Result<(), Fault> {
    if values.len() != shape.count() {
        return Err(Fault::Length { found: values.len(), shape: shape.clone() });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(entry) => Err(Fault::ConstantNotFinite { entry, value: values[entry] }),
        None => Ok(()),
    }
}

/// The parts that weights and data have in common. A file has tables of their own for them.
macro_rules! source {
    ($type:ident, $name:literal, $role:ident) => {
        impl Operation for $type {
            const NAMES: &'static [&'static str] = &[];

            fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
                Err(parameters.fault("op", concat!("an operation; a ", $name, " stands in a table of its own")))
            }

            fn facts(&self) -> Facts {
                Facts { name: $name, arity: 0, is_smooth: true, is_algebraic: true, role: Role::$role }
            }

            fn parameters(&self) -> Vec<(&'static str, String)> {
                vec![]
            }

            fn shape(&self, _: &[&Shape]) -> Result<Shape, Fault> {
                self.own_shape()
            }

            fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
                Ok(Degree::Homogeneous(if operands.is_member { 1.0 } else { 0.0 }))
            }

            fn complexity(&self, _: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
                Fraction { numerator: 1.0, denominator: 0.0 }
            }

            fn text(&self, _: &[&str]) -> String {
                self.own_text().into()
            }

            /// It is known by its name.
            fn latex(&self, _: &[String]) -> String {
                String::new()
            }

            fn rational(&self) -> Op {
                self.clone().into()
            }

            /// Its numbers are there before anything is computed.
            fn kernel(&self, _: &[&Shape], _: &Shape) -> Kernel {
                Same.into()
            }
        }
    };
}

source!(Weight, "weight", Weights);
source!(Constant, "constant", Data);

impl Weight {
    fn own_shape(&self) -> Result<Shape, Fault> {
        self.values.as_ref().map_or(Ok(()), |values| check(values, &self.shape)).map(|()| self.shape.clone())
    }

    fn own_text(&self) -> &'static str {
        "weights"
    }
}

impl Constant {
    fn own_shape(&self) -> Result<Shape, Fault> {
        check(&self.values, &self.shape).map(|()| self.shape.clone())
    }

    fn own_text(&self) -> &'static str {
        if self.standardized { "data, standardized" } else { "data" }
    }
}
