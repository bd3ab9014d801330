//! What the gradient of the two-layer network with batch norm costs against its matrix products, and a Hessian–vector product
//! against the gradient.
//!
//! The three are timed alternately in one run; the table gives the medians of the ratios and their quartiles. One thread.

use std::hint::black_box;
use std::time::Instant;

use sharpflow::arithmetic::product::{Operand, multiply};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::network::NetworkLoss;
use sharpflow::network_file::zoo::find;

const ROUNDS: usize = 31;

fn main() {
    println!("{:>24} {:>8} {:>22} {:>22}", "n × width × d", "", "gradient / products", "HVP / gradient");
    for activation in ["relu", "algebraic_sigmoid", "tanh"] {
        for size in [8, 16, 64, 128] {
            row(activation, size);
        }
    }
}

fn row(activation: &str, size: usize) {
    let Some(architecture) = find("batch_norm") else { return };
    let text = architecture.toml.replace("algebraic_sigmoid", activation);
    let sizes = [("samples", size), ("features", size), ("width", size)];
    let network = match sharpflow::network::Network::from_toml(&text, &sizes) {
        Ok(network) => network,
        Err(error) => return eprintln!("{error}"),
    };
    let Ok(loss) = NetworkLoss::<f64>::new(&network) else { return };
    let mut derivatives = Derivatives::new(&loss);
    let w: Vec<f64> = (0..loss.dimension()).map(|k| ((k * k) as f64).sin()).collect();
    let v: Vec<f64> = (0..loss.dimension()).map(|k| (k as f64).cos()).collect();
    let mut out = w.clone();
    let repeats = (20_000_000 / (size * size * size + 1000 * size)).max(5);
    let mut ratios = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let products = time(repeats, products_of(size));
        let gradient = time(repeats, || {
            black_box(derivatives.gradient(black_box(&w)));
        });
        let hvp = time(repeats, || derivatives.hessian_vector(black_box(&w), &v, &mut out));
        ratios[0].push(gradient / products);
        ratios[1].push(hvp / gradient);
    }
    let [gradient, hvp] = ratios.map(|mut ratios| {
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios[ROUNDS * part / 4];
        format!("{:.2} ({:.2}–{:.2})", at(2), at(1), at(3))
    });
    println!("{activation:>24} {size:>8} {gradient:>22} {hvp:>22}");
}

/// Seconds a call.
fn time(repeats: usize, mut work: impl FnMut()) -> f64 {
    work();
    let begun = Instant::now();
    (0..repeats).for_each(|_| work());
    begun.elapsed().as_secs_f64() / repeats as f64
}

/// The products in a gradient: inputs·hiddenᵀ, its gradient, and the readout's three; every matrix has its own memory, as there.
fn products_of(s: usize) -> impl FnMut() {
    let [inputs, hidden, active, slope] = [0.5, 0.25, 0.75, 0.125].map(|x| vec![x; s * s]);
    let [readout, output_slope] = [0.5, 0.25].map(|x| vec![x; s]);
    let (mut pre, mut active_slope, mut of_hidden) = (inputs.clone(), inputs.clone(), inputs.clone());
    let (mut output, mut of_readout) = (readout.clone(), readout.clone());
    move || {
        let [inputs, hidden, active, slope] =
            [&inputs, &hidden, &active, &slope].map(|x| Operand::<f64>::scalars(black_box(x)));
        let [readout, output_slope] = [&readout, &output_slope].map(|x| Operand::scalars(x));
        multiply(&mut pre, false, (s, s, s), inputs, hidden.transposed());
        multiply(&mut output, false, (s, s, 1), active, readout);
        multiply(&mut active_slope, false, (s, 1, s), output_slope, readout.transposed());
        multiply(&mut of_readout, false, (s, s, 1), active.transposed(), output_slope);
        multiply(&mut of_hidden, false, (s, s, s), slope.transposed(), inputs);
        black_box((&pre, &output, &active_slope, &of_readout, &of_hidden));
    }
}
