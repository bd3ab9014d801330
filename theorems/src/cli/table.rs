use std::env;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use super::strength;
use crate::evidence::{ClaimEvidence, Data, Decided, Estimate, InstanceEvidence, Outcome, StudyEvidence, Verdict};
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
    let held: Vec<&InstanceEvidence> =
        claim.instances.iter().filter(|i| i.verdict != Verdict::HypothesisFailed).collect();
    if let Some(first) = held.first() {
        for k in 0..first.statements.len() {
            lines.push(statement(&held, k));
        }
        // Not every instance tells every constant.
        for k in 0..held.iter().map(|i| i.estimates.len()).max().unwrap_or(0) {
            lines.push(estimate(&held, k));
        }
        let twins = held.iter().flat_map(|i| &i.twins);
        let rejected = twins.clone().filter(|t| t.outcome == Outcome::Fails).count();
        lines.push(format!("{rejected} of {} wrong twins rejected", twins.count()));
    }
    let of = claim.instances.len();
    let mut counted = format!("{} of {of} instances within the hypotheses", held.len());
    for outside in claim.instances.iter().filter(|i| i.verdict == Verdict::HypothesisFailed) {
        counted += &format!("\noutside: {}", outside.instance);
    }
    if !claim.not_judged.is_empty() {
        counted += &format!(", {} not judged", claim.not_judged.len());
    }
    lines.push(counted);
    lines.join("\n")
}

/// One check over all instances: the instance that shows it worst.
fn statement(held: &[&InstanceEvidence], k: usize) -> String {
    let all = || held.iter().filter_map(|i| i.statements.get(k));
    let margin = |d: &Decided| match &d.data {
        Data::Order { fit: Some(fit), .. } => fit.order.lower(),
        Data::Positive { mean: Some(mean), .. } | Data::Zero { mean: Some(mean), .. } => mean.lower(),
        Data::Bound { largest, .. } => -largest,
        _ => f64::NEG_INFINITY,
    };
    let worst = all().min_by(|a, b| margin(a).total_cmp(&margin(b)));
    worst.map_or(String::new(), |d| format!("{}: {}", d.what, d.shows))
}

/// One constant over all instances: the instance that knows it best.
fn estimate(held: &[&InstanceEvidence], k: usize) -> String {
    let all = held.iter().filter_map(|i| i.estimates.get(k));
    let best = all.min_by(|a, b| a.estimate.half_width.total_cmp(&b.estimate.half_width));
    best.map_or(String::new(), |Estimate { what, theory, estimate, notices }| {
        let notices = notices.map_or(String::new(), |change| format!(", would notice {change:.1e}"));
        let theory = theory.map_or(String::new(), |t| format!(" (theory {t}{notices})"));
        format!("{what} = {:.4} ± {:.4}{theory}", estimate.value, estimate.half_width)
    })
}
