use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rayon::ThreadPoolBuilder;
use sharpflow::data::{DataError, Dataset};

use super::arguments::{Profile, VerifyArguments};
use super::inspect::{is_built_in, read};
use super::progress::with_bar;
use super::table::render;
use super::{CliError, INTERRUPTED, UNDECIDED, claim_of, print, reading_lines, say, stop_on_interrupt};
use crate::evidence::{self, Circumstances, Input, Status, StudyEvidence, Verdict};
use crate::records::Progress;
use crate::registry::REGISTRY;
use crate::runner::{Event, Source, Store, Study, StudyError, run};
use crate::theorem::Theorem;

pub(super) fn verify(arguments: &VerifyArguments) -> Result<u8, CliError> {
    let input = match (&arguments.network, arguments.data.table()) {
        (Some(network), _) => Input::Network { network: network.clone(), sizes: arguments.size.clone() },
        (None, Some((file, target, options))) => Input::Data { file, target, options },
        (None, None) => Input::BuiltIn,
    };
    let silent = arguments.quiet || arguments.json;
    // What cannot be read as data or a network is told in their words.
    let (source, said) = source(&input, None)?;
    if !silent {
        said.iter().for_each(|line| say(line));
    }
    let unread = |path: &Path| fs::read(path).map_err(|source| CliError::Read { path: path.into(), source });
    let bytes = file_of(&input).map(unread).transpose()?;
    let study = study(arguments, input, source)?;
    let out = &arguments.out;
    if !arguments.force {
        is_free(out, &study)?;
    }
    // Written to before anything is computed, so that a folder that cannot be is known at once.
    let unwritten = |source| CliError::Write { path: out.clone(), source };
    let probe = out.join(format!(".{}.part", std::process::id()));
    fs::create_dir_all(out).and_then(|()| fs::write(&probe, "")).map_err(unwritten)?;
    let _ = fs::remove_file(&probe);

    let store = Store::under(out, &study);
    let (evidence, circumstances) = judged(&study, &store, arguments.threads, silent)?;
    // What is partial does not take the place of what is whole.
    let partial = out.join(evidence::PARTIAL);
    let folder = if evidence.summary.status == Status::Partial { &partial } else { out };
    evidence::write(folder, &evidence, bytes.as_deref(), &circumstances)?;

    if arguments.json {
        print(&(serde_json::to_string(&evidence)? + "\n"))?;
    } else if !arguments.quiet {
        print(&format!("{}\nEvidence: {}\n", render(&evidence, arguments.verbose), folder.display()))?;
    }
    if evidence.summary.status == Status::Partial {
        say("interrupted: what was whole is kept, marked as partial; the same command goes on from there");
        return Ok(INTERRUPTED);
    }
    store.clear();
    // What an interrupted run left is in it.
    let _ = fs::remove_dir_all(&partial);
    Ok(code(&evidence))
}

/// Whether a folder holds no evidence, or that of the same study, which the same command makes again.
fn is_free(out: &Path, study: &Study) -> Result<(), CliError> {
    let Ok(found) = evidence::read(out) else { return Ok(()) };
    let same = found.summary.as_ref().is_some_and(|summary| {
        let parameters = &summary.parameters;
        let claims = study.claims.iter().map(|claim| claim.id);
        let (regressions, networks) = study.instances();
        parameters.claims.iter().map(String::as_str).eq(claims)
            && parameters.seed == study.seed
            && (parameters.regressions, parameters.networks) == (regressions, networks)
            && parameters.input == study.input
    });
    if same { Ok(()) } else { Err(CliError::Occupied { path: out.into() }) }
}

/// Runs a study on threads of its own, under a bar, until it ends or Ctrl-C.
pub(super) fn judged(
    study: &Study,
    store: &Store,
    threads: Option<u16>,
    hidden: bool,
) -> Result<(StudyEvidence, Circumstances), CliError> {
    let pool = ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0).into()).build()?;
    let progress = Arc::new(Progress::default());
    stop_on_interrupt(&progress)?;
    let started = Instant::now();
    let evidence = with_bar(hidden, &progress, |bar| {
        let tell = |event| match event {
            Event::Total(steps) => bar.set_length(steps),
            Event::Now(what) => bar.set_message(what),
        };
        pool.install(|| run(study, &progress, &tell, store))
    })?;
    Ok((evidence, Circumstances::new(started.elapsed().as_secs_f64(), pool.current_num_threads())))
}

/// The user's own file, if there is one.
pub(super) fn file_of(input: &Input) -> Option<&Path> {
    match input {
        Input::Data { file, .. } => Some(file),
        Input::Network { network, .. } => Some(network.as_path()).filter(|_| !is_built_in(network)),
        Input::BuiltIn => None,
    }
}

/// Reads what instances are made of; a file from `copy`, where there is one. With what a user should know of how it was read, a line
/// each.
pub(super) fn source(input: &Input, copy: Option<&Path>) -> Result<(Source, Vec<String>), CliError> {
    Ok(match input {
        Input::BuiltIn => (Source::BuiltIn, vec![]),
        Input::Data { file, target, options } => {
            let read = Dataset::from_table(copy.unwrap_or(file), target, options);
            let (data, reading) = read.map_err(|error: DataError| StudyError::from(error))?;
            // What is no regression is told before how it was read.
            data.centred().map_err(StudyError::from)?;
            let name = file.display().to_string();
            let said = reading_lines(&name, &reading);
            (Source::Data { name, data: Box::new(data) }, said)
        }
        Input::Network { network, sizes } => {
            let (read, _) = match copy {
                Some(copy) => read(copy, sizes)?,
                None => read(network, sizes)?,
            };
            // The evidence names it as it was asked for, sizes and all.
            let name = std::iter::once(network.display().to_string()).chain(sizes.iter().cloned());
            let name = name.collect::<Vec<_>>().join(", ");
            (Source::Network { name, network: Box::new(read) }, vec![])
        }
    })
}

fn study(arguments: &VerifyArguments, input: Input, source: Source) -> Result<Study, CliError> {
    let mut claims: Vec<&'static Theorem> = Vec::new();
    for id in arguments.claims.iter().chain(&arguments.more_claims) {
        let claim = claim_of(id)?;
        if claims.iter().all(|earlier| earlier.id != claim.id) {
            claims.push(claim);
        }
    }
    if claims.is_empty() {
        claims = REGISTRY.into_iter().filter(|claim| source.suits(claim)).collect();
    }
    let (regressions, networks) = match (arguments.instances, arguments.profile) {
        (Some(number), _) => (number.into(), number.into()),
        (None, Profile::Quick) => (3, 1),
        (None, Profile::Full) => (6, 4),
    };
    Ok(Study { claims, seed: arguments.seed, regressions, networks, input, source })
}

fn code(evidence: &StudyEvidence) -> u8 {
    match evidence.verdict() {
        Some(Verdict::Confirmed) => 0,
        Some(Verdict::Refuted) => 1,
        _ => UNDECIDED,
    }
}
