//! What a step of gradient descent with weight decay costs, against the two matrix–vector products it contains.
//!
//! Both are timed alternately in one run; the table gives the median of the ratios and their quartiles. One thread.

use std::hint::black_box;
use std::time::Instant;

use sharpflow::arithmetic::apply;
use sharpflow::data::Dataset;
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::loss::LinearRegression;

const ROUNDS: usize = 31;

fn main() {
    println!("{:>12} {:>14} {:>10} {:>16}", "n × D", "step / 2 Xw", "quartiles", "steps per second");
    for (n, d) in [(10, 16), (30, 64), (50, 64), (200, 256), (1000, 1000)] {
        let loss = match LinearRegression::<f64>::new(&Dataset::random(n, d, 0)) {
            Ok(loss) => loss,
            Err(error) => {
                eprintln!("{n} × {d}: {error}");
                continue;
            }
        };
        let start = vec![1.0; d];
        let repeats = (2_000_000 / (n * d)).max(10);
        let mut ratios = Vec::new();
        let mut fastest = f64::INFINITY;
        for _ in 0..ROUNDS {
            let step = time_steps(&loss, &start, repeats);
            ratios.push(step / time_products(&loss, &start, repeats));
            fastest = fastest.min(step);
        }
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios[ROUNDS * part / 4];
        let quartiles = format!("{:.2}–{:.2}", at(1), at(3));
        println!("{:>12} {:>14.2} {quartiles:>10} {:>16.0}", format!("{n} × {d}"), at(2), 1.0 / fastest);
    }
}

/// Seconds a step.
fn time_steps(loss: &LinearRegression<f64>, start: &[f64], repeats: usize) -> f64 {
    let Ok(mut descent) = GradientDescent::new(loss, 1e-3, 1e-5, start) else {
        return f64::NAN;
    };
    descent.step();
    let begun = Instant::now();
    for _ in 0..repeats {
        black_box(descent.step());
    }
    begun.elapsed().as_secs_f64() / repeats as f64
}

/// Seconds for Xw and Xᵀr.
fn time_products(loss: &LinearRegression<f64>, start: &[f64], repeats: usize) -> f64 {
    let features = loss.features();
    let mut output = vec![0.0; loss.targets().len()];
    let mut gradient = start.to_vec();
    apply(features, start, &mut output);
    let begun = Instant::now();
    for _ in 0..repeats {
        apply(features, black_box(start), &mut output);
        apply(features.transpose(), black_box(&output), &mut gradient);
        black_box(&gradient);
    }
    begun.elapsed().as_secs_f64() / repeats as f64
}
