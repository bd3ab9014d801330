//! Losses that are smooth on all of S, and so small that their bounds over it can be enclosed.

use sharpflow::network::{Builder, Network, NetworkError, ops};
use sharpflow::network_file::zoo::find;

use super::Rejected;

/// Draws of the 3-parameter loss, besides the one without terms drawn, and numbers of terms of the squared distance.
const CIRCLES: u64 = 2;
const TERMS: [usize; 2] = [1, 40];

/// Their names and networks. A first axis lies on Γ and a last one is normal to it, on each.
///
/// # Errors
/// There is none in practice: they are fixed.
pub(crate) fn smooth_losses(seed: u64) -> Result<Vec<(String, Network)>, Rejected> {
    let architecture = find("circle").ok_or(Rejected::NoSuchArchitecture { name: "circle" })?;
    let mut losses = vec![("3-parameter loss".into(), three_parameters()?)];
    for k in 0..CIRCLES {
        let network = architecture.network(&[]).map_err(Box::new)?.with_data_of(seed.wrapping_add(k))?;
        losses.push((format!("circle (draw {k})"), network));
    }
    for terms in TERMS {
        losses.push((format!("squared distance ({terms} terms)"), squared_distance(terms)?));
    }
    Ok(losses)
}

/// z²(r² + 20x²)/(2r⁴), the circle without terms drawn: its largest sharpness, 21, is met on Γ, where the inequalities are nearly
/// equalities.
fn three_parameters() -> Result<Network, NetworkError> {
    let mut builder = Builder::new("Three weights, the largest sharpness on Γ");
    let weights = [builder.weight("x", &[])?, builder.weight("y", &[])?, builder.weight("z", &[])?];
    let mut squares = [weights[0]; 3];
    for (square, (weight, name)) in squares.iter_mut().zip(weights.into_iter().zip(["xx", "yy", "zz"])) {
        *square = builder.add(name, ops::Multiply, &[weight, weight])?;
    }
    let [xx, yy, zz] = squares;
    let sum = builder.add("sum", ops::Add, &[xx, yy])?;
    let square = builder.add("square", ops::Add, &[sum, zz])?;
    let height = builder.add("height", ops::Divide, &[zz, square])?;
    let slope = builder.add("slope", ops::Divide, &[xx, square])?;
    let flat = builder.add("flat", ops::Scale { factor: 0.5 }, &[height])?;
    let part = builder.add("part", ops::Scale { factor: 10.0 }, &[slope])?;
    let steep = builder.add("steep", ops::Multiply, &[part, height])?;
    let loss = builder.add("loss", ops::Add, &[flat, steep])?;
    builder.finish(loss)
}

/// d²/2 for the distance d to the first axis on the circle, as the first `terms` of its series in s = (1 − cos d)/2:
/// Σ (4s)ᵏ/(k²·C(2k, k)). One term is 1 − cos d.
fn squared_distance(terms: usize) -> Result<Network, NetworkError> {
    let mut builder = Builder::new("Half the squared distance to a point of the circle");
    let x = builder.weight("x", &[])?;
    let y = builder.weight("y", &[])?;
    let xx = builder.add("xx", ops::Multiply, &[x, x])?;
    let yy = builder.add("yy", ops::Multiply, &[y, y])?;
    let square = builder.add("square", ops::Add, &[xx, yy])?;
    let length = builder.add("length", ops::SquareRoot, &[square])?;
    let cosine = builder.add("cosine", ops::Divide, &[x, length])?;
    let half = builder.constant("half", &[], vec![0.5])?;
    let part = builder.add("part", ops::Scale { factor: 0.5 }, &[cosine])?;
    let s = builder.add("s", ops::Subtract, &[half, part])?;
    // 4ᵏ/(k²·C(2k, k)), by C(2k, k) = C(2k−2, k−1)·(4k−2)/k.
    let mut power = 1.0;
    let coefficients: Vec<f64> = (1..=terms)
        .map(|k| {
            let k = k as f64;
            power *= 4.0 * k / (4.0 * k - 2.0);
            power / (k * k)
        })
        .collect();
    let mut sum = None;
    for (k, coefficient) in coefficients.into_iter().enumerate().rev() {
        let constant = builder.constant(&format!("coefficient{k}"), &[], vec![coefficient])?;
        let inner = match sum {
            None => constant,
            Some(sum) => builder.add(&format!("inner{k}"), ops::Add, &[sum, constant])?,
        };
        sum = Some(builder.add(&format!("term{k}"), ops::Multiply, &[inner, s])?);
    }
    let output = match sum {
        Some(sum) => sum,
        None => s,
    };
    builder.finish(output)
}
