//! Orbits that are enclosed in real numbers.

use sharpflow::arithmetic::Enclosure;
use sharpflow::certificate::{Certificate, CertificateError, Extremes};
use sharpflow::flow::FlowConstants;
use sharpflow_theorems::assumption::Assumption;
use sharpflow_theorems::evidence::{ClaimEvidence, Status, Verdict};
use sharpflow_theorems::experiments::{CertifiedOrbit, CertifiedOrbits, LinePlace};
use sharpflow_theorems::population::{Population, Source};
use sharpflow_theorems::progress::Progress;
use sharpflow_theorems::registry::find;
use sharpflow_theorems::runner::{Store, Study, run};

use crate::judging::{self, decided};

const CLAIMS: [&str; 3] = ["certified_tracking", "certified_pinning", "certified_mean_square"];

/// |η̃λ₁ − 2|/√(ηλ) at most, and (⟨Kh²⟩/(2ηλ) − 1)/√(ηλ), of the orbits at ηλ = 2⁻¹⁰ … 2⁻¹³, as `tests/orbits/oracle.py` finds
/// them in doubles with a gradient, an SVD and formulas of its own.
const FOUND: [(&str, [(f64, f64); 4]); 3] = [
    (
        "3-parameter loss",
        [
            (0.218_720_885, -0.040_817_723),
            (0.155_705_470, -0.021_155_986),
            (0.110_664_822, -0.006_197_918),
            (0.078_555_961, -0.013_654_142),
        ],
    ),
    (
        "regression 3×4",
        [
            (0.544_399_701, 0.003_186_332),
            (0.394_946_618, 0.002_326_754),
            (0.285_224_067, 0.001_687_136),
            (0.204_760_633, 0.001_215_712),
        ],
    ),
    (
        "regression 4×6",
        [
            (0.177_316_428, 0.000_698_177),
            (0.125_298_710, -0.003_195_615),
            (0.088_483_052, -0.005_194_362),
            (0.062_514_650, -0.003_060_563),
        ],
    ),
];

/// The claims hold on every orbit. The regression 3×4 has the ratios that an independent prototype found with other intervals: 0.717 at ηλ = 10⁻³ and 0.700 at
/// 10⁻⁴. They fall with ηλ, so that the powers of 2 between these ηλ have ratios between, to the digits given.
#[test]
fn confirmed_on_every_orbit_with_known_numbers() {
    let study = Study {
        claims: CLAIMS.map(|id| find(id).unwrap()).to_vec(),
        population: Population { seed: 1, regressions: 0, networks: 0, source: Source::BuiltIn },
    };
    let found = run(&study, &Progress::default(), &|_| {}, &Store::none()).unwrap();
    assert_eq!(found.summary.status, Status::Complete);
    for claim in &found.claims {
        assert_eq!(claim.verdict, Verdict::Confirmed, "{}: {}", claim.id, claim.reason);
        assert_eq!(claim.instances.len(), 12);
        assert!(claim.instances.iter().all(|evidence| evidence.twins.len() >= 2), "{}", claim.id);
    }
    let claim = |id: &str| found.claims.iter().find(|claim| claim.id == id).unwrap();
    let value = |claim: &ClaimEvidence, instance: &str, what: &str| {
        let evidence = claim.instances.iter().find(|evidence| evidence.instance == instance).unwrap();
        evidence.estimates.iter().find(|estimate| estimate.what.contains(what)).unwrap().estimate.value
    };
    for (name, ratios) in FOUND {
        for (k, (edge, mean_square)) in ratios.into_iter().enumerate() {
            let inverse = 1u64 << (10 + k);
            let (instance, root) = (format!("{name}, ηλ = 1/{inverse}"), (inverse as f64).sqrt().recip());
            let of = |id: &str, what: &str| value(claim(id), &instance, what);
            let (least, most) = (of(CLAIMS[0], "at least"), of(CLAIMS[0], "at most"));
            assert!(least <= most && most - least < 1e-3 && of(CLAIMS[0], "radius") < 1e-6, "{instance}");
            if name == "regression 3×4" {
                assert!((0.6995..0.7175).contains(&least), "{instance}: {least}");
            }
            // What was found in doubles lies within the bounds. It is printed to 10⁻⁹. With r the radius over ‖w‖, each entry of θ is known to 2r, and products with unit
            // vectors of 6 entries at most to s = 4.9r. Then C, at least 0.3, is known to 4.2s of itself, and η̃λ₁ ≈ 2 to 2(4.2s + 2r) < 50r.
            const PRINTED: f64 = 1e-9;
            let radius = of(CLAIMS[1], "radius");
            let [low, high] = ["at least", "at most"].map(|what| of(CLAIMS[1], what));
            let wider = (-low).max(high) / root - edge;
            assert!((-PRINTED..50.0 * radius / root).contains(&wider), "{instance}: {low} {high}, {edge}");
            // h is known to s, and so the mean of h² to 2s/√⟨h²⟩ of itself, with ⟨h²⟩ = 2ηλ/K and K ≤ 13: to 25r/√(ηλ).
            let width = 25.0 * radius / (root * root);
            let [low, high] = ["at least", "at most"].map(|what| (of(CLAIMS[2], what) - 1.0) / root - mean_square);
            assert!(
                (-width..PRINTED).contains(&low) && (-PRINTED..width).contains(&high),
                "{instance}: {low:e} {high:e}"
            );
        }
    }
}

/// √(ηλ) of the orbits below.
const ROOT: f64 = 1.0 / 32.0;

/// An orbit whose numbers are off by `off`·√(ηλ) from those of each law, beside twins that are `other`·√(ηλ) away.
fn orbit(off: (f64, f64), other: f64) -> CertifiedOrbit {
    let off = Enclosure { lower: off.0 * ROOT, upper: off.1 * ROOT };
    let edge = Enclosure { lower: 2.0 + off.lower, upper: 2.0 + off.upper };
    let edge = Extremes { least: edge, largest: edge };
    let start = Enclosure { lower: 2.0 - other * ROOT, upper: 2.0 };
    let certificate = Certificate {
        distance: off,
        from_others: vec![other * ROOT],
        edge,
        edge_of_start: Extremes { least: start, largest: Enclosure { lower: 2.0, upper: 2.0 } },
        // ‖G‖² = 12, so that K = 16.
        mean_square: Enclosure { lower: (1.0 + off.lower) / 16.0, upper: (1.0 + off.upper) / 16.0 },
        mean_square_along: Enclosure { lower: 12.0 * (1.0 + off.lower) / 16.0, upper: 12.0 * (1.0 + off.upper) / 16.0 },
        radius: 0.0,
    };
    let path = vec![LinePlace { sharpness: 1.0, log_gradient_square: 12.0 }; 9];
    CertifiedOrbit {
        name: "any".into(),
        is_scale_invariant: true,
        intrinsic_lr: ROOT * ROOT,
        steps: 10,
        edge_offset: 0.0,
        others: vec![("a twin", FlowConstants::SHARPNESS_REDUCTION)],
        path,
        certificate: Ok(certificate),
    }
}

/// Bounds that hold √(ηλ) decide nothing for a claim, and a twin that is not proved to be farther away leaves it undecided.
#[test]
fn only_proved_numbers_decide() {
    for id in CLAIMS {
        let judge = judging::of::<CertifiedOrbits>(id);
        let decide = |orbit: &CertifiedOrbit| decided(judge(orbit).unwrap());
        let verdict = |orbit: &CertifiedOrbit| decide(orbit).verdict;
        assert_eq!(
            verdict(&orbit((0.6, 0.9), 1.3)),
            Verdict::Confirmed,
            "{id}: {}",
            decide(&orbit((0.6, 0.9), 1.3)).reason
        );
        assert_eq!(verdict(&orbit((1.3, 1.6), 1.9)), Verdict::Refuted, "{id}");
        assert_eq!(verdict(&orbit((0.9, 1.1), 1.9)), Verdict::Inconclusive, "{id}");
        let mut lost = orbit((0.6, 0.9), 1.3);
        lost.certificate = Err(CertificateError::Lost { step: 7, radius: 1.0, length: 2.0 });
        let evidence = decide(&lost);
        assert_eq!(evidence.verdict, Verdict::Inconclusive, "{id}");
        assert!(evidence.reason.contains("at step 7"), "{id}: {}", evidence.reason);
        let mut far = orbit((0.6, 0.9), 1.3);
        far.edge_offset = 0.2;
        let evidence = decide(&far);
        assert_eq!(evidence.verdict, Verdict::HypothesisFailed, "{id}");
        assert!(evidence.hypotheses.iter().any(|h| h.hypothesis.of == Assumption::StartAtTheEdge && !h.holds));
    }
}

/// A twin that the bounds do not refute leaves each claim undecided.
#[test]
fn a_twin_that_is_not_refuted_decides_nothing() {
    let verdict =
        |id: &str, orbit: &CertifiedOrbit| decided(judging::of::<CertifiedOrbits>(id)(orbit).unwrap()).verdict;
    assert_eq!(verdict(CLAIMS[0], &orbit((0.6, 0.9), 0.95)), Verdict::Inconclusive);
    // η̃λ₁ reaches from 1.9 to 2.1 within its bounds, so that neither edge is refuted; the statement, from above, is not proved either.
    let mut wide = orbit((0.6, 0.9), 1.3);
    let certificate = wide.certificate.as_mut().unwrap();
    certificate.edge.least = Enclosure { lower: 1.8, upper: 2.0 };
    certificate.edge.largest = Enclosure { lower: 2.0, upper: 2.2 };
    certificate.mean_square = Enclosure { lower: 0.01, upper: 0.2 };
    assert_eq!(verdict(CLAIMS[1], &wide), Verdict::Inconclusive);
    assert_eq!(verdict(CLAIMS[2], &wide), Verdict::Inconclusive);
}
