//! `cite`.

use std::path::Path;

use sharpflow_theorems::evidence::read;

use crate::error::CliError;
use crate::terminal::{print, say};

pub fn cite(evidence: Option<&Path>) -> Result<u8, CliError> {
    let kept = evidence.map(read).transpose()?;
    for damage in kept.iter().flat_map(|kept| &kept.damage) {
        say(&format!("{}: {}", damage.file, damage.what));
    }
    print(&sharpflow_report::cite(kept.as_ref()))?;
    Ok(u8::from(kept.is_some_and(|kept| !kept.damage.is_empty())))
}
