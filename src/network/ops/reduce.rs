//! Loops over some axes, which normalizations, softmax and reductions are made of.

use super::activation::Activation;
use crate::arithmetic::{Scalar, sum_of};
use crate::network::shape::Reduction;

/// `sums[j][result] ← Σ terms(entries, by_result)[j]`. The sum is over all entries of a result, and `entries` has one entry of each array in `of`.
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

/// Replaces every entry by `f` of three things: the entry itself, the same entry of each array in `of`, and what each array in `by_result` holds for its
/// result.
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

/// The largest of the entries, without infinitesimals.
pub(super) fn largest_leading<S: Scalar>(x: &[S]) -> S {
    let largest = x.iter().skip(1).fold(x[0], |largest, &x| (x - largest).choose(x, largest));
    largest.without_infinitesimals()
}

/// m, the largest entry, and log Σ e^{x − m}.
pub(super) fn log_sum<S: Scalar>(x: &[S]) -> (S, S) {
    let largest = largest_leading(x);
    let sum = sum_of(x.len(), |c| Activation::Exponential.value(x[c] - largest));
    (largest, Activation::Logarithm.value(sum))
}
