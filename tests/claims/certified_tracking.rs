//! Orbits that are enclosed in real numbers.

use sharpflow::certificate::{Certificate, CertificateError};
use sharpflow_theorems::assumption::Assumption;
use sharpflow_theorems::evidence::{Status, Verdict};
use sharpflow_theorems::experiments::{CertifiedOrbit, CertifiedOrbits};
use sharpflow_theorems::population::{Population, Source};
use sharpflow_theorems::progress::Progress;
use sharpflow_theorems::registry::find;
use sharpflow_theorems::runner::{Store, Study, run};

use crate::judging::{self, decided};

/// The claim holds on every orbit, and the regression 3×4 has the ratios that an independent prototype found with other intervals: 0.717 at ηλ = 10⁻³ and 0.700 at
/// 10⁻⁴. They fall with ηλ, so that the powers of 2 between these ηλ have ratios between, to the digits given.
#[test]
fn confirmed_on_every_orbit_with_known_ratios() {
    let study = Study {
        claims: vec![find("certified_tracking").unwrap()],
        population: Population { seed: 1, regressions: 0, networks: 0, source: Source::BuiltIn },
    };
    let found = run(&study, &Progress::default(), &|_| {}, &Store::none()).unwrap();
    assert_eq!(found.summary.status, Status::Complete);
    let claim = &found.claims[0];
    assert_eq!(claim.verdict, Verdict::Confirmed, "{}", claim.reason);
    assert_eq!(claim.instances.len(), 12);
    for evidence in &claim.instances {
        assert!(evidence.twins.len() >= 2, "{}", evidence.instance);
        let value = |what: &str| evidence.estimates.iter().find(|e| e.what.contains(what)).unwrap().estimate.value;
        let (least, most) = (value("at least"), value("at most"));
        assert!(least <= most && most - least < 1e-3 && value("radius") < 1e-6, "{}", evidence.instance);
        if evidence.instance.starts_with("regression 3×4") {
            assert!((0.6995..0.7175).contains(&least), "{}: {least}", evidence.instance);
        }
    }
}

fn orbit(distance: (f64, f64), other: f64) -> CertifiedOrbit {
    let distance = sharpflow::arithmetic::Enclosure::new(distance.0, distance.1);
    CertifiedOrbit {
        name: "any".into(),
        is_scale_invariant: true,
        intrinsic_lr: 1.0 / 1024.0,
        steps: 10,
        edge_offset: 0.0,
        others: vec![("a twin", sharpflow::flow::FlowConstants::SHARPNESS_REDUCTION)],
        certificate: Ok(Certificate { distance, from_others: vec![other], radius: 0.0 }),
    }
}

/// √(ηλ) = 1/32. Bounds that hold it decide nothing for the claim, and a twin that is not proved to be farther away leaves it undecided.
#[test]
fn only_proved_distances_decide() {
    let judge = judging::of::<CertifiedOrbits>("certified_tracking");
    let verdict = |orbit: &CertifiedOrbit| decided(judge(orbit).unwrap()).verdict;
    assert_eq!(verdict(&orbit((0.02, 0.03), 0.04)), Verdict::Confirmed);
    assert_eq!(verdict(&orbit((0.02, 0.03), 0.03)), Verdict::Inconclusive);
    assert_eq!(verdict(&orbit((0.04, 0.05), 0.06)), Verdict::Refuted);
    assert_eq!(verdict(&orbit((0.03, 0.04), 0.06)), Verdict::Inconclusive);
    let mut lost = orbit((0.02, 0.03), 0.04);
    lost.certificate = Err(CertificateError::Lost { step: 7, radius: 1.0, length: 2.0 });
    let evidence = decided(judge(&lost).unwrap());
    assert_eq!(evidence.verdict, Verdict::Inconclusive);
    assert!(evidence.reason.contains("at step 7"), "{}", evidence.reason);
    let mut far = orbit((0.02, 0.03), 0.04);
    far.edge_offset = 0.2;
    let evidence = decided(judge(&far).unwrap());
    assert_eq!(evidence.verdict, Verdict::HypothesisFailed);
    assert!(evidence.hypotheses.iter().any(|h| h.hypothesis.of == Assumption::StartAtTheEdge && !h.holds));
}
