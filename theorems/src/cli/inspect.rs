use std::fmt::Write;
use std::path::Path;

use sharpflow::network::Network;
use sharpflow::network::zoo::{ZOO, find};

use super::arguments::InspectArguments;
use super::{CliError, UNDECIDED, print};
use crate::inspect::{Exact, Inspection, Invariance, MinimumReading, PointReading, Question, Sharpness, inspect};

const REFUTED: u8 = 1;

pub(super) fn run(arguments: &InspectArguments) -> Result<u8, CliError> {
    let (network, small) = read(arguments)?;
    if arguments.toml || arguments.latex {
        let text = if arguments.toml { network.to_toml() } else { network.to_latex() };
        return print(&text).map(|()| 0);
    }
    let question = Question { group: arguments.group.clone(), seed: arguments.seed };
    let inspection = inspect(&network, &small, question)?;
    if arguments.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&inspection)?))?;
    } else {
        print(&render(&inspection))?;
    }
    Ok(match inspection.invariance {
        Invariance::Proved => 0,
        Invariance::NotProved { .. } => UNDECIDED,
        Invariance::Refuted { .. } => REFUTED,
    })
}

/// The network, and as exact arithmetic tries it: a built-in one at its small sizes.
fn read(arguments: &InspectArguments) -> Result<(Network, Network), CliError> {
    let mut sizes = Vec::new();
    for text in &arguments.size {
        let (name, size) = text.split_once('=').ok_or_else(|| CliError::Size { text: text.clone() })?;
        sizes.push((name, size.parse().map_err(|_| CliError::Size { text: text.clone() })?));
    }
    let name = &arguments.network;
    let named = |source| CliError::Network { name: name.clone(), source };
    if let Some(architecture) = find(name).filter(|_| !Path::new(name).exists()) {
        let network = architecture.network(&sizes).map_err(named)?;
        return Ok((network, architecture.exact().map_err(named)?));
    }
    if !Path::new(name).exists() {
        let built_in = ZOO.map(|architecture| architecture.name).join(", ");
        return Err(CliError::NoSuchNetwork { name: name.clone(), built_in });
    }
    let network = Network::read(name, &sizes).map_err(named)?;
    let small = network.with_rational_activations();
    Ok((network, small))
}

fn render(inspection: &Inspection) -> String {
    let mut text = format!("{}: {} weights\n\n", inspection.title, inspection.weights);
    let width = |of: &dyn Fn(usize) -> usize| (0..inspection.nodes.len()).map(of).max().unwrap_or(0);
    let names = width(&|k| inspection.nodes[k].name.chars().count());
    let formulas = width(&|k| inspection.nodes[k].formula.chars().count());
    for node in &inspection.nodes {
        let shape: Vec<String> = node.shape.iter().map(usize::to_string).collect();
        let shape = if shape.is_empty() { "number".into() } else { shape.join("×") };
        let _ = writeln!(text, "  {:names$} = {:formulas$}  {:9} {}", node.name, node.formula, shape, node.degree);
    }
    let _ = writeln!(text, "\nScale invariance");
    let all =
        if inspection.question.group.is_empty() { "all weights".into() } else { inspection.question.group.join(" + ") };
    let _ = writeln!(text, "  {all}: {}", answer(&inspection.invariance));
    for (name, invariance) in &inspection.groups {
        let _ = writeln!(text, "  {name} by itself: {}", answer(invariance));
    }
    if !inspection.non_smooth.is_empty() {
        let _ = writeln!(text, "  not smooth, as the theory asks: {}", inspection.non_smooth.join(", "));
    }
    text.push_str("\nExact identities\n");
    match &inspection.exact {
        Ok(fields) => fields.iter().for_each(|field| text.push_str(&exact(field))),
        Err(reason) => text.push_str(&format!("  not tried: {reason}\n")),
    }
    text.push_str(&at_point(&inspection.point, inspection.question.seed));
    text.push_str("\nAt the minimum that a descent from there reaches\n");
    match &inspection.minimum {
        Ok(minimum) => text.push_str(&at_minimum(minimum)),
        Err(reason) => text.push_str(&format!("  {reason}\n")),
    }
    text
}

fn answer(invariance: &Invariance) -> String {
    match invariance {
        Invariance::Proved => "proved".into(),
        Invariance::NotProved { node, reason } => format!("not proved, nor refuted. At `{node}`: {reason}"),
        Invariance::Refuted { node, reason, factor, before, after } => {
            format!("refuted: times {factor} the loss goes from {before:.9} to {after:.9}. At `{node}`: {reason}")
        }
    }
}

fn exact(field: &Exact) -> String {
    let Exact { prime, points, roots, identities, held, twins, twins_refuted, log2_accident, .. } = field;
    let mut text = format!(
        "  F({prime}): {held} of {identities} hold at {points} random points ({roots} roots), {twins_refuted} of {twins} wrong twins refuted;\n"
    );
    let functions = if field.replaced { "; small sizes or rational functions in place of its own" } else { "" };
    let _ = writeln!(text, "    a false one holds with probability ≤ 2^{log2_accident:.0} (random data{functions})");
    for formula in &field.failed {
        let _ = writeln!(text, "    does not hold: {formula}");
    }
    text
}

fn at_point(point: &PointReading, seed: u64) -> String {
    let mut text = format!("\nAt a random point θ of the sphere (seed {seed})\n");
    let _ = writeln!(text, "  loss {:.6}, gradient {:.6}", point.loss, point.gradient_norm);
    let _ = writeln!(text, "  largest eigenvalues of ∇²L(θ): {}", sharpness(&point.sharpness));
    let _ = writeln!(text, "  of its tangential part:        {}", sharpness(&point.tangential));
    let _ = writeln!(text, "  {:>6} {:>16} {:>16}", "c", "ordinary λ₁(cθ)", "spherical λ₁");
    for row in &point.scaling {
        let show = |value: Option<f64>| value.map_or("—".into(), |value| format!("{value:.6}"));
        let _ = writeln!(text, "  {:>6} {:>16} {:>16}", row.factor, show(row.ordinary), show(row.spherical));
    }
    text
}

fn sharpness(sharpness: &Sharpness) -> String {
    match sharpness {
        Ok(pairs) => {
            let values: Vec<String> = pairs.iter().map(|(value, _)| format!("{value:.6}")).collect();
            let residual = pairs.iter().map(|(_, residual)| *residual).fold(0.0, f64::max);
            format!("{} (residual {residual:.0e})", values.join(", "))
        }
        Err(reason) => reason.clone(),
    }
}

fn at_minimum(minimum: &MinimumReading) -> String {
    let MinimumReading { loss, rank, manifold_dimension, geometry } = minimum;
    let kind = if *loss < 1e-20 { "it interpolates" } else { "no interpolation" };
    let mut text = format!("  loss {loss:.2e}: {kind}; rank of ∇²L {rank}, dimension of Γ {manifold_dimension}\n");
    let _ = match geometry {
        Ok([top, next, slope]) => writeln!(text, "  λ₁ {top:.6}, λ₂ {next:.6}, ‖∇_Γ log λ₁‖ {slope:.6}"),
        Err(reason) => writeln!(text, "  {reason}"),
    };
    text
}
