//! `list` and `explain`.

use sharpflow_theorems::instance::{Obstacle, Words};
use sharpflow_theorems::registry::REGISTRY;
use sharpflow_theorems::theorem::Theorem;

use crate::error::{CliError, claim_of};
use crate::terminal::{print, strength};

/// Names the claims.
pub fn list() -> Result<u8, CliError> {
    let line = |claim: &&Theorem| format!("{:<28}{:<9}{}\n", claim.id, strength(claim.strength), claim.title);
    print(&REGISTRY.iter().map(line).collect::<String>()).map(|()| 0)
}

/// States a claim in full, or what a reason for leaving out draws means.
pub fn explain(id: &str) -> Result<u8, CliError> {
    if let Some(Words { means, helps, .. }) =
        Obstacle::ALL.map(Obstacle::words).into_iter().find(|words| words.name == id)
    {
        let text = format!("{id}: draws are left out before they run\n\n{means}\n\nWhat would help: {helps}\n");
        return print(&text).map(|()| 0);
    }
    let claim = claim_of(id)?;
    let hypotheses: String = claim.hypotheses.iter().map(|h| format!("  - {h}\n")).collect();
    print(&format!(
        "{} ({})\n\n{}\n\n{}\n\nHypotheses, each measured:\n{hypotheses}\nDerivation: {}\nSource: {}\n",
        claim.title,
        strength(claim.strength),
        claim.statement,
        claim.latex,
        claim.note(),
        claim.source,
    ))
    .map(|()| 0)
}
