use super::arguments::ReportArguments;
use super::{CliError, print, say};
use crate::evidence::read;
use crate::report::write;

pub(super) fn report(arguments: &ReportArguments) -> Result<u8, CliError> {
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
