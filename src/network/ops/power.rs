//! Powers of every entry.

use super::kernel::{Before, Compute, Inputs, Kernel};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role};
use crate::arithmetic::Scalar;
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::Shape;

/// x to a power that is a multiple of ½, so that it exists over a prime field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    pub exponent: f64,
}

/// The largest exponent. Higher powers overflow sooner than they are meant.
const LARGEST: f64 = 16.0;

impl Power {
    /// Twice the exponent, where it is one that is allowed.
    fn halves(self) -> Option<i32> {
        let twice = 2.0 * self.exponent;
        (twice.fract() == 0.0 && twice != 0.0 && self.exponent.abs() <= LARGEST).then_some(twice as i32)
    }
}

impl Operation for Power {
    const NAMES: &'static [&'static str] = &["power"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self { exponent: parameters.number("exponent", None)? })
    }

    fn facts(&self) -> Facts {
        Facts { name: "power", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("exponent", format!("{:?}", self.exponent))]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        self.halves().map(|_| inputs[0].clone()).ok_or(Fault::Exponent(self.exponent))
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        operands.unshifted(operands.degree(0) * self.exponent)
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], out: &Shape, roots: &mut Roots) -> Fraction {
        let halves = self.halves().unwrap_or_default();
        let one = Fraction { numerator: 0.0, denominator: 0.0 };
        let whole = (0..halves.unsigned_abs() / 2).fold(one, |power, _| power.product(inputs[0]));
        let power = if halves % 2 == 0 { whole } else { whole.product(roots.take(out.count(), inputs[0])) };
        if halves < 0 { one.quotient(power) } else { power }
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{} to the power {}", inputs[0], self.exponent)
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("{}^{{{}}}", inputs[0], self.exponent)
    }

    fn rational(&self) -> Op {
        (*self).into()
    }

    fn kernel(&self, _: &[&Shape], _: &Shape) -> Kernel {
        // The exponent was looked at when the node was added.
        Powers { halves: self.halves().unwrap_or(2) }.into()
    }
}

/// x to the power of `halves`/2.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Powers {
    halves: i32,
}

#[inline(always)]
fn power<S: Scalar>(x: S, halves: i32) -> S {
    let (mut square, mut left, mut result) = (x, halves.unsigned_abs() / 2, S::constant(1.0));
    while left > 0 {
        if left % 2 == 1 {
            result = result * square;
        }
        square = square * square;
        left /= 2;
    }
    if halves % 2 != 0 {
        result = result * x.sqrt();
    }
    if halves < 0 { S::constant(1.0) / result } else { result }
}

impl Compute for Powers {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        out.iter_mut().zip(inputs.scalars(0)).for_each(|(out, &x)| *out = power(x, self.halves));
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        _: usize,
        inputs: &Inputs<'_, S>,
        (_, of_out): (&[S], &[S]),
        _: &mut [S],
        adjoint: &mut [S],
        _: Before,
    ) {
        let exponent = S::constant(0.5 * f64::from(self.halves));
        for ((a, &g), &x) in adjoint.iter_mut().zip(of_out).zip(inputs.scalars(0)) {
            *a = *a + g * exponent * power(x, self.halves - 2);
        }
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}
