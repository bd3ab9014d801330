//! Operations on every entry by itself.

use super::kernel::{Before, Compute, Inputs, Kernel};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role};
use crate::arithmetic::Scalar;
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::{Shape, table};

/// An operation on the entries of two arrays, with axes of size 1 repeated.
macro_rules! binary {
    (
        $(#[$doc:meta])*
        $type:ident, $names:tt, $text:literal, $latex:literal, $role:ident,
        degree: |$operands:ident| $degree:expr,
        complexity: |$left:ident, $right:ident| $complexity:expr,
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $type;

        impl Operation for $type {
            const NAMES: &'static [&'static str] = &$names;

            fn read(_: &str, _: &mut Parameters<'_>) -> Result<Self, ParameterError> {
                Ok($type)
            }

            fn facts(&self) -> Facts {
                Facts { name: Self::NAMES[0], arity: 2, is_smooth: true, is_algebraic: true, role: Role::$role }
            }

            fn parameters(&self) -> Vec<(&'static str, String)> {
                vec![]
            }

            fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
                let [left, right] = [inputs[0], inputs[1]];
                left.broadcast(right).ok_or_else(|| Fault::Broadcast { left: left.clone(), right: right.clone() })
            }

            fn degree(&self, $operands: &Operands<'_>) -> Result<Degree, Reason> {
                $degree
            }

            fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
                let [$left, $right] = [inputs[0], inputs[1]];
                $complexity
            }

            fn text(&self, inputs: &[&str]) -> String {
                format!($text, inputs[0], inputs[1])
            }

            fn latex(&self, inputs: &[String]) -> String {
                format!($latex, inputs[0], inputs[1])
            }

            fn rational(&self) -> Op {
                (*self).into()
            }

            fn kernel(&self, inputs: &[&Shape], out: &Shape) -> Kernel {
                Binary::new(Arithmetic::$type, inputs, out).into()
            }
        }
    };
}

binary! {
    /// The sum of two arrays, entrywise, with axes of size 1 repeated; so with the next three.
    Add, ["add", "bias"], "{} + {}", "{} + {}", Other,
    degree: |operands| operands.sum(),
    complexity: |left, right| left.sum(right),
}

binary! {
    /// The difference.
    Subtract, ["subtract"], "{} − {}", "{} - {}", Other,
    degree: |operands| operands.sum(),
    complexity: |left, right| left.sum(right),
}

binary! {
    /// The product.
    Multiply, ["multiply"], "{} ⊙ {}", "{} \\odot {}", Gain,
    degree: |operands| operands.unshifted(operands.degree(0) + operands.degree(1)),
    complexity: |left, right| left.product(right),
}

binary! {
    /// The quotient.
    Divide, ["divide"], "{} / {}", "{} \\oslash {}", Gain,
    degree: |operands| operands.unshifted(operands.degree(0) - operands.degree(1)),
    complexity: |left, right| left.quotient(right),
}

/// A constant factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub factor: f64,
}

impl Operation for Scale {
    const NAMES: &'static [&'static str] = &["scale"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { factor: parameters.number("factor", None)? })
    }

    fn facts(&self) -> Facts {
        Facts { name: "scale", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("factor", format!("{:?}", self.factor))]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        if self.factor.is_finite() {
            Ok(inputs[0].clone())
        } else {
            Err(Fault::NotFinite { what: "factor", value: self.factor })
        }
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        Ok(operands.same())
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0]
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{} · {}", self.factor, inputs[0])
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("{}\\,{}", self.factor, inputs[0])
    }

    fn rational(&self) -> Op {
        (*self).into()
    }

    fn kernel(&self, _: &[&Shape], _: &Shape) -> Kernel {
        Scaled { factor: self.factor }.into()
    }
}

/// √x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquareRoot;

impl Operation for SquareRoot {
    const NAMES: &'static [&'static str] = &["square_root"];

    fn read(_: &str, _: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self)
    }

    fn facts(&self) -> Facts {
        Facts { name: "square_root", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        Ok(inputs[0].clone())
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        operands.unshifted(operands.degree(0) / 2.0)
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], out: &Shape, roots: &mut Roots) -> Fraction {
        roots.take(out.count(), inputs[0])
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("√{}", inputs[0])
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("\\sqrt{{{}}}", inputs[0])
    }

    fn rational(&self) -> Op {
        (*self).into()
    }

    fn kernel(&self, _: &[&Shape], _: &Shape) -> Kernel {
        Root.into()
    }
}

#[derive(Clone, Copy, Debug)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Entrywise on two arrays; a table where an operand is broadcast.
#[derive(Clone, Debug)]
pub(in crate::network) struct Binary {
    arithmetic: Arithmetic,
    tables: [Option<Vec<u32>>; 2],
}

impl Binary {
    fn new(arithmetic: Arithmetic, inputs: &[&Shape], out: &Shape) -> Self {
        let table_of = |input: &Shape| (input.count() != out.count()).then(|| broadcast_table(input, out));
        Self { arithmetic, tables: [table_of(inputs[0]), table_of(inputs[1])] }
    }
}

impl Compute for Binary {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        let (x, y, tables) = (inputs.scalars(0), inputs.scalars(1), &self.tables);
        match self.arithmetic {
            Arithmetic::Add => entrywise(tables, x, y, out, |x, y| x + y),
            Arithmetic::Subtract => entrywise(tables, x, y, out, |x, y| x - y),
            Arithmetic::Multiply => entrywise(tables, x, y, out, |x, y| x * y),
            Arithmetic::Divide => entrywise(tables, x, y, out, |x, y| x / y),
        }
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        input: usize,
        inputs: &Inputs<'_, S>,
        (out, of_out): (&[S], &[S]),
        _: &mut [S],
        adjoint: &mut [S],
        _: Before,
    ) {
        let (x, y, tables) = (inputs.scalars(0), inputs.scalars(1), &self.tables);
        let own = &tables[input];
        let mut add = |f: &dyn Fn(usize) -> S| {
            for k in 0..of_out.len() {
                let place = at(own, k);
                adjoint[place] = adjoint[place] + f(k);
            }
        };
        match (self.arithmetic, input) {
            (Arithmetic::Add, _) | (Arithmetic::Subtract, 0) => add(&|k| of_out[k]),
            (Arithmetic::Subtract, _) => add(&|k| -of_out[k]),
            (Arithmetic::Multiply, 0) => add(&|k| of_out[k] * y[at(&tables[1], k)]),
            (Arithmetic::Multiply, _) => add(&|k| of_out[k] * x[at(&tables[0], k)]),
            (Arithmetic::Divide, 0) => add(&|k| of_out[k] / y[at(&tables[1], k)]),
            (Arithmetic::Divide, _) => add(&|k| -(of_out[k] * out[k] / y[at(&tables[1], k)])),
        }
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
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

/// A constant factor.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Scaled {
    factor: f64,
}

impl Compute for Scaled {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        let factor = S::constant(self.factor);
        out.iter_mut().zip(inputs.scalars(0)).for_each(|(out, &x)| *out = factor * x);
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
        let factor = S::constant(self.factor);
        adjoint.iter_mut().zip(of_out).for_each(|(a, &g)| *a = *a + factor * g);
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}

/// √x.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Root;

impl Compute for Root {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        out.iter_mut().zip(inputs.scalars(0)).for_each(|(out, &x)| *out = x.sqrt());
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        _: usize,
        _: &Inputs<'_, S>,
        (out, of_out): (&[S], &[S]),
        _: &mut [S],
        adjoint: &mut [S],
        _: Before,
    ) {
        adjoint.iter_mut().zip(of_out).zip(out).for_each(|((a, &g), &root)| *a = *a + g / (root + root));
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}
