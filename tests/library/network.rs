//! Networks as data: their derivatives against differences, closed forms and one another, in every arithmetic.

use crate::common::{cases, normal_vector};
use proptest::prelude::*;
use sharpflow::arithmetic::{Base, Jet, Quad, Real, Scalar, add_scaled, distance, dot, norm};
use sharpflow::data::Dataset;
use sharpflow::loss::{Derivatives, Evaluator, LinearRegression, Loss};
use sharpflow::network::{Activation, Builder, Network, NetworkLoss, NodeId, Normalization, Op, PointFault, ops};
use sharpflow::network_file::zoo::ZOO;

fn cast<T: Base>(w: &[f64]) -> Vec<T> {
    w.iter().map(|&x| T::from_f64(x)).collect()
}

/// L(w) and ∇L(w) in double-double, whose rounding no bound below comes near.
pub fn gradient(network: &Network, w: &[f64]) -> (f64, Vec<f64>) {
    let loss = NetworkLoss::<Quad>::new(network).unwrap();
    let mut evaluator = Evaluator::<_, Quad>::new(&loss);
    let (value, gradient) = evaluator.evaluate(&cast(w));
    (value.to_f64(), gradient.iter().map(|g| g.to_f64()).collect())
}

/// ∇L(w)·v against the central difference in double-double: with step 2⁻³⁰ it errs by 2⁻⁶⁰ of the third derivative.
fn check_gradient(network: &Network, seed: u64) {
    let loss = NetworkLoss::<Quad>::new(network).unwrap();
    let d = loss.dimension();
    let (w, v) = (cast::<Quad>(&normal_vector(d, seed)), cast::<Quad>(&normal_vector(d, seed ^ 1)));
    let mut evaluator = Evaluator::<_, Quad>::new(&loss);
    let step = Quad::from_f64(2f64.powi(-30));
    let mut at = |sign: f64| {
        let mut at = w.clone();
        add_scaled(&mut at, Quad::from_f64(sign) * step, &v);
        evaluator.evaluate(&at).0
    };
    let difference = ((at(1.0) - at(-1.0)) / (step + step)).to_f64();
    let slope = dot(evaluator.evaluate(&w).1, &v).to_f64();
    // Where a normalization nearly divides by 0 the third derivative is large; no instance here comes near.
    assert!((difference - slope).abs() <= 1e-11 * (1.0 + slope.abs()), "{network}{difference} {slope}");
    assert!(slope.abs() > 1e-8, "{network}: the check could not fail");
}

#[test]
fn gradients_of_the_zoo_are_differences_of_its_losses() {
    for architecture in ZOO {
        let (network, small) = (architecture.network(&[]).unwrap(), architecture.exact().unwrap());
        for seed in 0..3 {
            check_gradient(&network, seed);
            check_gradient(&small, seed);
        }
    }
}

/// A loss around one node: squares of `out`, weighted so that no symmetry hides an entry.
pub fn around(mut builder: Builder, out: NodeId) -> Network {
    let axes = builder.shape(out).unwrap().axes().to_vec();
    let weights = builder.normal("weights_of_entries", &axes, 9).unwrap();
    let weighted = builder.add("weighted", ops::Multiply, &[out, weights]).unwrap();
    let targets = builder.normal("targets_of_entries", &axes, 10).unwrap();
    let loss = builder.add("loss", ops::MeanSquaredError, &[weighted, targets]).unwrap();
    builder.finish(loss).unwrap()
}

/// A loss around an operation on weights of the given shapes.
fn of_operation(operation: impl Into<Op>, shapes: &[&[usize]]) -> Network {
    let op = operation.into();
    let mut builder = Builder::new(op.name());
    let inputs: Vec<_> =
        shapes.iter().enumerate().map(|(k, axes)| builder.weight(&format!("x{k}"), axes).unwrap()).collect();
    let out = builder.add("out", op, &inputs).unwrap();
    around(builder, out)
}

#[test]
fn every_operation_has_the_gradient_of_its_value() {
    let positive = |op: Op, axes: &[usize]| {
        let mut builder = Builder::new(op.name());
        let x = builder.weight("x", axes).unwrap();
        let square = builder.add("square", ops::Multiply, &[x, x]).unwrap();
        let out = builder.add("out", op, &[square]).unwrap();
        around(builder, out)
    };
    let mut networks = vec![
        of_operation(ops::MatrixProduct { transpose_right: false }, &[&[3, 4], &[4, 2]]),
        of_operation(ops::MatrixProduct { transpose_right: true }, &[&[3, 4], &[2, 4]]),
        of_operation(ops::MatrixProduct { transpose_right: false }, &[&[2, 3, 4], &[4, 5]]),
        of_operation(ops::MatrixProduct { transpose_right: true }, &[&[2, 2, 3, 4], &[2, 2, 5, 4]]),
        of_operation(ops::Scale { factor: -1.5 }, &[&[3]]),
        of_operation(ops::Sum { axes: vec![0, 2] }, &[&[2, 3, 4]]),
        of_operation(ops::Mean { axes: vec![1] }, &[&[2, 3, 4]]),
        of_operation(ops::Maximum { axes: vec![1] }, &[&[2, 3, 4]]),
        of_operation(ops::Maximum { axes: vec![2] }, &[&[2, 3, 4]]),
        of_operation(ops::Transpose { order: vec![2, 0, 1] }, &[&[2, 3, 4]]),
        of_operation(ops::Slice { axis: 1, start: 1, end: 6, step: 2 }, &[&[2, 7, 2]]),
        of_operation(ops::Patches { window: vec![2], stride: 2, padding: 1, dilation: 1 }, &[&[2, 5, 3]]),
        of_operation(ops::Patches { window: vec![2, 3], stride: 1, padding: 1, dilation: 1 }, &[&[2, 3, 4, 2]]),
        of_operation(ops::Patches { window: vec![2, 2], stride: 1, padding: 1, dilation: 2 }, &[&[2, 3, 4, 2]]),
        of_operation(ops::Take { axis: 1, indices: vec![3, 0, 3] }, &[&[2, 4, 2]]),
        of_operation(ops::Power { exponent: 3.0 }, &[&[3, 2]]),
        positive(ops::Power { exponent: -1.5 }.into(), &[3, 2]),
        positive(ops::SquareRoot.into(), &[3, 2]),
        positive(Activation::Logarithm.into(), &[3, 2]),
    ];
    for op in [Op::from(ops::Add), ops::Subtract.into(), ops::Multiply.into(), ops::Divide.into()] {
        for shapes in [[&[3, 4][..], &[3, 4]], [&[3, 4], &[4]], [&[3, 1], &[2, 1, 4]], [&[], &[3, 2]]] {
            networks.push(of_operation(op.clone(), &shapes));
        }
    }
    for activation in Activation::ALL.into_iter().filter(|&activation| activation != Activation::Logarithm) {
        networks.push(of_operation(activation, &[&[3, 3]]));
    }
    for axes in [vec![0], vec![1], vec![0, 2], vec![1, 2]] {
        for (centred, averaged, epsilon) in
            [(true, true, 0.0), (true, false, 0.3), (false, true, 0.2), (false, false, 0.0)]
        {
            let normalization = Normalization { axes: axes.clone(), epsilon, centred, averaged };
            networks.push(of_operation(normalization, &[&[3, 4, 3]]));
        }
    }
    for (axis, function) in [(0, Activation::Exponential), (1, Activation::Exponential), (1, Activation::Cauchy)] {
        networks.push(of_operation(ops::Softmax { axis, function }, &[&[3, 4]]));
    }
    for op in [Op::from(ops::MeanSquaredError), ops::CrossEntropy.into()] {
        let mut builder = Builder::new(op.name());
        let [a, b] = ["a", "b"].map(|name| builder.weight(name, &[3, 4]).unwrap());
        let loss = builder.add("loss", op, &[a, b]).unwrap();
        networks.push(builder.finish(loss).unwrap());
    }
    for network in networks {
        for seed in 0..4 {
            check_gradient(&network, seed);
        }
    }
}

/// The graph of linear regression against its closed form, which was written and tested by itself.
#[test]
fn the_graph_of_linear_regression_is_the_closed_form() {
    let data = Dataset::random(6, 10, 4);
    let closed = LinearRegression::<f64>::new(&data).unwrap();
    let centred = closed.targets().to_vec();
    let size = (dot(&centred, &centred) / 6.0).sqrt();
    let mut builder = Builder::new("linear regression");
    let features = (0..60).map(|k| data.features[(k / 10, k % 10)]).collect();
    let inputs = builder.constant("inputs", &[6, 10], features).unwrap();
    let targets = builder.constant("targets", &[6, 1], centred).unwrap();
    let w = builder.weight("w", &[10, 1]).unwrap();
    let output = builder.matrix_product("output", inputs, w).unwrap();
    let normal = builder.batch_norm("normal", output, 0.0).unwrap();
    let prediction = builder.add("prediction", ops::Scale { factor: size }, &[normal]).unwrap();
    let loss = builder.add("loss", ops::MeanSquaredError, &[prediction, targets]).unwrap();
    let graph = NetworkLoss::<f64>::new(&builder.finish(loss).unwrap()).unwrap();
    let (mut a, mut b) = (Derivatives::new(&closed), Derivatives::new(&graph));
    for seed in 0..8 {
        let (w, v) = (normal_vector(10, seed), normal_vector(10, seed ^ 77));
        let ((value_a, gradient_a), (value_b, gradient_b)) = (a.gradient(&w), b.gradient(&w));
        assert!((value_a - value_b).abs() <= 1e-13 * value_a);
        assert!(distance(gradient_a, gradient_b) <= 1e-12 * norm(gradient_a));
        let (mut one, mut other) = (w.clone(), w.clone());
        for order in 2..=4 {
            match order {
                2 => (a.hessian_vector(&w, &v, &mut one), b.hessian_vector(&w, &v, &mut other)),
                3 => (a.third_derivative(&w, &v, &mut one), b.third_derivative(&w, &v, &mut other)),
                _ => (a.fourth_derivative(&w, &v, &mut one), b.fourth_derivative(&w, &v, &mut other)),
            };
            assert!(distance(&one, &other) <= 1e-11 * norm(&one), "order {order}");
        }
    }
}

/// Each arithmetic against double-double, whose gradient the tests above compare with differences: f32, f64, jets of each
/// order and nested ones, whose products of matrices go through planes.
#[test]
fn every_arithmetic_gives_the_same_derivatives() {
    for architecture in ZOO {
        let network = architecture.network(&[]).unwrap();
        let d = network.dimension();
        let (w, v) = (normal_vector(d, 1), normal_vector(d, 2));
        let precise = NetworkLoss::<Quad>::new(&network).unwrap();
        let mut reference = Derivatives::new(&precise);
        let double = NetworkLoss::<f64>::new(&network).unwrap();
        let single = NetworkLoss::<f32>::new(&network).unwrap();
        let (mut of_double, mut of_single) = (Derivatives::new(&double), Derivatives::new(&single));
        for order in 1..=4 {
            fn derivative<T: Base, L: Loss<T>>(
                of: &mut Derivatives<L, T>,
                order: usize,
                w: &[f64],
                v: &[f64],
            ) -> Vec<T> {
                let (w, v) = (cast(w), cast(v));
                let mut out: Vec<T> = cast(&vec![0.0; w.len()]);
                match order {
                    1 => out.copy_from_slice(of.gradient(&w).1),
                    2 => of.hessian_vector(&w, &v, &mut out),
                    3 => of.third_derivative(&w, &v, &mut out),
                    _ => of.fourth_derivative(&w, &v, &mut out),
                }
                out
            }
            let exact: Vec<f64> = derivative(&mut reference, order, &w, &v).iter().map(|x| x.to_f64()).collect();
            let found = derivative(&mut of_double, order, &w, &v);
            let coarse: Vec<f64> = derivative(&mut of_single, order, &w, &v).iter().map(|&x| x.into()).collect();
            // Rounding is magnified by the normalizations' condition, some tens, to the power of the order.
            let magnified = 1e3 * 10f64.powi(order as i32) * norm(&exact);
            assert!(distance(&found, &exact) <= f64::UNIT_ROUNDOFF * magnified, "{} {order}", architecture.name);
            assert!(distance(&coarse, &exact) <= f32::UNIT_ROUNDOFF * magnified, "{} {order}", architecture.name);
            assert!(distance(&coarse, &found) > 0.0);
        }
        // ∂ε∂δ of ∇L(w + εv + δu): the mixed third derivative, once nested, once by polarization.
        let u = normal_vector(d, 3);
        let nested: Vec<Jet<Jet<f64, 2>, 2>> =
            (0..d).map(|k| Jet::line(Jet::line(w[k], v[k]), Jet::line(u[k], 0.0))).collect();
        let mut evaluator = Evaluator::<_, Jet<Jet<f64, 2>, 2>>::new(&double);
        let mixed: Vec<f64> = evaluator.evaluate(&nested).1.iter().map(|g| g.0[1].0[1]).collect();
        let mut polarized = vec![0.0; d];
        of_double.mixed_third_derivative(&w, &u, &v, &mut polarized);
        assert!(distance(&mixed, &polarized) <= 1e-9 * norm(&mixed), "{}", architecture.name);
    }
}

/// Squares that are subnormal have fewer digits than a double: the normalization is named. A little above that the loss is that of any scale.
#[test]
fn squares_that_lose_their_digits_are_named() {
    let at = |factor: f64| {
        let text = format!(
            "[weights]\nreadout = [4, 1]\n[constants]\ninputs = {{ shape = [6, 4], normal = 1 }}\ntargets = {{ shape = [6, 1], normal = 2 }}\n\
             [nodes]\nsmall = {{ op = \"scale\", of = [\"inputs\"], factor = {factor:e} }}\n\
             output = {{ op = \"matrix_product\", of = [\"small\", \"readout\"] }}\nprediction = {{ op = \"batch_norm\", of = [\"output\"] }}\n\
             loss = {{ op = \"mean_squared_error\", of = [\"prediction\", \"targets\"] }}\n"
        );
        let network = Network::from_toml(&text, &[]).unwrap();
        let loss = NetworkLoss::<f64>::new(&network).unwrap();
        let w = [0.5, -1.0, 2.0, 0.25];
        let fault = loss.fault(&w).map(|(node, fault)| (network.nodes()[node].name.clone(), fault));
        (fault, Evaluator::<_, f64>::new(loss).evaluate(&w).0)
    };
    let (fault, whole) = at(1.0);
    assert_eq!(fault, None);
    let (fault, small) = at(1e-150);
    assert!(fault.is_none() && (small / whole - 1.0).abs() < 1e-12, "{small} {whole}");
    for factor in [1e-156, 1e-158, 1e-161, 1e-170] {
        let fault = at(factor).0;
        assert!(
            matches!(&fault, Some((node, PointFault::Underflow { .. })) if node == "prediction"),
            "{factor:e}: {fault:?}"
        );
    }
}

/// A constant that is added to the inputs is taken out by batch norm, and costs as many digits as it has.
#[test]
fn a_mean_that_costs_digits_is_measured() {
    let at = |offset: f64| {
        let text = format!(
            "[weights]\nreadout = [2, 1]\n[constants]\ninputs = {{ shape = [4, 2], values = [1, 2, -1, 3, 0.5, -2, -0.5, 1] }}\n\
             offset = {{ shape = [1], values = [{offset:e}] }}\ntargets = {{ shape = [4, 1], normal = 2 }}\n[nodes]\n\
             shifted = {{ op = \"add\", of = [\"inputs\", \"offset\"] }}\n\
             output = {{ op = \"matrix_product\", of = [\"shifted\", \"readout\"] }}\nprediction = {{ op = \"batch_norm\", of = [\"output\"] }}\n\
             loss = {{ op = \"mean_squared_error\", of = [\"prediction\", \"targets\"] }}\n"
        );
        let network = Network::from_toml(&text, &[]).unwrap();
        let (node, mean) = NetworkLoss::<f64>::new(&network).unwrap().largest_offset(&[1.0, 0.5]).unwrap();
        assert_eq!(network.nodes()[node].name, "prediction");
        mean
    };
    // The outputs are 2, 0.5, −0.5 and 0, and 1.5 times the offset: a mean of ½ and a size of √0.875.
    assert!((at(0.0) - 0.5 / 0.875f64.sqrt()).abs() < 1e-14);
    assert!((at(1e9) / (1.5e9 / 0.875f64.sqrt()) - 1.0).abs() < 1e-6);
}

proptest! {
    #![proptest_config(cases(32))]

    /// Each derivative is the difference of the one before, in double-double, for a network with every activation.
    #[test]
    fn derivatives_are_the_differences_of_the_one_before(which in 0..Activation::ALL.len(), seed: u64) {
        let activation = Activation::ALL[which];
        prop_assume!(activation != Activation::Relu && activation != Activation::Logarithm);
        let mut builder = Builder::new("activation");
        let inputs = builder.normal("inputs", &[5, 3], seed).unwrap();
        let hidden = builder.weight("hidden", &[4, 3]).unwrap();
        let pre = builder.linear("pre", inputs, hidden).unwrap();
        let normal = builder.layer_norm("normal", pre, 0.5).unwrap();
        let active = builder.activation("active", activation, normal).unwrap();
        let network = around(builder, active);
        let loss = NetworkLoss::<Quad>::new(&network).unwrap();
        let mut derivatives = Derivatives::new(&loss);
        let (w, v) = (cast::<Quad>(&normal_vector(12, seed)), cast::<Quad>(&normal_vector(12, seed ^ 5)));
        let step = Quad::from_f64(2f64.powi(-30));
        for order in 2..=4 {
            let mut at = |offset: f64, order: usize| -> Vec<Quad> {
                let mut w = w.clone();
                add_scaled(&mut w, Quad::from_f64(offset) * step, &v);
                let mut out = vec![Quad::constant(0.0); 12];
                match order {
                    1 => out.copy_from_slice(derivatives.gradient(&w).1),
                    2 => derivatives.hessian_vector(&w, &v, &mut out),
                    3 => derivatives.third_derivative(&w, &v, &mut out),
                    _ => derivatives.fourth_derivative(&w, &v, &mut out),
                }
                out
            };
            let found: Vec<f64> = at(0.0, order).iter().map(|x| x.to_f64()).collect();
            let (ahead, behind) = (at(1.0, order - 1), at(-1.0, order - 1));
            let lower = ahead.iter().zip(&behind);
            let difference: Vec<f64> = lower.map(|(&a, &b)| ((a - b) / (step + step)).to_f64()).collect();
            // 2⁻⁶⁰ of two derivatives ahead, which the layer norm with ε = ½ keeps below some thousand.
            let bound = 1e-13 * (1.0 + norm(&found));
            prop_assert!(distance(&found, &difference) <= bound, "{activation:?} {order}");
        }
    }
}
