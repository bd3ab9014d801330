use std::path::Path;

use super::{CliError, print, say};
use crate::cite;
use crate::evidence::read;

pub(super) fn cite(evidence: Option<&Path>) -> Result<u8, CliError> {
    let kept = evidence.map(read).transpose()?;
    for damage in kept.iter().flat_map(|kept| &kept.damage) {
        say(&format!("{}: {}", damage.file, damage.what));
    }
    print(&cite::cite(kept.as_ref()))?;
    Ok(u8::from(kept.is_some_and(|kept| !kept.damage.is_empty())))
}
