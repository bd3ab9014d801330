//! The page of an audit: its verdicts, and the curves of its log.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use sharpflow_theorems::audit::{Audit, Curve, Finding};
use sharpflow_theorems::evidence::Outcome;

use crate::page::{class, head, mark};
use crate::plot::{Axis, Chart, PALETTE, PlotError, Series, Style, to_svg};

/// The page of an audit as HTML, whole in one file. Charts of which the log has no column are left out.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn audit_page(found: &Audit) -> Result<String, PlotError> {
    let charts: Vec<(&str, String)> = charts(found)
        .into_iter()
        .map(|(caption, chart)| Ok((caption, to_svg(&chart)?)))
        .collect::<Result<_, PlotError>>()?;
    let title = format!("Audit of {}", found.log);
    let by = &found.provenance;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title))
            body {
                h1 { (title) }
                p {
                    (found.rows) " rows, steps " (found.first_step) " to " (found.last_step) ", in " (found.arithmetic)
                    ". What is judged, and against what: " code { "proofs-notes/audit.md" } "."
                }
                @for finding in &found.findings { (of_finding(finding)) }
                @if !found.readings.is_empty() {
                    h2 { "Measured without a verdict" }
                    dl { @for (what, value) in &found.readings { dt { (what) } dd { (format!("{value:.4}")) } } }
                }
                @if !found.notes.is_empty() {
                    h2 { "Notes" }
                    ul { @for note in &found.notes { li { (note) } } }
                }
                h2 { "Curves" }
                div.figures {
                    @for (caption, svg) in &charts {
                        figure { (PreEscaped(svg)) figcaption { (caption) } }
                    }
                }
                p.soft { "Made by sharpflow " (by.version) ", commit " code { (by.commit) } "." }
            }
        }
    };
    Ok(markup.into_string())
}

fn of_finding(finding: &Finding) -> Markup {
    html! {
        section.claim {
            h3 { (finding.title) " " span class=(format!("verdict {}", class(finding.verdict))) { (mark(finding.verdict)) " " (finding.verdict) } }
            @if !finding.reason.is_empty() { p class=(class(finding.verdict)) { (finding.reason) } }
            @if let Some(evidence) = &finding.evidence {
                ul {
                    @for decided in &evidence.statements { li { (decided.what) ": " (decided.shows) } }
                    @for decided in &evidence.twins {
                        li.soft {
                            "wrong twin, " (decided.what) ": " (decided.shows)
                            @if decided.outcome == Outcome::Fails { " (rejected)" }
                        }
                    }
                }
            }
        }
    }
}

/// The charts for which the log has columns, with their captions.
fn charts(found: &Audit) -> Vec<(&'static str, Chart)> {
    let curves = &found.curves;
    let positive =
        |curve: &Curve| -> Vec<(f64, f64)> { curve.points().iter().copied().filter(|point| point.1 > 0.0).collect() };
    let chart = |of: &[(&Curve, usize, Style)]| {
        let series: Vec<Series> = of
            .iter()
            .map(|&(curve, colour, style)| Series::new(curve.label, PALETTE[colour], style, positive(curve)))
            .collect();
        let all = || series.iter().flat_map(|series| &series.points);
        // A line needs two points.
        if series[0].points.len() < 2 {
            return None;
        }
        let x = Axis::over("step", all().map(|point| point.0));
        let y = Axis::logarithmic("", all().map(|point| point.1));
        Some(Chart::new(x, y, series))
    };
    let line = Style::Line(2);
    let all = [
        ("The loss.", chart(&[(&curves.loss, 0, line)])),
        (
            "The square of the weights' length, and the effective learning rate, by which a scale-invariant loss is descended.",
            chart(&[(&curves.weight_norm_square, 0, line), (&curves.effective_learning_rate, 1, line)]),
        ),
        (
            "How far a step turns the weights, and how far it turns them where their length stays.",
            chart(&[(&curves.turn, 0, line), (&curves.equilibrium_turn, 1, Style::Dashes(3))]),
        ),
        (
            "The effective learning rate times the sharpness, and the edge of stability.",
            chart(&[(&curves.sharpness_over_edge, 0, line), (&curves.edge, 1, Style::Dashes(3))]),
        ),
    ];
    all.into_iter().filter_map(|(caption, chart)| Some((caption, chart?))).collect()
}
