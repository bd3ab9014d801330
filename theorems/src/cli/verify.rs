use std::fs::{create_dir_all, remove_file, rename, write};
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::arguments::{Profile, VerifyArguments};
use super::inspect::read;
use super::progress::with_bar;
use super::table::render;
use super::{CliError, INTERRUPTED, UNDECIDED, claim_of, print, say, stop_on_interrupt};
use crate::evidence::Verdict;
use crate::records::Progress;
use crate::registry::REGISTRY;
use crate::runner::{Event, Source, Status, Store, Study, StudyEvidence, run};
use crate::theorem::Theorem;

/// What stands beside the evidence because it differs from run to run.
#[derive(Serialize)]
struct Circumstances {
    seconds: f64,
    threads: usize,
    finished_unix: u64,
}

pub(super) fn verify(arguments: &VerifyArguments) -> Result<u8, CliError> {
    let study = study(arguments)?;
    let threads = arguments.threads.unwrap_or(0).into();
    let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
    let progress = Arc::new(Progress::default());
    stop_on_interrupt(&progress)?;
    // Written to before anything is computed, so that a folder that cannot be is known at once.
    let part = arguments.out.join(format!("evidence.{}.part", process::id()));
    create_dir_all(&arguments.out).map_err(|source| CliError::Write { path: arguments.out.clone(), source })?;
    write_file(&part, "")?;

    let store = Store::under(&arguments.out, &study);
    let started = Instant::now();
    let found = with_bar(arguments.quiet || arguments.json, &progress, |bar| {
        let tell = |event| match event {
            Event::Total(steps) => bar.set_length(steps),
            Event::Now(what) => bar.set_message(what),
        };
        pool.install(|| run(&study, &progress, &tell, &store))
    });
    let evidence = found.inspect_err(|_| {
        // An empty file is no evidence; if it cannot be removed, it does no harm.
        let _ = remove_file(&part);
    })?;
    // What is partial does not take the place of what is whole.
    let name = if evidence.status == Status::Partial { "evidence.partial.json" } else { "evidence.json" };
    let path = arguments.out.join(name);
    let text = serde_json::to_string_pretty(&evidence)? + "\n";
    write_file(&part, &text)?;
    rename(&part, &path).map_err(|source| CliError::Write { path: path.clone(), source })?;
    let circumstances = Circumstances {
        seconds: started.elapsed().as_secs_f64(),
        threads: pool.current_num_threads(),
        finished_unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
    };
    write_file(&arguments.out.join("circumstances.json"), &(serde_json::to_string_pretty(&circumstances)? + "\n"))?;

    if arguments.json {
        print(&text)?;
    } else if !arguments.quiet {
        print(&format!("{}\nEvidence: {}\n", render(&evidence), path.display()))?;
    }
    if evidence.status == Status::Partial {
        say("interrupted: what was whole is kept, marked as partial; the same command goes on from there");
        return Ok(INTERRUPTED);
    }
    store.clear();
    // What an interrupted run left is in it.
    let _ = remove_file(arguments.out.join("evidence.partial.json"));
    Ok(code(&evidence))
}

fn write_file(path: &Path, text: &str) -> Result<(), CliError> {
    write(path, text).map_err(|source| CliError::Write { path: path.into(), source })
}

fn study(arguments: &VerifyArguments) -> Result<Study, CliError> {
    let source = match (&arguments.network, arguments.data.data.clone().zip(arguments.data.target.clone())) {
        (Some(name), _) => {
            let (network, _) = read(name, &arguments.size)?;
            // The evidence names it as it was asked for, sizes and all.
            let name = std::iter::once(name).chain(&arguments.size).cloned().collect::<Vec<_>>().join(", ");
            Source::Network { name, network: Box::new(network) }
        }
        (None, Some((path, target))) => Source::Data { path, target },
        (None, None) => Source::BuiltIn,
    };
    let mut claims: Vec<&'static Theorem> = Vec::new();
    for id in &arguments.claims {
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
    Ok(Study { claims, seed: arguments.seed, regressions, networks, source })
}

fn code(evidence: &StudyEvidence) -> u8 {
    let worst = evidence.claims.iter().map(|claim| claim.verdict).min();
    match worst {
        Some(Verdict::Confirmed) => 0,
        Some(Verdict::Refuted) => 1,
        _ => UNDECIDED,
    }
}
