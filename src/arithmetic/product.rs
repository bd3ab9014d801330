//! Products of matrices over any scalar, as products of the planes of their base.

use faer::{MatMut, MatRef};
use faer_ext::IntoFaer;
use nalgebra::{Dyn, MatrixView, MatrixViewMut};

use super::{Base, Scalar, add_scaled, dot, vectorized};

/// A row-major matrix, read as it lies or transposed.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, S: Scalar> {
    entries: Entries<'a, S>,
    transposed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Entries<'a, S: Scalar> {
    Scalars(&'a [S]),
    Data(&'a [S::Base]),
}

impl<'a, S: Scalar> Operand<'a, S> {
    /// A matrix of scalars.
    pub fn scalars(entries: &'a [S]) -> Self {
        Self { entries: Entries::Scalars(entries), transposed: false }
    }

    /// A matrix of base numbers, which costs one plane whatever the scalar.
    pub fn data(entries: &'a [S::Base]) -> Self {
        Self { entries: Entries::Data(entries), transposed: false }
    }

    /// The transpose.
    pub fn transposed(self) -> Self {
        self.transposed_if(true)
    }

    /// The transpose where `transpose` says so.
    pub fn transposed_if(self, transpose: bool) -> Self {
        Self { transposed: self.transposed ^ transpose, ..self }
    }

    /// Plane `plane` as a matrix of the given shape (that of the transpose where it is read transposed).
    fn plane(&self, plane: usize, rows: usize, columns: usize) -> MatRef<'a, S::Base> {
        let (stored_rows, stored_columns) = if self.transposed { (columns, rows) } else { (rows, columns) };
        let stored = match self.entries {
            Entries::Scalars(entries) => {
                let (rows, columns, strides) = (Dyn(stored_rows), Dyn(stored_columns), strides::<S>(stored_columns));
                let planes = &S::planes(entries)[plane..];
                MatrixView::from_slice_with_strides_generic(planes, rows, columns, strides.0, strides.1).into_faer()
            }
            Entries::Data(entries) => MatRef::from_row_major_slice(entries, stored_rows, stored_columns),
        };
        if self.transposed { stored.transpose() } else { stored }
    }
}

/// A product in which one side is 1: of a matrix and a vector, or of two vectors.
#[inline(always)]
fn multiply_by_vector<S: Scalar>(
    out: &mut [S],
    accumulate: bool,
    (m, k, n): (usize, usize, usize),
    (a, a_transposed): (&[S], bool),
    (b, b_transposed): (&[S], bool),
) {
    if !accumulate {
        out.fill(S::constant(0.0));
    }
    if k == 1 {
        out.chunks_exact_mut(n).zip(a).for_each(|(row, &factor)| add_scaled(row, factor, b));
        return;
    }
    // One of the factors is a vector of length k. The other factor has rows of length k, or k rows.
    let (matrix, vector, rows_are_terms) = if n == 1 { (a, b, a_transposed) } else { (b, a, !b_transposed) };
    if rows_are_terms {
        matrix.chunks_exact(m.max(n)).zip(vector).for_each(|(row, &factor)| add_scaled(out, factor, row));
    } else {
        out.iter_mut().zip(matrix.chunks_exact(k)).for_each(|(out, row)| *out = *out + dot(row, vector));
    }
}

/// Sums made together, so that they do not wait for each other.
const TOGETHER: usize = 4;

/// `out ← a·b`, or `out ← out + a·b`, entry by entry: vector instructions work within an entry.
#[inline(always)]
fn multiply_entries<S: Scalar>(
    out: &mut [S],
    accumulate: bool,
    (k, n): (usize, usize),
    a: impl Fn(usize, usize) -> S,
    b: impl Fn(usize, usize) -> S,
) {
    let zero = S::constant(0.0);
    let m = out.len() / n;
    let mut i = 0;
    while i < m {
        let together = if i + TOGETHER <= m { TOGETHER } else { 1 };
        for j in 0..n {
            let mut sums = [zero; TOGETHER];
            if together == TOGETHER {
                for l in 0..k {
                    let b = b(l, j);
                    for (t, sum) in sums.iter_mut().enumerate() {
                        *sum = *sum + a(i + t, l) * b;
                    }
                }
            } else {
                for l in 0..k {
                    sums[0] = sums[0] + a(i, l) * b(l, j);
                }
            }
            for (t, &sum) in sums.iter().enumerate().take(together) {
                let out = &mut out[(i + t) * n + j];
                *out = if accumulate { *out + sum } else { sum };
            }
        }
        i += together;
    }
}

/// Entries of an operand by row and column.
macro_rules! entries {
    ($entries:expr, $of:expr, $transposed:expr, $rows:expr, $columns:expr) => {{
        let (row, column) = if $transposed { (1, $rows) } else { ($columns, 1) };
        #[inline(always)]
        move |i: usize, j: usize| $of($entries[i * row + j * column])
    }};
}

/// From one number of a plane to that of the next row, and of the next column.
fn strides<S: Scalar>(columns: usize) -> (Dyn, Dyn) {
    (Dyn(columns * S::PLANES), Dyn(S::PLANES))
}

/// `out ← a·b`, or `out ← out + a·b`, with shapes m×n, m×k and k×n; `out` is row-major.
pub fn multiply<S: Scalar>(
    out: &mut [S],
    accumulate: bool,
    (m, k, n): (usize, usize, usize),
    a: Operand<'_, S>,
    b: Operand<'_, S>,
) {
    if let (Entries::Scalars(x), Entries::Scalars(y)) = (a.entries, b.entries)
        && S::PLANES > 1
        && m.min(k).min(n) == 1
    {
        // Gathering the planes would cost more than the multiplication.
        return vectorized::<S, _>(
            #[inline(always)]
            || multiply_by_vector(out, accumulate, (m, k, n), (x, a.transposed), (y, b.transposed)),
        );
    }
    if S::BY_ENTRIES {
        let (scalar, data) = (|x: S| x, S::from_base);
        return vectorized::<S, _>(
            #[inline(always)]
            || match (a.entries, b.entries) {
                (Entries::Scalars(x), Entries::Scalars(y)) => {
                    let a = entries!(x, scalar, a.transposed, m, k);
                    multiply_entries(out, accumulate, (k, n), a, entries!(y, scalar, b.transposed, k, n));
                }
                (Entries::Data(x), Entries::Scalars(y)) => {
                    let a = entries!(x, data, a.transposed, m, k);
                    multiply_entries(out, accumulate, (k, n), a, entries!(y, scalar, b.transposed, k, n));
                }
                (Entries::Scalars(x), Entries::Data(y)) => {
                    let a = entries!(x, scalar, a.transposed, m, k);
                    multiply_entries(out, accumulate, (k, n), a, entries!(y, data, b.transposed, k, n));
                }
                (Entries::Data(x), Entries::Data(y)) => {
                    let a = entries!(x, data, a.transposed, m, k);
                    multiply_entries(out, accumulate, (k, n), a, entries!(y, data, b.transposed, k, n));
                }
            },
        );
    }
    // All planes at once, as more columns.
    if let (Entries::Data(_), Entries::Scalars(entries), false) = (a.entries, b.entries, b.transposed) {
        let b = MatRef::from_row_major_slice(S::planes(entries), k, n * S::PLANES);
        let out = MatMut::from_row_major_slice_mut(S::planes_mut(out), m, n * S::PLANES);
        return S::Base::matrix_product(out, accumulate, a.plane(0, m, k), b);
    }
    let mut written = 0;
    multiply_planes::<S>(a, b, &mut |i, j, plane| {
        // Planes are met for the first time in ascending order, so planes from `written` on hold no product yet.
        plane_product(out, accumulate || plane < written, (m, k, n), (a, i), (b, j), plane);
        written = written.max(plane + 1);
    });
}

/// `out ← a·b` where `out` already holds plane 0, the value without infinitesimals. For some scalars and shapes plane 0 is calculated again.
pub(crate) fn multiply_infinitesimals<S: Scalar>(
    out: &mut [S],
    (m, k, n): (usize, usize, usize),
    a: Operand<'_, S>,
    b: Operand<'_, S>,
) {
    if S::BY_ENTRIES || m.min(k).min(n) == 1 {
        return multiply(out, false, (m, k, n), a, b);
    }
    let mut written = 1;
    multiply_planes::<S>(a, b, &mut |i, j, plane| {
        if plane > 0 {
            plane_product(out, plane < written, (m, k, n), (a, i), (b, j), plane);
            written = written.max(plane + 1);
        }
    });
}

/// Visits the products of planes that make up a product. Their target planes are met for the first time in ascending order.
fn multiply_planes<S: Scalar>(a: Operand<'_, S>, b: Operand<'_, S>, visit: &mut impl FnMut(usize, usize, usize)) {
    match (a.entries, b.entries) {
        (Entries::Data(_), Entries::Data(_)) => visit(0, 0, 0),
        (Entries::Data(_), Entries::Scalars(_)) => (0..S::PLANES).for_each(|p| visit(0, p, p)),
        (Entries::Scalars(_), Entries::Data(_)) => (0..S::PLANES).for_each(|p| visit(p, 0, p)),
        (Entries::Scalars(_), Entries::Scalars(_)) => S::plane_products(visit),
    }
}

/// Plane `plane` of `out` from a plane of each factor.
fn plane_product<S: Scalar>(
    out: &mut [S],
    accumulate: bool,
    (m, k, n): (usize, usize, usize),
    (a, a_plane): (Operand<'_, S>, usize),
    (b, b_plane): (Operand<'_, S>, usize),
    plane: usize,
) {
    let planes = &mut S::planes_mut(out)[plane..];
    let (row, column) = strides::<S>(n);
    let out: MatMut<'_, S::Base> =
        MatrixViewMut::from_slice_with_strides_generic(planes, Dyn(m), Dyn(n), row, column).into_faer();
    S::Base::matrix_product(out, accumulate, a.plane(a_plane, m, k), b.plane(b_plane, k, n));
}
