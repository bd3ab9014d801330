//! Products of a small matrix and a vector, or eight side by side, for which a call of faer's kernels costs as much as the product
//! itself.

use faer::{ColMut, ColRef, ContiguousFwd, MatMut, MatRef};
use pulp::{Arch, Simd, WithSimd};

/// The largest matrix, in entries. The speed of memory limits products with larger ones.
const LARGEST: usize = 1 << 17;
/// Vectors side by side.
const EIGHT: usize = 8;
/// Rows taken together where there are eight vectors.
const TOGETHER: usize = 8;

/// `out ← a·b`, or `out ← out + a·b`, and returns true, where b is a vector or eight vectors, or a is a vector, and the matrix is small with its
/// rows or its columns contiguous in memory. Otherwise nothing is written, and false is returned.
#[inline]
pub(super) fn matrix_vector_product(
    mut out: MatMut<'_, f64>,
    accumulate: bool,
    a: MatRef<'_, f64>,
    b: MatRef<'_, f64>,
) -> bool {
    if b.ncols() == EIGHT && by_eight(out.as_mut(), accumulate, a, b) {
        return true;
    }
    let transposed = |out: MatMut<'_, f64>| {
        a.nrows() == 1 && product(out.transpose_mut().col_mut(0), accumulate, b.transpose(), a.transpose().col(0))
    };
    (b.ncols() == 1 && product(out.as_mut().col_mut(0), accumulate, a, b.col(0))) || transposed(out)
}

#[inline]
fn by_eight(out: MatMut<'_, f64>, accumulate: bool, matrix: MatRef<'_, f64>, vectors: MatRef<'_, f64>) -> bool {
    if matrix.nrows() * matrix.ncols() > LARGEST {
        return false;
    }
    let (Some(out), Some(vectors)) =
        (out.transpose_mut().try_as_col_major_mut(), vectors.transpose().try_as_col_major())
    else {
        return false;
    };
    if out.col_stride() != EIGHT as isize || vectors.col_stride() != EIGHT as isize {
        return false;
    }
    if let Some(columns) = matrix.try_as_col_major() {
        let line = |k: usize| columns.col(k).as_slice();
        Arch::new().dispatch(ByEight { out, accumulate, vectors, by_rows: false, line });
    } else if let Some(rows) = matrix.try_as_row_major() {
        let line = |i: usize| rows.row(i).as_slice();
        Arch::new().dispatch(ByEight { out, accumulate, vectors, by_rows: true, line });
    } else {
        return false;
    }
    true
}

#[inline]
fn product(out: ColMut<'_, f64>, accumulate: bool, matrix: MatRef<'_, f64>, vector: ColRef<'_, f64>) -> bool {
    if matrix.nrows() * matrix.ncols() > LARGEST {
        return false;
    }
    let (Some(out), Some(vector)) = (out.try_as_col_major_mut(), vector.try_as_col_major()) else { return false };
    let (out, vector) = (out.as_slice_mut(), vector.as_slice());
    if let Some(columns) = matrix.try_as_col_major() {
        Arch::new().dispatch(Combination { out, accumulate, vector, column: |k| columns.col(k).as_slice() });
    } else if let Some(rows) = matrix.try_as_row_major() {
        Arch::new().dispatch(Dots { out, accumulate, vector, row: |i| rows.row(i).as_slice() });
    } else {
        return false;
    }
    true
}

/// out ← Σ vector_k · column_k.
struct Combination<'a, F> {
    out: &'a mut [f64],
    accumulate: bool,
    vector: &'a [f64],
    column: F,
}

impl<'a, F: Fn(usize) -> &'a [f64]> WithSimd for Combination<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, accumulate, vector, column } = self;
        if !accumulate {
            out.fill(0.0);
        }
        let (head, tail) = S::as_mut_simd_f64s(out);
        let (mut tiles, mut first) = (head, 0);
        while !tiles.is_empty() {
            let count = tile(tiles.len());
            let (now, rest) = tiles.split_at_mut(count);
            match count {
                8 => add_combination::<S, _, 8>(simd, now, first, vector, &column),
                4 => add_combination::<S, _, 4>(simd, now, first, vector, &column),
                2 => add_combination::<S, _, 2>(simd, now, first, vector, &column),
                _ => add_combination::<S, _, 1>(simd, now, first, vector, &column),
            }
            (tiles, first) = (rest, first + count);
        }
        if !tail.is_empty() {
            let mut sum = simd.partial_load_f64s(tail);
            for (k, &factor) in vector.iter().enumerate() {
                let (_, end) = S::as_simd_f64s(column(k));
                sum = simd.mul_add_f64s(simd.splat_f64s(factor), simd.partial_load_f64s(end), sum);
            }
            simd.partial_store_f64s(tail, sum);
        }
    }
}

/// How many registers, or rows, are summed together if `left` of them remain. Each addition of a sum waits for the one before it, and several sums at once
/// fill this time.
#[inline(always)]
fn tile(left: usize) -> usize {
    match left {
        8.. => 8,
        4.. => 4,
        2.. => 2,
        _ => 1,
    }
}

/// tile ← tile + Σ vector_k · column_k, of the N registers of the columns from `first` on. What it sums stays in registers.
// Closures would be compiled without the processor's instructions: hence plain loops, here and below.
#[inline(always)]
fn add_combination<'a, S: Simd, F: Fn(usize) -> &'a [f64], const N: usize>(
    simd: S,
    tile: &mut [S::f64s],
    first: usize,
    vector: &[f64],
    column: &F,
) {
    let mut sums = [simd.splat_f64s(0.0); N];
    sums.copy_from_slice(&tile[..N]);
    for (k, &factor) in vector.iter().enumerate() {
        let (x, _) = S::as_simd_f64s(column(k));
        let (x, factor) = (&x[first..first + N], simd.splat_f64s(factor));
        for n in 0..N {
            sums[n] = simd.mul_add_f64s(factor, x[n], sums[n]);
        }
    }
    tile[..N].copy_from_slice(&sums);
}

/// out_i ← ⟨row_i, vector⟩.
struct Dots<'a, F> {
    out: &'a mut [f64],
    accumulate: bool,
    vector: &'a [f64],
    row: F,
}

impl<'a, F: Fn(usize) -> &'a [f64]> WithSimd for Dots<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, accumulate, vector, row } = self;
        if !accumulate {
            out.fill(0.0);
        }
        let (mut rows, mut first) = (out, 0);
        while !rows.is_empty() {
            let count = tile(rows.len());
            let (now, rest) = rows.split_at_mut(count);
            match count {
                8 => add_dots::<S, _, 8>(simd, now, first, vector, &row),
                4 => add_dots::<S, _, 4>(simd, now, first, vector, &row),
                2 => add_dots::<S, _, 2>(simd, now, first, vector, &row),
                _ => add_dots::<S, _, 1>(simd, now, first, vector, &row),
            }
            (rows, first) = (rest, first + count);
        }
    }
}

/// out_i ← out_i + ⟨row_i, vector⟩ for N rows from `first` on, together.
#[inline(always)]
fn add_dots<'a, S: Simd, F: Fn(usize) -> &'a [f64], const N: usize>(
    simd: S,
    out: &mut [f64],
    first: usize,
    vector: &[f64],
    row: &F,
) {
    let (head, tail) = S::as_simd_f64s(vector);
    let (mut heads, mut tails) = ([head; N], [tail; N]);
    for n in 0..N {
        let (of_head, of_tail) = S::as_simd_f64s(row(first + n));
        (heads[n], tails[n]) = (&of_head[..head.len()], &of_tail[..tail.len()]);
    }
    let mut sums = [simd.splat_f64s(0.0); N];
    for j in 0..head.len() {
        for n in 0..N {
            sums[n] = simd.mul_add_f64s(head[j], heads[n][j], sums[n]);
        }
    }
    if !tail.is_empty() {
        let end = simd.partial_load_f64s(tail);
        for n in 0..N {
            sums[n] = simd.mul_add_f64s(end, simd.partial_load_f64s(tails[n]), sums[n]);
        }
    }
    for n in 0..N {
        out[n] += simd.reduce_sum_f64s(sums[n]);
    }
}

/// out_i ← Σ_k entry(i, k)·vectors_k, rows of eight. A `line` is a row of the matrix, or a column.
struct ByEight<'a, F> {
    out: MatMut<'a, f64, usize, usize, ContiguousFwd>,
    accumulate: bool,
    vectors: MatRef<'a, f64, usize, usize, ContiguousFwd>,
    by_rows: bool,
    line: F,
}

impl<'a, F: Fn(usize) -> &'a [f64]> WithSimd for ByEight<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { mut out, accumulate, vectors, by_rows, line } = self;
        let terms = vectors.ncols();
        let zero = simd.splat_f64s(0.0);
        let mut first = 0;
        while first < out.ncols() {
            let count = TOGETHER.min(out.ncols() - first);
            for part in 0..EIGHT / S::F64_LANES {
                let mut sums = [zero; TOGETHER];
                if by_rows {
                    let mut rows = [&[][..]; TOGETHER];
                    for (t, row) in rows.iter_mut().enumerate() {
                        // If fewer rows are left, the last row fills the other places, whose sums are not used.
                        *row = &line(first + t.min(count - 1))[..terms];
                    }
                    #[allow(clippy::needless_range_loop, reason = "k runs along several rows at once")]
                    for k in 0..terms {
                        let vector = S::as_simd_f64s(vectors.col(k).as_slice()).0[part];
                        for t in 0..TOGETHER {
                            sums[t] = simd.mul_add_f64s(simd.splat_f64s(rows[t][k]), vector, sums[t]);
                        }
                    }
                } else {
                    for k in 0..terms {
                        let vector = S::as_simd_f64s(vectors.col(k).as_slice()).0[part];
                        let entries = &line(k)[first..first + count];
                        if let Some(entries) = entries.first_chunk::<TOGETHER>() {
                            for t in 0..TOGETHER {
                                sums[t] = simd.mul_add_f64s(simd.splat_f64s(entries[t]), vector, sums[t]);
                            }
                        } else {
                            for t in 0..count {
                                sums[t] = simd.mul_add_f64s(simd.splat_f64s(entries[t]), vector, sums[t]);
                            }
                        }
                    }
                }
                for (t, &sum) in sums.iter().enumerate().take(count) {
                    let slot = &mut S::as_mut_simd_f64s(out.as_mut().col_mut(first + t).as_slice_mut()).0[part];
                    *slot = if accumulate { simd.add_f64s(*slot, sum) } else { sum };
                }
            }
            first += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;

    /// Products of small integers, which floats hold exactly: sizes around a register's and around four, both orders in memory, both
    /// places of the vector.
    #[test]
    fn products_of_integers_are_exact() {
        let entry = |i: usize, j: usize| ((7 * i + 3 * j) % 11) as f64 - 5.0;
        for rows in 1..20 {
            for columns in 1..20 {
                let by_columns = Mat::from_fn(rows, columns, entry);
                let transposed = by_columns.transpose().to_owned();
                let vector = Mat::from_fn(columns, 1, |k, _| (k % 5) as f64 - 2.0);
                let expected = |i: usize| (0..columns).map(|k| entry(i, k) * vector[(k, 0)]).sum::<f64>();
                for matrix in [by_columns.as_ref(), transposed.transpose()] {
                    for accumulate in [false, true] {
                        let mut out = Mat::from_fn(rows, 1, |_, _| 1.0);
                        assert!(matrix_vector_product(out.as_mut(), accumulate, matrix, vector.as_ref()));
                        let mut row = Mat::from_fn(rows, 1, |_, _| 1.0);
                        let (on_left, right) = (vector.transpose(), matrix.transpose());
                        assert!(matrix_vector_product(row.as_mut().transpose_mut(), accumulate, on_left, right));
                        for i in 0..rows {
                            let start = if accumulate { 1.0 } else { 0.0 };
                            assert_eq!(out[(i, 0)], start + expected(i), "{rows} × {columns}, row {i}");
                            assert_eq!(row[(i, 0)], out[(i, 0)]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn eight_vectors_are_as_one_and_one() {
        let entry = |i: usize, j: usize| ((7 * i + 3 * j) % 11) as f64 - 5.0;
        for (rows, columns) in (1..20).flat_map(|rows| (1..20).map(move |columns| (rows, columns))) {
            let by_columns = Mat::from_fn(rows, columns, entry);
            let transposed = by_columns.transpose().to_owned();
            let vectors: Vec<f64> = (0..8 * columns).map(|k| (k % 7) as f64 - 3.0).collect();
            for matrix in [by_columns.as_ref(), transposed.transpose()] {
                for accumulate in [false, true] {
                    let mut out = vec![1.0; 8 * rows];
                    let (vectors, out_view) = (
                        MatRef::from_row_major_slice(&vectors, columns, 8),
                        MatMut::from_row_major_slice_mut(&mut out, rows, 8),
                    );
                    assert!(matrix_vector_product(out_view, accumulate, matrix, vectors));
                    for (place, &found) in out.iter().enumerate() {
                        let start = if accumulate { 1.0 } else { 0.0 };
                        let (i, lane) = (place / 8, place % 8);
                        let sum: f64 = (0..columns).map(|k| entry(i, k) * vectors[(k, lane)]).sum();
                        assert_eq!(found, start + sum, "{rows} × {columns}, row {i}, vector {lane}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_products_are_left_alone() {
        let mut out = Mat::<f64>::zeros(2, 2);
        let square = Mat::<f64>::zeros(2, 2);
        assert!(!matrix_vector_product(out.as_mut(), false, square.as_ref(), square.as_ref()));
        let (large, mut out) = (Mat::<f64>::zeros(LARGEST, 2), Mat::<f64>::zeros(LARGEST, 1));
        let vector = Mat::<f64>::zeros(2, 1);
        assert!(!matrix_vector_product(out.as_mut(), false, large.as_ref(), vector.as_ref()));
    }
}
