//! `inspect`.

use std::fmt::Write;

use sharpflow::network::{Mended, Network};
use sharpflow_theorems::inspect::{
    BreachReading, Exact, ExactLaws, Inspection, Invariance, MinimumReading, OffsetReading, PointReading, Question,
    Sharpness, SizeReading, inspect,
};

use crate::arguments::InspectArguments;
use crate::error::{CliError, REFUTED, UNDECIDED};
use crate::input::{self, NamedNetwork};
use crate::terminal::{print, say};

pub fn run(arguments: &InspectArguments) -> Result<u8, CliError> {
    let NamedNetwork { network, small, .. } = input::told(&arguments.of)?;
    arguments.group.iter().try_for_each(|name| network.has_group(name))?;
    if arguments.toml || arguments.latex {
        let network = if arguments.mended { mended(&network, arguments.seed)? } else { network };
        let network = if arguments.values { network.with_data_given() } else { network };
        let text = if arguments.toml { network.to_toml() } else { network.to_latex() };
        return print(&text).map(|()| 0);
    }
    let question = Question { group: arguments.group.clone(), seed: arguments.seed, thorough: arguments.thorough };
    let inspection = inspect(&network, small.as_ref(), question)?;
    if arguments.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&inspection)?))?;
    } else {
        print(&render(&inspection, arguments.suggest))?;
    }
    // A proof says nothing about a loss that is nowhere a number, and a failed identity shows that something is wrong with a proof.
    let stands = inspection.point.is_ok() && inspection.exact.iter().flatten().all(|field| field.failed.is_empty());
    Ok(match inspection.invariance {
        Invariance::Proved if stands => 0,
        Invariance::Proved | Invariance::NotProved { .. } => UNDECIDED,
        Invariance::Refuted { .. } => REFUTED,
    })
}

/// The network made scale-invariant. What was changed is told.
fn mended(network: &Network, seed: u64) -> Result<Network, CliError> {
    let Mended { network, epsilons, frozen } = network.mended(seed)?;
    let listed = |names: &[String]| if names.is_empty() { "nothing".into() } else { names.join(", ") };
    say(&format!("ε is 0 now in: {}", listed(&epsilons)));
    say(&format!("these weights are constants now: {}", listed(&frozen)));
    Ok(network)
}

fn render(inspection: &Inspection, suggest: bool) -> String {
    let title = inspection.title.replace(char::is_control, " ");
    let title = if title.trim().is_empty() { "A network without a title" } else { &title };
    let mut text = format!("{title}: {} weights\n\n", inspection.weights);
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
        let _ = writeln!(text, "  {name} by itself: {}{}", answer(invariance), decay(invariance));
    }
    text.push_str(&breaches(inspection, suggest));
    if !inspection.non_smooth.is_empty() {
        let _ = writeln!(
            text,
            "  has kinks, so that the theory holds for runs that cross none: {}",
            inspection.non_smooth.join(", ")
        );
    }
    text.push_str("\nExact identities\n");
    match &inspection.exact {
        Ok(fields) => {
            fields.iter().for_each(|field| text.push_str(&exact(field)));
            let with = inspection.replaced.iter().map(|what| format!(" and {what}")).collect::<String>();
            let _ = writeln!(text, "  (with random data{with}; the bounds assume that no root is taken of a square)");
        }
        Err(reason) => text.push_str(&format!("  not tried: {reason}\n")),
    }
    text.push_str("\nExact laws of the edge of stability\n");
    match &inspection.laws {
        Ok(laws) => {
            for of_claim in laws {
                let ExactLaws { claim, points, laws, held, twins, twins_refuted, log2_accident } = of_claim;
                let _ = writeln!(
                    text,
                    "  {claim}: {held} of {laws} hold at {points} points of Γ modulo two primes,\n    and {twins_refuted} of {twins} of their wrong twins fail; {}",
                    by_accident(*log2_accident)
                );
            }
        }
        Err(reason) => text.push_str(&format!("  not tried: {reason}\n")),
    }
    let _ = match inspection.is_given {
        true => writeln!(text, "\nAt the weights that were given, as a point θ of the sphere"),
        false => writeln!(text, "\nAt a random point θ of the sphere (seed {})", inspection.question.seed),
    };
    match &inspection.point {
        Ok(point) => text.push_str(&at_point(point)),
        Err(reason) => text.push_str(&format!("  {reason}: the proof says nothing about this loss\n")),
    }
    text.push_str("\nAt the minimum that a descent from there reaches\n");
    match &inspection.minimum {
        Ok(minimum) => text.push_str(&at_minimum(minimum)),
        Err(reason) => text.push_str(&format!("  {reason}\n")),
    }
    text
}

/// What weight decay does to a group.
fn decay(invariance: &Invariance) -> &'static str {
    match invariance {
        Invariance::Proved => "; weight decay sets its effective learning rate alone",
        Invariance::NotProved { .. } => "",
        Invariance::Refuted { .. } => "; weight decay changes the function",
    }
}

fn answer(invariance: &Invariance) -> String {
    match invariance {
        Invariance::Proved => "proved".into(),
        Invariance::NotProved { node, reason } => format!("not proved, nor refuted. At `{node}`: {reason}"),
        Invariance::Refuted { node, reason, factor, before, after } => {
            format!(
                "refuted: with its weights times 2^{} the loss goes from {before:e} to {after:e}. At `{node}`: {reason}",
                factor.log2()
            )
        }
    }
}

/// All nodes at which the rules prove nothing, and not the first alone.
fn breaches(inspection: &Inspection, suggest: bool) -> String {
    let mut text = String::new();
    let all = &inspection.breaches;
    if all.is_empty() {
        return text;
    }
    let only_epsilon = all.iter().all(|one| one.is_epsilon);
    if only_epsilon && let Ok(point) = &inspection.point {
        let radial = shown(point.radial);
        let _ = writeln!(
            text,
            "  It is scale-invariant but for ε: at the random point below |⟨∇L(θ), θ⟩|/‖∇L(θ)‖ is {radial}, in place of 0."
        );
    }
    let _ = writeln!(text, "  Nodes at which the rules prove nothing:");
    for BreachReading { node, reason, mend, .. } in all {
        let _ = writeln!(text, "    `{node}`: {reason}");
        if suggest {
            let _ = writeln!(text, "      What would mend it: {mend}.");
        }
    }
    if !suggest {
        text.push_str("  The option --suggest says what would mend each.\n");
    }
    text
}

/// A bound of 2⁰ is none: any probability is below it.
fn by_accident(log2_accident: f64) -> String {
    if log2_accident < 0.0 {
        format!("by accident with probability ≤ 2^{log2_accident:.0}")
    } else {
        "but there is no bound on the probability of an accident: too many square roots".into()
    }
}

fn exact(field: &Exact) -> String {
    let Exact { prime, points, roots, identities, held, twins, twins_refuted, log2_accident, .. } = field;
    let accident = by_accident(*log2_accident);
    let mut text = format!(
        "  modulo the prime {prime}: {held} of {identities} hold at {points} random points,\n    and {twins_refuted} of {twins} of their wrong twins fail; {accident} ({roots} square roots)\n"
    );
    for formula in &field.failed {
        let _ = writeln!(text, "    does not hold: {formula}");
    }
    text
}

fn at_point(point: &PointReading) -> String {
    let mut text = format!("  loss {:.6}, gradient {:.6}\n", point.loss, point.gradient_norm);
    if let Some(OffsetReading { node, mean }) = &point.offset {
        let _ = writeln!(
            text,
            "  digits are lost: at `{node}` a mean is taken out that is {mean:.1e} times the size of the rest; take it out of the data (`standardize = true`)"
        );
    }
    let _ = writeln!(text, "  largest eigenvalues of ∇²L(θ): {}", sharpness(&point.sharpness));
    let _ = writeln!(text, "  of its tangential part:        {}", sharpness(&point.tangential));
    if point.scaling.is_empty() {
        return text;
    }
    let _ = writeln!(text, "  {:>6} {:>16} {:>16} {:>16}", "c", "ordinary λ₁(cθ)", "c²·ordinary", "spherical λ₁(θ)");
    for row in &point.scaling {
        let show = |value: Option<f64>| value.map_or("—".into(), shown);
        let invariant = row.ordinary.map(|ordinary| row.factor * row.factor * ordinary);
        let [ordinary, invariant, spherical] = [row.ordinary, invariant, row.spherical].map(show);
        let _ = writeln!(text, "  {:>6} {ordinary:>16} {invariant:>16} {spherical:>16}", row.factor);
    }
    text
}

/// The value with six decimals, or in scientific notation where six decimals show too few or too many digits.
fn shown(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e7).contains(&size) {
        format!("{value:.6e}")
    } else {
        positive_zero(format!("{value:.6}"))
    }
}

/// A number that rounds to 0 is shown without a sign.
fn positive_zero(number: String) -> String {
    if number.trim_start_matches(['-', '0', '.']).is_empty() { number.replace('-', "") } else { number }
}

fn sharpness(sharpness: &Sharpness) -> String {
    match sharpness {
        Ok(pairs) => {
            let values: Vec<String> = pairs.iter().map(|(value, _)| shown(*value)).collect();
            let residual = pairs.iter().map(|(_, residual)| *residual).fold(0.0, f64::max);
            format!("{} (residual {residual:.0e})", values.join(", "))
        }
        Err(reason) => reason.clone(),
    }
}

fn at_minimum(minimum: &MinimumReading) -> String {
    let MinimumReading { loss, rounding, rank, manifold_dimension, smallest_size, geometry } = minimum;
    let kind = if !rounding.is_finite() {
        "whether it interpolates is not known, because rounding has no finite bound there".into()
    } else if loss.abs() <= *rounding {
        format!("it interpolates (rounding explains {rounding:.1e})")
    } else {
        "no interpolation".into()
    };
    let mut text = format!("  loss {loss:.2e}: {kind}; rank of ∇²L {rank}, dimension of Γ {manifold_dimension}\n");
    let _ = match geometry {
        Ok(numbers) => {
            let [top, next, slope] = numbers.map(shown);
            writeln!(text, "  λ₁ {top}, λ₂ {next}, ‖∇_Γ log λ₁‖ {slope}")
        }
        Err(reason) => writeln!(text, "  {reason}"),
    };
    if let Some(SizeReading { node, smallest, largest }) = smallest_size {
        let _ = writeln!(
            text,
            "  the smallest size that a normalization divides by: {smallest:.1e}, at `{node}` (largest there: {largest:.1e})"
        );
    }
    text
}
