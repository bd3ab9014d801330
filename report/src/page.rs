//! The page: everything in one file, without scripts and without a network.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::{Parser, Storage, push_mathml};

use sharpflow_theorems::evidence::{
    Check, ClaimEvidence, Decided, Input, InstanceEvidence, Kept, Outcome, Status, Summary, Verdict,
};

const VERDICTS: [Verdict; 5] =
    [Verdict::Confirmed, Verdict::NotJudged, Verdict::Inconclusive, Verdict::HypothesisFailed, Verdict::Refuted];

/// A figure as the page shows it.
pub(super) struct Drawn {
    pub name: &'static str,
    pub caption: String,
    pub svg: String,
}

/// The page as HTML.
pub(super) fn page(kept: &Kept, figures: &[Drawn], missing: &[String]) -> String {
    let title = "Evidence on sharpness reduction";
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body {
                h1 { (title) }
                p {
                    "Gradient descent with weight decay on a scale-invariant loss, at the edge of stability, follows a flow that "
                    "lowers the spherical sharpness: K. Lyu, Z. Li, S. Arora, "
                    a href="https://arxiv.org/abs/2206.07085" { "arXiv:2206.07085" } "."
                }
                (damage(kept))
                ul.tally {
                    @for verdict in VERDICTS {
                        @let count = kept.claims.iter().filter(|claim| claim.verdict == verdict).count();
                        @if count > 0 { li class=(class(verdict)) { (count) " " (verdict) } }
                    }
                }
                @if let Some(summary) = &kept.summary { (asked(summary, kept)) }
                h2 { "Figures" }
                div.figures { @for figure in figures { (drawn(figure)) } }
                @if !missing.is_empty() {
                    p.soft { "Not drawn, as the evidence has no data for them: " (missing.join("; ")) "." }
                }
                @let (proved, measured): (Vec<_>, Vec<_>) = kept.claims.iter().partition(|claim| is_proved(claim));
                @if !proved.is_empty() {
                    h2 { "Proved modulo primes" }
                    p.soft {
                        "Each of these identities was tried at random points of two prime fields, where it holds or does not: there is no tolerance. A false identity holds at "
                        "all points by accident, with the probability that stands with each instance at most. Wrong twins are tried at the same points. Some are tried in floats besides, where they hold up to rounding."
                    }
                    @for claim in proved { (of_claim(claim, kept)) }
                }
                h2 { "Measured" }
                p.soft {
                    "A claim is confirmed when its hypotheses hold, its checks pass, its constants lie in their intervals, and the same data reject "
                    "every wrong twin: the same formula with a constant changed."
                }
                @for claim in measured { (of_claim(claim, kept)) }
                @if let Some(summary) = &kept.summary { (instances(summary)) }
            }
        }
    };
    markup.into_string()
}

/// What stands before the body of a page.
pub(super) fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="generator" content=(concat!("sharpflow ", env!("CARGO_PKG_VERSION")));
            title { (title) }
            style { (PreEscaped(include_str!("page.css"))) }
        }
    }
}

pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "confirmed",
        Verdict::Refuted => "refuted",
        Verdict::Inconclusive => "inconclusive",
        Verdict::HypothesisFailed => "hypothesis-failed",
        Verdict::NotJudged => "not-judged",
    }
}

pub(super) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "✓",
        Verdict::Refuted => "✗",
        _ => "?",
    }
}

fn damage(kept: &Kept) -> Markup {
    let partial = kept.summary.as_ref().is_some_and(|summary| summary.status == Status::Partial);
    html! {
        @if partial {
            div.damage { p { "The study was interrupted: what is here is whole, the rest is missing." } }
        }
        @if !kept.damage.is_empty() {
            div.damage {
                p { "This evidence is not as it was written. What cannot be read is left out; what was changed is shown as it is now:" }
                ul { @for damage in &kept.damage { li { code { (damage.file) } ": " (damage.what) } } }
            }
        }
    }
}

fn asked(summary: &Summary, kept: &Kept) -> Markup {
    let (parameters, by) = (&summary.parameters, &summary.provenance);
    let input = match &parameters.input {
        Input::BuiltIn => {
            format!(
                "the digits; random regressions: {}; networks of each kind: {}",
                parameters.regressions, parameters.networks
            )
        }
        Input::Data { file, target, .. } => format!("{}, target {target}", file.display()),
        Input::Network { network, sizes, groups, most_steps, onnx } => {
            let steps = most_steps.map(|steps| format!("runs of at most {steps} steps"));
            let groups = groups.iter().map(|group| format!("group {group}"));
            let data = onnx.data.iter().map(|path| format!("data {}", path.display()));
            let parts = std::iter::once(network.display().to_string())
                .chain(sizes.iter().cloned())
                .chain(groups)
                .chain(data)
                .chain(steps);
            parts.collect::<Vec<_>>().join(", ")
        }
    };
    html! {
        dl {
            dt { "Instances" } dd { (input) }
            dt { "Seed" } dd { (parameters.seed) " (" (by.generator) ")" }
            dt { "Made by" }
            dd { "sharpflow " (by.version) ", commit " code { (by.commit) } ", " (by.compiler) ", " (by.target) ", " (by.profile) }
            dt { "Crates" } dd { (by.crates.replace(',', ", ")) }
            @if let Some(circumstances) = &kept.circumstances {
                dt { "Took" }
                dd { (format!("{:.0} s", circumstances.seconds)) " on " (circumstances.threads) " threads of " (circumstances.processor) }
            }
            dt { "Intervals" }
            dd { (parameters.intervals) " Student intervals, at 0.999 for all together" }
        }
    }
}

fn drawn(figure: &Drawn) -> Markup {
    // Ink takes the page's colour, so that it can be read on dark paper too.
    let svg = figure.svg.replace("\"#000000\"", "\"currentColor\"");
    // The text before the root element is meant for files.
    let root = svg.find("<svg").map_or("", |at| &svg[at..]);
    html! {
        figure id=(format!("figure-{}", figure.name)) {
            (PreEscaped(root.replacen("<svg", "<svg role=\"img\"", 1)))
            figcaption { (figure.caption) }
        }
    }
}

/// Whether a claim is an identity that was tried in prime fields.
fn is_proved(claim: &ClaimEvidence) -> bool {
    let mut checks = claim.instances.iter().flat_map(|instance| &instance.statements);
    checks.any(|check| matches!(check.check, Check::Exact { .. }))
}

/// The claim that proves the coefficients on which another one rests, and what each of both says.
fn beside(claim: &ClaimEvidence, kept: &Kept) -> Markup {
    let other = claim.coefficients.as_ref().and_then(|id| kept.claims.iter().find(|other| other.id == *id));
    html! {
        @if let Some(other) = other {
            p {
                "The coefficients of two steps on which this rests are proved modulo primes: "
                a href=(format!("#{}", other.id)) { (other.title) } ", " (other.verdict) " (" (other.headline())
                "). That averaging over many steps, and the terms that are left out, do what the theory says is measured here."
            }
        }
        @let resting: Vec<_> = kept.claims.iter().filter(|resting| resting.coefficients.as_ref() == Some(&claim.id)).collect();
        @if !resting.is_empty() {
            p { "On these coefficients rest claims that are measured, since averaging over many steps and the terms that are left out are not proved here:" }
            ul {
                @for resting in resting {
                    li { a href=(format!("#{}", resting.id)) { (resting.title) } ", " (resting.verdict) ": " (resting.headline()) }
                }
            }
        }
    }
}

fn of_claim(claim: &ClaimEvidence, kept: &Kept) -> Markup {
    let (rejected, twins) = claim.twins_rejected();
    let constants: Vec<_> = claim.pooled().into_iter().filter(|pooled| pooled.theory.is_some()).collect();
    html! {
        details.claim id=(claim.id) {
            summary {
                span.name { (claim.title) }
                span class=(format!("verdict {}", class(claim.verdict))) { (mark(claim.verdict)) " " (claim.verdict) }
                span.soft { (format!("{:?}", claim.strength).to_lowercase()) }
            }
            div.body {
                div.formula { (PreEscaped(mathml(&claim.latex))) }
                p { (claim.statement) "." }
                (beside(claim, kept))
                @if !claim.reason.is_empty() { p class=(class(claim.verdict)) { (claim.reason) } }
                p.soft {
                    "Instances: " (claim.tally()) "; "
                    (rejected) " of " (twins) " wrong twins rejected. "
                    (claim.source) ". Derivation: " code { (claim.note) } "."
                }
                @if !constants.is_empty() {
                    h3 { "Constants" }
                    table {
                        thead { tr { th { "constant" } th { "theory" } th { "pooled" } th { "worst" } th { "on" } } }
                        tbody {
                            @for pooled in &constants {
                                tr {
                                    td { (pooled.what) }
                                    td data-is="theory" { (pooled.predicted().unwrap_or_default()) }
                                    td data-is="pooled" { (pooled.measured()) }
                                    td data-is="worst" { (pooled.worst.1.measured()) }
                                    td data-is="on" { (pooled.worst.0.instance) }
                                }
                            }
                        }
                    }
                }
                @for instance in &claim.instances { (of_instance(instance)) }
                @if !claim.not_judged.is_empty() {
                    h3 { "Not judged" }
                    ul { @for why in &claim.not_judged { li { (why) } } }
                }
            }
        }
    }
}

fn of_instance(instance: &InstanceEvidence) -> Markup {
    html! {
        details {
            summary {
                span.name { (instance.instance) }
                span class=(format!("verdict {}", class(instance.verdict))) { (mark(instance.verdict)) " " (instance.verdict) }
            }
            div.body {
                @if !instance.reason.is_empty() { p { (instance.reason) } }
                @let reports: Vec<_> = instance.estimates.iter().filter(|known| known.theory().is_none()).collect();
                @if !reports.is_empty() {
                    p.soft { @for (k, known) in reports.iter().enumerate() { @if k > 0 { "; " } (known.what) ": " (known.measured()) } "." }
                }
                (checks("Checks", &instance.statements, Outcome::Passes))
                (checks("Wrong twins", &instance.twins, Outcome::Fails))
                @if !instance.hypotheses.is_empty() {
                    h3 { "Hypotheses" }
                    table {
                        thead { tr { th { "hypothesis" } th { "measured" } th { "at most" } th { "where" } } }
                        tbody {
                            @for decided in &instance.hypotheses {
                                @let h = &decided.hypothesis;
                                tr {
                                    td { (if decided.holds { "✓ " } else { "✗ " }) (h.what) }
                                    td data-is="measured" { (format!("{:.2e}", h.measured)) }
                                    td data-is="at most" { (h.bound) }
                                    td data-is="where" { (h.place) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A check in words: a statement passes, a twin is rejected.
fn outcome(found: Outcome, wanted: Outcome) -> &'static str {
    match (found, wanted) {
        (Outcome::Undecided, _) => "undecided",
        (Outcome::Passes, Outcome::Passes) => "passes",
        (Outcome::Fails, Outcome::Passes) => "fails",
        (Outcome::Fails, _) => "rejected",
        (Outcome::Passes, _) => "not rejected",
    }
}

fn checks(title: &str, decided: &[Decided], wanted: Outcome) -> Markup {
    html! {
        @if !decided.is_empty() {
            h3 { (title) }
            table {
                thead { tr { th { "check" } th { "outcome" } th { "data" } } }
                tbody {
                    @for check in decided {
                        tr {
                            td { (if check.outcome == wanted { "✓ " } else { "? " }) (check.what) }
                            td data-is="outcome" { (outcome(check.outcome, wanted)) }
                            td data-is="data" { (check.shows) }
                        }
                    }
                }
            }
        }
    }
}

fn instances(summary: &Summary) -> Markup {
    html! {
        @if !summary.instances.is_empty() {
            h2 { "Instances" }
            table {
                thead { tr { th { "instance" } th { "ηλ" } th { "τ up to" } th { "notes" } } }
                tbody {
                    @for instance in &summary.instances {
                        tr {
                            td { (instance.name) }
                            td data-is="ηλ" {
                                @if let [first, .., last] = instance.plan.intrinsic_lrs[..] { (format!("{first:.1e} … {last:.1e}")) }
                            }
                            td data-is="τ up to" { (format!("{:.3}", instance.plan.horizon)) }
                            td { (instance.plan.notes.join("; ")) }
                        }
                    }
                }
            }
        }
        @if !summary.dropped.is_empty() {
            details {
                summary { span.name { (summary.dropped.len()) " draws or starts left out before they ran" } }
                div.body { ul { @for one in &summary.dropped { li { (one.draw) ": " (one.why) " (" (one.obstacle) ")" } } } }
            }
        }
    }
}

/// A formula as MathML, or the formula as it is written if it cannot be parsed.
pub(crate) fn mathml(latex: &str) -> String {
    let storage = Storage::new();
    let mut out = String::new();
    let config = RenderConfig { display_mode: DisplayMode::Block, ..RenderConfig::default() };
    match push_mathml(&mut out, Parser::new(latex, &storage), config) {
        Ok(()) => out,
        Err(_) => html! { code { (latex) } }.into_string(),
    }
}
