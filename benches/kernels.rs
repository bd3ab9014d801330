//! Each kernel by itself: `cargo bench --bench kernels`. Absolute times; for ratios to other programs see `benches/peers/`.

#[path = "common/work.rs"]
#[allow(dead_code, reason = "not every bench uses all of it")]
mod work;

use divan::{Bencher, black_box};
use sharpflow::arithmetic::add_scaled;
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::flow::{FlowConstants, integrate};
use sharpflow::krylov::KrylovOptions;
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::minimizers::{Minimizers, NumericMinimizers};
use sharpflow::network::NetworkLoss;
use sharpflow::sharpness::{HessianKind, largest_sharpnesses, spherical_sharpness};
use sharpflow_theorems::population::{Population, Source};
use sharpflow_theorems::progress::Progress;
use sharpflow_theorems::registry::find;
use sharpflow_theorems::runner::{Store, Study, run};
use work::{END, FLOW_ERROR, Outcome, Work, minimum, normal};

fn main() {
    divan::main();
}

/// Samples, features.
const REGRESSIONS: [&[usize]; 3] = [&[50, 64], &[200, 256], &[1000, 1000]];
/// Samples, features, width.
const NETWORKS: [&[usize]; 3] = [&[6, 4, 4], &[16, 16, 16], &[64, 64, 64]];
const SMALL: [&[usize]; 1] = [&[6, 4, 4]];

/// A kernel that cannot be set up is named, and left out.
fn measured(outcome: Outcome<()>) {
    if let Err(error) = outcome {
        eprintln!("not measured: {error}");
    }
}

fn step(bencher: Bencher, work: &Work<impl Loss<f64>>) -> Outcome<()> {
    let mut descent = GradientDescent::new(&work.loss, 1e-3, 1e-4, &work.start)?;
    bencher.bench_local(|| descent.step());
    Ok(())
}

#[divan::bench(args = REGRESSIONS)]
fn regression_step(bencher: Bencher, sizes: &[usize]) {
    measured(Work::regression(sizes).and_then(|work| step(bencher, &work)));
}

#[divan::bench(args = NETWORKS)]
fn network_step(bencher: Bencher, sizes: &[usize]) {
    measured(Work::network(sizes).and_then(|work| step(bencher, &work)));
}

type OfNetwork<'a> = Derivatives<&'a NetworkLoss<f64>, f64>;

fn derivative(bencher: Bencher, sizes: &[usize], of: impl Fn(&mut OfNetwork, &[f64], &[f64], &mut [f64])) {
    measured(Work::network(sizes).map(|work| {
        let (direction, mut out) = (normal(work.start.len(), 1), work.start.clone());
        let mut derivatives = Derivatives::new(&work.loss);
        bencher.bench_local(|| of(&mut derivatives, black_box(&work.start), &direction, &mut out));
    }));
}

#[divan::bench(args = NETWORKS)]
fn gradient(bencher: Bencher, sizes: &[usize]) {
    derivative(bencher, sizes, |of, w, _, _| _ = black_box(of.gradient(w)));
}

#[divan::bench(args = NETWORKS)]
fn hessian_vector(bencher: Bencher, sizes: &[usize]) {
    derivative(bencher, sizes, |of, w, v, out| of.hessian_vector(w, v, out));
}

#[divan::bench(args = NETWORKS)]
fn third_derivative(bencher: Bencher, sizes: &[usize]) {
    derivative(bencher, sizes, |of, w, v, out| of.third_derivative(w, v, out));
}

#[divan::bench(args = &NETWORKS[..2])]
fn eigenpair_dense(bencher: Bencher, sizes: &[usize]) {
    measured(Work::network(sizes).map(|work| {
        let mut derivatives = Derivatives::new(&work.loss);
        bencher.bench_local(|| spherical_sharpness(&mut derivatives, &work.start, HessianKind::Euclidean));
    }));
}

#[divan::bench(args = [&[64, 64, 64], &[64, 250, 400]] as [&[usize]; 2])]
fn eigenpair_krylov(bencher: Bencher, sizes: &[usize]) {
    let options = KrylovOptions { pairs: 1, ..KrylovOptions::default() };
    measured(Work::network(sizes).map(|work| {
        let mut derivatives = Derivatives::new(&work.loss);
        let kind = HessianKind::Euclidean;
        bencher.bench_local(|| largest_sharpnesses(&mut derivatives, &work.start, kind, &options, None));
    }));
}

#[divan::bench(args = SMALL)]
fn nearest_point(bencher: Bencher, sizes: &[usize]) {
    let setup = || -> Outcome<()> {
        let work = Work::network(sizes)?;
        let point = minimum(&work)?;
        let mut minimizers = NumericMinimizers::through(&work.loss, &point)?;
        let mut from = point.clone();
        add_scaled(&mut from, 1e-3, &normal(point.len(), 1));
        let mut nearest = from.clone();
        bencher.bench_local(|| minimizers.nearest(&from, &mut nearest));
        Ok(())
    };
    measured(setup());
}

#[divan::bench(args = SMALL)]
fn flow(bencher: Bencher, sizes: &[usize]) {
    let setup = || -> Outcome<()> {
        let work = Work::network(sizes)?;
        let point = minimum(&work)?;
        let mut minimizers = NumericMinimizers::through(&work.loss, &point)?;
        let constants = FlowConstants::SHARPNESS_REDUCTION;
        bencher.bench_local(|| integrate(&mut minimizers, constants, &point, END, FLOW_ERROR));
        Ok(())
    };
    measured(setup());
}

/// A claim judged on the digits and three random regressions, on all threads.
#[divan::bench(args = ["effective_learning_rate", "linear_regression_flow"], sample_count = 3)]
fn claim(bencher: Bencher, id: &str) {
    let setup = || -> Outcome<()> {
        let study = Study {
            claims: vec![find(id).ok_or("no such claim")?],
            population: Population { seed: 0, regressions: 3, networks: 0, source: Source::BuiltIn },
        };
        bencher.bench_local(|| run(&study, &Progress::default(), &|_| (), &Store::none()));
        Ok(())
    };
    measured(setup());
}
