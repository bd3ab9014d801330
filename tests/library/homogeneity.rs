//! The inference of scale invariance: never contradicted, never without a witness where it refutes.

use crate::common::{cases, normal_vector};
use proptest::prelude::*;
use sharpflow::arithmetic::{Quad, Real};
use sharpflow::loss::Evaluator;
use sharpflow::network::homogeneity::{Answer, Degree, Reason};
use sharpflow::network::{Activation, Builder, Network, NetworkLoss, NodeId, Normalization, ops};
use sharpflow::network_file::zoo::{ZOO, find};

/// L with the weights of `group` (all where it is empty) multiplied by c, in double-double.
fn rescaled(network: &Network, w: &[f64], group: &[&str], c: f64) -> f64 {
    let loss = NetworkLoss::<Quad>::new(network).unwrap();
    let mut w: Vec<Quad> = w.iter().map(|&x| Quad::from_f64(x)).collect();
    for member in network.groups().filter(|g| group.is_empty() || group.contains(&g.name)) {
        w[member.range].iter_mut().for_each(|w| *w *= Quad::from_f64(c));
    }
    Evaluator::<_, Quad>::new(&loss).evaluate(&w).0.to_f64()
}

fn check(network: &Network, group: &[&str], seed: u64) -> Answer {
    let homogeneity = network.homogeneity(group, seed);
    match &homogeneity.answer {
        Answer::Proved => {
            for k in 0..4 {
                let w = normal_vector(network.dimension(), seed ^ (k << 32));
                let (before, after) = (rescaled(network, &w, group, 1.0), rescaled(network, &w, group, 3.0));
                // Outside the loss's domain both sides are undefined.
                if before.is_finite() && after.is_finite() {
                    let bound = 1e-18 * (before.abs() + after.abs() + 1.0);
                    assert!((before - after).abs() <= bound, "{network}{group:?}: {before} {after}");
                }
            }
        }
        Answer::NotProved(_) => {}
        Answer::Refuted { witness, .. } => {
            let before = rescaled(network, &witness.weights, group, 1.0);
            let after = rescaled(network, &witness.weights, group, witness.factor);
            assert_eq!((before, after), (witness.before, witness.after));
            assert!((before - after).abs() > 1e-14 * (before.abs() + after.abs()));
        }
    }
    homogeneity.answer
}

/// A network that is evaluated in doubles, because double-double would take long: two layers, of which the first has an ε.
fn large(epsilon: f64) -> Network {
    let text = format!(
        "[weights]\nfirst = [200, 80]\nsecond = [10, 200]\n\
         [constants]\nx = {{ shape = [80, 80], normal = 1 }}\ny = {{ shape = [80, 10], normal = 2 }}\n\
         [nodes]\nhidden = {{ op = \"linear\", of = [\"x\", \"first\"] }}\nnorm = {{ op = \"layer_norm\", of = \"hidden\", epsilon = {epsilon:e} }}\n\
         active = {{ op = \"tanh\", of = \"norm\" }}\noutput = {{ op = \"linear\", of = [\"active\", \"second\"] }}\n\
         last = {{ op = \"layer_norm\", of = \"output\" }}\nrest = {{ op = \"subtract\", of = [\"output\", \"output\"] }}\n\
         all = {{ op = \"add\", of = [\"last\", \"rest\"] }}\n\
         loss = {{ op = \"mean_squared_error\", of = [\"all\", \"y\"] }}\n"
    );
    Network::from_toml(&text, &[]).unwrap()
}

/// A large network is refuted for an ε, down to the groups it concerns, and never for what is true and only not seen: x − x is 0.
#[test]
fn large_networks_are_refuted_for_what_is_plain() {
    for epsilon in [1e-1, 1e-5] {
        let network = large(epsilon);
        assert!(matches!(network.homogeneity(&["first"], 0).answer, Answer::Refuted { .. }), "ε = {epsilon:e}");
        let by_group = network.homogeneity_by_group(0);
        assert!(matches!(by_group[0].1.answer, Answer::Refuted { .. }));
        assert!(matches!(by_group[1].1.answer, Answer::NotProved(_)), "{:?}", by_group[1].1.answer);
    }
    for seed in 0..4 {
        let answer = large(0.0).homogeneity(&[], seed).answer;
        assert!(matches!(answer, Answer::NotProved(_)), "{answer:?}");
    }
}

/// A network grown by the bytes of `program`, broken or not; samples × channels throughout.
fn grow(program: &[u8]) -> Network {
    let (samples, width) = (4, 3);
    let mut builder = Builder::new("random");
    let inputs = builder.normal("inputs", &[samples, width], 1).unwrap();
    let mut at = inputs;
    let targets = builder.normal("targets", &[samples, 1], 2).unwrap();
    let mut seen: Vec<NodeId> = Vec::new();
    for (k, &byte) in program.iter().enumerate() {
        let name = |part: &str| format!("{part}{k}");
        let epsilon = if byte & 0x40 != 0 { 0.1 } else { 0.0 };
        let built = match byte % 16 {
            0 | 1 => {
                let w = builder.weight(&name("w"), &[width, width]).unwrap();
                builder.linear(&name("linear"), at, w)
            }
            2 => builder.batch_norm(&name("batch"), at, epsilon),
            3 => builder.layer_norm(&name("layer"), at, epsilon),
            4 => builder.rms_norm(&name("rms"), at, epsilon),
            5 => {
                let b = builder.weight(&name("b"), &[width]).unwrap();
                builder.add(&name("bias"), ops::Add, &[at, b])
            }
            6 => {
                let g = builder.weight(&name("g"), &[width]).unwrap();
                builder.add(&name("gain"), ops::Multiply, &[at, g])
            }
            7 => {
                let w = builder.weight(&name("v"), &[width, width]).unwrap();
                let w = builder.weight_norm(&name("direction"), w, epsilon).unwrap();
                builder.linear(&name("linear"), at, w)
            }
            8 if byte & 0x20 != 0 => builder.absolute(&name("absolute"), at),
            8 => builder.activation(&name("relu"), Activation::Relu, at),
            9 if byte & 0x20 != 0 => builder.activation(&name("sine"), Activation::Sine, at),
            9 => builder.activation(&name("tanh"), Activation::Tanh, at),
            10 => match seen.get(usize::from(byte >> 4)) {
                Some(&earlier) => builder.add(&name("residual"), ops::Add, &[at, earlier]),
                None => continue,
            },
            11 if byte & 0x20 != 0 => builder.add(&name("square"), ops::Power { exponent: 2.0 }, &[at]),
            // A normalization made of primitives.
            11 => {
                let mean = builder.add(&name("mean"), ops::Mean { axes: vec![0] }, &[at]).unwrap();
                let centred = builder.add(&name("centred"), ops::Subtract, &[at, mean]).unwrap();
                let square = builder.add(&name("square"), ops::Multiply, &[centred, centred]).unwrap();
                let sum = builder.add(&name("sum"), ops::Sum { axes: vec![0] }, &[square]).unwrap();
                let length = builder.add(&name("length"), ops::SquareRoot, &[sum]).unwrap();
                builder.add(&name("quotient"), ops::Divide, &[centred, length])
            }
            12 if byte & 0x20 != 0 => builder.clip(&name("clipped"), at, -1.0, 1.5),
            12 => builder.add(&name("softmax"), ops::Softmax { axis: 1, function: Activation::Exponential }, &[at]),
            13 if byte & 0x20 != 0 => {
                let both = builder.concatenate(&name("both"), &[at, at, inputs], 1).unwrap();
                builder.add(&name("taken"), ops::Take { axis: 1, indices: vec![7, 0, 5] }, &[both])
            }
            13 => {
                let maximum = builder.add(&name("maximum"), ops::Maximum { axes: vec![1] }, &[at]).unwrap();
                builder.add(&name("below"), ops::Subtract, &[at, maximum])
            }
            14 => builder.activation(&name("softplus"), Activation::Softplus, at),
            _ => {
                let b = builder.weight(&name("column"), &[samples, 1]).unwrap();
                builder.add(&name("by_sample"), ops::Add, &[at, b])
            }
        };
        at = built.unwrap();
        seen.push(at);
    }
    let readout = builder.weight("readout", &[width, 1]).unwrap();
    let mut output = builder.matrix_product("output", at, readout).unwrap();
    if !program.len().is_multiple_of(4) {
        output = builder.batch_norm("prediction", output, 0.0).unwrap();
    }
    let loss = builder.add("loss", ops::MeanSquaredError, &[output, targets]).unwrap();
    builder.finish(loss).unwrap()
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn proofs_stand_and_refutations_have_witnesses(program in prop::collection::vec(any::<u8>(), 0..8), seed: u64, mask: u8) {
        let network = grow(&program);
        check(&network, &[], seed);
        let groups: Vec<&str> =
            network.groups().enumerate().filter(|(k, _)| mask >> (k % 8) & 1 == 1).map(|(_, g)| g.name).collect();
        if !groups.is_empty() {
            check(&network, &groups, seed);
        }
    }
}

#[test]
fn the_random_graphs_meet_every_answer() {
    let mut answers = [0; 3];
    for seed in 0..400u64 {
        let program: Vec<u8> = normal_vector(6, seed).iter().map(|x| (x * 1e6) as i64 as u8).collect();
        answers[match check(&grow(&program[..(seed % 7) as usize]), &[], seed) {
            Answer::Proved => 0,
            Answer::NotProved(_) => 1,
            Answer::Refuted { .. } => 2,
        }] += 1;
    }
    println!("proved, not proved, refuted: {answers:?}");
    assert!(answers[0] > 40 && answers[2] > 40, "{answers:?}");
}

#[test]
fn the_zoo_is_proved_and_so_is_each_of_its_layers() {
    for architecture in ZOO {
        let network = architecture.network(&[]).unwrap();
        assert_eq!(check(&network, &[], 0), Answer::Proved, "{}", architecture.name);
        if architecture.name != "circle" {
            for (group, homogeneity) in network.homogeneity_by_group(0) {
                assert_eq!(homogeneity.answer, Answer::Proved, "{}: {group}", architecture.name);
            }
        }
    }
    // Three weights make one direction; none of them is a direction by itself.
    let circle = find("circle").unwrap().network(&[]).unwrap();
    assert!(matches!(check(&circle, &["x"], 0), Answer::Refuted { .. }));
}

/// The file of the two-layer network with batch norm, with one replacement.
fn changed(from: &str, to: &str) -> Network {
    let text = find("batch_norm").unwrap().toml;
    assert!(text.contains(from), "{from}");
    Network::from_toml(&text.replace(from, to), &[]).unwrap()
}

fn reason(network: &Network, group: &[&str]) -> (String, Reason) {
    match check(network, group, 0) {
        Answer::Refuted { breach, .. } | Answer::NotProved(breach) => {
            (network.node(breach.node).name.clone(), breach.reason)
        }
        Answer::Proved => panic!("{network}: proved"),
    }
}

#[test]
fn each_breaker_is_named_at_its_node() {
    let normal = "normal = { op = \"batch_norm\", of = [\"pre\"] }";
    let (node, why) = reason(&changed(normal, &normal.replace("] }", "], epsilon = 1e-5 }")), &[]);
    assert_eq!((node.as_str(), why), ("normal", Reason::Epsilon { epsilon: 1e-5, degree: 1.0 }));

    let (node, why) = reason(&changed(normal, "normal = { op = \"scale\", of = [\"pre\"], factor = 2 }"), &[]);
    assert_eq!((node.as_str(), why), ("active", Reason::Function { degree: 1.0 }));

    let prediction = "prediction = { op = \"batch_norm\", of = [\"output\"] }";
    let (node, why) = reason(&changed(prediction, "prediction = { op = \"scale\", of = \"output\", factor = 1 }"), &[]);
    assert_eq!((node.as_str(), why), ("loss", Reason::UnnormalizedOutput { degree: 1.0 }));

    let affine = "normalized = { op = \"batch_norm\", of = [\"output\"] }\nprediction = { op = \"multiply\", of = [\"normalized\", \"gain\"] }";
    let text =
        find("batch_norm").unwrap().toml.replace(prediction, affine).replace("[weights]", "[weights]\ngain = [1]");
    let (node, why) = reason(&Network::from_toml(&text, &[]).unwrap(), &[]);
    assert_eq!((node.as_str(), why), ("loss", Reason::AffineParameters { left: 1.0, right: 0.0 }));

    // A bias over a layer of degree 2, that nothing takes away.
    let text = find("layer_norm").unwrap().toml;
    let normal = "normal = { op = \"layer_norm\", of = [\"pre\"] }";
    assert!(text.contains(normal));
    let stacked = "deep = { op = \"linear\", of = [\"pre\", \"square\"] }\nbiased = { op = \"add\", of = [\"deep\", \"bias\"] }\nnormal = { op = \"layer_norm\", of = [\"biased\"] }";
    let weights = "[weights]\nsquare = [\"width\", \"width\"]\nbias = [\"width\"]";
    let text = text.replace(normal, stacked).replace("[weights]", weights);
    let (node, why) = reason(&Network::from_toml(&text, &[]).unwrap(), &[]);
    assert_eq!((node.as_str(), why), ("normal", Reason::Shift { degree: 2.0 }));
    // A batch mean takes it away.
    let text = text.replace("op = \"layer_norm\"", "op = \"batch_norm\"");
    let network = Network::from_toml(&text, &[]).unwrap();
    assert_eq!(check(&network, &[], 0), Answer::Proved);
    let biased = network.nodes().iter().position(|node| node.name == "biased").unwrap();
    let degree = Degree::UpToShift { degree: 2.0, constant_along: vec![0] };
    assert_eq!(network.homogeneity(&[], 0).degrees[biased], degree);
}

/// x − x is 0, of every degree: true, and no rule sees it.
#[test]
fn what_is_true_and_not_seen_is_not_proved() {
    let text = r#"
        [weights]
        x = [3]
        [constants]
        one = { shape = [3], values = [1, 1, 1] }
        [nodes]
        nothing = { op = "subtract", of = ["x", "x"] }
        shifted = { op = "add", of = ["nothing", "one"] }
        loss = { op = "sum", of = "shifted", axes = [0] }
    "#;
    assert!(matches!(check(&Network::from_toml(text, &[]).unwrap(), &[], 0), Answer::NotProved(_)));
}

/// (x + y)² − x² − y² − 2xy is 0, and in floats it is what rounding leaves: no witness.
#[test]
fn rounding_is_no_witness() {
    let text = r#"
        [weights]
        x = [3]
        y = [3]
        [nodes]
        product = { op = "multiply", of = ["x", "y"] }
        twice = { op = "scale", of = "product", factor = 2 }
        sum = { op = "add", of = ["x", "y"] }
        square = { op = "multiply", of = ["sum", "sum"] }
        x_square = { op = "multiply", of = ["x", "x"] }
        y_square = { op = "multiply", of = ["y", "y"] }
        without_x = { op = "subtract", of = ["square", "x_square"] }
        without_y = { op = "subtract", of = ["without_x", "y_square"] }
        nothing = { op = "subtract", of = ["without_y", "twice"] }
        loss = { op = "sum", of = "nothing", axes = [0] }
    "#;
    let network = Network::from_toml(text, &[]).unwrap();
    for seed in 0..20 {
        for group in [&[][..], &["x"], &["y"]] {
            let answer = network.homogeneity(group, seed).answer;
            assert!(matches!(answer, Answer::NotProved(_)), "{group:?}: {answer:?}");
        }
    }
}

/// However small ε is, some factor of the weights shows it.
#[test]
fn a_small_epsilon_is_refuted() {
    let prediction = "prediction = { op = \"batch_norm\", of = [\"output\"] }";
    for epsilon in ["1e-3", "1e-12", "1e-20"] {
        let network = changed(prediction, &prediction.replace("] }", &format!("], epsilon = {epsilon} }}")));
        assert!(matches!(check(&network, &[], 1), Answer::Refuted { .. }), "{epsilon}");
    }
}

/// 1 + 2⁻⁶⁰ is a degree, and no float.
#[test]
fn degrees_that_floats_do_not_tell_apart_are_refused() {
    let mut builder = Builder::new("fine");
    let x = builder.weight("x", &[]).unwrap();
    let mut root = builder.add("square", ops::Multiply, &[x, x]).unwrap();
    for k in 0..61 {
        root = builder.add(&format!("root{k}"), ops::SquareRoot, &[root]).unwrap();
    }
    let more = builder.add("more", ops::Multiply, &[root, x]).unwrap();
    let loss = builder.add("loss", ops::Divide, &[more, x]).unwrap();
    let network = builder.finish(loss).unwrap();
    let (node, why) = reason(&network, &[]);
    assert_eq!((node.as_str(), why), ("root17", Reason::Range { degree: 2.0_f64.powi(-17) }));
}

/// A branch around a layer within the network is no output.
#[test]
fn a_skip_over_a_normalization_has_mixed_degrees() {
    let normal = "normal = { op = \"batch_norm\", of = [\"pre\"] }";
    let skip =
        format!("{}\nnormal = {{ op = \"add\", of = [\"pre\", \"inner\"] }}", normal.replacen("normal", "inner", 1));
    let (node, why) = reason(&changed(normal, &skip), &[]);
    assert_eq!((node.as_str(), why), ("normal", Reason::MixedDegrees { left: 1.0, right: 0.0 }));
}

/// Degrees that are no whole numbers, and what normalizations other than the named ones keep.
#[test]
fn degrees_add_subtract_and_halve() {
    let mut builder = Builder::new("degrees");
    let x = builder.weight("x", &[4]).unwrap();
    let square = builder.add("square", ops::Multiply, &[x, x]).unwrap();
    let sum = builder.add("sum", ops::Sum { axes: vec![0] }, &[square]).unwrap();
    let length = builder.add("length", ops::SquareRoot, &[sum]).unwrap();
    let root = builder.add("root", ops::SquareRoot, &[length]).unwrap();
    let quotient = builder.add("quotient", ops::Divide, &[sum, root]).unwrap();
    let sized = Normalization { axes: vec![0], epsilon: 0.0, centred: true, averaged: false };
    let normal = builder.add("normal", sized, &[x]).unwrap();
    let scaled = builder.add("scaled", ops::Multiply, &[normal, quotient]).unwrap();
    let total = builder.add("total", ops::Sum { axes: vec![0] }, &[scaled]).unwrap();
    let network = builder.finish(total).unwrap();
    let degrees = network.homogeneity(&[], 0).degrees;
    let of = |name: &str| degrees[network.nodes().iter().position(|node| node.name == name).unwrap()].to_string();
    assert_eq!(of("root"), "degree 1/2");
    assert_eq!(of("quotient"), "degree 3/2");
    assert_eq!(of("normal"), "degree 0");
    assert_eq!(of("total"), "degree 3/2");
}

/// Data that are added to a layer are a term like others and no targets; all nodes that break the rules are named, each with what mends it.
#[test]
fn every_breach_is_named_at_its_node() {
    let read = |text: &str| Network::from_toml(text, &[]).unwrap();
    let residual = read(
        "[weights]\nw = [4, 4]\n[constants]\nx = { shape = [5, 4], normal = 1 }\ny = { shape = [5, 4], normal = 2 }\n[nodes]\nd = { op = \"linear\", of = [\"x\", \"w\"] }\nr = { op = \"add\", of = [\"x\", \"d\"] }\nn = { op = \"layer_norm\", of = \"r\" }\nloss = { op = \"mean_squared_error\", of = [\"n\", \"y\"] }\n",
    );
    let named = |network: &Network| -> Vec<(String, Reason)> {
        let breaches = network.breaches(&[]);
        breaches.iter().map(|breach| (network.node(breach.node).name.clone(), breach.reason)).collect()
    };
    assert_eq!(named(&residual), [("r".into(), Reason::MixedDegrees { left: 0.0, right: 1.0 })]);
    assert!(
        matches!(residual.homogeneity(&[], 0).answer, Answer::Refuted { breach, .. } if residual.node(breach.node).name == "r")
    );
    // Two faults in one network: an ε, and an output that is not normalized.
    let several = read(
        "[weights]\nw = [4, 4]\nv = [1, 4]\n[constants]\nx = { shape = [5, 4], normal = 1 }\ny = { shape = [5, 1], normal = 2 }\n[nodes]\nd = { op = \"linear\", of = [\"x\", \"w\"] }\nn = { op = \"layer_norm\", of = \"d\", epsilon = 1e-5 }\no = { op = \"linear\", of = [\"n\", \"v\"] }\nloss = { op = \"mean_squared_error\", of = [\"o\", \"y\"] }\n",
    );
    assert_eq!(
        named(&several),
        [
            ("n".into(), Reason::Epsilon { epsilon: 1e-5, degree: 1.0 }),
            ("loss".into(), Reason::UnnormalizedOutput { degree: 1.0 })
        ]
    );
    for architecture in ZOO {
        assert_eq!(named(&architecture.network(&[]).unwrap()), [], "{}", architecture.name);
    }
}
