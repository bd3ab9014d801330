//! What figures are made of: a chart with its caption, the tables of evidence, and numbers on axes.

use sharpflow_theorems::evidence::{Kept, Table};

use crate::plot::{Chart, superscript};

/// A chart with what is said of it.
pub(super) struct Figure {
    /// The name of its files.
    pub name: &'static str,
    pub caption: String,
    pub chart: Chart,
}

/// The tables of a kind that have rows.
pub(super) fn of_kind<'a>(kept: &'a Kept, kind: &'a str) -> impl Iterator<Item = &'a Table> {
    kept.tables.iter().filter(move |table| table.kind == kind && !table.rows.is_empty())
}

/// The table of a kind on an instance.
pub(super) fn table<'a>(kept: &'a Kept, kind: &'a str, instance: &str) -> Option<&'a Table> {
    of_kind(kept, kind).find(|table| table.instance == instance)
}

/// A number as a power of ten, with two digits in front of it where it is none.
pub(super) fn scientific(value: f64) -> String {
    let exponent = value.abs().log10().floor();
    let mantissa = value / 10f64.powf(exponent);
    let digits: String = format!("{exponent:.0}").chars().map(superscript).collect();
    if (mantissa - 1.0).abs() < 5e-3 { format!("10{digits}") } else { format!("{mantissa:.1}·10{digits}") }
}
