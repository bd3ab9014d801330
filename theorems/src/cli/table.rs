use std::env;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use super::strength;
use crate::evidence::{ClaimEvidence, Decided, Estimate, StudyEvidence, Verdict};
use crate::verdict::FAMILY_CONFIDENCE;

const WIDTH: u16 = 80;

/// The claims with their verdicts and what was measured, 80 columns wide.
pub(super) fn render(evidence: &StudyEvidence) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["claim", "verdict", "measured"]);
    let width = table.width().map_or(WIDTH, |width| width.clamp(40, WIDTH));
    table.set_width(width);
    if env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        table.force_no_tty();
    }
    for claim in &evidence.claims {
        let (colour, mark) = match claim.verdict {
            Verdict::Confirmed => (Color::Green, '✓'),
            Verdict::Refuted => (Color::Red, '✗'),
            _ => (Color::Yellow, '?'),
        };
        let verdict = Cell::new(format!("{mark} {}", claim.verdict)).fg(colour).add_attribute(Attribute::Bold);
        let name = Cell::new(format!("{}\n({})", claim.id, strength(claim.strength)));
        table.add_row([name, verdict, Cell::new(measured(claim))]);
    }
    let parameters = &evidence.summary.parameters;
    let mut footer = format!("\nSeed {}.", parameters.seed);
    if parameters.intervals > 0 {
        footer += &format!(" {} Student intervals, at {FAMILY_CONFIDENCE} for all together.", parameters.intervals);
    }
    for instance in &evidence.summary.instances {
        for note in &instance.plan.notes {
            footer += &format!("\n{}: {note}.", instance.name);
        }
    }
    if !evidence.summary.dropped.is_empty() {
        footer +=
            &format!("\n{} draws dropped before they ran (reasons in the evidence).", evidence.summary.dropped.len());
    }
    format!("{table}{footer}")
}

fn measured(claim: &ClaimEvidence) -> String {
    let mut lines = Vec::new();
    if !claim.reason.is_empty() {
        lines.push(claim.reason.clone());
    }
    let held = claim.held().count();
    if let Some(first) = claim.held().next() {
        lines.extend((0..first.statements.len()).filter_map(|k| claim.worst_check(k)).map(check));
        lines.extend(claim.best_estimates().into_iter().map(|(_, known)| estimate(known)));
        let (rejected, twins) = claim.twins_rejected();
        lines.push(format!("{rejected} of {twins} wrong twins rejected"));
    }
    let of = claim.instances.len();
    let mut counted = format!("{held} of {of} instances within the hypotheses");
    for outside in claim.instances.iter().filter(|i| i.verdict == Verdict::HypothesisFailed) {
        counted += &format!("\noutside: {}", outside.instance);
    }
    if !claim.not_judged.is_empty() {
        counted += &format!(", {} not judged", claim.not_judged.len());
    }
    lines.push(counted);
    lines.join("\n")
}

fn check(decided: &Decided) -> String {
    format!("{}: {}", decided.what, decided.shows)
}

fn estimate(known: &Estimate) -> String {
    let notices = known.notices.map_or(String::new(), |change| format!(", would notice {change:.1e}"));
    let theory = known.predicted().map_or(String::new(), |theory| format!(" (theory {theory}{notices})"));
    format!("{} = {}{theory}", known.what, known.measured())
}
