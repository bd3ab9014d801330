//! How costs grow with the number of weights D. First those of a step: steps a second and peak memory of the linear regression (50 samples) and
//! of the two-layer network with batch norm (64 samples, as many features as units), and the exponent that fits them. Then those of a point of
//! Γ of that network with 200 samples: its rank, λ₁, v₁ and G, by the singular values of ∂r/∂w.
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
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::minimizers::{Geometry, Minimizers, NumericMinimizers};
use sharpflow::network::{Network, NetworkLoss};
use sharpflow::network_file::zoo::find;
use work::{Outcome, Work};

const SAMPLES: [(&str, usize); 2] = [("regression", 50), ("network", 64)];
const DIMENSIONS: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
/// The sizes of networks whose Γ is measured, and their samples.
const OF_GAMMA: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const RESIDUALS: usize = 200;
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
            let [weights, seconds, memory] = measured(loss, samples, dimension)?;
            println!("| {loss} | {weights} | {:.3e} | {memory:.0} |", 1.0 / seconds);
            points.push([weights.ln(), seconds.ln()]);
        }
        println!("| {loss} | all | time of a step ∝ D^{:.2} | |", slope(&points));
    }
    println!("\n| Γ of | D | seconds a point | memory (MiB) |");
    println!("| --- | --- | --- | --- |");
    let mut points = Vec::new();
    for dimension in OF_GAMMA {
        let [weights, seconds, memory] = measured("gamma", RESIDUALS, dimension)?;
        println!("| network | {weights} | {seconds:.2} | {memory:.0} |");
        points.push([weights.ln(), seconds.ln()]);
    }
    println!("| network | all | ∝ D^{:.2} | |", slope(&points));
    Ok(())
}

/// D, seconds and memory of a process of its own.
fn measured(loss: &str, samples: usize, dimension: usize) -> Outcome<[f64; 3]> {
    let arguments = [loss.to_string(), samples.to_string(), dimension.to_string()];
    let output = Command::new(env::current_exe()?).args(arguments).output()?;
    let line = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let failed = |_| format!("{loss}, D = {dimension}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(numbers.try_into().map_err(failed)?)
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
        "gamma" => geometry(samples, side)?,
        _ => seconds(&Work::network(&[samples, side, side])?)?,
    };
    println!("{weights} {seconds:e} {}", peak_memory()?);
    Ok(())
}

/// The seconds that a point of Γ takes. The targets are what the network says at its start, so that the start lies on Γ.
fn geometry(samples: usize, side: usize) -> Outcome<[f64; 2]> {
    let work = Work::network(&[samples, side, side])?;
    let (residuals, _) = Derivatives::new(&work.loss).residuals_and_jacobian(&work.start);
    let known = &work.data.iter().find(|(name, _)| *name == "targets").ok_or("no targets")?.1;
    // r = √(2/N)(prediction − target), as L = ½‖r‖² is a mean.
    let scale = (samples as f64 / 2.0).sqrt();
    let targets: Vec<f64> = known.iter().zip(&residuals).map(|(target, r)| target + scale * r).collect();
    let sizes = [("samples", samples), ("features", side), ("width", side)];
    let drawn = "targets = { shape = [\"samples\", 1], normal = 2, standardize = true }";
    let toml = find("batch_norm").ok_or("no batch_norm")?.toml;
    let given = toml.replace(drawn, &format!("targets = {{ shape = [\"samples\", 1], values = {targets:?} }}"));
    let loss = NetworkLoss::<f64>::new(&Network::from_toml(&given, &sizes)?)?;
    drop(work.loss);
    let now = Instant::now();
    let mut minimizers = NumericMinimizers::through(&loss, &work.start)?;
    let mut geometry = Geometry::new(work.start.len());
    minimizers.geometry(&work.start, &mut geometry)?;
    let seconds = now.elapsed().as_secs_f64();
    if !minimizers.is_by_residuals() {
        return Err("the start is not on Γ".into());
    }
    black_box(&geometry);
    Ok([work.start.len() as f64, seconds])
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
