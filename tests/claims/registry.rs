//! Each claim has its file, its note, a citation and hypotheses.

use sharpflow_theorems::experiments::Ladder;
use std::fs;
use std::path::Path;

use sharpflow_theorems::registry::{REGISTRY, find};

#[test]
fn every_claim_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (k, claim) in REGISTRY.into_iter().enumerate() {
        let id = claim.id;
        let file = fs::read_to_string(root.join(format!("theorems/src/claims/{id}.rs"))).unwrap();
        assert!(file.contains(&format!("id: \"{id}\"")), "{id}: the file names another claim");
        let note = fs::read_to_string(root.join(claim.note())).unwrap();
        for part in ["## Derivation", "## Tolerance", "## Twins"] {
            assert!(note.contains(part), "{id}: the note has no part {part:?}");
        }
        assert!(!claim.source.is_empty() && !claim.hypotheses.is_empty() && !claim.latex.is_empty());
        assert!(!claim.statement.contains("  "), "{id}: the statement is broken by its line breaks");
        assert!(REGISTRY[..k].iter().all(|earlier| earlier.id != id), "{id} stands twice");
        assert_eq!(find(id).map(|found| found.title), Some(claim.title));
    }
    assert!(find("no_such_claim").is_none());
}

/// What a study runs for a claim alone is what the claim is judged on.
#[test]
fn a_claim_asks_for_the_runs_it_is_judged_on() {
    for (id, instances, ladder) in [
        ("scale_invariance", false, false),
        ("projected_gradient_descent", false, false),
        ("loss_range", false, false),
        ("held_out_error", false, false),
        ("descent_lemma", true, false),
        ("stability_threshold", true, false),
        ("energy", true, false),
        ("energy_law", true, false),
        ("heavy_ball", true, false),
        ("pinning", true, true),
        ("linear_regression_flow", true, true),
    ] {
        let claim = find(id).unwrap();
        assert_eq!((claim.is_about_instances(), claim.on::<Ladder>().is_some()), (instances, ladder), "{id}");
    }
}
