//! Every identity, exactly, on every architecture; every twin refuted; and what is not scale-invariant is caught.

use sharpflow::arithmetic::{FirstField, SecondField};
use sharpflow::identities::{ExactError, Identity, MOST_ROOTS, try_exactly};
use sharpflow::network::homogeneity::Answer;
use sharpflow::network::{Activation, Fault, Network, NetworkError};
use sharpflow::network_file::zoo::{ZOO, find};

const POINTS: usize = 4;

#[test]
fn every_identity_holds_on_every_architecture_and_no_twin_does() {
    for architecture in ZOO {
        let network = architecture.exact().unwrap();
        let first = try_exactly::<FirstField>(&network, POINTS, 1).unwrap();
        let second = try_exactly::<SecondField>(&network, POINTS, 2).unwrap();
        for trials in [first, second] {
            let name = architecture.name;
            println!(
                "{name:>24}: {POINTS} points of F({}), {} roots, {} drawn; a false identity holds with probability ≤ 2^{:.0}",
                trials.prime, trials.roots, trials.drawn, trials.log2_accident
            );
            assert!(trials.roots <= 12 && trials.log2_accident < -60.0, "{name}: {trials:?}");
            for trial in &trials.trials {
                assert_eq!(trial.agreed, POINTS, "{name}: {:?}", trial.identity);
                let twins = &trial.identity.variants()[1..];
                for (twin, differed) in twins.iter().zip(&trial.twins_differed) {
                    assert_eq!(*differed, POINTS, "{name}: the twin {} holds", twin.formula);
                }
            }
        }
    }
}

/// The same file with one entry changed breaks an identity.
#[test]
fn what_is_not_scale_invariant_is_caught() {
    let text = find("batch_norm").unwrap().toml;
    let small = [("samples", 4), ("features", 2), ("width", 2)];
    let broken = [
        text.replace("\"batch_norm\", of = [\"pre\"]", "\"batch_norm\", of = [\"pre\"], epsilon = 0.5"),
        text.replace("\"batch_norm\", of = [\"output\"]", "\"scale\", of = [\"output\"], factor = 0.5"),
    ];
    for text in broken {
        let network = Network::from_toml(&text, &small).unwrap().with_rational_activations();
        let trials = try_exactly::<FirstField>(&network, POINTS, 3).unwrap();
        assert!(!trials.confirm());
        let of = |identity| trials.trials.iter().find(|t| t.identity == identity).unwrap().agreed;
        for identity in [Identity::RadialGradient, Identity::GradientDegree, Identity::ProjectedStep] {
            assert_eq!(of(identity), 0, "{identity:?}");
        }
    }
}

/// Where every other function has a rational one in its place the ReLU stays: it may stand over a degree other than 0.
#[test]
fn a_relu_before_the_normalization_is_tried_as_it_is() {
    let text = find("batch_norm").unwrap().toml.replace(
        "normal = { op = \"batch_norm\", of = [\"pre\"] }",
        "first = { op = \"relu\", of = \"pre\" }\nnormal = { op = \"batch_norm\", of = \"first\" }",
    );
    let network = Network::from_toml(&text, &[("samples", 4), ("features", 2), ("width", 2)]).unwrap();
    assert_eq!(network.homogeneity(&[], 0).answer, Answer::Proved);
    let trials = try_exactly::<FirstField>(&network.with_rational_activations(), POINTS, 5).unwrap();
    assert!(trials.confirm());
}

/// ReLU is homogeneous on a field too, where squares are the positive numbers.
#[test]
fn relu_keeps_its_degree_over_a_field() {
    let text = find("batch_norm").unwrap().toml.replace("algebraic_sigmoid", "relu");
    let network = Network::from_toml(&text, &[("samples", 4), ("features", 2), ("width", 2)]).unwrap();
    assert!(try_exactly::<FirstField>(&network, POINTS, 4).unwrap().confirm());
}

#[test]
fn what_exact_arithmetic_cannot_do_is_said() {
    let network = find("rms_norm").unwrap().network(&[("samples", 3)]).unwrap();
    let fault = Fault::Transcendental { op: Activation::Gelu.name() };
    let expected = ExactError::Network(NetworkError::Node { node: "active".into(), fault });
    assert_eq!(try_exactly::<FirstField>(&network, 1, 0), Err(expected));
    let large = find("layer_norm").unwrap().network(&[("samples", 40)]).unwrap().with_rational_activations();
    let roots = large.complexity().roots + 2;
    assert!(roots > MOST_ROOTS);
    assert_eq!(try_exactly::<FirstField>(&large, 1, 0), Err(ExactError::TooManyRoots { roots, most: 14 }));
    // −x² is no square wherever x² is one: √(−x²) has no point.
    let text = r#"
        [weights]
        x = []
        [nodes]
        square = { op = "multiply", of = ["x", "x"] }
        negative = { op = "scale", of = "square", factor = -1 }
        loss = { op = "square_root", of = "negative" }
    "#;
    let never = Network::from_toml(text, &[]).unwrap();
    assert!(matches!(try_exactly::<FirstField>(&never, 1, 0), Err(ExactError::NoPoint { roots: 3, .. })));
}
