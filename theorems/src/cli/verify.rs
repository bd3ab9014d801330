use std::fs::{File, create_dir_all, rename};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::arguments::VerifyArguments;
use super::progress::with_bar;
use super::table::render;
use super::{INTERRUPTED, UNDECIDED, print, stop_on_interrupt, unknown_claim};
use crate::records::Progress;
use crate::registry::{REGISTRY, find};
use crate::runner::{Event, Status, Study, StudyEvidence, run};
use crate::verdict::Verdict;

/// What stands beside the evidence because it differs from run to run.
#[derive(Serialize)]
struct Circumstances {
    seconds: f64,
    threads: usize,
    finished_unix: u64,
}

pub(super) fn verify(arguments: &VerifyArguments) -> Result<u8, String> {
    let study = study(arguments)?;
    let pool = ThreadPoolBuilder::new()
        .num_threads(arguments.threads.unwrap_or(0).into())
        .build()
        .map_err(|error| format!("cannot start threads: {error}"))?;
    let path = arguments.out.join("evidence.json");
    // Opened before anything is computed, so that a folder that cannot be written is known at once.
    let unfinished = arguments.out.join("evidence.json.part");
    let cannot = |path: &Path, error: std::io::Error| format!("cannot write {}: {error}", path.display());
    create_dir_all(&arguments.out).map_err(|e| cannot(&arguments.out, e))?;
    let mut file = File::create(&unfinished).map_err(|e| cannot(&unfinished, e))?;
    let progress = Arc::new(Progress::default());
    stop_on_interrupt(&progress)?;

    let started = Instant::now();
    let found = with_bar(arguments.quiet || arguments.json, &progress, |bar| {
        let tell = |event| match event {
            Event::Total(steps) => bar.set_length(steps),
            Event::Now(what) => bar.set_message(what),
        };
        pool.install(|| run(&study, &progress, &tell))
    });
    let evidence = found.map_err(|error| error.to_string())?;
    let text = serde_json::to_string_pretty(&evidence).map_err(|error| error.to_string())?;
    writeln!(file, "{text}")
        .and_then(|()| file.sync_all())
        .and_then(|()| rename(&unfinished, &path))
        .map_err(|e| cannot(&path, e))?;
    let circumstances = Circumstances {
        seconds: started.elapsed().as_secs_f64(),
        threads: pool.current_num_threads(),
        finished_unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
    };
    let beside = arguments.out.join("circumstances.json");
    let text_beside = serde_json::to_string_pretty(&circumstances).map_err(|error| error.to_string())?;
    std::fs::write(&beside, text_beside + "\n").map_err(|e| cannot(&beside, e))?;

    if arguments.json {
        print(&format!("{text}\n")).map_err(|error| error.to_string())?;
    } else if !arguments.quiet {
        let table = render(&evidence);
        print(&format!("{table}\nEvidence: {}\n", path.display())).map_err(|error| error.to_string())?;
    }
    if evidence.status == Status::Partial {
        eprintln!("sharpflow: interrupted: what was whole is kept, marked as partial");
        return Ok(INTERRUPTED);
    }
    Ok(code(&evidence))
}

fn study(arguments: &VerifyArguments) -> Result<Study, String> {
    let mut claims = Vec::new();
    for id in &arguments.claims {
        claims.push(find(id).ok_or_else(|| unknown_claim(id))?);
    }
    if claims.is_empty() {
        claims = REGISTRY.to_vec();
    }
    let data = arguments.data.data.clone().zip(arguments.data.target.clone());
    Ok(Study { claims, seed: arguments.seed, random_instances: arguments.instances, data })
}

fn code(evidence: &StudyEvidence) -> u8 {
    let worst = evidence.claims.iter().map(|claim| claim.verdict).min();
    match worst {
        Some(Verdict::Confirmed) => 0,
        Some(Verdict::Refuted) => 1,
        _ => UNDECIDED,
    }
}
