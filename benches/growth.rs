//! How the cost of a step grows with the number of weights D: steps a second and peak memory of the linear regression (50 samples) and of the
//! two-layer network with batch norm (64 samples, as many features as units), and the exponent that fits them.
//!
//! Every size is a process of its own, so that its memory is its own.

#[path = "common/work.rs"]
#[allow(dead_code, reason = "not every bench uses all of it")]
mod work;

use std::env;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::loss::Loss;
use work::{Outcome, Work};

const SAMPLES: [(&str, usize); 2] = [("regression", 50), ("network", 64)];
const DIMENSIONS: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
const BUDGET: Duration = Duration::from_millis(500);

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [] => table(),
        [loss, samples, dimension] => one(loss, samples.parse()?, dimension.parse()?),
        _ => Err("no arguments, please".into()),
    }
}

fn table() -> Outcome<()> {
    println!("| loss | D | steps/s | memory (MiB) |");
    println!("| --- | --- | --- | --- |");
    for (loss, samples) in SAMPLES {
        let mut points = Vec::new();
        for dimension in DIMENSIONS {
            let arguments = [loss.to_string(), samples.to_string(), dimension.to_string()];
            let output = Command::new(env::current_exe()?).args(arguments).output()?;
            let line = String::from_utf8(output.stdout)?;
            let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
            let &[weights, seconds, memory] = numbers.as_slice() else {
                return Err(format!("{loss}, D = {dimension}: {}", String::from_utf8_lossy(&output.stderr)).into());
            };
            println!("| {loss} | {weights} | {:.3e} | {memory:.0} |", 1.0 / seconds);
            points.push([weights.ln(), seconds.ln()]);
        }
        println!("| {loss} | all | time of a step ∝ D^{:.2} | |", slope(&points));
    }
    Ok(())
}

/// The slope of a line through points, by least squares.
fn slope(points: &[[f64; 2]]) -> f64 {
    let mean = |k: usize| points.iter().map(|point| point[k]).sum::<f64>() / points.len() as f64;
    let [x, y] = [0, 1].map(mean);
    let product = |k: usize, of: f64| points.iter().map(|point| (point[0] - x) * (point[k] - of)).sum::<f64>();
    product(1, y) / product(0, x)
}

/// Prints D, the seconds a step takes at best, and the process's peak memory in MiB.
fn one(loss: &str, samples: usize, dimension: usize) -> Outcome<()> {
    let side = (dimension as f64).sqrt() as usize;
    let [weights, seconds] = match loss {
        "regression" => seconds(&Work::regression(&[samples, dimension])?)?,
        _ => seconds(&Work::network(&[samples, side, side])?)?,
    };
    println!("{weights} {seconds:e} {}", peak_memory()?);
    Ok(())
}

fn seconds(work: &Work<impl Loss<f64>>) -> Outcome<[f64; 2]> {
    let mut descent = GradientDescent::new(&work.loss, 1e-3, 1e-4, &work.start)?;
    let (begun, mut best, mut batch) = (Instant::now(), f64::INFINITY, 1);
    while begun.elapsed() < BUDGET {
        let now = Instant::now();
        for _ in 0..batch {
            black_box(descent.step());
        }
        let took = now.elapsed();
        best = best.min(took.as_secs_f64() / f64::from(batch));
        // Long enough for the clock.
        if took < BUDGET / 100 {
            batch *= 2;
        }
    }
    Ok([work.start.len() as f64, best])
}

/// The kernel's own account of the largest resident set.
fn peak_memory() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    let kibibytes: f64 = line.split_whitespace().nth(1).ok_or("VmHWM has no value")?.parse()?;
    Ok(kibibytes / 1024.0)
}
