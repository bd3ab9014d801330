//! A step allocates nothing, and a long run streams in constant memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use sharpflow::data::Dataset;
use sharpflow::descent::{Descent, GradientDescent, ProjectedGradientDescent, every, run};
use sharpflow::loss::LinearRegression;

/// The system's allocator, counting its calls.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to `System` unchanged, which upholds the contract.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's obligations are `System`'s.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's obligations are `System`'s.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_million_steps_stream_without_allocating() {
    let data = Dataset::random(50, 64, 0);
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let mut descent = GradientDescent::new(&loss, 1e-3, 1e-5, &[1.0; 64]).unwrap();
    descent.step();
    let before = CALLS.load(Ordering::Relaxed);
    for _ in 0..1000 {
        descent.step();
    }
    assert_eq!(CALLS.load(Ordering::Relaxed), before, "a step of gradient descent allocates");

    let mut projected = ProjectedGradientDescent::new(&loss, 1e-3, &[1.0; 64]);
    let before = CALLS.load(Ordering::Relaxed);
    projected.step();
    assert_eq!(CALLS.load(Ordering::Relaxed), before, "a step of projected gradient descent allocates");

    let before = CALLS.load(Ordering::Relaxed);
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
    assert_eq!(CALLS.load(Ordering::Relaxed), before + 1);
}
