use std::sync::Arc;

use super::arguments::TraceArguments;
use super::progress::with_bar;
use super::{BAD_INPUT, INTERRUPTED, UNDECIDED, print, stop_on_interrupt};
use crate::records::Progress;
use crate::trace::{
    Decay, Output, Request, Setup, Sinks, Source, TraceError, TraceStatus, TraceSummary, trace as follow,
};

const INTRINSIC_LR: f64 = 1e-5;

pub(super) fn trace(arguments: &TraceArguments) -> Result<u8, String> {
    let request = request(arguments)?;
    let say = |error: TraceError| error.to_string();
    let setup = Setup::new(&request).map_err(say)?;
    let output = Output { folder: arguments.out.clone(), json: arguments.json };
    let mut sinks = Sinks::open(&output, &request, &setup).map_err(say)?;
    for note in &setup.notes {
        eprintln!("sharpflow: note: {note}");
    }
    let progress = Arc::new(Progress::default());
    stop_on_interrupt(&progress)?;
    let (summary, outcome) = with_bar(arguments.quiet || arguments.json, &progress, |bar| {
        bar.set_length(setup.steps);
        follow(&setup, &progress, &mut |row| sinks.row(row))
    });
    let written = sinks.finish(&setup, &summary).map_err(say)?;
    if !(arguments.quiet || arguments.json) {
        let files: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        print(&format!("{}\nwritten: {}\n", describe(&setup, &summary), files.join(", ")))
            .map_err(|e| e.to_string())?;
    }
    match (summary.status, outcome) {
        (TraceStatus::Interrupted, _) => {
            eprintln!("sharpflow: interrupted: the {} rows before are kept, marked as interrupted", summary.rows);
            Ok(INTERRUPTED)
        }
        (_, Err(error @ TraceError::Lost { .. })) => {
            eprintln!("sharpflow: error: {error}; the {} rows before are kept, marked as failed", summary.rows);
            Ok(UNDECIDED)
        }
        (_, Err(error)) => {
            eprintln!("sharpflow: error: {error}");
            Ok(BAD_INPUT)
        }
        (_, Ok(())) => Ok(0),
    }
}

fn request(arguments: &TraceArguments) -> Result<Request, String> {
    let source = match (&arguments.data.data, &arguments.data.target) {
        (Some(path), Some(target)) => Source::File { path: path.clone(), target: target.clone() },
        _ => Source::Named(arguments.instance.clone()),
    };
    let (intrinsic_lr, decay) = match (arguments.intrinsic_lr, arguments.weight_decay) {
        (given, None) => (given.unwrap_or(INTRINSIC_LR), Decay::On),
        (given, Some(0.0)) => (given.unwrap_or(INTRINSIC_LR), Decay::Off),
        (None, Some(decay)) => (decay * arguments.lr, Decay::On),
        (Some(_), Some(_)) => {
            return Err("--intrinsic-lr and a --weight-decay other than 0 say the same thing twice".into());
        }
    };
    Ok(Request {
        source,
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
