//! `trace`.

use sharpflow_theorems::population::Source;
use sharpflow_theorems::trace::{Decay, Request, Setup, TraceError, TraceStatus, TraceSummary, trace as follow};

use crate::arguments::TraceArguments;
use crate::error::{BAD_INPUT, CliError, INTERRUPTED, UNDECIDED};
use crate::input::{Read, source};
use crate::progress::with_bar;
use crate::terminal::{print, say, stopped_by_interrupt};
use crate::trace_files::{Output, TraceFiles, TraceFilesError};

pub fn trace(arguments: &TraceArguments) -> Result<u8, CliError> {
    let silent = arguments.quiet || arguments.json;
    let Read { source, said, .. } = source(&arguments.instance.input(None), None)?;
    if !silent {
        said.iter().for_each(|line| say(line));
    }
    let request = request(arguments, source)?;
    let setup = Setup::new(&request)?;
    let progress = stopped_by_interrupt()?;
    let output = Output { folder: arguments.out.clone(), json: arguments.json };
    let mut files = TraceFiles::open(&output, &request, &setup)?;
    for note in &setup.notes {
        say(&format!("note: {note}"));
    }
    let (summary, outcome) = with_bar(silent, &progress, |bar| {
        bar.set_length(setup.steps);
        follow(&setup, &progress, &mut |row| files.row(row))
    });
    let written = files.finish(&summary);
    let kept = |mark: &str| match written {
        Ok(_) => format!("the {} rows before are kept, marked as {mark}", summary.rows),
        Err(_) => format!("the {} rows before could not be kept", summary.rows),
    };
    // The first cause is reported first. A failure to finish the files is reported after it.
    let code = match (summary.status, outcome) {
        (TraceStatus::Interrupted, _) => {
            say(&format!("interrupted: {}", kept("interrupted")));
            INTERRUPTED
        }
        (_, Err(error)) => {
            say(&format!("error: {error}; {}", kept("failed")));
            let is_lost = |error: &TraceError| matches!(error, TraceError::Lost { .. } | TraceError::Flow(_));
            if matches!(&error, TraceFilesError::Trace(error) if is_lost(error)) { UNDECIDED } else { BAD_INPUT }
        }
        (_, Ok(())) => 0,
    };
    let written = written?;
    if code == 0 && !silent {
        let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        print(&format!("{}\nwritten: {}\n", describe(&setup, &summary), names.join(", ")))?;
    }
    Ok(code)
}

fn request(arguments: &TraceArguments, source: Source) -> Result<Request, CliError> {
    let (intrinsic_lr, decay) = match (arguments.intrinsic_lr, arguments.weight_decay) {
        (given, None) => (given, Decay::On),
        (given, Some(0.0)) => (given, Decay::Off),
        (None, Some(decay)) => (Some(decay * arguments.lr), Decay::On),
        (Some(_), Some(_)) => return Err(CliError::DecayTwice),
    };
    Ok(Request {
        source,
        built_in: arguments.built_in.clone(),
        intrinsic_lr,
        decay,
        learning_rate: arguments.lr,
        edge_offset: arguments.edge_offset,
        angle: arguments.angle,
        kick: arguments.kick,
        seed: arguments.seed,
        tau: arguments.tau,
        steps: arguments.steps,
        stride: arguments.stride,
    })
}

fn describe(setup: &Setup, summary: &TraceSummary) -> String {
    let mut lines = vec![format!(
        "{}: {} steps, {} rows; largest distance to the flow {:.2e} (projected on Γ {:.2e})",
        setup.name,
        setup.steps,
        summary.rows,
        summary.largest_distance_to_flow,
        summary.largest_projected_distance_to_flow,
    )];
    if let (Some(square), Some(period)) = (summary.mean_square_ratio, summary.period_ratio) {
        lines.push(format!(
            "{} slow oscillations: ⟨Kh²⟩/(2ηλ) = {square:.4}, period/(π/√(2ηλ)) = {period:.4}; largest |η̃λ₁ − 2| = {:.2e}",
            summary.oscillations, summary.largest_edge_offset,
        ));
    }
    lines.join("\n")
}
