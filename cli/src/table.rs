//! What a study found, as text for a terminal.

use std::env;
use std::fmt::Write;
use std::io::{IsTerminal, stdout};

use console::Term;

use sharpflow_theorems::evidence::{ClaimEvidence, Decided, Pooled, StudyEvidence, Verdict};
use sharpflow_theorems::verdict::FAMILY_CONFIDENCE;

use crate::terminal::strength;

/// Columns of a line where standard output is no terminal.
const WIDTH: usize = 80;
/// The least that is useful.
const LEAST: usize = 60;
const VERDICTS: [Verdict; 5] =
    [Verdict::Confirmed, Verdict::NotJudged, Verdict::Inconclusive, Verdict::HypothesisFailed, Verdict::Refuted];

/// One line for each claim, as wide as the terminal, and the number of claims with each verdict. `verbose` adds all that was measured.
pub fn render(evidence: &StudyEvidence, verbose: bool) -> String {
    let is_terminal = stdout().is_terminal();
    let width = if is_terminal { usize::from(Term::stdout().size().1).max(LEAST) } else { WIDTH };
    let colours = is_terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let names = evidence.claims.iter().map(|claim| claim.id.len()).max().unwrap_or(0);
    let (judged, left_out) = (evidence.summary.instances.len(), evidence.summary.dropped.len());
    let s = if judged == 1 { "" } else { "s" };
    let mut text = format!(
        "Before each number: instances within the hypotheses, of those judged.\nJudged: {judged} instance{s}, of {} draws and starts that were tried.\n",
        judged + left_out
    );
    for claim in &evidence.claims {
        let colour = match claim.verdict {
            Verdict::Confirmed => "\x1b[1;32m",
            Verdict::Refuted => "\x1b[1;31m",
            Verdict::NotJudged => "\x1b[1m",
            _ => "\x1b[1;33m",
        };
        let verdict = format!("{} {:<17}", mark(claim.verdict), claim.verdict.to_string());
        let verdict = if colours { format!("{colour}{verdict}\x1b[0m") } else { verdict };
        let (held, tried, _) = claim.counts();
        let says = if claim.reason.is_empty() { claim.headline() } else { "see below".into() };
        let says = format!("{held}/{tried} {says}");
        let room = width.saturating_sub(names + 22);
        let _ = writeln!(text, "{verdict} {:<names$}  {}", claim.id, cut(&says, room));
        if verbose {
            for line in details(claim) {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    text.push('\n');
    let count = |verdict: Verdict| evidence.claims.iter().filter(|claim| claim.verdict == verdict).count();
    let counted = VERDICTS.into_iter().map(|verdict| (count(verdict), verdict)).filter(|(count, _)| *count > 0);
    let tally: Vec<String> = counted.map(|(count, verdict)| format!("{count} {verdict}")).collect();
    let parameters = &evidence.summary.parameters;
    let _ = write!(text, "{}. Seed {}.", tally.join(", "), parameters.seed);
    if parameters.intervals > 0 {
        let _ = write!(
            text,
            " {} Student intervals of drawn seeds, at {FAMILY_CONFIDENCE} for all together.",
            parameters.intervals
        );
    }
    for (reason, verdict, claims) in reasons(evidence) {
        let _ = write!(text, "\n{verdict} ({claims}): {reason}");
    }
    // A user's own instance has notes that its user must see.
    for instance in evidence.summary.instances.iter().filter(|_| verbose || evidence.summary.instances.len() == 1) {
        for note in &instance.plan.notes {
            let _ = write!(text, "\n{}: {note}.", instance.name);
        }
    }
    if !evidence.summary.dropped.is_empty() {
        let dropped = evidence.summary.dropped.len();
        let counted = evidence.summary.obstacles();
        let reasons: Vec<String> = counted.iter().map(|(obstacle, count)| format!("{count} {obstacle}")).collect();
        let _ = write!(
            text,
            "\n{dropped} draws or starts were left out before they ran: {}. `sharpflow explain {}` says what that means; the evidence has the numbers.",
            reasons.join(", "),
            counted[0].0
        );
    }
    if !verbose {
        text += "\nThe option --verbose and `sharpflow report` show all measurements.";
    }
    text
}

/// The sign of a verdict.
pub fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Confirmed => '✓',
        Verdict::Refuted => '✗',
        Verdict::NotJudged => '–',
        _ => '?',
    }
}

/// Why claims are not confirmed, each reason once, with its verdict and its claims.
fn reasons(evidence: &StudyEvidence) -> Vec<(&str, Verdict, String)> {
    let mut found: Vec<(&str, Verdict, String)> = Vec::new();
    for claim in evidence.claims.iter().filter(|claim| !claim.reason.is_empty()) {
        match found.iter_mut().find(|(reason, verdict, _)| *reason == claim.reason && *verdict == claim.verdict) {
            Some((_, _, claims)) => {
                claims.push_str(", ");
                claims.push_str(&claim.id);
            }
            None => found.push((&claim.reason, claim.verdict, claim.id.to_string())),
        }
    }
    found
}

/// Cuts a text to at most this number of columns. The mark over a letter takes no column.
fn cut(text: &str, columns: usize) -> String {
    const TILDE: char = '\u{303}';
    let mut kept = String::new();
    let mut taken = 0;
    let whole = text.chars().filter(|&c| c != TILDE).count() <= columns;
    for c in text.chars() {
        taken += usize::from(c != TILDE);
        if !whole && taken >= columns {
            kept.push('…');
            break;
        }
        kept.push(if c == '\n' { ' ' } else { c });
    }
    kept
}

/// All that was measured of a claim, a line each.
fn details(claim: &ClaimEvidence) -> Vec<String> {
    let mut lines = vec![format!("{}; {}", strength(claim.strength), claim.title)];
    if let Some(first) = claim.held().next() {
        lines.extend((0..first.statements.len()).filter_map(|k| claim.worst_check(k)).map(check));
        lines.extend(claim.pooled().iter().map(estimate));
        let (rejected, twins) = claim.twins_rejected();
        lines.push(format!("{rejected} of {twins} wrong twins rejected"));
    }
    lines.push(format!("instances: {}", claim.tally()));
    let outside = claim.instances.iter().filter(|instance| instance.verdict == Verdict::HypothesisFailed);
    lines.extend(outside.map(|instance| format!("outside: {}: {}", instance.instance, instance.reason)));
    lines.extend(claim.not_judged.iter().map(|why| format!("not judged on {why}")));
    lines
}

fn check(decided: &Decided) -> String {
    format!("{}: {}", decided.what, decided.shows)
}

fn estimate(known: &Pooled<'_>) -> String {
    let theory = known.predicted().map_or(String::new(), |theory| format!(" (theory {theory})"));
    let worst = known.worst.1.measured();
    let on = &known.worst.0.instance;
    match known.instances {
        1 => format!("{} = {worst}{theory}", known.what),
        count => {
            format!("{} = {}{theory}, pooled over {count}; worst {worst} on {on}", known.what, known.measured())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_its_columns() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("η\u{303}λ", 2), "η\u{303}λ");
    }
}
