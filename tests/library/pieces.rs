//! Losses with kinks on a smooth piece; Γ by residuals against Γ by dense eigenpairs; networks that stand one behind the other.

use crate::common::normal_vector;
use sharpflow::arithmetic::{add_scaled, distance, dot, norm, scale};
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::measure::Tracker;
use sharpflow::minimizers::{
    EnergyLaw, Geometry, Minimizers, MinimizersError, NumericMinimizers, descend, interpolates, train,
};
use sharpflow::network::{Activation, Builder, Network, NetworkLoss, ops};
use sharpflow::network_file::zoo::find;
use sharpflow::sphere::{Space, project};

/// A two-layer network with a ReLU, and a maximum over pairs of its hidden units.
fn kinked() -> Network {
    let mut builder = Builder::new("kinked");
    let x = builder.normal("x", &[5, 4], 1).unwrap();
    let y = builder.normal("y", &[5, 1], 2).unwrap();
    let first = builder.weight("first", &[6, 4]).unwrap();
    let second = builder.weight("second", &[1, 3]).unwrap();
    let hidden = builder.linear("hidden", x, first).unwrap();
    let normal = builder.layer_norm("normal", hidden, 0.0).unwrap();
    let active = builder.add("active", Activation::Relu, &[normal]).unwrap();
    let pairs = builder
        .add("pairs", ops::Reshape { shape: sharpflow::network::Shape::new(&[5, 3, 2]).unwrap() }, &[active])
        .unwrap();
    let most = builder.add("most", ops::Maximum { axes: vec![2] }, &[pairs]).unwrap();
    let flat =
        builder.add("flat", ops::Reshape { shape: sharpflow::network::Shape::new(&[5, 3]).unwrap() }, &[most]).unwrap();
    let output = builder.linear("output", flat, second).unwrap();
    let prediction = builder.batch_norm("prediction", output, 0.0).unwrap();
    let loss = builder.add("loss", ops::MeanSquaredError, &[prediction, y]).unwrap();
    builder.finish(loss).unwrap()
}

/// On the piece the loss and all its derivatives are those of the network; off it there is no number; and a kink is where it was said.
#[test]
fn a_piece_is_the_network_up_to_the_next_kink() {
    let network = kinked();
    let plain = NetworkLoss::<f64>::new(&network).unwrap();
    let mut of_network = Derivatives::new(&plain);
    let mut crossed = 0;
    for seed in 0..60 {
        let (w, mut v) = (normal_vector(network.dimension(), seed), normal_vector(network.dimension(), seed ^ 99));
        project(&mut v);
        let piece = network.piece_at(&w).unwrap();
        assert!(piece.is_piece() && piece.non_smooth().next().is_none() && !network.is_piece());
        let loss = NetworkLoss::<f64>::new(&piece).unwrap();
        let mut of_piece = Derivatives::new(&loss);
        assert_eq!(of_network.gradient(&w).0, of_piece.gradient(&w).0);
        let (mut a, mut b) = (w.clone(), w.clone());
        of_network.third_derivative(&w, &v, &mut a);
        of_piece.third_derivative(&w, &v, &mut b);
        assert!(distance(&a, &b) <= 1e-13 * norm(&a));
        // The first kink along v, which is straight to first order: nearer than it the loss is a number, beyond it none.
        let reach = network.piece_at(&w).unwrap().distance_to_kink(&w, &v).unwrap();
        if !(reach < 5e-2) {
            continue;
        }
        crossed += 1;
        let mut at = |s: f64| {
            let mut moved = w.clone();
            add_scaled(&mut moved, s, &v);
            of_piece.gradient(&moved).0
        };
        assert!(at(0.9 * reach).is_finite() && at(-0.9 * reach).is_finite());
        assert!(at(1.1 * reach).is_nan() || at(-1.1 * reach).is_nan());
        assert!(loss.fault(&w).is_none());
    }
    assert!(crossed > 3, "{crossed}");
}

/// A descent that leaves the piece, at whatever step, has weights that are no numbers from there on; its reading says so.
#[test]
fn a_run_that_leaves_its_piece_is_seen() {
    let network = kinked();
    let w = normal_vector(network.dimension(), 4);
    let piece = network.piece_at(&w).unwrap();
    let loss = NetworkLoss::<f64>::new(&piece).unwrap();
    // Steps so long that they cross a kink.
    let mut descent = GradientDescent::new(&loss, 20.0, 1e-3, &w).unwrap();
    let left = (0..100).any(|_| {
        descent.step();
        descent.weights().iter().any(|w| w.is_nan())
    });
    assert!(left && descent.weights().iter().all(|w| w.is_nan()));
    let minimizers = NumericMinimizers::of_rank(&loss, 1);
    assert_eq!(Tracker::new(minimizers).read(descent.weights(), 1.0), Err(MinimizersError::LeftDomain));
    // Where the plain network goes on.
    let plain = NetworkLoss::<f64>::new(&network).unwrap();
    let mut descent = GradientDescent::new(&plain, 20.0, 1e-3, &w).unwrap();
    (0..100).for_each(|_| {
        descent.step();
    });
    assert!(descent.weights().iter().all(|w| w.is_finite()));
}

/// Γ by the residuals' Jacobian against Γ by dense Hessians: rank, λ₁, λ₂, G, the energy law, the nearest point.
#[test]
fn residuals_and_hessians_know_the_same_manifold() {
    for name in ["batch_norm", "weight_norm", "matrix_completion"] {
        let network = find(name).unwrap().network(&[]).unwrap();
        let loss = NetworkLoss::<f64>::new(&network).unwrap();
        assert!(loss.residuals() > 0);
        let dimension = network.dimension();
        let start = train(&loss, &normal_vector(dimension, 3), &Space::Sphere, 2000).unwrap();
        if !interpolates(&loss, &start).unwrap() {
            continue;
        }
        // L = ½‖r‖², ∇L = Jᵀr.
        let mut derivatives = Derivatives::new(&loss);
        let elsewhere = normal_vector(dimension, 4);
        let (residuals, rows) = derivatives.residuals_and_jacobian(&elsewhere);
        let (value, gradient) = derivatives.gradient(&elsewhere);
        assert!((0.5 * dot(&residuals, &residuals) / value - 1.0).abs() < 1e-13);
        let pulled: Vec<f64> =
            (0..dimension).map(|i| (0..residuals.len()).map(|k| rows[(i, k)] * residuals[k]).sum()).collect();
        assert!(distance(&pulled, gradient) <= 1e-12 * norm(gradient));

        let mut by_residuals = NumericMinimizers::through(&loss, &start).unwrap();
        assert!(by_residuals.is_by_residuals());
        let mut dense = NumericMinimizers::of_rank(&loss, by_residuals.rank());
        let (mut a, mut b) = (Geometry::new(dimension), Geometry::new(dimension));
        by_residuals.geometry(&start, &mut a).unwrap();
        b.direction.copy_from_slice(&a.direction);
        dense.geometry(&start, &mut b).unwrap();
        assert!((a.sharpness / b.sharpness - 1.0).abs() < 1e-10, "{name}: {} {}", a.sharpness, b.sharpness);
        assert!((a.next_sharpness / b.next_sharpness - 1.0).abs() < 1e-9);
        assert!(distance(&a.log_gradient, &b.log_gradient) <= 1e-7 * (1.0 + norm(&a.log_gradient)), "{name}");
        let [one, other] = [by_residuals.energy_law(&start).unwrap(), dense.energy_law(&start).unwrap()];
        let near = |of: fn(&EnergyLaw) -> f64| (of(&one) - of(&other)).abs() <= 1e-6 * (1.0 + of(&other).abs());
        assert!(near(|law| law.quartic) && near(|law| law.log_gradient_square), "{name}: {one:?} {other:?}");
        let mut theta = start.clone();
        add_scaled(&mut theta, 1e-3 / a.sharpness.sqrt(), &normal_vector(dimension, 8));
        project(&mut theta);
        let (mut p, mut q) = (theta.clone(), theta.clone());
        by_residuals.nearest(&theta, &mut p).unwrap();
        dense.nearest(&theta, &mut q).unwrap();
        assert!(distance(&p, &q) <= 1e-9, "{name}: {:e}", distance(&p, &q));
    }
}

/// A loss that does not vanish has no such Γ, and is known by its Hessian.
#[test]
fn a_loss_that_does_not_vanish_is_not_known_by_residuals() {
    let network = find("batch_norm").unwrap().network(&[("width", 1), ("features", 2), ("samples", 8)]).unwrap();
    let loss = NetworkLoss::<f64>::new(&network).unwrap();
    let trained = train(&loss, &normal_vector(network.dimension(), 1), &Space::Sphere, 2000).unwrap();
    assert!(!interpolates(&loss, &trained).unwrap());
    match descend(&loss, None, &trained, Space::Sphere, 500) {
        Ok(point) => assert!(!NumericMinimizers::through(&loss, &point).is_ok_and(|found| found.is_by_residuals())),
        Err(error) => assert!(!matches!(error, MinimizersError::Dense(_)), "{error}"),
    }
}

/// Gradient descent with a constant step ends at no minimum that is sharper than 2/η̃, four times the start's largest curvature.
#[test]
fn training_stays_away_from_cusps() {
    let network = find("batch_norm").unwrap().network(&[]).unwrap();
    let loss = NetworkLoss::<f64>::new(&network).unwrap();
    for seed in 0..6 {
        let mut start = normal_vector(network.dimension(), seed);
        project(&mut start);
        let point = train(&loss, &start, &Space::Sphere, 3000).unwrap();
        if !interpolates(&loss, &point).unwrap() {
            continue;
        }
        let largest = |at: &[f64]| {
            let hessian = Derivatives::new(&loss).hessian(at);
            let values = sharpflow::dense::symmetric_eigen(hessian.as_ref()).unwrap().values;
            values.iter().fold(0.0f64, |most, value| most.max(value.abs()))
        };
        // Gauss and Newton's steps at the end are short.
        assert!(largest(&point) <= 5.0 * largest(&start), "seed {seed}");
    }
    // A loss that is no number at the start is refused.
    let nothing = vec![0.0; network.dimension()];
    assert!(matches!(train(&loss, &nothing, &Space::Sphere, 10), Err(MinimizersError::NotANumber { step: 0 })));
}

/// The size that a normalization divides by, against its definition.
#[test]
fn the_smallest_size_is_found() {
    let mut builder = Builder::new("sizes");
    let w = builder.weight("w", &[3, 4]).unwrap();
    let y = builder.normal("y", &[3, 4], 1).unwrap();
    let normal = builder.rms_norm("normal", w, 0.0).unwrap();
    let loss = builder.add("loss", ops::MeanSquaredError, &[normal, y]).unwrap();
    let network = builder.finish(loss).unwrap();
    let loss = NetworkLoss::<f64>::new(&network).unwrap();
    let mut weights = normal_vector(12, 5);
    scale(&mut weights[4..8], 1e-6);
    let sizes: Vec<f64> = weights.chunks(4).map(|row| norm(row) / 2.0).collect();
    let found = loss.smallest_size(&weights).unwrap();
    assert_eq!(network.nodes()[found.node].name, "normal");
    assert!((found.smallest / sizes[1] - 1.0).abs() < 1e-12);
    assert!((found.largest / sizes[0].max(sizes[2]) - 1.0).abs() < 1e-12);
}

/// Concatenation along any axis, of two arrays and of three, against slices of the result.
#[test]
fn what_is_concatenated_can_be_sliced_apart() {
    for axis in 0..3 {
        let mut builder = Builder::new("concatenation");
        let shape = |size: usize| {
            let mut axes = [2, 3, 2];
            axes[axis] = size;
            axes
        };
        let parts = [("a", 2), ("b", 1), ("c", 3)].map(|(name, size)| builder.weight(name, &shape(size)).unwrap());
        let whole = builder.concatenate("whole", &parts, axis).unwrap();
        let y = builder.normal("y", &shape(6), 1).unwrap();
        let loss = builder.add("loss", ops::MeanSquaredError, &[whole, y]).unwrap();
        let together = builder.finish(loss).unwrap();
        let mut builder = Builder::new("slices");
        let parts = [("a", 2), ("b", 1), ("c", 3)].map(|(name, size)| builder.weight(name, &shape(size)).unwrap());
        let y = builder.normal("y", &shape(6), 1).unwrap();
        let mut sum = None;
        let mut start = 0;
        for (k, size) in [2, 1, 3].into_iter().enumerate() {
            let slice = ops::Slice { axis, start, end: start + size, step: 1 };
            let part = builder.add(&format!("part{k}"), slice, &[y]).unwrap();
            let error = builder.add(&format!("error{k}"), ops::MeanSquaredError, &[parts[k], part]).unwrap();
            let weighted =
                builder.add(&format!("weighted{k}"), ops::Scale { factor: size as f64 / 6.0 }, &[error]).unwrap();
            sum = Some(match sum {
                None => weighted,
                Some(before) => builder.add(&format!("sum{k}"), ops::Add, &[before, weighted]).unwrap(),
            });
            start += size;
        }
        let apart = builder.finish(sum.unwrap()).unwrap();
        let w = normal_vector(together.dimension(), 7);
        let of = |network: &Network| {
            let loss = NetworkLoss::<f64>::new(network).unwrap();
            let mut derivatives = Derivatives::new(&loss);
            let (value, gradient) = derivatives.gradient(&w);
            (value, gradient.to_vec())
        };
        let ((a, of_a), (b, of_b)) = (of(&together), of(&apart));
        assert!((a / b - 1.0).abs() < 1e-13 && distance(&of_a, &of_b) <= 1e-13 * norm(&of_a), "axis {axis}");
    }
    let mut builder = Builder::new("one");
    let w = builder.weight("w", &[2]).unwrap();
    assert!(builder.concatenate("alone", &[w], 0).is_err());
}

/// Groups that are not trained are constants: the loss is what it was at their numbers.
#[test]
fn frozen_groups_are_constants() {
    let network = find("batch_norm").unwrap().network(&[]).unwrap();
    let name = network.groups().next().unwrap().name.to_owned();
    let frozen = network.with_only(&[&name], 5).unwrap();
    assert_eq!(frozen.groups().map(|group| group.name).collect::<Vec<_>>(), [name.as_str()]);
    assert!(network.with_only(&["nothing"], 5).is_err());
    let trained = network.groups().next().unwrap().range.len();
    let mut w = normal_vector(trained, 2);
    let of_frozen = Derivatives::new(&NetworkLoss::<f64>::new(&frozen).unwrap()).gradient(&w).0;
    for node in frozen.nodes() {
        if let ops::Op::Constant(constant) = &node.op
            && network.groups().any(|group| group.name == node.name)
        {
            w.extend(&constant.values);
        }
    }
    assert_eq!(of_frozen, Derivatives::new(&NetworkLoss::<f64>::new(&network).unwrap()).gradient(&w).0);
}
