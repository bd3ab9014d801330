//! The figures of a report: evidence and its tables as charts.

use super::figure::{Figure, of_kind, scientific, table};
use super::sphere;
use crate::plot::{Axis, Chart, INK, PALETTE, Series, Style};
use sharpflow_theorems::evidence::{Check, ClaimEvidence, Decided, Kept, Pooled, Table};

/// The figures that the evidence has data for, and why the others are missing.
pub(super) fn figures(kept: &Kept) -> (Vec<Figure>, Vec<String>) {
    type Make = fn(&Kept) -> Option<Figure>;
    let all: [(&str, Make); 9] = [
        ("sharpness along the flow", sharpness),
        ("error against ηλ", order),
        ("η̃λ₁ pinned at 2", pinning),
        ("phase portrait of the oscillation", phase_portrait),
        ("period against energy", period),
        ("trajectory on the sphere", sphere::figure),
        ("held-out error against λ₁", held_out),
        ("twins rejected", twins),
        ("constants", constants),
    ];
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (what, figure) in all {
        match figure(kept) {
            Some(figure) => found.push(figure),
            None => missing.push(what.into()),
        }
    }
    (found, missing)
}

/// The instance whose λ₁ falls most along the predicted flow.
fn telling(kept: &Kept) -> Option<&Table> {
    let fall = |flow: &Table| {
        let sharpness: Vec<f64> = flow.column("sharpness_on_gamma").collect();
        sharpness.first().zip(sharpness.last()).map_or(0.0, |(first, last)| (first / last).ln())
    };
    of_kind(kept, "flow").max_by(|a, b| fall(a).total_cmp(&fall(b)))
}

/// Values of a column, each once, in order of appearance.
fn distinct(table: &Table, column: &str) -> Vec<f64> {
    let mut found: Vec<f64> = Vec::new();
    for value in table.column(column) {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// Two columns as points, where a third has one value.
fn points(table: &Table, x: &str, y: &str, of: &str, value: f64) -> Vec<(f64, f64)> {
    let rows = table.column(x).zip(table.column(y)).zip(table.column(of));
    rows.filter(|(_, key)| *key == value).map(|(point, _)| point).collect()
}

fn coarse_middle_fine(values: &[f64]) -> Vec<f64> {
    let mut chosen: Vec<f64> =
        [0, values.len() / 2, values.len().saturating_sub(1)].iter().filter_map(|&k| values.get(k).copied()).collect();
    chosen.dedup();
    chosen
}

fn sharpness(kept: &Kept) -> Option<Figure> {
    let flow = telling(kept)?;
    let name = &flow.instance;
    let ladder = table(kept, "ladder", name)?;
    let predicted: Vec<(f64, f64)> = flow.column("tau").zip(flow.column("sharpness_on_gamma")).collect();
    let mut series = Vec::new();
    for (k, rung) in coarse_middle_fine(&distinct(ladder, "intrinsic_lr")).into_iter().enumerate() {
        let seen = points(ladder, "tau", "sharpness_on_gamma", "intrinsic_lr", rung);
        let style = if k == 0 { Style::Dots(4) } else { Style::Line(3) };
        series.push(Series::new(format!("ηλ = {}", scientific(rung)), PALETTE[[4, 5, 0][k]], style, seen));
    }
    series.push(Series::new("the flow", INK, Style::Dashes(3), predicted));
    let all = || series.iter().flat_map(|series| series.points.iter().copied());
    let x = Axis { range: (0.0, all().map(|p| p.0).fold(0.0, f64::max)), ..Axis::over("τ = t·ηλ", []) };
    let y = Axis::over("spherical sharpness λ₁", all().map(|p| p.1));
    let caption = format!(
        "The spherical sharpness λ₁ at the nearest point of Γ along gradient descent with weight decay on {name}, for several ηλ, and the sharpness-reduction flow's. One step lasts ηλ of τ."
    );
    Some(Figure { name: "sharpness", caption, chart: Chart::new(x, y, series) })
}

/// A claim's first check that is an order with a fit: on `instance` if it has such a check, else on the first instance that has one.
fn fitted<'a>(kept: &'a Kept, claim: &str, instance: &str) -> Option<(&'a ClaimEvidence, &'a str, &'a Decided)> {
    let claim = kept.claims.iter().find(|kept| kept.id == claim)?;
    let has = |decided: &&Decided| decided.fit.is_some();
    let on = claim.instances.iter().filter(|i| i.statements.iter().any(|decided| has(&decided)));
    let chosen = on.clone().find(|i| i.instance == instance).or_else(|| on.clone().next())?;
    Some((claim, &chosen.instance, chosen.statements.iter().find(has)?))
}

fn order(kept: &Kept) -> Option<Figure> {
    let (_, name, decided) = fitted(kept, "sharpness_reduction_flow", &telling(kept)?.instance)?;
    let (Check::Order { points, .. }, Some(fit)) = (&decided.check, &decided.fit) else { return None };
    let errors: Vec<(f64, f64)> = points.iter().map(|p| (p.parameter, p.error)).collect();
    // The leading term C·(ηλ)^a, and the band of orders through it at the finest rung.
    let middle = errors.iter().map(|p| p.0).fold(f64::INFINITY, f64::min).ln();
    let height = fit.constant.ln() + fit.order.value * middle;
    let ends = errors.iter().fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), p| (low.min(p.0), high.max(p.0)));
    let line = |slope: f64, x: f64| (x, (height + slope * (x.ln() - middle)).exp());
    let mut band = Vec::new();
    for (slope, x) in [
        (fit.order.upper(), ends.0),
        (fit.order.value, middle.exp()),
        (fit.order.lower(), ends.1),
        (fit.order.upper(), ends.1),
        (fit.order.value, middle.exp()),
        (fit.order.lower(), ends.0),
    ] {
        band.push(line(slope, x));
    }
    let slope = format!("slope {:.3} ± {:.3}", fit.order.value, fit.order.half_width);
    let fitted = vec![line(fit.order.value, ends.0), line(fit.order.value, ends.1)];
    let x = Axis::logarithmic("ηλ", errors.iter().map(|p| p.0));
    let y = Axis::logarithmic("largest distance to the flow", errors.iter().chain(&band).map(|p| p.1));
    let series = vec![
        Series::new("its bounds", PALETTE[0], Style::Area(0.25), band),
        Series::new(slope, PALETTE[0], Style::Line(3), fitted),
        Series::new("runs, one a start", PALETTE[1], Style::Dots(6), errors),
    ];
    let caption = format!(
        "The largest distance of the iterates from the sharpness-reduction flow against ηλ on {name}, and the leading term that is fitted together with the next one, with its bounds; the order ½ is stated."
    );
    Some(Figure { name: "order", caption, chart: Chart::new(x, y, series) })
}

/// The instance whose oscillation lasts longest.
fn swinging(kept: &Kept) -> Option<&Table> {
    let plans = kept.summary.iter().flat_map(|summary| &summary.instances);
    let ladders = plans.filter_map(|i| Some((i.plan.energy_growth.abs(), table(kept, "ladder", &i.name)?)));
    ladders.min_by(|a, b| a.0.total_cmp(&b.0)).map(|found| found.1)
}

fn pinning(kept: &Kept) -> Option<Figure> {
    let ladder = swinging(kept)?;
    let mut series = Vec::new();
    for (k, rung) in coarse_middle_fine(&distinct(ladder, "intrinsic_lr")).into_iter().enumerate() {
        let seen = points(ladder, "tau", "edge_product", "intrinsic_lr", rung);
        let (colour, style) = (PALETTE[[4, 5, 0][k]], [Style::Dots(4), Style::Dots(3), Style::Dots(3)][k]);
        series.push(Series::new(format!("ηλ = {}", scientific(rung)), colour, style, seen));
    }
    let end = series.iter().flat_map(|series| &series.points).map(|p| p.0).fold(0.0, f64::max);
    let values: Vec<f64> = series.iter().flat_map(|series| &series.points).map(|p| p.1).collect();
    series.push(Series::new("2", INK, Style::Dashes(3), vec![(0.0, 2.0), (end, 2.0)]));
    let x = Axis { range: (0.0, end), ..Axis::over("τ = t·ηλ", []) };
    let caption = format!(
        "η̃λ₁, the product of effective learning rate and spherical sharpness, along the runs on {}: it swings about 2 by O(√(ηλ)).",
        ladder.instance
    );
    Some(Figure { name: "pinning", caption, chart: Chart::new(x, Axis::over("η̃λ₁", values), series) })
}

fn phase_portrait(kept: &Kept) -> Option<Figure> {
    let swings = of_kind(kept, "swings-by-energy").next().or_else(|| of_kind(kept, "swings").next())?;
    let rung = distinct(swings, "intrinsic_lr").into_iter().fold(f64::INFINITY, f64::min);
    let mut seen: Vec<(f64, Vec<(f64, f64)>)> = Vec::new();
    let names = ["intrinsic_lr", "energy", "displacement", "edge_offset", "stiffness"];
    let place = |name: &str| swings.columns.iter().position(|column| column == name);
    let [lr, energy, h, delta, stiffness] = names.map(place);
    let (lr, energy, h, delta, stiffness) = (lr?, energy?, h?, delta?, stiffness?);
    for row in swings.rows.iter().filter(|row| row.get(lr) == Some(&rung)) {
        let kick = row[h].abs() / (2.0 * rung / row[stiffness]).sqrt();
        let point = (kick, row[delta] / (8.0 * rung).sqrt());
        match seen.iter_mut().find(|(known, _)| *known == row[energy]) {
            Some((_, points)) => points.push(point),
            None => seen.push((row[energy], vec![point])),
        }
    }
    // The deepest swings are left out, because they would make the rest small.
    seen.retain(|(energy, _)| *energy <= 12.0);
    let mut series = Vec::new();
    for (k, (energy, _)) in seen.iter().enumerate() {
        let level = Series::new("levels of the energy", INK, Style::Line(2), level(*energy));
        series.push(if k == 0 { level } else { level.unnamed() });
    }
    for (k, (energy, points)) in seen.into_iter().enumerate() {
        series.push(Series::new(format!("e = {energy}"), PALETTE[k % PALETTE.len()], Style::Dots(5), points));
    }
    let all = || series.iter().flat_map(|series| series.points.iter().copied());
    let x = Axis::logarithmic("|h| over its equilibrium", all().map(|p| p.0));
    let y = Axis::over("δ / √(8ηλ)", all().map(|p| p.1));
    let caption = format!(
        "Swings of the displacement h along v₁ and of δ = η̃λ₁ − 2 on {} at ηλ = {}, and the levels of e = δ²/(8ηλ) − log(|h|/h₀) + ½((h/h₀)² − 1), h₀² = 2ηλ/K.",
        swings.instance,
        scientific(rung)
    );
    Some(Figure { name: "phase_portrait", caption, chart: Chart::new(x, y, series) })
}

/// The level of an energy: kick against δ/√(8ηλ), once around.
fn level(energy: f64) -> Vec<(f64, f64)> {
    let potential = |x: f64| -x + 0.5 * ((2.0 * x).exp() - 1.0);
    // The points on both sides of 0 at which the potential alone equals the energy.
    let turn = |mut inside: f64, mut outside: f64| {
        for _ in 0..80 {
            let middle = 0.5 * (inside + outside);
            if potential(middle) < energy { inside = middle } else { outside = middle }
        }
        inside
    };
    let (left, right) = (turn(0.0, -energy - 1.0), turn(0.0, 0.5 * (4.0 * energy + 4.0).ln() + 1.0));
    let upper = (0..=200).map(|k| {
        let phase = std::f64::consts::PI * f64::from(k) / 200.0;
        let x = 0.5 * (left + right) - 0.5 * (right - left) * phase.cos();
        (x.exp(), (energy - potential(x)).max(0.0).sqrt())
    });
    let upper: Vec<(f64, f64)> = upper.collect();
    let lower: Vec<(f64, f64)> = upper.iter().rev().map(|&(x, y)| (x, -y)).collect();
    upper.into_iter().chain(lower).collect()
}

fn period(kept: &Kept) -> Option<Figure> {
    let by_energy = of_kind(kept, "periods-by-energy").next();
    let periods = by_energy.or_else(|| of_kind(kept, "periods").next())?;
    let unit = |lr: f64| std::f64::consts::PI / (2.0 * lr).sqrt();
    let rungs: Vec<f64> = periods.column("intrinsic_lr").collect();
    let scaled = |column: &str| -> Vec<(f64, f64)> {
        let values = periods.column("energy").zip(periods.column(column)).zip(&rungs);
        values.map(|((energy, period), &lr)| (energy.sqrt(), period / unit(lr))).collect()
    };
    let measured = scaled("period");
    let curve = of_kind(kept, "quadrature").next().map_or_else(
        || {
            let mut curve = scaled("predicted");
            curve.sort_by(|a, b| a.0.total_cmp(&b.0));
            curve
        },
        |table| table.column("energy").zip(table.column("period")).map(|(e, period)| (e.sqrt(), period)).collect(),
    );
    let largest = measured.iter().map(|p| p.0).fold(0.0, f64::max);
    let all = || measured.iter().chain(&curve).filter(|p| p.0 <= 1.05 * largest);
    let x = Axis { range: (0.0, 1.05 * largest), ..Axis::over("√e, the amplitude of δ/√(8ηλ)", []) };
    let y = Axis::over("period · √(2ηλ)/π", all().map(|p| p.1));
    let series = vec![
        Series::new("quadrature", INK, Style::Line(3), all_within(&curve, x.range.1)),
        Series::new("runs, one a start", PALETTE[1], Style::Dots(6), measured.clone()),
    ];
    let caption = format!(
        "The period of the slow oscillation against its amplitude on {}, and the quadrature of x″ = 4ηλ(1 − e²ˣ); small swings have 1.",
        periods.instance
    );
    Some(Figure { name: "period", caption, chart: Chart::new(x, y, series) })
}

fn all_within(points: &[(f64, f64)], end: f64) -> Vec<(f64, f64)> {
    points.iter().copied().filter(|p| p.0 <= end).collect()
}

fn held_out(kept: &Kept) -> Option<Figure> {
    let table = of_kind(kept, "held-out").next()?;
    let names = ["seed", "weight_decay", "sharpness_on_gamma", "held_out_error"];
    let [seed, decay, sharpness, error] = names.map(|name| table.columns.iter().position(|column| column == name));
    let (seed, decay, sharpness, error) = (seed?, decay?, sharpness?, error?);
    let mut series = Vec::new();
    let (mut starts, mut ends, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for (k, chosen) in distinct(table, "seed").into_iter().enumerate() {
        let of = |with: f64| -> Vec<(f64, f64)> {
            let rows = table.rows.iter().filter(|row| row[seed] == chosen && row[decay] == with);
            rows.map(|row| (row[sharpness], row[error])).collect()
        };
        let path = of(1.0);
        starts.extend(path.first());
        ends.extend(path.last());
        control.extend(of(0.0).last());
        let line = Series::new("with weight decay, one a seed", PALETTE[4], Style::Line(2), path);
        series.push(if k == 0 { line } else { line.unnamed() });
    }
    series.push(Series::new("start", PALETTE[1], Style::Dots(6), starts));
    series.push(Series::new("end", PALETTE[0], Style::Dots(6), ends));
    series.push(Series::new("end without weight decay", INK, Style::Triangles(6), control));
    let all = || series.iter().flat_map(|series| series.points.iter().copied());
    let x = Axis::logarithmic("spherical sharpness λ₁ on Γ", all().map(|p| p.0));
    let y = Axis::logarithmic("held-out mean squared error", all().map(|p| p.1));
    let caption = "Error on held-out digits (3 against 8, targets ±1) against λ₁ as gradient descent with weight decay drifts along the interpolating solutions; without weight decay it stays where it starts.".into();
    Some(Figure { name: "held_out_error", caption, chart: Chart::new(x, y, series) })
}

fn twins(kept: &Kept) -> Option<Figure> {
    let (claim, name, decided) = fitted(kept, "sharpness_reduction_flow", &telling(kept)?.instance)?;
    let on = claim.instances.iter().find(|i| i.instance == *name)?;
    let Check::Order { order: stated, .. } = decided.check else { return None };
    let interval = |decided: &Decided| Some((decided.what.to_string(), decided.fit.as_ref()?.order));
    let of_twins: Vec<_> = on.twins.iter().filter_map(interval).collect();
    let (what, order) = interval(decided)?;
    let claimed = [(format!("the claim: {what}"), order)];
    let mut rows = Vec::new();
    let mut series = Vec::new();
    let all = claimed.iter().map(|row| (row, true)).chain(of_twins.iter().map(|row| (row, false)));
    for (k, ((what, order), claim)) in all.enumerate() {
        let y = -(k as f64);
        let colour = if claim { PALETTE[0] } else { PALETTE[1] };
        let label = if claim { "the claim" } else { "its twins" };
        let middle = Series::new(label, colour, Style::Dots(7), vec![(order.value, y)]);
        series.push(if k < 2 { middle } else { middle.unnamed() });
        series
            .push(Series::new("", colour, Style::Intervals(3), vec![(order.lower(), y), (order.upper(), y)]).unnamed());
        rows.push(what.clone());
    }
    let count = rows.len() as f64;
    let label = format!("order stated: {stated}");
    series.push(Series::new(label, INK, Style::Dashes(3), vec![(stated, -count + 0.5), (stated, 0.5)]));
    let x = Axis::over("order of the distance to the flow in ηλ", series.iter().flat_map(|s| &s.points).map(|p| p.0));
    let y = Axis { label: String::new(), range: (-count + 0.5, 0.5), logarithmic: false };
    let caption = format!(
        "The claim and its wrong twins on the same runs ({name}): the distance to the flow of the claim vanishes with ηλ, to those of other constants it does not. The bounds are deterministic."
    );
    Some(Figure { name: "twins", caption, chart: Chart { rows, ..Chart::new(x, y, series) } })
}

fn constants(kept: &Kept) -> Option<Figure> {
    let mut rows = Vec::new();
    let mut known: Vec<(f64, f64)> = Vec::new();
    for claim in &kept.claims {
        let first = claim.pooled().into_iter().next();
        let Some(Pooled { theory: Some(theory), pooled, .. }) = first else { continue };
        if theory != 0.0 && pooled.half_width.is_finite() {
            rows.push(claim.id.to_string());
            known.push((pooled.value / theory, pooled.half_width / theory.abs()));
        }
    }
    if rows.is_empty() {
        return None;
    }
    let count = rows.len() as f64;
    let place = |k: usize| -(k as f64);
    let middles = known.iter().enumerate().map(|(k, (value, _))| (*value, place(k))).collect();
    let ends =
        known.iter().enumerate().flat_map(|(k, (value, half))| [(value - half, place(k)), (value + half, place(k))]);
    let series = vec![
        Series::new("theory", INK, Style::Dashes(3), vec![(1.0, -count + 0.5), (1.0, 0.5)]),
        Series::new("interval", PALETTE[0], Style::Intervals(4), ends.collect()),
        Series::new("estimate", PALETTE[1], Style::Dots(6), middles),
    ];
    let x = Axis::over("estimate over theory", series.iter().flat_map(|s| &s.points).map(|p| p.0));
    let y = Axis { label: String::new(), range: (-count + 0.5, 0.5), logarithmic: false };
    let caption = "The first constant of each claim that has one, as measured over as predicted, pooled over its instances, with deterministic bounds.".into();
    Some(Figure { name: "constants", caption, chart: Chart { rows, ..Chart::new(x, y, series) } })
}
