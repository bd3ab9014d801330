//! Kernels over some axes: normalizations, softmax, maximum.

use crate::arithmetic::{Scalar, sum_of};
use crate::network::activation::Activation;
use crate::network::error::PointFault;
use crate::network::op::Normalization;
use crate::network::shape::Reduction;

/// `sums[j][result] ← Σ terms(entries, by_result)[j]` over the entries of each result, those of the arrays in `of`.
#[inline(always)]
pub(super) fn reduce<S: Scalar, const N: usize, const R: usize, const M: usize>(
    reduction: &Reduction,
    sums: [&mut [S]; M],
    of: [&[S]; N],
    by_result: [&[S]; R],
    terms: impl Fn([S; N], [S; R]) -> [S; M],
) {
    let mut sums = sums;
    sums.iter_mut().for_each(|sums| sums.fill(S::constant(0.0)));
    let reduces = reduction.runs_reduce();
    reduction.for_each_run(
        #[inline(always)]
        |entry, length, result| {
            let of = of.map(|of| &of[entry..entry + length]);
            for (j, sums) in sums.iter_mut().enumerate() {
                if reduces {
                    let by_result = by_result.map(|values| values[result]);
                    sums[result] = sums[result] + sum_of(length, |k| terms(of.map(|of| of[k]), by_result)[j]);
                } else {
                    let sums = &mut sums[result..result + length];
                    let by_result = by_result.map(|values| &values[result..result + length]);
                    for k in 0..length {
                        sums[k] = sums[k] + terms(of.map(|of| of[k]), by_result.map(|values| values[k]))[j];
                    }
                }
            }
        },
    );
}

/// Writes every entry from itself, those of the arrays in `of` and what the arrays in `by_result` say of its result.
#[inline(always)]
pub(super) fn update<S: Scalar, const N: usize, const M: usize>(
    reduction: &Reduction,
    entries: &mut [S],
    of: [&[S]; N],
    by_result: [&[S]; M],
    f: impl Fn(S, [S; N], [S; M]) -> S,
) {
    let reduces = reduction.runs_reduce();
    reduction.for_each_run(
        #[inline(always)]
        |entry, length, result| {
            let entries = &mut entries[entry..entry + length];
            let of = of.map(|of| &of[entry..entry + length]);
            if reduces {
                let by_result = by_result.map(|values| values[result]);
                for k in 0..length {
                    entries[k] = f(entries[k], of.map(|of| of[k]), by_result);
                }
            } else {
                let by_result = by_result.map(|values| &values[result..result + length]);
                for k in 0..length {
                    entries[k] = f(entries[k], of.map(|of| of[k]), by_result.map(|values| values[k]));
                }
            }
        },
    );
}

/// Leaves 1/size in the first third of `extra`; the others are for sums. Entries are centred twice, which is cheaper than to
/// write them in between.
#[inline(always)]
pub(super) fn normalize<S: Scalar>(
    reduction: &Reduction,
    normalization: &Normalization,
    x: &[S],
    out: &mut [S],
    extra: &mut [S],
) {
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

/// Why a normalization has no number for some of its results. A spread that the rounding of the values explains, a few units in the last
/// place for each that is summed, is none.
pub(super) fn normalization_fault(
    reduction: &Reduction,
    normalization: &Normalization,
    x: &[f64],
    extra: &[f64],
) -> Option<PointFault> {
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
    (0..kept).find_map(|result| {
        let (largest, spread) = (largest[result], spread[result]);
        if inverse[result] == 0.0 {
            Some(PointFault::Overflow { largest })
        } else if inverse[result].is_infinite() && spread > 0.0 && spread > rounding * largest {
            Some(PointFault::Underflow { largest })
        } else if normalization.centred && spread <= rounding * largest {
            Some(PointFault::Constant { spread, largest })
        } else {
            None
        }
    })
}

/// With x̂ the output and g its adjoint, (g − mean g − x̂·mean(g·x̂))/size; the mean of g only where centred, the sum of g·x̂
/// where not averaged.
#[inline(always)]
pub(super) fn normalize_backward<S: Scalar>(
    reduction: &Reduction,
    normalization: &Normalization,
    (out, of_out): (&[S], &[S]),
    extra: &mut [S],
    adjoint: &mut [S],
    first: bool,
) {
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
        update(reduction, adjoint, of, by_result, |_, [g, x], [inverse, along, mean]| (g - mean - x * along) * inverse);
    } else {
        update(reduction, adjoint, of, by_result, |a, [g, x], [inverse, along, mean]| {
            a + (g - mean - x * along) * inverse
        });
    }
}

/// Entries in order; of equal ones the first stands. `extra` is scratch.
#[inline(always)]
pub(super) fn maximum<S: Scalar>(reduction: &Reduction, x: &[S], out: &mut [S], extra: &mut [S]) {
    let (zero, one) = (S::constant(0.0), S::constant(1.0));
    // 1 marks a result not met.
    extra.fill(one);
    let step = usize::from(!reduction.runs_reduce());
    reduction.for_each_run(|entry, length, result| {
        for k in 0..length {
            let place = result + step * k;
            let value = x[entry + k];
            let largest = if extra[place] == one { value } else { (value - out[place]).choose(value, out[place]) };
            // What is not a number stays so.
            out[place] = largest + zero * value;
            extra[place] = zero;
        }
    });
}

/// The adjoint goes to the first entry that is the maximum.
#[inline(always)]
pub(super) fn maximum_backward<S: Scalar>(
    reduction: &Reduction,
    x: &[S],
    (out, of_out): (&[S], &[S]),
    extra: &mut [S],
    adjoint: &mut [S],
) {
    let (zero, one) = (S::constant(0.0), S::constant(1.0));
    // 1 until an entry has been it.
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

#[inline(always)]
pub(super) fn softmax<S: Scalar>(reduction: &Reduction, function: Activation, x: &[S], out: &mut [S], extra: &mut [S]) {
    out.copy_from_slice(x);
    if function == Activation::Exponential {
        // A common factor cancels: the largest entry's leads to no overflow.
        let largest = largest_leading(x);
        out.iter_mut().for_each(|x| *x = *x - largest);
    }
    out.iter_mut().for_each(|x| *x = function.value(*x));
    reduce(reduction, [&mut *extra], [&*out], [], |[x], []| [x]);
    extra.iter_mut().for_each(|sum| *sum = S::constant(1.0) / *sum);
    update(reduction, out, [], [&*extra], |x, [], [inverse]| x * inverse);
}

/// With p the output and g its adjoint: p·(log f)′·(g − Σ g·p).
#[inline(always)]
pub(super) fn softmax_backward<S: Scalar>(
    reduction: &Reduction,
    function: Activation,
    x: &[S],
    (out, of_out): (&[S], &[S]),
    extra: &mut [S],
    adjoint: &mut [S],
) {
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

/// The largest of the entries, without infinitesimals.
fn largest_leading<S: Scalar>(x: &[S]) -> S {
    let largest = x.iter().skip(1).fold(x[0], |largest, &x| (x - largest).choose(x, largest));
    largest.without_infinitesimals()
}

/// m, the largest entry, and log Σ e^{x − m}.
pub(super) fn log_sum<S: Scalar>(x: &[S]) -> (S, S) {
    let largest = largest_leading(x);
    let sum = sum_of(x.len(), |c| Activation::Exponential.value(x[c] - largest));
    (largest, Activation::Logarithm.value(sum))
}
