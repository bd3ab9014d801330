//! Every claim of the registry on random instances, each under its own name: `cargo test pinning`.

use proptest::prelude::*;
use sharpflow_theorems::evidence::{InstanceEvidence, Verdict};
use sharpflow_theorems::experiments::{
    CertifiedOrbits, Growth, HeldOut, Ladder, Laws, OtherDynamics, SmoothLosses, Swings,
};
use sharpflow_theorems::instance::Instance;
use sharpflow_theorems::registry::find;
use sharpflow_theorems::theorem::Theorem;

use crate::judging::{cases, decided, instances, measured};
use crate::laws;

macro_rules! suite {
    ($($claim:ident)*) => {$(
        mod $claim {
            use super::*;

            proptest! {
                #![proptest_config(cases(number(stringify!($claim))))]

                #[test]
                fn is_confirmed_on_random_instances(instance in instances(), seed in any::<u64>()) {
                    is_confirmed(find(stringify!($claim)).unwrap(), instance, seed)?;
                }
            }
        }
    )*};
}

sharpflow_theorems::claims!(suite);

/// How many instances a claim is tried on: one where ρ is enclosed over the whole sphere, which takes longest.
fn number(claim: &str) -> u32 {
    if find(claim).unwrap().on::<SmoothLosses>().is_some() { 1 } else { 2 }
}

fn is_confirmed(claim: &Theorem, instance: Result<Instance, String>, seed: u64) -> Result<(), TestCaseError> {
    // Their runs are fixed, and long: the claims' own tests ask for them once.
    if claim.on::<HeldOut>().is_some() || claim.on::<CertifiedOrbits>().is_some() {
        return Ok(());
    }
    if claim.on::<Laws>().is_some() {
        laws::check(claim.id);
        return Ok(());
    }
    let instances: Vec<Instance> = if claim.is_about_instances() {
        prop_assume!(instance.is_ok());
        instance.into_iter().collect()
    } else {
        vec![]
    };
    let measured = measured(claim.id, seed, &instances);
    // Runs short enough need not come so far as to show growth or another dynamics' flow; and momentum can make swings outgrow the
    // theory's range, which is then said.
    let may_outgrow = claim.on::<OtherDynamics>().is_some() || claim.on::<Growth>().is_some();
    // The angle is not judged where normal directions answer late.
    prop_assume!(!measured.is_empty() || !(may_outgrow || claim.id == "alignment"));
    prop_assert!(!measured.is_empty(), "nothing is measured");
    for measurement in measured {
        let evidence = decided(measurement);
        if may_outgrow && evidence.verdict == Verdict::HypothesisFailed {
            continue;
        }
        prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", evidence.instance, evidence.reason);
        prop_assert!(evidence.twins.len() >= 2);
        constants_are_known(claim, &evidence)?;
    }
    Ok(())
}

/// Each interval holds the theory's constant; those of ladders and of swings hold little else.
fn constants_are_known(claim: &Theorem, evidence: &InstanceEvidence) -> Result<(), TestCaseError> {
    for constant in &evidence.estimates {
        let (Some(theory), estimate) = (constant.theory(), constant.estimate) else { continue };
        prop_assert!(estimate.contains(theory), "{} = {:?}", constant.what, estimate);
        if claim.on::<Ladder>().is_some() || claim.on::<Swings>().is_some() {
            prop_assert!(estimate.half_width < 0.1 * theory, "{} = {:?}", constant.what, estimate);
        }
    }
    Ok(())
}
