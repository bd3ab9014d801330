//! Operations with kinks, restricted to the piece of their domain on which they are linear.

use super::kernel::{Before, Compute, Inputs, Kernel};
use super::{Activation, Facts, Maximum, Op, Operation, ParameterError, Parameters, Role, reduction};
use crate::arithmetic::Scalar;
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::{NOWHERE, Shape};

/// What an operation with kinks is on one of its linear pieces: entries of the input, or zeros. Off the piece it is not a number, so that
/// whatever leaves the piece is seen to.
///
/// It has no name in network files: [`Network::piece_at`](crate::network::Network::piece_at) makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    shape: Shape,
    /// The entry of the input that is each entry of the result, or `NOWHERE` for a zero.
    chosen: Vec<u32>,
    /// Pairs of entries of the input, of which the second is nowhere on the piece larger than the first. `NOWHERE` stands for zero.
    ordered: Vec<[u32; 2]>,
}

impl Piece {
    /// The piece of an operation with kinks that holds the input `x`, of this shape; `None` for a smooth operation.
    pub(in crate::network) fn of(op: &Op, shape: &Shape, x: &[f64]) -> Option<Self> {
        let places = 0..x.len() as u32;
        match op {
            Op::Activation(Activation::Relu) => {
                let is_kept = |k: &u32| x[*k as usize] > 0.0;
                let chosen = places.clone().map(|k| if is_kept(&k) { k } else { NOWHERE }).collect();
                let ordered = places.map(|k| if is_kept(&k) { [k, NOWHERE] } else { [NOWHERE, k] }).collect();
                Some(Self { shape: shape.clone(), chosen, ordered })
            }
            Op::Maximum(maximum) => Some(Self::of_maximum(maximum, shape, x)),
            _ => None,
        }
    }

    /// Of equal entries the first is the maximum, as [`Maximum`] has it.
    fn of_maximum(Maximum { axes }: &Maximum, shape: &Shape, x: &[f64]) -> Self {
        let reduction = reduction(shape, axes);
        let mut chosen = vec![NOWHERE; reduction.kept()];
        let mut result_of = vec![0; x.len()];
        let step = usize::from(!reduction.runs_reduce());
        reduction.for_each_run(|entry, length, result| {
            for k in 0..length {
                let (place, index) = (result + step * k, entry + k);
                result_of[index] = place;
                if chosen[place] == NOWHERE || x[index] > x[chosen[place] as usize] {
                    chosen[place] = index as u32;
                }
            }
        });
        let pairs = (0..x.len() as u32).map(|k| [chosen[result_of[k as usize]], k]);
        let ordered = pairs.filter(|[first, second]| first != second).collect();
        let kept = shape.axes().iter().enumerate().map(|(axis, &size)| if axes.contains(&axis) { 1 } else { size });
        let shape = Shape::new(&kept.collect::<Vec<_>>()).unwrap_or_default();
        Self { shape, chosen, ordered }
    }

    /// How far inside its piece an input is, pair by pair: the first entry less the second.
    pub(in crate::network) fn margins<'a>(&'a self, x: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let at = |k: u32| if k == NOWHERE { 0.0 } else { x[k as usize] };
        self.ordered.iter().map(move |&[first, second]| at(first) - at(second))
    }
}

impl Operation for Piece {
    const NAMES: &'static [&'static str] = &[];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Err(parameters.fault("op", "an operation that a file can have"))
    }

    fn facts(&self) -> Facts {
        Facts { name: "piece", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Other }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![]
    }

    fn shape(&self, _: &[&Shape]) -> Result<Shape, Fault> {
        Ok(self.shape.clone())
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        operands.unshifted(operands.degree(0))
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], _: &Shape, _: &mut Roots) -> Fraction {
        inputs[0]
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("the linear piece of {}", inputs[0])
    }

    fn latex(&self, inputs: &[String]) -> String {
        format!("\\operatorname{{piece}}({})", inputs[0])
    }

    fn rational(&self) -> Op {
        self.clone().into()
    }

    fn kernel(&self, _: &[&Shape], _: &Shape) -> Kernel {
        self.clone().into()
    }
}

impl Compute for Piece {
    const IS_LOOPS: bool = true;
    const WRITES: bool = false;

    fn extra(&self, _: &Shape) -> usize {
        0
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], _: &mut [S], _: bool) {
        let x = inputs.scalars(0);
        let (zero, undefined) = (S::constant(0.0), S::constant(f64::NAN));
        let at = |k: u32| if k == NOWHERE { zero } else { x[k as usize] };
        // 0 on the piece. An input that is not a number stays so.
        let mut off = zero;
        for &[first, second] in &self.ordered {
            let excess = at(second) - at(first);
            off = excess.choose(undefined, off + zero * excess);
        }
        for (out, &entry) in out.iter_mut().zip(&self.chosen) {
            *out = at(entry) + off;
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
        for (&g, &entry) in of_out.iter().zip(&self.chosen).filter(|(_, entry)| **entry != NOWHERE) {
            adjoint[entry as usize] = adjoint[entry as usize] + g;
        }
    }

    fn fault(&self, x: &[f64], _: &[f64]) -> Option<PointFault> {
        self.margins(x).find(|&margin| margin < 0.0).map(|margin| PointFault::Kink { excess: -margin })
    }
}
