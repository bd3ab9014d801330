//! The claims as a table in Markdown, for a README.

use crate::evidence::{ClaimEvidence, Kept};

/// A line a claim: what it is, its verdict, and the first thing measured.
pub fn claims(kept: &Kept) -> String {
    let mut text = String::from("| claim | strength | says | verdict | measured |\n| --- | --- | --- | --- | --- |\n");
    for claim in &kept.claims {
        let ClaimEvidence { id, title, note, verdict, .. } = claim;
        let strength = format!("{:?}", claim.strength).to_lowercase();
        let measured = claim.headline().replace('|', "\\|");
        text += &format!("| [`{id}`]({note}) | {strength} | {title} | {verdict} | {measured} |\n");
    }
    text
}
