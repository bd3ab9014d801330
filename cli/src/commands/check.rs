//! `check-evidence`.

use sharpflow_theorems::evidence::{Circumstances, Comparison, PROVENANCE, Status, read};
use sharpflow_theorems::population::Population;
use sharpflow_theorems::runner::{Store, Study};

use crate::arguments::CheckArguments;
use crate::error::{CliError, INTERRUPTED, claim_of};
use crate::input::source;
use crate::study::judged;
use crate::terminal::{print, say, stopped_by_interrupt};

/// How far numbers may be apart on another processor or by another compiler, in their own units.
///
/// Roundings differ there, and they are carried along runs of up to 10⁷ steps. Intervals and bounds are made so that rounding is only a small
/// part of them.
const ELSEWHERE: f64 = 0.1;
/// Differences told one by one.
const TOLD: usize = 10;

pub fn check(arguments: &CheckArguments) -> Result<u8, CliError> {
    let recorded = read(&arguments.evidence)?;
    for damage in &recorded.damage {
        say(&format!("{}: {}", damage.file, damage.what));
    }
    let Some(summary) = &recorded.summary else {
        return Err(CliError::Unrepeatable { path: arguments.evidence.clone() });
    };
    if summary.status == Status::Partial {
        return Err(CliError::Interrupted { path: arguments.evidence.clone() });
    }
    if let Some(tolerance) = arguments.tolerance.filter(|tolerance| !(*tolerance >= 0.0)) {
        return Err(CliError::Tolerance { tolerance });
    }
    let parameters = &summary.parameters;
    let here = Circumstances::new(0.0, 0);
    let processor = recorded.circumstances.as_ref().map(|circumstances| &circumstances.processor);
    let same = summary.provenance == PROVENANCE && processor == Some(&here.processor);
    let tolerance = arguments.tolerance.unwrap_or(if same { 0.0 } else { ELSEWHERE });
    let study = Study {
        claims: parameters.claims.iter().map(|id| claim_of(id)).collect::<Result<_, _>>()?,
        population: Population {
            seed: parameters.seed,
            regressions: parameters.regressions,
            networks: parameters.networks,
            source: source(&parameters.input, recorded.input.as_deref())?.source,
        },
    };
    let progress = stopped_by_interrupt()?;
    let (again, _) = judged(&study, &Store::none(), arguments.threads, arguments.quiet, &progress, &|_| ())?;
    if again.summary.status == Status::Partial {
        say("interrupted: nothing was compared");
        return Ok(INTERRUPTED);
    }
    let compared = Comparison::new(&recorded, &again, tolerance);
    let mut text = String::new();
    if !same {
        let by = &summary.provenance;
        text += &format!(
            "Recorded by sharpflow {} of commit {} ({}, {}, {}) on {}; compared with {} of commit {} ({}) on {}.\n",
            by.version,
            by.commit,
            by.compiler,
            by.target,
            by.profile,
            processor.map_or("an unknown processor", String::as_str),
            PROVENANCE.version,
            PROVENANCE.commit,
            PROVENANCE.compiler,
            here.processor,
        );
    }
    for difference in compared.differences.iter().take(TOLD) {
        text += &format!("{}: {} recorded, {} now\n", difference.place, difference.recorded, difference.again);
    }
    if compared.differences.len() > TOLD {
        text += &format!("… and {} more\n", compared.differences.len() - TOLD);
    }
    text += &match (compared.largest, compared.differences.len()) {
        (0.0, 0) => format!("{} numbers compared: none differs.\n", compared.numbers),
        (0.0, others) => {
            format!("{} numbers compared: none differs, but {others} words or counts do.\n", compared.numbers)
        }
        (largest, beyond) => format!(
            "{} numbers compared: the largest difference is {largest:.1e} of its unit ({}); {beyond} differences exceed the tolerance {tolerance}.\n",
            compared.numbers, compared.place,
        ),
    };
    if !recorded.damage.is_empty() {
        text += &format!("{} files are changed, damaged or missing.\n", recorded.damage.len());
    }
    print(&text)?;
    Ok(u8::from(!(compared.differences.is_empty() && recorded.damage.is_empty())))
}
