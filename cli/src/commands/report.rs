//! `report`.

use sharpflow_report::write;
use sharpflow_theorems::evidence::read;

use crate::arguments::ReportArguments;
use crate::error::CliError;
use crate::terminal::{print, say};

pub fn report(arguments: &ReportArguments) -> Result<u8, CliError> {
    let kept = read(&arguments.evidence)?;
    for damage in &kept.damage {
        say(&format!("{}: {}", damage.file, damage.what));
    }
    let out = arguments.out.as_ref().unwrap_or(&arguments.evidence);
    let written = write(&kept, out)?;
    if !arguments.quiet {
        let page = out.join("report.html");
        print(&format!("{} files, with {}\n", written.len(), page.display()))?;
    }
    Ok(u8::from(!kept.damage.is_empty()))
}
