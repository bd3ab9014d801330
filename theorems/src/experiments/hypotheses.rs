//! Hypotheses that several experiments share, measured on their runs and along the predicted path.

use sharpflow::arithmetic::{Real, Rounding};
use sharpflow::dense::{DenseError, symmetric_eigen};
use sharpflow::descent::{EdgeConstants, EdgeStart};
use sharpflow::krylov::{KrylovError, KrylovOptions};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::measure::{Reading, slow_period, worst};
use sharpflow::minimizers::MinimizersError;
use sharpflow::sharpness::{HessianKind, largest_sharpnesses};

use crate::assumption::Assumption;
use crate::evidence::{Hypothesis, Name};
use crate::instance::{Instance, InstanceLoss, Place, Regression};

/// What the hypotheses of a run are measured on. `intrinsic_lr` is ε: how much of τ a step lasts.
pub(super) struct Watched {
    pub intrinsic_lr: f64,
    pub start: usize,
    /// u of the arithmetic it was made in.
    pub rounding: Rounding,
    pub readings: Vec<Reading>,
    pub failure: Option<MinimizersError>,
}

/// How far from Γ and from the edge a run may start, in units of √ε.
pub(super) struct Window {
    pub near: f64,
    pub edge: f64,
}

impl Window {
    /// Twice the swing of an energy.
    pub fn of_energy(energy: f64) -> Self {
        // |h| reaches kick·√(2ε/K), K ≥ 4, and |δ| reaches √(8εe).
        let highest = EdgeStart::at_energy(1.0, energy, 0.0).kick;
        Self { near: 2.0 * highest / 2f64.sqrt(), edge: 2.0 * (8.0 * energy).sqrt() }
    }

    /// The window of the same energy under another optimizer, for which K ≥ 2C_b.
    pub fn of(self, optimizer: EdgeConstants) -> Self {
        let factor = optimizer.swing_factor();
        Self { near: factor * self.near * (2.0 / optimizer.decay).sqrt(), edge: factor * self.edge }
    }
}

/// The hypotheses that every oscillation at the edge has: of each run's start, of its arithmetic, and of the predicted path.
pub(super) fn along(whose: &str, instance: &Instance, runs: &[Watched], window: Window) -> Vec<Hypothesis> {
    let Window { near, edge } = window;
    let at = |run: &Watched| format!("at ε = {:.1e}, start {}", run.intrinsic_lr, run.start);
    let start = |what: String, ratio: &dyn Fn(&Watched, &Reading) -> f64| {
        let of_run = |run: &Watched| run.readings.first().map_or(f64::NAN, |reading| ratio(run, reading));
        largest(Assumption::StartAtTheEdge, whose.to_owned() + &what, runs, of_run, at)
    };
    let failed: Vec<_> = runs.iter().filter_map(|run| Some((at(run), run.failure?))).collect();
    let dimension = instance.loss.dimension();
    let precise = match runs.iter().filter(|run| run.rounding.unit() < f64::UNIT_ROUNDOFF).count() {
        0 => String::new(),
        count => format!(" ({count} of {} runs in double-double)", runs.len()),
    };
    let sinks = |run: &Watched| {
        let noise = 1e3 * displacement_noise(run.rounding, dimension, run.intrinsic_lr);
        worst(run.readings.iter().map(|reading| noise / reading.displacement.abs()))
    };
    let coarsest = worst(runs.iter().map(|run| run.intrinsic_lr));
    let mut hypotheses = Vec::from(lost_runs(whose, &failed));
    hypotheses.extend([
        start(format!("the start is near Γ: ‖θ − p‖ over {near:.1}√ε"), &|run, reading| {
            reading.distance_to_manifold / (near * run.intrinsic_lr.sqrt())
        }),
        start(format!("the start is at the edge: |δ| over {edge:.1}√ε"), &|run, reading| {
            reading.edge_offset.abs() / (edge * run.intrinsic_lr.sqrt())
        }),
        // The window is twice as wide as the swing.
        simple_sharpness(whose, instance, 0.5 * edge * coarsest.sqrt()),
        largest(
            Assumption::AboveRounding,
            format!("{whose}|h| above rounding: its noise, a thousandfold, over |h|{precise}"),
            runs,
            sinks,
            at,
        ),
    ]);
    hypotheses
}

/// The hypothesis that λ₂ stays below the edge along the predicted path, δ being `offset` at most.
pub(super) fn simple_sharpness(whose: &str, instance: &Instance, offset: f64) -> Hypothesis {
    let second = |place: &Place| 0.5 * (2.0 + offset) * (1.0 - place.geometry.relative_gap());
    let what = format!("{whose}λ₁ is simple: λ₂ below the edge, on the predicted path");
    let at = |place: &Place| format!("at τ = {:.3}", place.tau);
    largest(Assumption::SimpleSharpness, what, &instance.path, second, at)
}

/// The hypotheses that every run can be read: it keeps a nearest point, and does not leave the smooth piece of a loss with kinks. `failed` has
/// the place and cause of each failure.
pub(super) fn lost_runs(whose: &str, failed: &[(String, MinimizersError)]) -> [Hypothesis; 2] {
    let of = |of, what: &str, is_it: fn(&MinimizersError) -> bool| {
        let mut of_kind = failed.iter().filter(|(_, error)| is_it(error)).peekable();
        let place = of_kind.peek().map_or(String::new(), |(place, error)| format!("{place}: {error}"));
        Hypothesis { of, what: (whose.to_owned() + what).into(), measured: of_kind.count() as f64, bound: 0.0, place }
    };
    let left = |error: &MinimizersError| matches!(error, MinimizersError::LeftDomain);
    let lost = |error: &MinimizersError| !matches!(error, MinimizersError::LeftDomain);
    [
        of(Assumption::NearestPoint, "every run keeps a nearest point on Γ", lost),
        of(Assumption::SmoothPiece, "no run crosses a kink of the loss", left),
    ]
}

/// Scale invariance where no run is kept to measure it along: at the places of the predicted path.
pub(super) fn invariance_hypothesis(instance: &Instance) -> Hypothesis {
    let radial = |place: &Place| instance.loss.radial_gradient(&place.point, place.geometry.sharpness);
    let what = "scale invariance: |⟨∇L(θ), θ⟩| over its rounding bound";
    largest(Assumption::ScaleInvariance, what, &instance.path, radial, |place: &Place| {
        format!("at τ = {:.3}", place.tau)
    })
}

/// The largest over some runs or places of measured/bound, and where it is met.
pub(super) fn largest<R>(
    of: Assumption,
    what: impl Into<Name>,
    all: &[R],
    ratio: impl Fn(&R) -> f64,
    place: impl Fn(&R) -> String,
) -> Hypothesis {
    let measured = worst(all.iter().map(&ratio));
    let at = all.iter().find(|one| ratio(one).total_cmp(&measured).is_eq());
    Hypothesis { of, what: what.into(), measured, bound: 1.0, place: at.map_or(String::new(), place) }
}

/// The rank of ∇²L along the predicted path, and λ₁ there by another route: on a regression all eigenvalues by derivatives alone,
/// on a network λ₁ by Hessian–vector products alone.
pub(super) fn rank_hypothesis(instance: &Instance) -> Hypothesis {
    let dimension = instance.loss.dimension();
    let mut hypothesis = Hypothesis {
        of: Assumption::ConstantRank,
        what: "constant rank, and λ₁ of the Hessian by another route, over its rounding bound".into(),
        measured: 0.0,
        bound: 1.0,
        place: format!("rank {} of {dimension}", instance.rank()),
    };
    let mut unit = vec![0.0; dimension];
    for place in instance.path.iter().step_by(4) {
        unit.copy_from_slice(&place.point);
        instance.loss.space().restrict(&mut unit);
        let measured = match &instance.loss {
            InstanceLoss::Regression(regression) => {
                of_derivatives(regression, instance, &unit, place).map_err(|e| e.to_string())
            }
            InstanceLoss::Network(_) => of_products(instance, &unit, place).map_err(|e| e.to_string()),
        };
        let (ratio, place) = match measured {
            Ok(ratio) => (ratio, format!("at τ = {:.3}", place.tau)),
            Err(error) => (f64::INFINITY, format!("at τ = {:.3}: {error}", place.tau)),
        };
        if !(ratio <= hypothesis.measured) {
            (hypothesis.measured, hypothesis.place) = (worst([ratio, hypothesis.measured]), place);
        }
    }
    hypothesis
}

/// All eigenvalues of ∇²L, by derivatives alone in double-double, against those of the closed form and zeros.
fn of_derivatives(
    regression: &Regression,
    instance: &Instance,
    point: &[f64],
    place: &Place,
) -> Result<f64, DenseError> {
    let hessian = instance.loss.precise_hessian(point);
    let found = symmetric_eigen(hessian.as_ref())?.values;
    let known = regression.minimizers.normal_eigenpairs(point).values;
    let others = known.iter().skip(1).copied().chain(std::iter::repeat(0.0));
    let expected = std::iter::once(place.geometry.sharpness).chain(others);
    let apart = worst(found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()));
    let conditioning = regression.loss.conditioning(point);
    // Entries of ∇²L are sums of terms of the size of `curvature`, with the relative error that the gradient would have in doubles, of which
    // p and the data are made.
    Ok(apart / (3.0 * conditioning.rounding * conditioning.condition))
}

/// Krylov's residual bounds the distance to an eigenvalue; dense eigenvalues of D×D err by D·u of the largest, and products by their own
/// rounding.
fn of_products(instance: &Instance, point: &[f64], place: &Place) -> Result<f64, KrylovError> {
    let mut derivatives = Derivatives::new(&instance.loss);
    // Dense eigenpairs would be compared with themselves.
    let options = KrylovOptions { pairs: 1, dense_up_to: 0, ..KrylovOptions::default() };
    let found = largest_sharpnesses(&mut derivatives, point, HessianKind::Euclidean, &options, None)?;
    let sharpness = place.geometry.sharpness;
    let Some(pair) = found.pairs.first().filter(|_| found.converged) else { return Ok(f64::INFINITY) };
    let rounding = 2.0 * Rounding::of::<f64>().of_dense(point.len()) + instance.loss.curvature_rounding(place);
    let bound = pair.residual + rounding * sharpness;
    Ok((pair.value - sharpness).abs() / bound)
}

/// What rounding makes of h: a random walk of D roundings a step over a slow period.
pub(super) fn displacement_noise(rounding: Rounding, dimension: usize, intrinsic_lr: f64) -> f64 {
    rounding.of_random_walk(dimension as f64 * slow_period(intrinsic_lr))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that crosses a kink breaks another hypothesis than one that loses its nearest point.
    #[test]
    fn lost_runs_are_told_apart() {
        let measured =
            |failed: &[(String, MinimizersError)]| lost_runs("", failed).map(|h| (h.of, h.measured, h.holds()));
        let (lost, left) = (MinimizersError::NoNearestPoint { cosine: -1.0 }, MinimizersError::LeftDomain);
        let of = |error| ("at".to_owned(), error);
        let [nearest, smooth] = measured(&[of(left), of(lost), of(left)]);
        assert_eq!(nearest, (Assumption::NearestPoint, 1.0, false));
        assert_eq!(smooth, (Assumption::SmoothPiece, 2.0, false));
        assert!(measured(&[]).iter().all(|(_, _, holds)| *holds));
    }
}
