//! Fused and composed operations of networks against their definitions.

use crate::common::normal_vector;
use crate::network::{around, gradient};
use sharpflow::arithmetic::{distance, dot, norm};
use sharpflow::loss::Evaluator;
use sharpflow::network::{Builder, Network, NetworkLoss, NodeId, Normalization, Op, ops};

/// Two networks over the same weights have the same loss and gradient.
fn check_same(one: &Network, other: &Network, seed: u64) {
    let w = normal_vector(one.dimension(), seed);
    let ((a, gradient_a), (b, gradient_b)) = (gradient(one, &w), gradient(other, &w));
    assert!((a - b).abs() <= 1e-14 * a.abs(), "{one}{other}{a} {b}");
    assert!(distance(&gradient_a, &gradient_b) <= 1e-13 * norm(&gradient_a) && norm(&gradient_a) > 0.0, "{one}{other}");
}

/// (x − mean)/size written in primitives.
fn composed(builder: &mut Builder, x: NodeId, normalization: &Normalization) -> NodeId {
    let Normalization { axes, epsilon, centred, averaged } = normalization.clone();
    let mut centred_x = x;
    if centred {
        let mean = builder.add("mean", ops::Mean { axes: axes.clone() }, &[x]).unwrap();
        centred_x = builder.add("centred", ops::Subtract, &[x, mean]).unwrap();
    }
    let square = builder.add("square", ops::Multiply, &[centred_x, centred_x]).unwrap();
    let op = if averaged { Op::from(ops::Mean { axes }) } else { ops::Sum { axes }.into() };
    let sum = builder.add("sum", op, &[square]).unwrap();
    let epsilon = builder.constant("epsilon", &[], vec![epsilon]).unwrap();
    let sum = builder.add("with_epsilon", ops::Add, &[sum, epsilon]).unwrap();
    let size = builder.add("size", ops::SquareRoot, &[sum]).unwrap();
    builder.add("out", ops::Divide, &[centred_x, size]).unwrap()
}

#[test]
fn fused_normalizations_are_their_compositions() {
    type Named = fn(&mut Builder, NodeId, f64) -> NodeId;
    let named: [(Named, Vec<usize>, bool, bool); 5] = [
        (|b, x, e| b.batch_norm("out", x, e).unwrap(), vec![0, 1], true, true),
        (|b, x, e| b.layer_norm("out", x, e).unwrap(), vec![2], true, true),
        (|b, x, e| b.rms_norm("out", x, e).unwrap(), vec![2], false, true),
        (|b, x, e| b.weight_norm("out", x, e).unwrap(), vec![1, 2], false, false),
        (|b, x, e| b.weight_standardization("out", x, e).unwrap(), vec![1, 2], true, false),
    ];
    for (fused, axes, centred, averaged) in named {
        for epsilon in [0.0, 0.25] {
            let mut one = Builder::new("fused");
            let x = one.weight("x", &[3, 4, 5]).unwrap();
            let out = fused(&mut one, x, epsilon);
            let mut other = Builder::new("composed");
            let x = other.weight("x", &[3, 4, 5]).unwrap();
            let normalization = Normalization { axes: axes.clone(), epsilon, centred, averaged };
            let composed = composed(&mut other, x, &normalization);
            check_same(&around(one, out), &around(other, composed), 1);
        }
    }
}

/// Group norm of images against its definition, group by group.
#[test]
fn group_norm_is_layer_norm_of_each_group() {
    let mut one = Builder::new("fused");
    let x = one.weight("x", &[2, 3, 4]).unwrap();
    let out = one.group_norm("out", x, 2, 0.0).unwrap();
    let mut other = Builder::new("by group");
    let x = other.weight("x", &[2, 3, 4]).unwrap();
    // Channels 0..2 and 2..4 over all places, put side by side by the loss's own weights.
    let mut halves = Vec::new();
    for (k, start) in [0, 2].into_iter().enumerate() {
        let slice = ops::Slice { axis: 2, start, end: start + 2, step: 1 };
        let part = other.add(&format!("part{k}"), slice, &[x]).unwrap();
        let normalization = Normalization { axes: vec![1, 2], epsilon: 0.0, centred: true, averaged: true };
        let normal = other.add(&format!("normal{k}"), normalization, &[part]).unwrap();
        // Into its columns of the whole: times a selection matrix.
        let selection = (0..8).map(|i| f64::from(u8::from(i / 4 + 2 * k == i % 4))).collect();
        let selection = other.constant(&format!("selection{k}"), &[2, 4], selection).unwrap();
        halves.push(other.matrix_product(&format!("half{k}"), normal, selection).unwrap());
    }
    let whole = other.add("whole", ops::Add, &halves).unwrap();
    check_same(&around(one, out), &around(other, whole), 2);
}

/// pooling, attention and cross-entropy, entry by entry from their definitions.
#[test]
fn composed_operations_are_their_definitions() {
    let mut builder = Builder::new("convolution");
    let (n, h, l, c, o) = (2, 4, 5, 2, 3);
    let x = builder.weight("x", &[n, h, l, c]).unwrap();
    let kernels = builder.weight("kernels", &[o, 2 * 3 * c]).unwrap();
    let shape = ops::Patches { window: vec![2, 3], stride: 2, padding: 1, dilation: 1 };
    let out = builder.convolution("convolved", x, kernels, &shape, 1).unwrap();
    let (rows, columns) = ((h + 2 - 2) / 2 + 1, (l + 2 - 3) / 2 + 1);
    assert_eq!(builder.shape(out).unwrap().axes(), [n, rows, columns, o]);
    let pooled = builder
        .average_pool("pooled", out, &ops::Patches { window: vec![2, 2], stride: 1, padding: 0, dilation: 1 })
        .unwrap();
    let scalar = builder.add("sum", ops::Sum { axes: vec![0, 1, 2, 3] }, &[pooled]).unwrap();
    let square = builder.add("square", ops::Multiply, &[scalar, scalar]).unwrap();
    let network = builder.finish(square).unwrap();
    let w = normal_vector(network.dimension(), 5);
    let (image, kernel) = w.split_at(n * h * l * c);
    let convolved = |b: usize, i: usize, j: usize, f: usize| -> f64 {
        let mut sum = 0.0;
        for di in 0..2 {
            for dj in 0..3 {
                let (y, x) = ((2 * i + di) as i64 - 1, (2 * j + dj) as i64 - 1);
                if (0..h as i64).contains(&y) && (0..l as i64).contains(&x) {
                    let at = ((b * h + y as usize) * l + x as usize) * c;
                    sum += (0..c).map(|k| image[at + k] * kernel[f * 6 * c + (di * 3 + dj) * c + k]).sum::<f64>();
                }
            }
        }
        sum
    };
    let mut total = 0.0;
    for (b, i, j, f) in (0..n * (rows - 1) * (columns - 1) * o).map(|k| {
        (k / (o * (columns - 1) * (rows - 1)), k / (o * (columns - 1)) % (rows - 1), k / o % (columns - 1), k % o)
    }) {
        total += (0..4).map(|k| convolved(b, i + k / 2, j + k % 2, f)).sum::<f64>() / 4.0;
    }
    let (value, _) = gradient(&network, &w);
    assert!((value - total * total).abs() <= 1e-12 * value, "{value} {}", total * total);

    let mut builder = Builder::new("attention");
    let (t, d) = (3, 2);
    let qkv = ["q", "k", "v"].map(|name| builder.weight(name, &[t, d]).unwrap());
    let out = builder.attention("attended", qkv, 1, 0.0).unwrap();
    let scalar = builder.add("sum", ops::Sum { axes: vec![0, 1] }, &[out]).unwrap();
    let network = builder.finish(scalar).unwrap();
    let w = normal_vector(3 * t * d, 6);
    let row = |block: usize, i: usize| w[block * t * d + i * d..][..d].to_vec();
    let rms = |x: Vec<f64>| -> Vec<f64> {
        let size = (x.iter().map(|x| x * x).sum::<f64>() / d as f64).sqrt();
        x.into_iter().map(|x| x / size).collect()
    };
    let mut total = 0.0;
    for i in 0..t {
        let scores: Vec<f64> =
            (0..t).map(|j| (dot(&rms(row(0, i)), &rms(row(1, j))) / (d as f64).sqrt()).exp()).collect();
        let weight: f64 = scores.iter().sum();
        total += (0..t).map(|j| scores[j] / weight * row(2, j).iter().sum::<f64>()).sum::<f64>();
    }
    let (value, _) = gradient(&network, &w);
    assert!((value - total).abs() <= 1e-13 * total.abs().max(1.0), "{value} {total}");

    let mut builder = Builder::new("cross-entropy");
    let logits = builder.weight("logits", &[2, 3]).unwrap();
    let targets = builder.constant("targets", &[2, 3], vec![0.0, 1.0, 0.0, 0.25, 0.25, 0.5]).unwrap();
    let loss = builder.add("loss", ops::CrossEntropy, &[logits, targets]).unwrap();
    let network = builder.finish(loss).unwrap();
    // Logits of a thousand overflow no exponential.
    let w = [1000.0, 1001.0, 999.0, -800.0, -801.0, -800.5];
    let log_sum = |x: &[f64]| x[0] + x.iter().map(|x_c| (x_c - x[0]).exp()).sum::<f64>().ln();
    let (first, second) = (log_sum(&w[..3]), log_sum(&w[3..]));
    let expected = 0.5 * ((first - w[1]) + 0.25 * (second - w[3]) + 0.25 * (second - w[4]) + 0.5 * (second - w[5]));
    for value in
        [gradient(&network, &w).0, Evaluator::<_, f64>::new(&NetworkLoss::new(&network).unwrap()).evaluate(&w).0]
    {
        assert!((value - expected).abs() <= 1e-12 * expected, "{value} {expected}");
    }
}
