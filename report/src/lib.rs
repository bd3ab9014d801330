//! A report of an evidence folder: a page, tables and figures. It shows what the evidence holds and calculates nothing of its own.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod cite;
mod figure;
mod figures;
pub mod latex;
mod markdown;
mod page;
pub mod plot;
mod sphere;
mod trace;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use thiserror::Error;

use sharpflow_theorems::evidence::Kept;

pub use audit::audit_page;
pub use cite::cite;
pub use plot::{Format, PlotError, export, to_svg};
pub use trace::Picture;

pub use markdown::{claims, constants, sensitivity};
use page::{Drawn, page};

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("figure {name}: {source}")]
    Plot { name: &'static str, source: PlotError },
}

/// Writes `report.html`, `tables/*.tex`, `tables/{claims,sensitivity}.md` and `figures/*.{svg,png,pdf}` into a folder; returns what was written.
///
/// # Errors
/// A file that cannot be written, a figure that cannot be drawn.
pub fn write(kept: &Kept, out: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let (found, missing) = figures::figures(kept);
    let draw = |figure: figure::Figure| {
        let named = |source| ReportError::Plot { name: figure.name, source };
        let svg = to_svg(&figure.chart).map_err(named)?;
        let files = [
            ("pdf", export(&svg, Format::Pdf).map_err(named)?),
            ("png", export(&svg, Format::Png).map_err(named)?),
            ("svg", svg.clone().into_bytes()),
        ];
        let files = files.map(|(ending, bytes)| (out.join("figures").join(format!("{}.{ending}", figure.name)), bytes));
        Ok((Drawn { name: figure.name, caption: figure.caption, svg }, files))
    };
    let drawn: Vec<_> = found.into_par_iter().map(draw).collect::<Result<_, ReportError>>()?;
    let mut written = Vec::new();
    let (mut shown, mut files) = (Vec::new(), Vec::new());
    for (figure, of_figure) in drawn {
        shown.push(figure);
        files.extend(of_figure);
    }
    for (name, text) in latex::tables(kept) {
        files.push((out.join("tables").join(name), text.into_bytes()));
    }
    files.push((out.join("tables/claims.md"), claims(kept).into_bytes()));
    files.push((out.join("tables/sensitivity.md"), sensitivity(kept).into_bytes()));
    files.push((out.join("tables/constants.csv"), constants(kept).into_bytes()));
    files.push((out.join("report.html"), page(kept, &shown, &missing).into_bytes()));
    for (path, bytes) in files {
        let done = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
        done.map_err(|source| ReportError::Write { path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
}
