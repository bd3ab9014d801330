//! The claims as a table in Markdown, for a README.

use crate::evidence::{ClaimEvidence, Data, Kept};

/// A line a claim: what it is, its verdict, and the first thing measured.
pub fn claims(kept: &Kept) -> String {
    let mut text = String::from("| claim | strength | says | verdict | measured |\n| --- | --- | --- | --- | --- |\n");
    for claim in &kept.claims {
        let ClaimEvidence { id, title, note, verdict, .. } = claim;
        let strength = format!("{:?}", claim.strength).to_lowercase();
        let measured = first(claim).replace('|', "\\|");
        text += &format!("| [`{id}`]({note}) | {strength} | {title} | {verdict} | {measured} |\n");
    }
    text
}

/// The constant that is known best, or else the first check where it is shown worst.
fn first(claim: &ClaimEvidence) -> String {
    let constant = claim.best_estimates().into_iter().find_map(|(_, estimate)| Some((estimate, estimate.predicted()?)));
    match (constant, claim.worst_check(0)) {
        (Some((estimate, theory)), _) => format!("{} = {}, theory {theory}", estimate.what, estimate.measured()),
        (None, Some(check)) => match &check.data {
            Data::Bound { trials, largest, .. } => {
                format!("{}: {trials} trials, at most {largest:.2} of the bound", check.what)
            }
            _ => format!("{}: {}", check.what, check.shows),
        },
        (None, None) => claim.reason.clone(),
    }
}
