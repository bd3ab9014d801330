//! How to cite the theory, this suite, and the numbers of evidence.

use sharpflow_theorems::evidence::{ClaimEvidence, Kept, PROVENANCE, Provenance, Status, Verdict};

const PAPER: &str = "@inproceedings{lyu2022sharpness,
  title     = {Understanding the Generalization Benefit of Normalization Layers: Sharpness Reduction},
  author    = {Lyu, Kaifeng and Li, Zhiyuan and Arora, Sanjeev},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {35},
  year      = {2022},
  eprint    = {2206.07085},
  archivePrefix = {arXiv},
}
";

/// BibTeX of the paper and of the suite; for evidence also a sentence with its numbers.
pub fn cite(kept: Option<&Kept>) -> String {
    let by = kept.and_then(|kept| kept.summary.as_ref()).map_or(PROVENANCE, |summary| summary.provenance.clone());
    let mut text = format!("{PAPER}\n{}", suite(&by));
    if let Some(kept) = kept {
        text += &format!("\n{}\n", sentence(kept, &by));
    }
    text
}

fn suite(by: &Provenance) -> String {
    format!(
        "@software{{sharpflow,
  title   = {{sharpflow: a verification suite for the theory of sharpness reduction}},
  author  = {{{{The sharpflow authors}}}},
  version = {{{}}},
  note    = {{commit {}}},
}}
",
        by.version, by.commit
    )
}

/// What the evidence shows, ready for an appendix.
fn sentence(kept: &Kept, by: &Provenance) -> String {
    let count = |verdict| kept.claims.iter().filter(|claim| claim.verdict == verdict).count();
    let others: Vec<String> = [Verdict::Refuted, Verdict::HypothesisFailed, Verdict::Inconclusive]
        .into_iter()
        .filter(|&verdict| count(verdict) > 0)
        .map(|verdict| format!("{} {verdict}", count(verdict)))
        .collect();
    let mut text = format!(
        "We checked the theory of sharpness reduction [lyu2022sharpness] with sharpflow {} [sharpflow] (commit {}",
        by.version, by.commit
    );
    if let Some(summary) = &kept.summary {
        let parameters = &summary.parameters;
        text += &format!(
            ", seed {}, {} instances; orders and constants of ladders with deterministic bounds",
            parameters.seed,
            summary.instances.len(),
        );
        if parameters.intervals > 0 {
            text += &format!(
                ", means over drawn seeds with {} simultaneous Student intervals at confidence 0.999",
                parameters.intervals
            );
        }
    }
    text += &format!("): of {} claims {} were confirmed", kept.claims.len(), count(Verdict::Confirmed));
    if !others.is_empty() {
        text += &format!(", {}", others.join(", "));
    }
    let of = |id: &str, what: &str, is: &str| {
        let claim: &ClaimEvidence =
            kept.claims.iter().find(|claim| claim.id == id && claim.verdict == Verdict::Confirmed)?;
        let constants = claim.pooled();
        let found = constants.iter().find(|pooled| pooled.what == what)?;
        let worst = found.worst.1.measured();
        Some(format!(
            "{is} {} (theory {}; pooled over {} instances, {} where it is known worst; {})",
            found.measured(),
            found.predicted()?,
            found.instances,
            worst,
            claim.tally()
        ))
    };
    let numbers: Vec<String> = [
        of("pinning", "η̃λ₁, its mean", "η̃λ₁ is pinned at"),
        of("sharpness_reduction_flow", "denominator b", "the flow's denominator has the constant"),
        of("slow_period", "T√(2ηλ), small swings", "small swings have the period T√(2ηλ) ="),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !numbers.is_empty() {
        text += &format!("; measured: {}", numbers.join(", "));
    }
    if kept.summary.as_ref().is_some_and(|summary| summary.status == Status::Partial) {
        text += ". (This study was interrupted: do not cite it)";
    }
    if !kept.damage.is_empty() {
        text += ". (This evidence is damaged or was changed since it was written: do not cite it)";
    }
    text + "."
}
