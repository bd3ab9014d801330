//! Every claim about runs on a network of every kind, and networks that are none of the theory's.

use rayon::prelude::*;
use sharpflow::network::Network;
use sharpflow::network_file::zoo::find as architecture;
use sharpflow_theorems::evidence::Verdict;
use sharpflow_theorems::experiments::{
    Ladder, LadderRecord, Points, Scope, StableDescents, StableRecord, SwingRecord, Swings,
};
use sharpflow_theorems::instance::{FAMILIES, Instance, Rejected, Stage};
use sharpflow_theorems::progress::Progress;
use sharpflow_theorems::registry::REGISTRY;
use sharpflow_theorems::verdict::{decide, level_of_one};

#[test]
fn every_claim_is_confirmed_on_every_kind_of_network() {
    FAMILIES.par_iter().for_each(|family| {
        // The first draws that are admitted: nothing here looks at an outcome.
        let instance = (0..40).find_map(|seed| family.instance(seed).ok()).expect("an instance");
        let ladder = LadderRecord::new(&instance, &Progress::default()).unwrap();
        let swings = SwingRecord::new(&instance, &Progress::default()).unwrap();
        let stable = [StableRecord::of_instance(&instance, 0, &Progress::default()).unwrap().unwrap()];
        for claim in REGISTRY {
            let of_ladder = claim.on::<Ladder>().map(|judge| judge((&instance, &ladder)));
            let of_points = claim.on::<Points>().map(|judge| judge(&instance));
            let of_swings = claim.on::<Swings>().map(|judge| judge((&instance, &swings)));
            let of_stable = claim.on::<StableDescents>().map(|judge| judge((&stable, Scope::Path)));
            let judged = of_ladder.or(of_points).or(of_swings).or(of_stable);
            // A claim on linear regressions, or on other runs, says nothing of a network here.
            let Some(Ok(measured)) = judged else { continue };
            let evidence = decide(measured, level_of_one(600));
            assert_eq!(evidence.verdict, Verdict::Confirmed, "{} on {}: {}", claim.id, instance.name, evidence.reason);
            for constant in &evidence.estimates {
                let Some(theory) = constant.theory() else { continue };
                assert!(
                    constant.estimate.contains(theory),
                    "{}: {} = {:?}",
                    claim.id,
                    constant.what,
                    constant.estimate
                );
            }
        }
    });
}

fn changed(from: &str, to: &str) -> Network {
    let text = architecture("batch_norm").unwrap().toml;
    assert!(text.contains(from));
    Network::from_toml(&text.replace(from, to), &[]).unwrap()
}

/// A ReLU is no reason to stop: its runs are made on the smooth piece around the minimum, so short of a kink that none crosses it.
#[test]
fn a_network_with_kinks_runs_on_a_smooth_piece() {
    let kinked = changed("algebraic_sigmoid", "relu");
    let instance = (0..20).find_map(|seed| {
        let (instance, _) = Instance::of_network("mine", &kinked, seed, (None, Stage::Last)).ok()?;
        instance.without_runs.is_none().then_some(instance)
    });
    let instance = instance.expect("one of twenty draws has runs");
    assert!(instance.loss.is_piece() && instance.path.iter().all(|place| place.kink > 0.0 && place.kink.is_finite()));
    let record = LadderRecord::new(&instance, &Progress::default()).unwrap();
    assert!(record.runs.iter().all(|run| run.failure.is_none()));
}

/// Each way of not belonging to the theory has its own error.
#[test]
fn networks_outside_the_theory_are_refused_by_name() {
    let rejected = |network| Instance::of_network("mine", &network, 0, (None, Stage::Last)).map(|_| ()).unwrap_err();
    let epsilon = changed("of = [\"output\"] }", "of = [\"output\"], epsilon = 1e-3 }");
    assert!(matches!(rejected(epsilon), Rejected::NotScaleInvariant { node, .. } if node == "prediction"));
    // Batch norm takes out the mean of inputs that are all near 10¹², and most of their digits with it.
    let text = "[weights]\nreadout = [2, 1]\n[constants]\ninputs = { shape = [4, 2], values = [1, 2, -1, 3, 0.5, -2, -0.5, 1] }\noffset = { shape = [1], values = [1e12] }\ntargets = { shape = [4, 1], normal = 2 }\n[nodes]\nshifted = { op = \"add\", of = [\"inputs\", \"offset\"] }\noutput = { op = \"matrix_product\", of = [\"shifted\", \"readout\"] }\nprediction = { op = \"batch_norm\", of = [\"output\"] }\nloss = { op = \"mean_squared_error\", of = [\"prediction\", \"targets\"] }\n";
    let shifted = rejected(Network::from_toml(text, &[]).unwrap());
    assert!(
        matches!(&shifted, Rejected::LostDigits(lost) if lost.node == "prediction" && lost.mean > 1e11),
        "{shifted}"
    );
    // At 10⁴ a descent ends at a minimum, but four digits are more than bounds on rounding allow for.
    let shifted = rejected(Network::from_toml(&text.replace("1e12", "1e4"), &[]).unwrap());
    assert!(matches!(&shifted, Rejected::LostDigits(lost) if lost.mean > 1e3 && lost.most == 128.0), "{shifted}");
    // One weight: a point of the sphere and its opposite.
    let text = "[weights]\nx = [2]\n[constants]\nc = { shape = [2], values = [1, 2] }\n[nodes]\nn = { op = \"normalize\", of = \"x\", axes = [0], centred = false, averaged = false }\nm = { op = \"normalize\", of = \"c\", axes = [0], centred = false, averaged = false }\nloss = { op = \"mean_squared_error\", of = [\"n\", \"m\"] }\n";
    let point =
        Instance::of_network("mine", &Network::from_toml(text, &[]).unwrap(), 0, (None, Stage::Last)).unwrap().0;
    // Its flow stands still: nothing is run, and what needs no runs is judged.
    assert!(point.without_runs.is_some_and(|why| why.contains("single point")) && point.plan.intrinsic_lrs.is_empty());
}
