//! Products of a small matrix and a vector against faer's kernel. Both alternately in one run; medians of the ratios.

use std::hint::black_box;
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use sharpflow::arithmetic::Base;

const ROUNDS: usize = 31;

fn main() {
    println!("{:>14} {:>10} {:>10} {:>10} {:>10}", "m × k × n", "A B", "A Bᵀ", "Aᵀ B", "ns (A B)");
    let shapes =
        [(1, 6, 1), (1, 10, 16), (1, 30, 64), (1, 64, 30), (1, 64, 64), (1, 128, 128), (1, 200, 256), (1, 512, 512)];
    for (m, k, n) in shapes {
        let (a, b) = (filled(m, k), filled(k, n));
        let (at, bt) = (filled(k, m), filled(n, k));
        let (a, b) = (MatRef::from_row_major_slice(&a, m, k), MatRef::from_row_major_slice(&b, k, n));
        let (at, bt) =
            (MatRef::from_row_major_slice(&at, k, m).transpose(), MatRef::from_row_major_slice(&bt, n, k).transpose());
        let [plain, second, first] = [(a, b), (a, bt), (at, b)].map(|(a, b)| compare(a, b));
        println!(
            "{:>14} {:>10.2} {:>10.2} {:>10.2} {:>10.0}",
            format!("{m} × {k} × {n}"),
            plain.0,
            second.0,
            first.0,
            plain.1
        );
    }
}

fn filled(rows: usize, columns: usize) -> Vec<f64> {
    (0..rows * columns).map(|k| (k as f64).sin()).collect()
}

/// The median of ours over faer's, and ours in nanoseconds.
fn compare(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> (f64, f64) {
    let (m, n) = (a.nrows(), b.ncols());
    let mut out = Mat::<f64>::zeros(n, m);
    let repeats = 2_000_000 / (m * n * a.ncols() + 100);
    let mut ratios: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            let ours =
                time(repeats, || f64::matrix_product(out.as_mut().transpose_mut(), false, black_box(a), black_box(b)));
            let faer = time(repeats, || {
                matmul(out.as_mut().transpose_mut(), Accum::Replace, black_box(a), black_box(b), 1.0, Par::Seq);
            });
            (ours / faer, 1e9 * ours)
        })
        .collect();
    ratios.sort_by(|x, y| x.0.total_cmp(&y.0));
    ratios[ROUNDS / 2]
}

fn time(repeats: usize, mut work: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..repeats {
        work();
    }
    begun.elapsed().as_secs_f64() / repeats as f64
}
