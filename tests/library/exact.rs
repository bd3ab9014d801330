//! Exact linear algebra and the exact laws, against sympy and against Python's fractions (`tests/exact/make_fixtures.py`).

use faer::Mat;
use serde::Deserialize;
use sharpflow::arithmetic::{Field, FirstField, SecondField};
use sharpflow::data::{Stream, generator};
use sharpflow::exact::{
    Draw, GradientDescent, Minimum, Polynomial, Quantities, Site, Theme, characteristic_polynomial,
    try_all_losses_in_both_fields, try_network_in_both_fields,
};
use sharpflow::identities::ExactError;
use sharpflow::network::{Network, NetworkLoss};
use sharpflow::network_file::zoo::find;

#[derive(Deserialize)]
struct Fixtures {
    matrices: Vec<MatrixFixture>,
    losses: Vec<LossFixture>,
}

#[derive(Deserialize)]
struct MatrixFixture {
    entries: Vec<String>,
    coefficients: Vec<String>,
    roots: Vec<String>,
}

#[derive(Deserialize)]
struct LossFixture {
    name: String,
    swing: Vec<String>,
    offset: Vec<String>,
    lasts: Vec<String>,
    drift: Vec<String>,
    change_of_offset: Vec<String>,
    growth: Vec<String>,
    fall: Vec<String>,
    determinant: Vec<String>,
}

fn fixtures() -> Fixtures {
    toml::from_str(include_str!("../exact/fixtures.toml")).unwrap()
}

#[test]
fn characteristic_polynomials_and_roots_are_those_of_sympy() {
    let of = |numbers: &[String]| -> Vec<FirstField> {
        numbers.iter().map(|number| FirstField::from_integer(number.parse().unwrap())).collect()
    };
    for fixture in fixtures().matrices {
        let entries = of(&fixture.entries);
        let size = entries.len().isqrt();
        let matrix = Mat::from_fn(size, size, |i, j| entries[i * size + j]);
        let coefficients = characteristic_polynomial(matrix.as_ref());
        assert_eq!(coefficients, of(&fixture.coefficients));
        let mut roots = Polynomial::new(coefficients).roots(&mut generator(1, Stream::Test));
        roots.sort_by_key(|root| root.to_integer());
        assert_eq!(roots, of(&fixture.roots));
    }
}

/// n/d as an element of a field.
fn fraction<F: Field>(text: &str) -> F {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let whole = |text: &str| F::from_integer(text.trim_start_matches('-').parse().unwrap());
    let value = whole(above) / whole(below);
    if above.starts_with('-') { -value } else { value }
}

/// The fraction of small terms that two residues stand for, by the remainders of Euclid's algorithm.
fn reconstructed(first: FirstField, second: SecondField) -> String {
    let [p, q] = [FirstField::ORDER, SecondField::ORDER].map(i128::from);
    let steps = (second - SecondField::from_integer(first.to_integer())) / SecondField::from_integer(FirstField::ORDER);
    let whole = i128::from(first.to_integer()) + p * i128::from(steps.to_integer());
    let (mut before, mut now) = ((p * q, 0i128), (whole, 1i128));
    while now.0 >= 1 << 60 {
        let quotient = before.0 / now.0;
        (before, now) = (now, (before.0 - quotient * now.0, before.1 - quotient * now.1));
    }
    let (above, below) = (now.0 * now.1.signum(), now.1.abs());
    if below == 1 { above.to_string() } else { format!("{above}/{below}") }
}

/// What the laws find at one rational point: drift, change of δ, growth, fall of log λ₁, and the determinant.
fn found<F: Field>(fixture: &LossFixture) -> [Vec<F>; 5] {
    let number = |text: &str| fraction::<F>(text);
    let numbers = |texts: &[&str]| -> Vec<F> { texts.iter().map(|text| number(text)).collect() };
    let (network, constants, weights, normal) = if fixture.name == "circle" {
        // Where the third weight starts at 0, a start of the others has no normal part besides v.
        let network = find("circle").unwrap().exact().unwrap();
        (network, numbers(&["1/2", "-3/4"]), numbers(&["7", "24", "0"]), numbers(&["0", "0", "0"]))
    } else {
        // ∇²L has (3·25 + 7·12)/625 along the fourth weight: this normal vector starts it at 4/5.
        let network = Network::from_toml(TWO_NORMAL_DIRECTIONS, &[]).unwrap();
        (network, vec![], numbers(&["3", "4", "0", "0"]), numbers(&["0", "0", "0", "500/159"]))
    };
    let mut constants = constants.into_iter();
    let loss = NetworkLoss::<F>::with_constants(&network, |_| constants.next().unwrap()).unwrap();
    let minimum = Minimum::new(&loss, weights).unwrap();
    let pair = minimum.eigenpair(minimum.hessian[(2, 2)]).unwrap();
    let draw = Draw {
        swing: number(&fixture.swing[0]),
        offset: number(&fixture.offset[0]),
        lasts: number(&fixture.lasts[0]),
        normal,
    };
    let site = Site { loss: &loss, minimum: &minimum, pair: &pair };
    let quantities = Quantities::new(&loss, &minimum, &pair, true);
    let laws = site.leading_map(&GradientDescent, &quantities, &draw);
    let kappa = site.energy_rate(&GradientDescent, &quantities, (&draw, true));
    assert!(laws.iter().chain([&kappa]).all(|law| law.holds()), "{}", fixture.name);
    let of = |k: usize| laws[k].found.clone();
    [of(0)[..2].to_vec(), of(1), of(2), of(3), kappa.found]
}

const TWO_NORMAL_DIRECTIONS: &str = r#"
    [weights]
    x = []
    y = []
    u = []
    v = []
    [nodes]
    xx = { op = "multiply", of = ["x", "x"] }
    yy = { op = "multiply", of = ["y", "y"] }
    uu = { op = "multiply", of = ["u", "u"] }
    vv = { op = "multiply", of = ["v", "v"] }
    xx_yy = { op = "add", of = ["xx", "yy"] }
    uu_vv = { op = "add", of = ["uu", "vv"] }
    n = { op = "add", of = ["xx_yy", "uu_vv"] }
    xx20 = { op = "scale", of = "xx", factor = 20 }
    of_u = { op = "add", of = ["n", "xx20"] }
    xy = { op = "multiply", of = ["x", "y"] }
    xy7 = { op = "scale", of = "xy", factor = 7 }
    n3 = { op = "scale", of = "n", factor = 3 }
    of_v = { op = "add", of = ["n3", "xy7"] }
    first = { op = "multiply", of = ["uu", "of_u"] }
    second = { op = "multiply", of = ["vv", "of_v"] }
    bowl = { op = "add", of = ["first", "second"] }
    half = { op = "scale", of = "bowl", factor = 0.5 }
    uuv = { op = "multiply", of = ["uu", "v"] }
    uuvx = { op = "multiply", of = ["uuv", "x"] }
    coupled = { op = "scale", of = "uuvx", factor = 5 }
    top = { op = "add", of = ["half", "coupled"] }
    once = { op = "divide", of = ["top", "n"] }
    loss = { op = "divide", of = ["once", "n"] }
"#;

#[test]
fn coefficients_are_those_of_rational_power_series() {
    for fixture in fixtures().losses {
        let (first, second) = (found::<FirstField>(&fixture), found::<SecondField>(&fixture));
        let expected =
            [&fixture.drift, &fixture.change_of_offset, &fixture.growth, &fixture.fall, &fixture.determinant];
        for ((first, second), expected) in first.iter().zip(&second).zip(expected) {
            let fractions: Vec<String> =
                first.iter().zip(second).map(|(&first, &second)| reconstructed(first, second)).collect();
            assert_eq!(fractions, *expected, "{}", fixture.name);
        }
    }
}

/// All laws hold at every point, and every twin fails at every point.
#[test]
fn laws_hold_and_twins_fail_at_every_point() {
    for (name, rank) in [("circle", 1), ("matrix_completion", 3), ("weight_norm", 2), ("rms_norm", 2)] {
        let network = find(name).unwrap().exact_of_rank_two().unwrap();
        let [first, second] = try_network_in_both_fields(&network, 7).unwrap();
        assert_eq!([first.len(), second.len()], if rank > 1 { [7, 7] } else { [6, 6] }, "{name}");
        for trial in first.into_iter().chain(second) {
            assert!(trial.confirm(), "{name}: {trial:#?}");
            assert!(trial.rank == rank && trial.other_ranks == 0 && trial.log2_accident < -50.0, "{name}: {trial:?}");
        }
    }
    for trial in try_all_losses_in_both_fields(5, 3, 7).unwrap().concat() {
        assert!(trial.confirm() && trial.rank == 3, "{trial:#?}");
    }
}

/// The same points are drawn again, whatever was drawn before.
#[test]
fn a_point_can_be_drawn_again() {
    let network = find("batch_norm").unwrap().exact_of_rank_two().unwrap();
    let [once, again, other] = [1, 1, 2].map(|seed| try_network_in_both_fields(&network, seed).unwrap().concat());
    assert_eq!(once, again);
    assert_ne!(once[0].laws[0].first, other[0].laws[0].first);
}

#[test]
fn what_has_no_laws_is_refused() {
    let of = |network: &Network| try_network_in_both_fields(network, 1).map(|trials| trials[0][0].theme);
    let text = |name: &str| find(name).unwrap().toml.to_string();
    // An ε in a norm: the weights are no direction of Γ.
    let with_epsilon = text("linear_regression").replace("of = [\"output\"] }", "of = [\"output\"], epsilon = 1 }");
    assert_eq!(of(&Network::from_toml(&with_epsilon, &[]).unwrap()), Err(ExactError::NotScaleInvariant));
    // Γ is a point where there are more samples than weights.
    let tall = find("linear_regression").unwrap().network(&[("samples", 9), ("features", 3)]).unwrap();
    assert_eq!(of(&tall), Err(ExactError::Isolated { rank: 2, dimension: 3 }));
    // Too many roots, too many weights.
    let deep = find("layer_norm").unwrap().network(&[("samples", 12)]).unwrap().with_rational_activations();
    assert_eq!(of(&deep), Err(ExactError::TooManyRoots { roots: 13, most: 10 }));
    let wide = find("linear_regression").unwrap().network(&[("features", 65)]).unwrap();
    assert_eq!(of(&wide), Err(ExactError::TooManyWeights { weights: 65, most: 64 }));
    // A loss that compares nothing with targets, and is no minimum where weights are 0.
    let linear = r#"
        [weights]
        x = []
        y = []
        [nodes]
        loss = { op = "divide", of = ["x", "y"] }
    "#;
    assert_eq!(of(&Network::from_toml(linear, &[]).unwrap()), Err(ExactError::NoMinimum));
    assert_eq!(of(&find("circle").unwrap().exact().unwrap()), Ok(Theme::Map));
}
