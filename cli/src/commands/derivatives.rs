//! `check-derivatives`.

use std::fmt::Write;

use sharpflow::data::Array;
use sharpflow_theorems::derivatives::{DerivativeAnswer, DerivativeCheck, check_derivatives};

use crate::arguments::DerivativesArguments;
use crate::error::{CliError, REFUTED, UNDECIDED};
use crate::input::{self, NamedNetwork};
use crate::terminal::print;

/// The digits of a double.
const DIGITS: f64 = 15.95;
const ORDERS: [&str; 4] = ["L", "∇L", "∇²L v", "∇³L[v, v]"];

pub fn run(arguments: &DerivativesArguments) -> Result<u8, CliError> {
    let NamedNetwork { network, .. } = input::told(&arguments.of)?;
    let arrays = Array::read_archive(&arguments.values)?;
    let found = check_derivatives(&network, &arrays)
        .map_err(|source| CliError::Derivatives { path: arguments.values.clone(), source })?;
    if arguments.json {
        print(&(serde_json::to_string_pretty(&found)? + "\n"))?;
    } else {
        print(&describe(&found))?;
    }
    let any = |is: fn(DerivativeAnswer) -> bool| found.patterns.iter().any(|pattern| is(pattern.answer));
    Ok(if any(DerivativeAnswer::is_wrong) {
        REFUTED
    } else if any(|answer| matches!(answer, DerivativeAnswer::Undecided { .. })) {
        UNDECIDED
    } else {
        0
    })
}

fn describe(found: &DerivativeCheck) -> String {
    let framework = found.framework.as_deref().unwrap_or("a framework that is not named");
    let mut text = format!(
        "{}: {} weights, loss {}. Derivatives by {framework}, and how many of their digits are right:\n",
        found.title.replace(char::is_control, " "),
        found.weights,
        found.loss
    );
    let width = found.patterns.iter().map(|pattern| pattern.pattern.chars().count()).max().unwrap_or(0);
    let mut order = None;
    for pattern in &found.patterns {
        if order.replace(pattern.order) != Some(pattern.order) {
            let _ = writeln!(text, "order {}, {}", pattern.order, ORDERS[pattern.order]);
        }
        let _ = write!(text, "  {:<width$}  {}", pattern.pattern, said(pattern.answer));
        let at_fault: Vec<String> = pattern
            .alone
            .iter()
            .filter_map(|(kind, alone)| match alone {
                DerivativeAnswer::Wrong { error } => Some(format!("{kind} alone is off by {}", size(*error))),
                DerivativeAnswer::NotFinite => Some(format!("{kind} alone gives no number")),
                DerivativeAnswer::Refused => Some(format!("{kind} alone is refused")),
                _ => None,
            })
            .collect();
        if !at_fault.is_empty() {
            let _ = write!(text, ": {}", at_fault.join(", "));
        }
        text.push('\n');
    }
    text
}

/// A relative error with two digits.
fn size(error: f64) -> String {
    if error < 0.01 { format!("{error:.0e}") } else { format!("{error:.2}") }
}

fn said(answer: DerivativeAnswer) -> String {
    let digits = |error: f64| (-error.log10()).clamp(0.0, DIGITS);
    match answer {
        DerivativeAnswer::Right { error } => format!("{:4.1}  right", digits(error)),
        DerivativeAnswer::Undecided { error } => {
            format!("{:4.1}  undecided: more than rounding should take, less than what it can", digits(error))
        }
        DerivativeAnswer::Wrong { error } => format!("{:4.1}  WRONG, off by {}", digits(error), size(error)),
        DerivativeAnswer::NotFinite => "   –  WRONG, no number".into(),
        DerivativeAnswer::Refused => "   –  refused by the framework".into(),
    }
}
