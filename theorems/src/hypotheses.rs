//! Hypotheses that several claims share, measured on their records.

use sharpflow::arithmetic::Real;
use sharpflow::dense::{DenseError, symmetric_eigen};
use sharpflow::descent::EdgeStart;
use sharpflow::enclosure::SphereBounds;
use sharpflow::identities::{Identity, Trials, Variant};
use sharpflow::krylov::{KrylovError, KrylovOptions};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::measure::{Reading, worst};
use sharpflow::minimizers::MinimizersError;
use sharpflow::sharpness::{HessianKind, largest_sharpnesses};
use sharpflow::sphere::Space;

use crate::evidence::{Check, Constant, Hypothesis, Measurement, Name, Statement};
use crate::instance::{Instance, InstanceLoss, Place, Regression, START_ENERGY};
use crate::records::{
    DEEP, Draw, Dynamics, DynamicsRecord, ENERGIES, GROWTH_ENERGY, GrowthRecord, GrowthRun, IdentityRecord,
    LadderRecord, OtherRun, Run, Scope, ShortRun, StableRecord, StableStep, SwingRecord, displacement_noise, slower,
};

/// Of the exact claims: the gradient is tangent and of degree −1.
pub(crate) fn of_steps(draws: &[Draw]) -> Hypothesis {
    Hypothesis {
        what: "scale invariance: tangent gradient of degree -1, over rounding".into(),
        measured: worst(draws.iter().map(Draw::invariance_ratio)),
        bound: 1.0,
        place: format!("worst of {} draws", draws.len()),
    }
}

/// What a record says of some identities: each must hold and each of their twins must fail, in the fields and in floats by itself.
pub fn of_identities(record: &IdentityRecord, identities: &[Identity]) -> Measurement {
    let exact = |agreed: bool| Check::Bound { ratios: vec![if agreed { 0.0 } else { DISAGREES }] };
    let (mut statements, mut twins, mut accidents) = (Vec::new(), Vec::new(), Vec::new());
    for &identity in identities {
        let variants = identity.variants();
        // A network with too many roots is tried in floats alone.
        for (k, trials) in record.fields.iter().flatten().enumerate() {
            let name = |variant: &Variant| format!("{} in prime field {}", variant.formula, k + 1).into();
            accidents.push(trials.log2_accident);
            for trial in trials.trials.iter().filter(|trial| trial.identity == identity) {
                let check = exact(trial.agreed == trials.points);
                statements.push(Statement { what: name(&variants[0]), check });
                let of_twins = variants[1..].iter().zip(&trial.twins_differed);
                let twin =
                    |(twin, &differed): (&Variant, &usize)| Statement { what: name(twin), check: exact(differed == 0) };
                twins.extend(of_twins.map(twin));
            }
        }
        // What both fields prove no float refutes: beyond its bound it says nothing.
        let agrees = |trials: &Trials| {
            let mut of_identity = trials.trials.iter().filter(|trial| trial.identity == identity);
            of_identity.all(|trial| trial.agreed == trials.points)
        };
        let is_proved = record.fields.as_ref().is_ok_and(|fields| fields.iter().all(agrees));
        for trial in record.floats.iter().filter(|trial| trial.identity == identity) {
            let largest = worst(trial.ratios.iter().copied());
            let check = if trial.variant == 0 && is_proved && largest > 1.0 {
                Check::Missing {
                    reason: format!("double-double differs by {largest:.1e} of its bound, prime fields do not"),
                }
            } else {
                Check::Bound { ratios: trial.ratios.clone() }
            };
            let what = format!("{} in double-double", variants[trial.variant].formula).into();
            let statement = Statement { what, check };
            if trial.variant == 0 { statements.push(statement) } else { twins.push(statement) }
        }
    }
    Measurement {
        instance: match &record.fields {
            Ok(_) => format!("{}, exactly and in double-double", record.architecture),
            Err(error) => format!("{}, in double-double (not exactly: {error})", record.architecture),
        },
        hypotheses: vec![Hypothesis {
            what: "scale invariance, proved by degrees".into(),
            measured: if record.proved { 0.0 } else { 1.0 },
            bound: 0.0,
            place: record.architecture.clone(),
        }],
        statements,
        twins,
        constants: match record.fields {
            Ok(_) => {
                let what = "log₂ of the chance that a false identity holds";
                vec![Constant { what: what.into(), theory: None, values: accidents, bias: 0.0 }]
            }
            Err(_) => vec![],
        },
    }
}

/// Over any bound: sides that are not equal.
const DISAGREES: f64 = 2.0;

/// The hypotheses of the flow, measured along every run of a record; bounds derived in
/// `proofs-notes/sharpness_reduction_flow.md`.
pub(crate) fn of_ladder(instance: &Instance, record: &LadderRecord) -> Vec<Hypothesis> {
    let runs = &record.runs;
    let failed = runs.iter().filter_map(|run| run.failure.map(|failure| (run, failure)));
    let place_of_failure = |(run, (tau, error)): (&Run, (f64, MinimizersError))| {
        format!("at ηλ = {:.1e}, start {}, τ = {tau:.3}: {error}", run.intrinsic_lr, run.start)
    };
    let at = |run: &Run| format!("at ηλ = {:.1e}, start {}", run.intrinsic_lr, run.start);
    let largest = |what: &'static str, ratio: &dyn Fn(&Run) -> f64| largest(what, runs, ratio, at);
    let highest = EdgeStart::at_energy(1.0, START_ENERGY, 0.0).kick;
    let mut hypotheses = vec![
        lost_runs("", failed.clone().count(), failed.clone().next().map(place_of_failure)),
        largest("scale invariance: |⟨∇L(θ), θ⟩| over its rounding bound", &|run| run.invariance),
        largest("bounded starting energy: e₀", &|run| run.energy),
        largest("near Γ: ‖θ − p‖ over twice the swing of the start's energy", &|run| {
            let swing = highest * (run.intrinsic_lr / 2.0).sqrt();
            run.oscillation.largest_distance / (2.0 * swing)
        }),
        largest("at the edge: |η̃λ₁ − 2| over 4√(ηλ)", &|run| {
            run.oscillation.largest_offset / (4.0 * run.intrinsic_lr.sqrt())
        }),
        largest("λ₁ is simple: η̃λ₂ over 2", &|run| {
            (2.0 + run.oscillation.largest_offset) * (1.0 - run.oscillation.least_gap) / 2.0
        }),
        largest("|h| above rounding: its noise, a thousandfold, over min |h|", &|run| {
            let noise = displacement_noise(f64::UNIT_ROUNDOFF, run.dimension, run.intrinsic_lr);
            1e3 * noise / run.oscillation.least_displacement
        }),
    ];
    hypotheses.push(rank_hypothesis(instance));
    hypotheses
}

/// The hypotheses of the slow oscillation, measured along short runs.
pub(crate) fn of_swings(instance: &Instance, record: &SwingRecord) -> Vec<Hypothesis> {
    let (deep, swings): (Vec<&ShortRun>, Vec<&ShortRun>) = record.swings.iter().partition(|run| run.energy == DEEP);
    let watched = |runs: Vec<&ShortRun>| -> Vec<Watched> { runs.into_iter().map(Watched::of_swing).collect() };
    let mut hypotheses = along("", instance, &watched(swings), Window::of_energy(LARGEST));
    if !deep.is_empty() {
        hypotheses.extend(along("deep swings, ", instance, &watched(deep), Window::of_energy(DEEP)));
    }
    hypotheses.extend([invariance_hypothesis(instance), rank_hypothesis(instance)]);
    hypotheses
}

/// The hypotheses of the energy law, measured along its runs.
pub(crate) fn of_growth(instance: &Instance, record: &GrowthRecord) -> Vec<Hypothesis> {
    let energy = |run: &GrowthRun| worst(run.readings.iter().map(|swung| swung.energy)) / (2.0 * GROWTH_ENERGY);
    let at = |run: &GrowthRun| format!("at ε = {:.1e}, start {}", run.rung, run.start);
    let watched = |run: &GrowthRun| Watched {
        rung: run.rung,
        start: run.start,
        unit_roundoff: f64::UNIT_ROUNDOFF,
        readings: run.readings.iter().map(|swung| swung.reading).collect(),
        failure: run.failure,
    };
    let runs: Vec<Watched> = record.runs.iter().map(watched).collect();
    let mut hypotheses = along("", instance, &runs, Window::of_energy(2.0 * GROWTH_ENERGY).of(record.dynamics));
    hypotheses.push(largest("small swings: e over twice the largest of a start", &record.runs, energy, at));
    hypotheses.extend([invariance_hypothesis(instance), rank_hypothesis(instance)]);
    hypotheses
}

/// The hypotheses of another dynamics, measured at its readings. Their window is that of an energy of 8
/// (`proofs-notes/heavy_ball.md`).
pub(crate) fn of_dynamics(instance: &Instance, record: &DynamicsRecord) -> Vec<Hypothesis> {
    let watched = |run: &OtherRun| Watched {
        rung: run.rung,
        start: run.start,
        unit_roundoff: f64::UNIT_ROUNDOFF,
        readings: run.readings.clone(),
        failure: run.failure,
    };
    let runs: Vec<Watched> = record.runs.iter().map(watched).collect();
    let swings: Vec<Watched> = record.swings.iter().map(Watched::of_swing).collect();
    let momentum = record.dynamics.momentum();
    let mut hypotheses = along("", instance, &runs, Window { near: 4.0, edge: 8.0 }.of(record.dynamics));
    if !swings.is_empty() {
        hypotheses.extend(along("swings, ", instance, &swings, Window::of_energy(ENERGIES[0]).under(momentum)));
    }
    hypotheses.push(rank_hypothesis(instance));
    if instance.loss.space() == Space::Sphere {
        hypotheses.push(invariance_hypothesis(instance));
    }
    hypotheses
}

/// What the hypotheses of a run are measured on. `rung` is its ε: ηλ, or what stands for it under other dynamics.
struct Watched {
    rung: f64,
    start: usize,
    /// u of the arithmetic it was made in.
    unit_roundoff: f64,
    readings: Vec<Reading>,
    failure: Option<MinimizersError>,
}

impl Watched {
    fn of_swing(run: &ShortRun) -> Self {
        let readings = run.readings.iter().map(|&(_, reading)| reading).collect();
        Self {
            rung: run.intrinsic_lr,
            start: run.start,
            unit_roundoff: run.unit_roundoff,
            readings,
            failure: run.failure,
        }
    }
}

/// How far from Γ and from the edge a run may be, in units of √ε.
struct Window {
    near: f64,
    edge: f64,
}

impl Window {
    /// Twice the swing of an energy.
    fn of_energy(energy: f64) -> Self {
        // |h| reaches kick·√(2ε/K), K ≥ 4, and |δ| reaches √(8εe).
        let highest = EdgeStart::at_energy(1.0, energy, 0.0).kick;
        Self { near: 2.0 * highest / 2f64.sqrt(), edge: 2.0 * (8.0 * energy).sqrt() }
    }

    /// That of the same energy of another dynamics, K ≥ 2C_b.
    fn of(self, dynamics: Dynamics) -> Self {
        let window = self.under(dynamics.momentum());
        Self { near: window.near * (2.0 / dynamics.decay()).sqrt(), ..window }
    }

    /// That of the same energy under momentum.
    fn under(self, momentum: f64) -> Self {
        let slower = slower(momentum);
        Self { near: slower * self.near, edge: slower * self.edge }
    }
}

/// The hypotheses that every oscillation at the edge has.
fn along(whose: &str, instance: &Instance, runs: &[Watched], window: Window) -> Vec<Hypothesis> {
    let Window { near, edge } = window;
    let at = |run: &Watched| format!("at ε = {:.1e}, start {}", run.rung, run.start);
    let largest = |what: String, ratio: &dyn Fn(&Watched, &Reading) -> f64| {
        let of_run = |run: &Watched| worst(run.readings.iter().map(|reading| ratio(run, reading)));
        largest(whose.to_owned() + &what, runs, of_run, at)
    };
    let lost = runs.iter().filter_map(|run| Some((run, run.failure?)));
    let dimension = instance.loss.dimension();
    let precise = match runs.iter().filter(|run| run.unit_roundoff < f64::UNIT_ROUNDOFF).count() {
        0 => String::new(),
        count => format!(" ({count} of {} runs in double-double)", runs.len()),
    };
    vec![
        lost_runs(whose, lost.clone().count(), lost.clone().next().map(|(run, error)| format!("{}: {error}", at(run)))),
        largest(format!("near Γ: ‖θ − p‖ over {near:.1}√ε"), &|run, reading| {
            reading.distance_to_manifold / (near * run.rung.sqrt())
        }),
        largest(format!("at the edge: |δ| over {edge:.1}√ε"), &|run, reading| {
            reading.edge_offset.abs() / (edge * run.rung.sqrt())
        }),
        largest("λ₁ is simple: λ₂ below the edge".into(), &|_, reading| {
            (2.0 + reading.edge_offset) * (1.0 - reading.relative_gap) / 2.0
        }),
        largest(format!("|h| above rounding: its noise, a thousandfold, over |h|{precise}"), &|run, reading| {
            1e3 * displacement_noise(run.unit_roundoff, dimension, run.rung) / reading.displacement.abs()
        }),
    ]
}

/// That no run lost its nearest point.
fn lost_runs(whose: &str, count: usize, first: Option<String>) -> Hypothesis {
    Hypothesis {
        what: (whose.to_owned() + "every run keeps a nearest point on Γ").into(),
        measured: count as f64,
        bound: 0.0,
        place: first.unwrap_or_default(),
    }
}

/// The hypotheses of the stable regime.
pub(crate) fn of_stable(records: &[StableRecord], scope: Scope) -> Vec<Hypothesis> {
    let at = |record: &StableRecord| record.name.clone();
    let invariance = "scale invariance: |⟨∇L(θ), θ⟩| over its rounding bound";
    let of_steps = |of: fn(&StableStep) -> f64| move |record: &StableRecord| worst(record.all_steps().map(of));
    let mut hypotheses = vec![largest(invariance, records, of_steps(|step| step.radial), at)];
    if scope == Scope::Path {
        let resolved = "ρ on the segments: the change of ∇²L between points, over a tenth of λ₁";
        hypotheses.push(largest(resolved, records, of_steps(|step| step.resolution), at));
    } else {
        let width = |record: &StableRecord| {
            let of = |bounds: &SphereBounds| bounds.sharpness.upper / bounds.sharpness.lower - 1.0;
            record.bounds.as_ref().map_or(f64::NAN, of) / ENCLOSED
        };
        hypotheses.push(largest("ρ on all of S: its enclosure's relative width over a twentieth", records, width, at));
    }
    hypotheses
}

/// How wide an enclosure of ρ may be, relatively.
const ENCLOSED: f64 = 0.05;

/// The hypotheses of a claim about points of Γ.
pub(crate) fn of_points(instance: &Instance) -> Vec<Hypothesis> {
    let (mut ratio, mut place) = (0.0, String::new());
    for point in &instance.path {
        let here = 1.0 - point.geometry.relative_gap();
        if here > ratio {
            (ratio, place) = (here, format!("at τ = {:.3}", point.tau));
        }
    }
    vec![
        Hypothesis { what: "λ₁ is simple: λ₂ over λ₁".into(), measured: ratio, bound: 0.999, place },
        invariance_hypothesis(instance),
        rank_hypothesis(instance),
    ]
}

/// The largest energy of short runs.
const LARGEST: f64 = ENERGIES[1];

/// Scale invariance where no run is kept to measure it along: at the places of the predicted path.
fn invariance_hypothesis(instance: &Instance) -> Hypothesis {
    let radial = |place: &Place| instance.loss.radial_gradient(&place.point, place.geometry.sharpness);
    let what = "scale invariance: |⟨∇L(θ), θ⟩| over its rounding bound";
    largest(what, &instance.path, radial, |place: &Place| format!("at τ = {:.3}", place.tau))
}

/// The largest over some runs or places of measured/bound, and where it is met.
fn largest<R>(what: impl Into<Name>, of: &[R], ratio: impl Fn(&R) -> f64, place: impl Fn(&R) -> String) -> Hypothesis {
    let measured = worst(of.iter().map(&ratio));
    let at = of.iter().find(|one| ratio(one).total_cmp(&measured).is_eq());
    Hypothesis { what: what.into(), measured, bound: 1.0, place: at.map_or(String::new(), place) }
}

/// The rank of ∇²L along the predicted path, and λ₁ there by another route: on a regression all eigenvalues by derivatives alone,
/// on a network λ₁ by Hessian–vector products alone.
fn rank_hypothesis(instance: &Instance) -> Hypothesis {
    let dimension = instance.loss.dimension();
    let mut hypothesis = Hypothesis {
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

/// Krylov's residual bounds the distance to an eigenvalue; dense eigenvalues of D×D err by D·u of the largest.
fn of_products(instance: &Instance, point: &[f64], place: &Place) -> Result<f64, KrylovError> {
    let mut derivatives = Derivatives::new(&instance.loss);
    let options = KrylovOptions { pairs: 1, ..KrylovOptions::default() };
    let found = largest_sharpnesses(&mut derivatives, point, HessianKind::Euclidean, &options, None)?;
    let sharpness = place.geometry.sharpness;
    let Some(pair) = found.pairs.first().filter(|_| found.converged) else { return Ok(f64::INFINITY) };
    let bound = pair.residual + 64.0 * point.len() as f64 * f64::EPSILON * sharpness;
    Ok((pair.value - sharpness).abs() / bound)
}
