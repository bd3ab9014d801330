//! Certificates of orbits: what they prove, and that a changed one is refused where it was changed.

use proptest::prelude::*;
use sharpflow::arithmetic::{Base, Enclosure, Quad, Real};
use sharpflow::certificate::{FlowLine, OTHER_FLOWS, OrbitError, OrbitStart, Tube, certify, find_certificate};
use sharpflow::checker::{Checked, Loss, OrbitCertificate, Refused, check};
use sharpflow::data::Dataset;
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::flow::FlowConstants;
use sharpflow::loss::LinearRegression;
use sharpflow::network::NetworkLoss;
use sharpflow::network_file::zoo::find;

fn found(start: &OrbitStart, exponent: u32, horizon: f64) -> (OrbitCertificate, Checked) {
    let others = OTHER_FLOWS.map(|(_, flow)| flow);
    let certificate = find_certificate(start, exponent, horizon, &others, "a test".into()).unwrap();
    let proved = check(&certificate).unwrap();
    (certificate, proved)
}

/// A short certificate of each kind.
fn short() -> [OrbitCertificate; 2] {
    [found(&OrbitStart::circle(), 8, 0.25).0, found(&OrbitStart::small_regression(), 8, 0.5).0]
}

fn is_within(x: f64, [lower, upper]: [f64; 2], room: f64) -> bool {
    lower - room <= x && x <= upper + room
}

/// `tests/orbits/oracle.py` has sup |η̃λ₁ − 2|/√(ηλ) and (⟨Kh²⟩/(2ηλ) − 1)/√(ηλ) of these orbits to nine digits, by a gradient of its own; of the regression from either side of Γ, because
/// the sign of an eigenvector decides on which one the orbit starts. Its start is rounded, and orbits that begin 10⁻¹⁵ apart are 10⁻¹² apart at most after these steps.
#[test]
fn the_numbers_of_another_program_are_proved() {
    for (start, horizon, expected) in [
        (OrbitStart::circle(), 0.8, &[(0.218_720_885, -0.040_817_723)][..]),
        (OrbitStart::small_regression(), 2.0, &[(0.544_399_701, 0.003_186_332), (0.546_309_407, 0.004_235_787)]),
    ] {
        let (certificate, proved) = found(&start, 10, horizon);
        let root = proved.intrinsic_lr.sqrt();
        let is_proved = |&(edge, mean_square): &(f64, f64)| {
            is_within(edge * root, proved.edge, 1e-9) && is_within(1.0 + mean_square * root, proved.mean_square, 1e-9)
        };
        assert!(expected.iter().any(is_proved), "{proved:?}");
        assert!(proved.edge[1] - proved.edge[0] < 1e-6 * root, "{proved:?}");
        assert!(proved.radius < 1e-7 && proved.distance[1] < root, "{proved:?}");
        assert!(certificate.others.len() > 3 && proved.from_others.iter().all(|&least| least > root));
    }
}

/// The tube of the 3-parameter loss differentiates the network and bounds norms by proposed eigenvectors: another route to the same bounds.
#[test]
fn both_routes_enclose_the_same_orbit() {
    let (certificate, proved) = found(&OrbitStart::circle(), 10, 0.8);
    let start = &certificate.boxes[0].centre;
    let network = find("circle").unwrap().network(&[]).unwrap();
    let loss = NetworkLoss::with_constants(&network, |_| Enclosure::from_f64(0.0)).unwrap();
    let mut tube = Tube::new(loss, 1.0, proved.intrinsic_lr, start).unwrap();
    let line = FlowLine::on_circle([start[0], start[1], start[2]]).unwrap();
    let law = FlowConstants::SHARPNESS_REDUCTION;
    let enclosed = certify(&mut tube, &line, law, &[], proved.steps as u64).unwrap();
    let meet = |a: Enclosure, b: [f64; 2]| a.lower <= b[1] && b[0] <= a.upper;
    assert!(meet(enclosed.distance, proved.distance), "{enclosed:?}, {proved:?}");
    assert!(meet(enclosed.edge.farthest_from(2.0), proved.edge), "{enclosed:?}, {proved:?}");
}

/// A certificate that is changed anywhere is refused, and the error says where.
#[test]
fn a_changed_certificate_is_refused_with_its_place() {
    let [circle, regression] = short();
    let refused = |of: &OrbitCertificate, change: &dyn Fn(&mut OrbitCertificate)| {
        let mut changed = of.clone();
        change(&mut changed);
        check(&changed).unwrap_err()
    };
    for whole in [&circle, &regression] {
        assert!(check(whole).is_ok());
        let moved = refused(whole, &|c| c.boxes[40].centre[1] += 1e-6);
        assert!(matches!(moved, Refused::Radius { step: 40, .. }), "{moved}");
        let narrow = refused(whole, &|c| c.boxes[30].radius = 1e-17);
        assert!(matches!(narrow, Refused::Radius { step: 30, .. }), "{narrow}");
        let stretch =
            refused(whole, &|c| c.boxes.iter_mut().filter_map(|b| b.stretch.as_mut()).for_each(|s| *s *= 0.9));
        assert!(matches!(stretch, Refused::Stretch { .. }), "{stretch}");
        let place = refused(whole, &|c| c.boxes[20].place[0] = c.boxes[20].place[1]);
        assert!(matches!(&place, Refused::Place { step: 20, flow, .. } if flow == "flow"), "{place}");
        let start = refused(whole, &|c| c.boxes[0].radius = 1e-9);
        assert!(matches!(start, Refused::Domain { .. }), "{start}");
        let short = refused(whole, &|c| c.boxes[7].centre.truncate(1));
        assert_eq!(short.to_string().split(':').next(), Some("the centre of step 7"), "{short}");
        let gone = refused(whole, &|c| c.boxes.retain(|ball| ball.place != whole.boxes[9].place));
        assert!(matches!(gone, Refused::Radius { step: 9, .. } | Refused::Stretch { step: 9, .. }), "{gone}");
        let faster = refused(whole, &|c| c.exponent = 7);
        assert!(matches!(faster, Refused::Radius { step: 1, .. }), "{faster}");
        let rate = refused(whole, &|c| c.learning_rate = 1.001);
        assert!(matches!(rate, Refused::Radius { step: 1, .. }), "{rate}");
        let none = refused(whole, &|c| c.boxes.clear());
        assert!(matches!(none, Refused::Shape { .. }), "{none}");
        let format = refused(whole, &|c| c.schema = "sharpflow-orbit/0".into());
        assert!(matches!(format, Refused::Schema { .. }), "{format}");
        let close = refused(whole, &|c| {
            // The theory's own flow as another one.
            let step = c.others[0].step;
            let other = &mut c.others[0];
            (other.numerator, other.offset, other.slope, other.place) = (2.0, 4.0, 1.0, c.boxes[step].place);
        });
        assert!(matches!(close, Refused::Close { flow: 0, .. }), "{close}");
        for change in [
            (|c| c.stated.distance[1] *= 0.999) as fn(&mut OrbitCertificate),
            |c| c.stated.distance[0] *= 1.001,
            |c| c.stated.edge[1] *= 0.999,
            |c| c.stated.mean_square = [1.0, 1.0],
            |c| c.stated.distance = [f64::NAN; 2],
        ] {
            let claimed = refused(whole, &change);
            assert!(matches!(claimed, Refused::Stated { .. }), "{claimed}");
        }
    }
    let proposed = |change: fn(&mut sharpflow::checker::Proposed)| {
        refused(&regression, &|c| {
            let Loss::Regression { proposed, .. } = &mut c.loss else { unreachable!() };
            change(proposed);
        })
    };
    for (change, expected) in [
        ((|p| p.floor *= 3.0) as fn(&mut sharpflow::checker::Proposed), "floor"),
        (|p| p.floor = -1.0, "floor"),
        (|p| p.largest *= 0.99, "largest"),
        (|p| p.second = 0.0, "second"),
        (|p| p.top.iter_mut().for_each(|x| *x = 0.0), "largest"),
    ] {
        let found = proposed(change);
        assert!(matches!(found, Refused::Proposed { what } if what == expected), "{found}");
    }
    // Bad proposals of Γ itself make the bounds wide, and what is stated is not proved then.
    let wide = proposed(|p| p.least[0] *= 1.01);
    assert!(matches!(wide, Refused::Place { .. } | Refused::Stated { .. }), "{wide}");
    let data = refused(&regression, &|c| {
        let Loss::Regression { rows, .. } = &mut c.loss else { unreachable!() };
        rows[1][2] += 1e-3;
    });
    assert!(matches!(data, Refused::Proposed { .. } | Refused::Place { step: 0, .. }), "{data}");
}

#[test]
fn what_has_no_closed_form_is_refused_before_anything_runs() {
    let of = |start: &OrbitStart, exponent, horizon| {
        find_certificate(start, exponent, horizon, &[], String::new()).unwrap_err()
    };
    let random = |n, d| OrbitStart::regression(&Dataset::random(n, d, 5), 1.0, 0);
    assert!(matches!(of(&random(10, 4), 10, 1.0), OrbitError::NoInterpolation { .. }));
    assert!(matches!(of(&random(5, 4), 10, 1.0), OrbitError::SinglePoint));
    assert!(matches!(of(&random(5, 100), 10, 1.0), OrbitError::Weights { weights: 100 }));
    for horizon in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(matches!(of(&OrbitStart::circle(), 10, horizon), OrbitError::Steps { .. }), "{horizon}");
    }
    assert!(matches!(of(&OrbitStart::Circle { cosine_square: 1.0 }, 10, 1.0), OrbitError::CosineSquare(_)));
}

/// Columns in units up to 10⁶ apart make boxes wide. A flow that they do not tell from the orbit is left out, and what they do prove is proved.
#[test]
fn a_flow_that_cannot_be_told_is_left_out() {
    let others = OTHER_FLOWS.map(|(_, flow)| flow);
    let (mut proved, mut fewer) = (0, 0);
    for seed in 0..40 {
        let random = Dataset::random(5, 5, seed);
        let unit = |j: usize| 10f64.powi((j as i32 * 5 + seed as i32 * 3) % 7 - 3);
        let features = faer::Mat::from_fn(5, random.features.ncols(), |i, j| unit(j) * random.features[(i, j)]);
        let start = OrbitStart::regression(&Dataset::new(features, random.targets), 1.0, seed);
        match find_certificate(&start, 11, 0.5, &others, String::new()) {
            Ok(certificate) => {
                assert!(check(&certificate).is_ok());
                proved += 1;
                fewer += usize::from(certificate.others.len() < others.len());
            }
            Err(error) => {
                assert!(error.is_undecided() && !error.to_string().contains("other flow"), "{seed}: {error}");
            }
        }
    }
    assert!(proved > 0 && fewer > 0, "{proved} {fewer}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// The orbit in double-double lies inside the boxes of a random regression. Its η is 1/(2s²) rounded, which moves it by less than a hundredth of what the boxes allow a step to miss.
    #[test]
    fn precise_orbits_of_random_regressions_are_inside(seed in 0u64..1 << 32, n in 3usize..7, more in 0usize..4) {
        let data = Dataset::random(n, n + more, seed);
        let certificate = match find_certificate(&OrbitStart::regression(&data, 1.0, seed), 10, 0.125, &[], String::new()) {
            Ok(certificate) => certificate,
            // The theory's range may end before this ηλ, and then orbits run apart.
            Err(error) => {
                prop_assert!(error.is_undecided(), "{}", error);
                return Ok(());
            }
        };
        prop_assert_eq!(certificate.boxes.len(), 129);
        let loss = LinearRegression::<Quad>::new(&data).unwrap();
        let rate = 0.5 / loss.target_variance().to_f64();
        let start: Vec<Quad> = certificate.boxes[0].centre.iter().map(|&w| Quad::from_f64(w)).collect();
        let mut descent = GradientDescent::new(loss, rate, 0.5f64.powi(10), &start).unwrap();
        for ball in &certificate.boxes[1..] {
            descent.step();
            let square: f64 = ball.centre.iter().zip(descent.weights()).map(|(&c, &w)| (Quad::from_f64(c) - w).to_f64().powi(2)).sum();
            prop_assert!(square.sqrt() <= ball.radius, "{:e} {:e}", square.sqrt(), ball.radius);
        }
    }

    /// Whatever numbers a file has, the answer is a proof or an error.
    #[test]
    fn no_numbers_make_the_checker_panic(
        at in 0usize..64,
        number in prop_oneof![Just(0.0), Just(f64::MAX), Just(-1.0), Just(5e-324), any::<f64>()],
        what in 0usize..6,
    ) {
        let [_, mut certificate] = short();
        match what {
            0 => certificate.boxes[at].centre[at % 4] = number,
            1 => certificate.boxes[at].radius = number,
            2 => certificate.boxes[at].stretch = Some(number),
            3 => certificate.boxes[at].place[at % 2] = number,
            4 => certificate.learning_rate = number,
            _ => {
                let Loss::Regression { rows, .. } = &mut certificate.loss else { unreachable!() };
                rows[at % 3][at % 4] = number;
            }
        }
        let _ = check(&certificate);
    }
}
