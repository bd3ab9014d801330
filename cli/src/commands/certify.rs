//! `certify` and `check-certificate`.

use std::fmt::Write;
use std::path::Path;
use std::{fs, process};

use sharpflow::certificate::{OTHER_FLOWS, OrbitError, OrbitStart, find_certificate};
use sharpflow::checker::{Checked, Loss, OrbitCertificate, OtherFlow, check as proved_by};
use sharpflow_theorems::evidence::{Input, PROVENANCE};
use sharpflow_theorems::instance::random;
use sharpflow_theorems::population::Source;

use crate::arguments::{CertifiedInstance, CertifyArguments};
use crate::error::{CliError, REFUTED, UNDECIDED};
use crate::input::{Read, source};
use crate::terminal::{print, say};

pub fn certify(arguments: &CertifyArguments) -> Result<u8, CliError> {
    let CertifyArguments { instance, data, exponent, tau, angle, seed, out } = arguments;
    let (start, usual) = match data.table() {
        Some((file, target, options)) => {
            let Read { source, said, .. } = source(&Input::Data { file, target, options }, None)?;
            said.iter().for_each(|line| say(line));
            let Source::Data { data, .. } = source else { return Ok(UNDECIDED) };
            (OrbitStart::regression(&data, *angle, *seed), 2.0)
        }
        None => match instance {
            CertifiedInstance::Circle => (OrbitStart::circle(), 0.8),
            CertifiedInstance::Regression => (OrbitStart::small_regression(), 2.0),
            CertifiedInstance::Random => {
                let (_, data, angle) = random(*seed);
                (OrbitStart::regression(&data, angle, *seed), 2.0)
            }
        },
    };
    let others = OTHER_FLOWS.map(|(_, flow)| flow);
    let found_by = format!("sharpflow {} of commit {}", PROVENANCE.version, PROVENANCE.commit);
    let certificate = match find_certificate(&start, *exponent, tau.unwrap_or(usual), &others, found_by) {
        Ok(certificate) => certificate,
        Err(error) if error.is_undecided() => {
            say(&format!("not proved: {error}"));
            return Ok(UNDECIDED);
        }
        Err(error) => return Err(error.into()),
    };
    let proved = proved_by(&certificate).map_err(OrbitError::from)?;
    let part = out.with_added_extension(format!("{}.part", process::id()));
    let written = fs::write(&part, serde_json::to_vec(&certificate)?).and_then(|()| fs::rename(&part, out));
    if written.is_err() {
        // A half-written file is removed.
        let _ = fs::remove_file(&part);
    }
    written.map_err(|source| CliError::Write { path: out.clone(), source })?;
    print(&format!("{}Written: {}\n", describe(&certificate, &proved), out.display()))?;
    Ok(0)
}

pub fn check(path: &Path) -> Result<u8, CliError> {
    let bytes = fs::read(path).map_err(|source| CliError::Read { path: path.into(), source })?;
    let certificate: OrbitCertificate =
        serde_json::from_slice(&bytes).map_err(|source| CliError::NoCertificate { path: path.into(), source })?;
    match proved_by(&certificate) {
        Ok(proved) => {
            print(&describe(&certificate, &proved))?;
            Ok(0)
        }
        Err(refused) => {
            say(&format!("{} is refused: {refused}", path.display()));
            Ok(REFUTED)
        }
    }
}

fn describe(certificate: &OrbitCertificate, proved: &Checked) -> String {
    let loss = match &certificate.loss {
        Loss::Circle {} => "z²(r² + 20x²)/(2r⁴)".to_string(),
        Loss::Regression { rows, .. } => {
            format!("1 − cos∠(Xw, y), {} samples × {} features", rows.len(), rows.first().map_or(0, Vec::len))
        }
    };
    let root = proved.intrinsic_lr.sqrt();
    let (exponent, steps) = (certificate.exponent, proved.steps);
    let mut text =
        format!("Proved of {steps} steps of gradient descent with weight decay, ηλ = 2^-{exponent}, on {loss}:\n");
    let [distance, edge] = [proved.distance, proved.edge].map(|bounds| between(bounds.map(|bound| bound / root)));
    let _ = writeln!(text, "  sup ‖θ_t − ζ(t·ηλ)‖ is between {distance} √(ηλ)");
    let _ = writeln!(text, "  sup |η̃λ₁ − 2| is between {edge} √(ηλ)");
    let _ = writeln!(text, "  ⟨Kh²⟩/(2ηλ) is between {}", between(proved.mean_square));
    let _ = writeln!(text, "  the orbit is known to {:.1e} of ‖w‖ at every step", proved.radius);
    for (flow, least) in certificate.others.iter().zip(&proved.from_others) {
        let (flow, away) = (constants(flow), least / root);
        let _ = writeln!(text, "  another flow ({flow}) is {away:.3} √(ηλ) away at least");
    }
    text
}

/// Two bounds, to the digits that they share and two more.
fn between([lower, upper]: [f64; 2]) -> String {
    let apart = (upper - lower).max(f64::EPSILON * upper.abs());
    let digits = (1.0 - apart.log10().floor()).clamp(1.0, 15.0) as usize;
    let unit = 10f64.powi(-(digits as i32));
    format!("{:.digits$} and {:.digits$}", (lower / unit).floor() * unit, (upper / unit).ceil() * unit)
}

/// What differs in a flow.
fn constants(flow: &OtherFlow) -> String {
    let is = |(_, other): &&(&str, sharpflow::flow::FlowConstants)| {
        (other.numerator, other.offset, other.slope) == (flow.numerator, flow.offset, flow.slope)
    };
    let OtherFlow { numerator, offset, slope, .. } = flow;
    match OTHER_FLOWS.iter().find(is) {
        Some((what, _)) => what.to_string(),
        None => format!("dζ/dτ = −{numerator}G/({offset} + {slope}‖G‖²)"),
    }
}
