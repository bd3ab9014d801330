//! Normalizations.

use std::fmt;

use super::kernel::{Before, Compute, Inputs, Kernel};
use super::reduce::{reduce, update};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role, axes_index, check_axes, reduction};
use crate::arithmetic::Scalar;
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::{Reduction, Shape, axes_text};

/// (x − mean)/size over some axes, the one kernel of batch, layer, group and RMS norm, weight norm and scaled weight
/// standardization: size² = ε + Σ(x − mean)², divided by the count where `averaged`.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    pub axes: Vec<usize>,
    /// ε ≥ 0. Any ε > 0 breaks scale invariance.
    pub epsilon: f64,
    /// Whether the mean is subtracted.
    pub centred: bool,
    /// Whether the size is a root mean square, not a length.
    pub averaged: bool,
}

impl Operation for Normalization {
    const NAMES: &'static [&'static str] = &["normalize"];

    fn read(_: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        Ok(Self {
            axes: parameters.axes_of("axes")?,
            epsilon: parameters.number("epsilon", Some(0.0))?,
            centred: parameters.flag("centred", true)?,
            averaged: parameters.flag("averaged", true)?,
        })
    }

    fn facts(&self) -> Facts {
        Facts { name: "normalize", arity: 1, is_smooth: true, is_algebraic: true, role: Role::Normalization }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("axes", format!("{:?}", self.axes)),
            ("epsilon", format!("{:?}", self.epsilon)),
            ("centred", self.centred.to_string()),
            ("averaged", self.averaged.to_string()),
        ]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        check_axes(inputs[0], &self.axes)?;
        if !(self.epsilon >= 0.0 && self.epsilon.is_finite()) {
            return Err(Fault::Epsilon(self.epsilon));
        }
        Ok(inputs[0].clone())
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        let degree = operands.degree(0);
        if let Some(along) = operands.shift(0)
            && !(self.centred && self.axes.iter().all(|axis| along.contains(axis)))
        {
            return Err(Reason::Shift { degree });
        }
        if self.epsilon > 0.0 && degree != 0.0 {
            return Err(Reason::Epsilon { epsilon: self.epsilon, degree });
        }
        Ok(Degree::Homogeneous(0.0))
    }

    fn complexity(&self, inputs: &[Fraction], shapes: &[&Shape], _: &Shape, roots: &mut Roots) -> Fraction {
        let reduction = reduction(shapes[0], &self.axes);
        let centred = inputs[0].sum_of(reduction.reduced());
        // All entries of a group have one denominator, so that the sum of their squares has its square.
        let square = Fraction { numerator: 2.0 * centred.numerator, denominator: 2.0 * centred.denominator };
        centred.quotient(roots.take(reduction.kept(), square))
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{self} (x = {})", inputs[0])
    }

    fn latex(&self, inputs: &[String]) -> String {
        let Self { axes, epsilon, centred, averaged } = self;
        let (x, over) = (&inputs[0], axes_index(axes));
        let centre = if *centred { format!("{x} - \\operatorname{{mean}}_{{{over}}} {x}") } else { x.clone() };
        let kind = match (centred, averaged) {
            (true, true) => "\\operatorname{sd}",
            (false, true) => "\\operatorname{rms}",
            (_, false) => "\\operatorname{length}",
        };
        let size = if *centred && !averaged { format!("({centre})") } else { x.clone() };
        let epsilon = if *epsilon > 0.0 { format!("^{{(\\varepsilon = {epsilon:e})}}") } else { String::new() };
        format!("\\frac{{{centre}}}{{{kind}_{{{over}}}{epsilon} {size}}}")
    }

    fn rational(&self) -> Op {
        self.clone().into()
    }

    fn kernel(&self, inputs: &[&Shape], _: &Shape) -> Kernel {
        Normalized { reduction: reduction(inputs[0], &self.axes), normalization: self.clone() }.into()
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = if self.centred { "(x − mean)" } else { "x" };
        let size = match (self.centred, self.averaged) {
            (true, true) => "standard deviation",
            (false, true) => "root mean square",
            (_, false) => "length",
        };
        write!(f, "{mean}/{size} over {}", axes_text(&self.axes))?;
        if self.epsilon > 0.0 { write!(f, ", ε = {:e}", self.epsilon) } else { Ok(()) }
    }
}

/// A normalization with its reduction. The first third of the numbers that it keeps is 1/size; the other two thirds are for sums.
#[derive(Clone, Debug)]
pub(in crate::network) struct Normalized {
    reduction: Reduction,
    normalization: Normalization,
}

impl Normalized {
    /// The sizes that were divided by, of what the forward pass kept.
    pub(in crate::network) fn sizes<'a>(&self, extra: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        extra[..self.reduction.kept()].iter().map(|inverse| 1.0 / inverse)
    }

    /// The largest mean that was taken out, in units of the size that was divided by, of what the forward pass kept.
    pub(in crate::network) fn offset(&self, extra: &[f64]) -> Option<f64> {
        let kept = self.reduction.kept();
        let offsets = extra[..kept].iter().zip(&extra[kept..]).map(|(inverse, mean)| (mean * inverse).abs());
        self.normalization.centred.then(|| offsets.fold(0.0, f64::max))
    }
}

impl Compute for Normalized {
    const IS_LOOPS: bool = true;
    const WRITES: bool = true;

    fn extra(&self, _: &Shape) -> usize {
        3 * self.reduction.kept()
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], extra: &mut [S], _: bool) {
        let (reduction, normalization, x) = (&self.reduction, &self.normalization, inputs.scalars(0));
        // Entries are centred twice, which is cheaper than to write them in between.
        let (zero, one) = (S::constant(0.0), S::constant(1.0));
        let part = one / S::constant(reduction.reduced() as f64);
        let of_square = if normalization.averaged { part } else { one };
        let epsilon = S::constant(normalization.epsilon);
        let (inverse, rest) = extra.split_at_mut(reduction.kept());
        let mean = &mut rest[..reduction.kept()];
        if normalization.centred {
            reduce(reduction, [&mut *mean], [x], [], |[x], []| [x]);
            mean.iter_mut().for_each(|sum| *sum = *sum * part);
        } else {
            mean.fill(zero);
        }
        reduce(reduction, [&mut *inverse], [x], [&*mean], |[x], [mean]| [(x - mean) * (x - mean)]);
        for sum in &mut *inverse {
            *sum = one / (*sum * of_square + epsilon).sqrt();
        }
        update(reduction, out, [x], [&*mean, &*inverse], |_, [x], [mean, inverse]| (x - mean) * inverse);
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        _: usize,
        _: &Inputs<'_, S>,
        (out, of_out): (&[S], &[S]),
        extra: &mut [S],
        adjoint: &mut [S],
        before: Before,
    ) {
        // With x̂ the output and g its adjoint, (g − mean g − x̂·mean(g·x̂))/size; the mean of g only where centred, the sum of g·x̂ where
        // not averaged.
        let (reduction, normalization, first) = (&self.reduction, &self.normalization, before != Before::Some);
        let (zero, one) = (S::constant(0.0), S::constant(1.0));
        let part = one / S::constant(reduction.reduced() as f64);
        let (inverse, sums) = extra.split_at_mut(reduction.kept());
        let (along, mean) = sums.split_at_mut(reduction.kept());
        reduce(reduction, [&mut *along, &mut *mean], [of_out, out], [], |[g, x], []| [g * x, g]);
        let (of_along, of_mean) =
            (if normalization.averaged { part } else { one }, if normalization.centred { part } else { zero });
        along.iter_mut().for_each(|sum| *sum = *sum * of_along);
        mean.iter_mut().for_each(|sum| *sum = *sum * of_mean);
        let (of, by_result) = ([of_out, out], [&*inverse, &*along, &*mean]);
        if first {
            update(reduction, adjoint, of, by_result, |_, [g, x], [inverse, along, mean]| {
                (g - mean - x * along) * inverse
            });
        } else {
            update(reduction, adjoint, of, by_result, |a, [g, x], [inverse, along, mean]| {
                a + (g - mean - x * along) * inverse
            });
        }
    }

    fn fault(&self, x: &[f64], extra: &[f64]) -> Option<PointFault> {
        if self.normalization.epsilon > 0.0 {
            return None;
        }
        let (reduction, normalization) = (&self.reduction, &self.normalization);
        let kept = reduction.kept();
        let (inverse, mean) = (&extra[..kept], &extra[kept..2 * kept]);
        let (mut largest, mut spread) = (vec![0.0f64; kept], vec![0.0f64; kept]);
        let reduces = reduction.runs_reduce();
        reduction.for_each_run(|entry, length, result| {
            for k in 0..length {
                let (x, result) = (x[entry + k], if reduces { result } else { result + k });
                largest[result] = largest[result].max(x.abs());
                spread[result] = spread[result].max((x - mean[result]).abs());
            }
        });
        let rounding = 4.0 * reduction.reduced() as f64 * f64::EPSILON;
        // Below it squares are subnormal, and their sum has fewer digits than a double.
        let least = (f64::MIN_POSITIVE * reduction.reduced() as f64).sqrt();
        (0..kept).find_map(|result| {
            let (largest, spread) = (largest[result], spread[result]);
            if inverse[result] == 0.0 {
                Some(PointFault::Overflow { largest })
            } else if inverse[result] > 1.0 / least && spread > 0.0 && spread > rounding * largest {
                Some(PointFault::Underflow { largest })
            } else if normalization.centred && spread <= rounding * largest {
                Some(PointFault::Constant { spread, largest })
            } else {
                None
            }
        })
    }
}
