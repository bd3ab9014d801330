//! `verify`.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use sharpflow::data::Array;
use sharpflow_theorems::evidence::{self, Status, StudyEvidence, Verdict};
use sharpflow_theorems::instance::Instance;
use sharpflow_theorems::population::{Population, Source};
use sharpflow_theorems::registry::REGISTRY;
use sharpflow_theorems::runner::{Store, Study};
use sharpflow_theorems::theorem::Theorem;

use crate::arguments::{Profile, VerifyArguments};
use crate::error::{CliError, INTERRUPTED, REFUTED, UNDECIDED, claim_of};
use crate::input::{Read, source};
use crate::study::judged;
use crate::table::render;
use crate::terminal::{print, say, stopped_by_interrupt};

pub fn verify(arguments: &VerifyArguments) -> Result<u8, CliError> {
    let silent = arguments.quiet || arguments.json;
    let Read { source, file, said } = source(&arguments.instance.input(arguments.max_steps), None)?;
    if !silent {
        said.iter().for_each(|line| say(line));
    }
    let study = study(arguments, source)?;
    let out = &arguments.out;
    if !arguments.force {
        is_free(out, &study, file.as_deref())?;
    }
    let progress = stopped_by_interrupt()?;
    fs::create_dir_all(out).and_then(|()| probe(out)).map_err(|source| unwritten(out, source))?;
    if let Some(path) = &arguments.export {
        probe(path.parent().unwrap_or(Path::new(""))).map_err(|source| unwritten(path, source))?;
    }

    let store = Store::under(out, &study);
    let exported = OnceLock::new();
    let admitted = |instances: &[Instance]| {
        if let Some(path) = &arguments.export {
            // The points are kept even if the study is interrupted.
            let _ = exported.set(export(path, instances));
        }
    };
    let (evidence, circumstances) = judged(&study, &store, arguments.threads, silent, &progress, &admitted)?;
    // Partial evidence does not take the place of whole evidence.
    let partial = out.join(evidence::PARTIAL);
    let folder = if evidence.summary.status == Status::Partial { &partial } else { out };
    evidence::write(folder, &evidence, file.as_deref(), &circumstances)?;
    if arguments.json {
        print(&(serde_json::to_string(&evidence)? + "\n"))?;
    } else if !arguments.quiet {
        print(&format!("{}\nEvidence: {}\n", render(&evidence, arguments.verbose), folder.display()))?;
    }
    exported.into_inner().transpose()?;
    if evidence.summary.status == Status::Partial {
        say("interrupted: the finished parts are kept, marked as partial, and the same command continues from them");
        return Ok(INTERRUPTED);
    }
    store.clear();
    // The evidence now holds what an interrupted run had left.
    let _ = fs::remove_dir_all(&partial);
    Ok(code(&evidence))
}

/// Writes a file into a folder and removes it. This is done before anything is computed, so that a folder that cannot be written to is
/// known at once.
fn probe(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".{}.part", std::process::id()));
    fs::write(&probe, "").and_then(|()| fs::remove_file(&probe))
}

fn unwritten(path: &Path, source: io::Error) -> CliError {
    CliError::Write { path: path.into(), source }
}

/// Writes the points of a network's instance as a `.npz` file.
fn export(path: &Path, instances: &[Instance]) -> Result<(), CliError> {
    let Some(instance) = instances.first() else { return Err(CliError::NothingToExport) };
    let arrays = instance.arrays();
    let bytes = Array::to_npz(arrays.iter().map(|(name, array)| (name.as_str(), array)));
    bytes.and_then(|bytes| fs::write(path, bytes)).map_err(|source| unwritten(path, source))
}

/// Whether a folder holds no evidence, or that of the same study of the same file, which the same command makes again.
fn is_free(out: &Path, study: &Study, file: Option<&[u8]>) -> Result<(), CliError> {
    let occupied = || CliError::Occupied { path: out.into() };
    let Ok(found) = evidence::read(out) else {
        return if out.join(evidence::INDEX).exists() { Err(occupied()) } else { Ok(()) };
    };
    let same_file = found.input.and_then(|kept| fs::read(kept).ok()).as_deref() == file;
    let same = found.summary.as_ref().is_some_and(|summary| {
        let parameters = &summary.parameters;
        let claims = study.claims.iter().map(|claim| claim.id);
        let population = &study.population;
        parameters.claims.iter().map(String::as_str).eq(claims)
            && parameters.seed == population.seed
            && (parameters.regressions, parameters.networks) == population.draws()
            && parameters.input == population.source.input()
    });
    if same && same_file { Ok(()) } else { Err(occupied()) }
}

fn study(arguments: &VerifyArguments, source: Source) -> Result<Study, CliError> {
    let mut claims: Vec<&'static Theorem> = Vec::new();
    for id in arguments.claims.iter().chain(&arguments.more_claims) {
        let claim = claim_of(id)?;
        if claims.iter().all(|earlier| earlier.id != claim.id) {
            claims.push(claim);
        }
    }
    let (regressions, networks) = match (arguments.instances, arguments.profile) {
        (Some(number), _) => (number.into(), number.into()),
        (None, Profile::Quick) => (3, 1),
        (None, Profile::Full) => (6, 4),
    };
    let population = Population { seed: arguments.seed, regressions, networks, source };
    if claims.is_empty() {
        claims = REGISTRY.into_iter().filter(|claim| claim.suits(&population)).collect();
    }
    Ok(Study { claims, population })
}

fn code(evidence: &StudyEvidence) -> u8 {
    match evidence.verdict() {
        Some(Verdict::Confirmed) => 0,
        Some(Verdict::Refuted) => REFUTED,
        _ => UNDECIDED,
    }
}
