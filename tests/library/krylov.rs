//! Eigenpairs by products alone: against dense ones, and on every operator a plain iteration cannot bear.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::matrix_free::eigen::{PartialEigenParams, partial_self_adjoint_eigen, partial_self_adjoint_eigen_scratch};
use faer::{Col, Mat, Par};

use crate::common::normal_vector;
use sharpflow::arithmetic::{Float, dot, norm};
use sharpflow::krylov::{KrylovError, KrylovOptions, LargestEigenpairs, largest_eigenpairs};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::network::NetworkLoss;
use sharpflow::network_file::zoo::find;
use sharpflow::sharpness::{HessianKind, largest_sharpnesses, spherical_sharpness};
use sharpflow::sphere::project;

const OPTIONS: KrylovOptions = KrylovOptions { pairs: 2, tolerance: 1e-9, restarts: 300, seed: 3, dense_up_to: 0 };

/// The pairs of a diagonal operator.
fn of_diagonal<T: Float>(
    diagonal: &[f64],
    options: &KrylovOptions,
    warm: Option<&[T]>,
) -> Result<LargestEigenpairs<T>, KrylovError> {
    let apply = |x: &[T], out: &mut [T]| {
        out.iter_mut().zip(x).zip(diagonal).for_each(|((out, &x), &d)| *out = T::from_f64(d) * x);
    };
    largest_eigenpairs(diagonal.len(), apply, options, warm)
}

fn values(found: &LargestEigenpairs<f64>) -> Vec<f64> {
    found.pairs.iter().map(|pair| pair.value).collect()
}

fn check(found: &LargestEigenpairs<f64>, expected: &[f64], largest: f64) {
    assert!(found.converged && found.pairs.len() == expected.len(), "{found:?}");
    for (pair, expected) in found.pairs.iter().zip(expected) {
        // For a symmetric operator an eigenvalue lies within the residual of the quotient.
        assert!((pair.value - expected).abs() <= pair.residual + 1e-14 * largest, "{} {expected}", pair.value);
        assert!(pair.residual <= OPTIONS.tolerance * largest && (norm(&pair.vector) - 1.0).abs() < 1e-12);
    }
}

/// A spectrum in which the largest magnitudes are negative ones.
#[test]
fn the_largest_are_meant_algebraically() {
    let n = 400;
    let mut diagonal: Vec<f64> = (0..n).map(|k| k as f64 / n as f64).collect();
    diagonal[7] = -50.0;
    diagonal[11] = -49.0;
    diagonal[100] = 3.0;
    diagonal[200] = 2.0;
    check(&of_diagonal(&diagonal, &OPTIONS, None).unwrap(), &[3.0, 2.0], 50.0);
    // All negative.
    let below: Vec<f64> = diagonal.iter().map(|d| d - 10.0).collect();
    check(&of_diagonal(&below, &OPTIONS, None).unwrap(), &[-7.0, -8.0], 60.0);
    let five = KrylovOptions { pairs: 5, ..OPTIONS };
    let top: Vec<f64> = [399.0, 398.0, 397.0].map(|k| k / 400.0).to_vec();
    check(&of_diagonal(&diagonal, &five, None).unwrap(), &[3.0, 2.0, top[0], top[1], top[2]], 50.0);
}

/// From one start a Krylov space holds an eigenvalue once, whatever its multiplicity.
#[test]
fn a_multiple_eigenvalue_is_found_as_often_as_asked() {
    let n = 3000;
    let mut diagonal: Vec<f64> = (0..n).map(|k| k as f64 / n as f64).collect();
    (diagonal[10], diagonal[2000]) = (2.0, 2.0);
    check(&of_diagonal(&diagonal, &OPTIONS, None).unwrap(), &[2.0, 2.0], 2.0);
    (diagonal[20], diagonal[30]) = (3.0, 2.0);
    let four = KrylovOptions { pairs: 4, ..OPTIONS };
    check(&of_diagonal(&diagonal, &four, None).unwrap(), &[3.0, 2.0, 2.0, 2.0], 3.0);
}

/// A wide spectrum without a gap, to the last digits that are asked: the basis has to stay orthogonal over restarts.
#[test]
fn every_start_converges_on_a_wide_spectrum() {
    for n in [33, 200, 1000] {
        let diagonal: Vec<f64> = (0..n).map(|k| 1.0 - k as f64).collect();
        for (seed, pairs) in (0..6).flat_map(|seed| [1, 2, 4].map(|pairs| (seed, pairs))) {
            let found = of_diagonal(&diagonal, &KrylovOptions { seed, pairs, ..OPTIONS }, None).unwrap();
            check(&found, &diagonal[..pairs], n as f64);
        }
    }
}

/// Operators whose Krylov space closes at once, or whose products are no numbers.
#[test]
fn what_a_plain_iteration_cannot_bear_has_an_answer() {
    let n = 300;
    // Zero.
    let zero = of_diagonal::<f64>(&vec![0.0; n], &OPTIONS, None).unwrap();
    assert!(zero.converged && values(&zero) == [0.0, 0.0]);
    assert!(dot(&zero.pairs[0].vector, &zero.pairs[1].vector).abs() < 1e-15);
    // One multiple of the identity: every start is an eigenvector.
    check(&of_diagonal(&vec![4.0; n], &OPTIONS, None).unwrap(), &[4.0, 4.0], 4.0);
    check(&of_diagonal(&vec![-4.0; n], &OPTIONS, None).unwrap(), &[-4.0, -4.0], 4.0);
    // Rank 3: the Krylov space closes after four products.
    let mut low = vec![0.0; n];
    (low[5], low[6], low[7]) = (9.0, 5.0, 1.0);
    check(&of_diagonal(&low, &OPTIONS, None).unwrap(), &[9.0, 5.0], 9.0);
    let four = KrylovOptions { pairs: 4, ..OPTIONS };
    check(&of_diagonal(&low, &four, None).unwrap(), &[9.0, 5.0, 1.0, 0.0], 9.0);
    // A start that is an eigenvector, and not the first.
    let mut unit = vec![0.0; n];
    unit[6] = 1.0;
    check(&of_diagonal(&low, &OPTIONS, Some(&unit)).unwrap(), &[9.0, 5.0], 9.0);
    check(&of_diagonal(&low, &OPTIONS, Some(&vec![0.0; n])).unwrap(), &[9.0, 5.0], 9.0);
    // Not a number, at once and later.
    low[0] = f64::NAN;
    assert_eq!(of_diagonal::<f64>(&low, &OPTIONS, None), Err(KrylovError::NotFinite { product: 1 }));
    let mut calls = 0;
    let later = |x: &[f64], out: &mut [f64]| {
        calls += 1;
        out.iter_mut().zip(x).enumerate().for_each(|(k, (out, x))| *out = k as f64 * x);
        out[3] = if calls == 20 { f64::INFINITY } else { out[3] };
    };
    assert_eq!(largest_eigenpairs(n, later, &OPTIONS, None), Err(KrylovError::NotFinite { product: 20 }));
    // Few dimensions, by Lanczos' method alone and densely.
    for n in [1, 2, 3, 5, 31, 32, 33, 63, 64, 65, 128, 129] {
        for dense_up_to in [0, 128] {
            let diagonal: Vec<f64> = (0..n).map(|k| 1.0 - k as f64).collect();
            let asked = KrylovOptions { pairs: 2.min(n), dense_up_to, ..OPTIONS };
            let found = of_diagonal(&diagonal, &asked, None).unwrap();
            check(&found, &[1.0, 0.0][..asked.pairs], n as f64);
            // A dense decomposition asks for every column, and then for one more product a pair.
            let columns = if n <= dense_up_to { Some(n + asked.pairs) } else { None };
            assert!(columns.is_none_or(|columns| found.products == columns), "{n}: {} products", found.products);
        }
    }
    // Sizes whose squares are still numbers.
    for size in [1e-100, 1e100] {
        let diagonal: Vec<f64> = (0..n).map(|k| size * (1.0 + (k * k) as f64)).collect();
        let found = of_diagonal::<f64>(&diagonal, &OPTIONS, None).unwrap();
        assert!(found.converged && (found.pairs[0].value / diagonal[n - 1] - 1.0).abs() < 1e-9);
    }
    assert!(matches!(of_diagonal::<f64>(&[1.0], &OPTIONS, None), Err(KrylovError::Pairs { pairs: 2, dimension: 1 })));
    let nonsense = KrylovOptions { tolerance: f64::NAN, ..OPTIONS };
    assert!(matches!(of_diagonal::<f64>(&[1.0; 3], &nonsense, None), Err(KrylovError::Tolerance(_))));
    assert!(matches!(
        of_diagonal(&[1.0; 3], &OPTIONS, Some(&[1.0])),
        Err(KrylovError::Start { found: 1, expected: 3 })
    ));
}

/// A cluster that some restarts do not resolve: said, and what was found is given with its residual.
#[test]
fn no_convergence_is_no_pass() {
    let n = 2000;
    let diagonal: Vec<f64> = (0..n).map(|k| 1.0 - 1e-9 * (k as f64)).collect();
    let hurried = KrylovOptions { restarts: 1, tolerance: 1e-14, ..OPTIONS };
    let found = of_diagonal::<f64>(&diagonal, &hurried, None).unwrap();
    assert!(!found.converged);
}

fn check_network<T: Float>(name: &str, sizes: &[(&str, usize)], tolerance: f64) {
    let network = find(name).unwrap().network(sizes).unwrap();
    let loss = NetworkLoss::<T>::new(&network).unwrap();
    let mut theta: Vec<T> = normal_vector(loss.dimension(), 5).into_iter().map(T::from_f64).collect();
    project(&mut theta);
    let mut derivatives = Derivatives::new(&loss);
    let options = KrylovOptions { tolerance, ..OPTIONS };
    for kind in [HessianKind::Euclidean, HessianKind::Tangential] {
        let dense = spherical_sharpness(&mut derivatives, &theta, kind).unwrap();
        let found = largest_sharpnesses(&mut derivatives, &theta, kind, &options, None).unwrap();
        assert!(found.converged);
        let rounding = 1e3 * T::UNIT_ROUNDOFF * dense.value.to_f64().abs();
        for (pair, value) in found.pairs.iter().zip([dense.value, dense.next]) {
            let apart = (pair.value - value).to_f64().abs();
            assert!(apart <= pair.residual.to_f64() + rounding, "{name} {kind:?}: {apart}");
        }
        let gap = (dense.value - dense.next).to_f64();
        let cosine = dot(&found.pairs[0].vector, &dense.vector).to_f64().abs();
        assert!(1.0 - cosine <= (found.pairs[0].residual.to_f64() / gap).powi(2) + rounding / gap);
        // A warm start at the eigenvectors costs fewer products.
        let mut warm = found.pairs[0].vector.clone();
        warm.iter_mut().zip(&found.pairs[1].vector).for_each(|(w, &v)| *w += v);
        let again = largest_sharpnesses(&mut derivatives, &theta, kind, &options, Some(&warm)).unwrap();
        assert!(again.converged && again.products <= found.products, "{} {}", again.products, found.products);
    }
}

#[test]
fn it_agrees_with_the_dense_decomposition_to_the_residual_it_claims() {
    check_network::<f64>("batch_norm", &[("width", 30), ("features", 5), ("samples", 20)], 1e-9);
    check_network::<f64>("deep_layer_norm", &[("width", 12)], 1e-9);
    check_network::<f32>("rms_norm", &[("width", 30), ("features", 5), ("samples", 20)], 1e-4);
}

/// Against faer's own partial eigensolver, which finds the eigenvalues of the largest magnitude: of a Gram matrix these are the largest.
#[test]
fn it_agrees_with_faers_partial_eigensolver() {
    for (n, rank, seed) in [(300, 40, 5), (500, 500, 6)] {
        let entries = normal_vector(n * rank, seed);
        let factor = Mat::from_fn(n, rank, |i, j| entries[i + n * j] / (1.0 + j as f64));
        let gram = &factor * factor.transpose();
        let pairs = 3;
        let (mut vectors, mut found) = (Mat::zeros(n, pairs), vec![0.0; pairs]);
        let start = Col::from_iter(normal_vector(n, seed + 10));
        let parameters = PartialEigenParams::default();
        let mut memory = MemBuffer::new(partial_self_adjoint_eigen_scratch(&gram, pairs, Par::Seq, parameters));
        let info = partial_self_adjoint_eigen(
            vectors.as_mut(),
            &mut found,
            &gram,
            start.as_ref(),
            1e-12,
            Par::Seq,
            MemStack::new(&mut memory),
            parameters,
        );
        assert_eq!(info.n_converged_eigen, pairs);
        found.sort_by(|a, b| b.total_cmp(a));
        let apply = |x: &[f64], out: &mut [f64]| {
            let product = &gram * Col::from_iter(x.iter().copied());
            out.iter_mut().zip(product.iter()).for_each(|(out, &x)| *out = x);
        };
        let ours = largest_eigenpairs(n, apply, &KrylovOptions { pairs, ..OPTIONS }, None).unwrap();
        check(&ours, &found, found[0]);
    }
}
