//! A step allocates nothing, and a long run streams in constant memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sharpflow::arithmetic::norm;
use sharpflow::data::Dataset;
use sharpflow::descent::{Descent, GradientDescent, ProjectedGradientDescent, every, run};
use sharpflow::krylov::KrylovOptions;
use sharpflow::loss::{Derivatives, LinearRegression, Loss};
use sharpflow::network::NetworkLoss;
use sharpflow::network_file::zoo::{ZOO, find};
use sharpflow::sharpness::{HessianKind, largest_sharpnesses};
use sharpflow::sphere::project;

/// The system's allocator, counting its calls and the bytes it holds.
struct Counting;

thread_local! {
    /// Of this thread alone: the test harness allocates in others, whenever a test ends.
    static CALLS: Cell<usize> = const { Cell::new(0) };
}
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST_HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to `System` unchanged, which upholds the contract.
#[allow(unsafe_code, reason = "an allocator can be written in no other way")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST_HELD.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's obligations are `System`'s.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's obligations are `System`'s.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: they share the allocator.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn a_million_steps_stream_without_allocating() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let data = Dataset::random(50, 64, 0);
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let mut descent = GradientDescent::new(&loss, 1e-3, 1e-5, &[1.0; 64]).unwrap();
    descent.step();
    let before = CALLS.get();
    for _ in 0..1000 {
        descent.step();
    }
    assert_eq!(CALLS.get(), before, "a step of gradient descent allocates");

    let mut projected = ProjectedGradientDescent::new(&loss, 1e-3, &[1.0; 64]);
    let before = CALLS.get();
    projected.step();
    assert_eq!(CALLS.get(), before, "a step of projected gradient descent allocates");

    let before = CALLS.get();
    let mut observed = 0u64;
    run(
        &mut descent,
        1_000_000,
        every(1001),
        |_| true,
        |_, _, _, _| {
            observed += 1;
            true
        },
    );
    assert_eq!(observed, 1000 + 1);
    // One buffer for the whole run, whatever its length.
    assert_eq!(CALLS.get(), before + 1);
}

#[test]
fn no_derivative_of_a_network_allocates() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for architecture in ZOO {
        let loss = NetworkLoss::<f64>::new(&architecture.network(&[]).unwrap()).unwrap();
        let mut derivatives = Derivatives::new(&loss);
        let w: Vec<f64> = (0..loss.dimension()).map(|k| (k as f64).sin()).collect();
        let mut out = w.clone();
        let mut each = || {
            derivatives.gradient(&w);
            derivatives.hessian_vector(&w, &w, &mut out);
            derivatives.third_derivative(&w, &w, &mut out);
            derivatives.fourth_derivative(&w, &w, &mut out);
        };
        // faer's kernels keep a buffer a thread, made at their first use.
        each();
        let before = CALLS.get();
        each();
        assert_eq!(CALLS.get(), before, "{}", architecture.name);
    }
}

/// D = 10⁵: the top two eigenpairs to a residual of 10⁻⁶, within 500 MiB for everything.
#[test]
fn eigenpairs_of_a_hundred_thousand_weights_fit_in_memory() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = HELD.load(Ordering::Relaxed);
    MOST_HELD.store(before, Ordering::Relaxed);
    let sizes = [("samples", 16), ("features", 199), ("width", 500)];
    let loss = NetworkLoss::<f64>::new(&find("batch_norm").unwrap().network(&sizes).unwrap()).unwrap();
    assert_eq!(loss.dimension(), 100_000);
    let mut theta: Vec<f64> = (0..loss.dimension()).map(|k| ((k * k) as f64).sin()).collect();
    project(&mut theta);
    let mut derivatives = Derivatives::new(&loss);
    let options = KrylovOptions { tolerance: 1e-6, ..KrylovOptions::default() };
    let found = largest_sharpnesses(&mut derivatives, &theta, HessianKind::Euclidean, &options, None).unwrap();
    let (top, next) = (&found.pairs[0], &found.pairs[1]);
    assert!(found.converged && top.residual.max(next.residual) <= 1e-6 * top.value, "{}", found.products);
    assert!(top.value >= next.value && norm(&top.vector) > 0.99);
    let mebibytes = (MOST_HELD.load(Ordering::Relaxed) - before) >> 20;
    println!("{} products, {mebibytes} MiB", found.products);
    assert!(mebibytes < 500, "{mebibytes}");
}
