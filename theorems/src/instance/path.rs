//! The path predicted from a start, and how much of it runs can show.

use sharpflow::arithmetic::{distance, dot};
use sharpflow::descent::{EdgeConstants, EdgeStart};
use sharpflow::flow::{Flow, FlowConstants, integrate};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::minimizers::{EnergyLaw, Geometry, Minimizers, NumericMinimizers};

use crate::sensitivity::tells;

use super::{
    APART, Answer, FLOW_TOLERANCE, InstanceLoss, LARGEST_ENERGY, LARGEST_LR, LARGEST_STIFFNESS, LEAST_HORIZON, Limits,
    PLACES, Place, Plan, RUNGS, Rejected, START_ENERGY,
};

/// The part of the way to a kink that swings may take.
const INSIDE: f64 = 0.5;

/// The path predicted from a start, as far as it goes: a flow that fails is tried over half the horizon.
pub(super) fn path(loss: &InstanceLoss, rank: usize, start: &[f64], horizon: f64) -> Result<Vec<Place>, Rejected> {
    let law = FlowConstants::SHARPNESS_REDUCTION;
    let mut horizon = horizon;
    let flow = loop {
        match integrate(&mut loss.minimizers(rank), law, start, horizon, FLOW_TOLERANCE) {
            Ok(flow) => break flow,
            Err(_) if 0.5 * horizon >= LEAST_HORIZON => horizon *= 0.5,
            Err(error) => return Err(error.into()),
        }
    };
    places(loss, rank, &flow, horizon, PLACES)
}

pub(super) fn places(
    loss: &InstanceLoss,
    rank: usize,
    flow: &Flow<f64>,
    horizon: f64,
    count: usize,
) -> Result<Vec<Place>, Rejected> {
    let mut minimizers = loss.minimizers(rank);
    let mut laws = Laws::new(loss, rank);
    (0..count)
        .map(|k| {
            let tau = horizon * k as f64 / (count - 1) as f64;
            let mut point = vec![0.0; loss.dimension()];
            flow.at(tau, &mut point);
            let mut nearest = point.clone();
            minimizers.nearest(&point, &mut nearest)?;
            laws.place(&mut *minimizers, tau, nearest)
        })
        .collect()
}

/// A point of Γ as the only place of a path.
pub(super) fn place(loss: &InstanceLoss, rank: usize, point: &[f64]) -> Result<Place, Rejected> {
    Laws::new(loss, rank).place(&mut *loss.minimizers(rank), 0.0, point.to_vec())
}

/// The quantities at points of Γ that decide how an oscillation goes on, from the normal eigenpairs. For a regression these are those of the closed form.
struct Laws<'a> {
    loss: &'a InstanceLoss,
    numeric: NumericMinimizers<&'a InstanceLoss, f64>,
    derivatives: Derivatives<&'a InstanceLoss, f64>,
}

impl<'a> Laws<'a> {
    fn new(loss: &'a InstanceLoss, rank: usize) -> Self {
        Self { loss, numeric: loss.numeric_minimizers(rank), derivatives: Derivatives::new(loss) }
    }

    fn place(&mut self, minimizers: &mut dyn Minimizers<f64>, tau: f64, point: Vec<f64>) -> Result<Place, Rejected> {
        let mut geometry = Geometry::new(point.len());
        minimizers.geometry(&point, &mut geometry)?;
        let normal = match self.loss.regression() {
            Some(regression) => regression.minimizers.normal_eigenpairs(&point),
            None => self.numeric.normal_eigenpairs(&point)?,
        };
        let law = EnergyLaw::at(&mut self.derivatives, &self.loss.space(), &point, &normal);
        let mut third = vec![0.0; point.len()];
        self.derivatives.third_derivative(&point, &normal.vector(0), &mut third);
        let answer = |k: usize| {
            let (along, value, sharpness) = (dot(&third, &normal.vector(k)), normal.values[k], normal.values[0]);
            Answer { part: along * along / (sharpness * value), late: sharpness / value }
        };
        let answers = (0..normal.values.len()).map(answer).collect();
        let kink = self.loss.distance_to_kink(&point, &normal.vector(0));
        Ok(Place { tau, point, geometry, law, answers, kink })
    }
}

/// The ladder of a path, its horizon, the number of places up to which the hypotheses hold, and why they hold no further.
///
/// The ladder starts where the second-order centre −q h²_eq of δ is no larger than √(ηλ), which means 2ηλ|q|/K ≤ √(ηλ). Then the first order leads.
/// `proofs-notes/sharpness_reduction_flow.md` has the derivation.
fn reach(path: &[Place], limits: Limits) -> Result<(Vec<f64>, f64, usize, Option<Rejected>), Rejected> {
    let (mut best, mut top, mut grown) = (None, LARGEST_LR, 0.0);
    let highest = EdgeStart::at_energy(1.0, LARGEST_ENERGY, 0.0).kick;
    let rate = |place: &Place| EdgeConstants::GRADIENT_DESCENT.energy_rate(&place.law);
    let mut failure = None;
    for (k, place) in path.iter().enumerate() {
        let (tau, quartic) = (place.tau, place.law.quartic);
        let stiffness = place.geometry.edge_stiffness();
        let of_quartic = (stiffness / (2.0 * quartic)).powi(2);
        // |h| = kick·√(2ηλ/K) at most, and stays well inside the smooth piece.
        let of_kink = 0.5 * stiffness * (INSIDE * place.kink / highest).powi(2);
        top = top.min(of_quartic).min(of_kink);
        let bottom = top * 10f64.powf(-0.5 * f64::from(RUNGS - 1));
        // The path is followed to τ, but no further than the usual steps of its finest run reach, or the least horizon.
        let horizon = tau.min((limits.usual * bottom).max(LEAST_HORIZON));
        if k > 0 {
            grown += 0.5 * (tau - path[k - 1].tau) * (rate(place) + rate(&path[k - 1]));
        }
        // η̃λ₂ < 2 while η̃λ₁ swings up to 2 + 4√(ηλ), the window that runs are held to.
        let swing = 4.0 * top.sqrt();
        // The gap must be twice as large, because λ₂'s own oscillation joins in near the limit.
        let (gap, needed) = (place.geometry.relative_gap(), 2.0 * swing / (2.0 + swing));
        let energy = START_ENERGY * grown.exp();
        if !(bottom > 0.0 && limits.steps * bottom >= LEAST_HORIZON) {
            let (steps, limit) = (LEAST_HORIZON / bottom, limits.steps);
            failure = Some(if of_kink < of_quartic {
                Rejected::Kink { tau, distance: place.kink, top, steps, limit }
            } else {
                Rejected::TooSlow { quartic, top, steps, limit }
            });
        } else if !(gap > needed) {
            failure = Some(Rejected::Gap { tau, gap, needed, top });
        } else if limits.shows_four && !(place.geometry.edge_stiffness() <= LARGEST_STIFFNESS) {
            failure = Some(Rejected::Stiff { tau, stiffness: place.geometry.edge_stiffness() });
        } else if !(energy <= LARGEST_ENERGY) {
            failure = Some(Rejected::Growth { tau, energy, rate: rate(place) });
        }
        if failure.is_some() {
            break;
        }
        if horizon >= LEAST_HORIZON {
            best = Some((top, horizon, k + 1));
        }
    }
    match (best, failure) {
        (Some((top, horizon, places)), failure) => {
            let intrinsic_lrs = (0..RUNGS).map(|k| top * 10f64.powf(-0.5 * f64::from(k))).collect();
            let reached = if horizon < path[places - 1].tau { 0 } else { places };
            Ok((intrinsic_lrs, horizon, reached, failure))
        }
        (None, Some(failure)) => Err(failure),
        (None, None) => Err(Rejected::TooSlow { quartic: f64::NAN, top, steps: f64::NAN, limit: limits.steps }),
    }
}

/// The flows of 3 and 5 in place of the 4 must end farther from the law's than the finest runs swing, by the factor [`APART`]: data cannot
/// tell them apart on an instance where λ₁ falls so steeply along Γ that ‖G‖² hides the 4.
fn check_sensitivity(
    loss: &InstanceLoss,
    rank: usize,
    path: &[Place],
    horizon: f64,
    bottom: f64,
) -> Result<(), Rejected> {
    let law = FlowConstants::SHARPNESS_REDUCTION;
    let dimension = loss.dimension();
    let end = |offset: f64| -> Result<Vec<f64>, Rejected> {
        let constants = FlowConstants { offset, ..law };
        let flow = integrate(&mut loss.minimizers(rank), constants, &path[0].point, horizon, FLOW_TOLERANCE)?;
        let mut end = vec![0.0; dimension];
        flow.at(horizon, &mut end);
        Ok(end)
    };
    let swing = (2.0 * bottom / path[0].geometry.edge_stiffness()).sqrt();
    let (law, less, more) = (end(4.0)?, end(3.0)?, end(5.0)?);
    let apart = distance(&law, &less).min(distance(&law, &more));
    if tells(apart, APART * swing) { Ok(()) } else { Err(Rejected::Insensitive { apart, swing }) }
}

pub(super) fn worst_quartic(path: &[Place]) -> f64 {
    path.iter().map(|place| place.law.quartic).fold(0.0, |worst: f64, q| if q.abs() > worst.abs() { q } else { worst })
}

/// ∫₀^τ of a quantity of the energy law along a path. The quantity is linear between the path's places.
pub fn integral(path: &[Place], tau: f64, of: impl Fn(&EnergyLaw) -> f64) -> f64 {
    path.windows(2)
        .map(|pair| {
            let (from, to) = (pair[0].tau, pair[1].tau);
            let end = tau.clamp(from, to);
            let (first, last) = (of(&pair[0].law), of(&pair[1].law));
            let there = first + (last - first) * (end - from) / (to - from);
            0.5 * (end - from) * (first + there)
        })
        .sum()
}

/// ∫κ dτ along a whole path.
fn growth(path: &[Place]) -> f64 {
    integral(path, f64::INFINITY, |law| EdgeConstants::GRADIENT_DESCENT.energy_rate(law))
}

/// The path predicted from a start, and what is run along it.
pub(super) fn plan(
    loss: &InstanceLoss,
    rank: usize,
    start: &[f64],
    limits: Limits,
    notes: &mut Vec<String>,
) -> Result<(Vec<Place>, Plan), Rejected> {
    let followed = path(loss, rank, start, limits.horizon)?;
    let (intrinsic_lrs, horizon, reached, cut) = reach(&followed, limits)?;
    notes.extend(cut.map(|why| format!("cut at τ = {horizon:.3}: {why}")));
    let bottom = intrinsic_lrs[intrinsic_lrs.len() - 1];
    if limits.shows_four {
        check_sensitivity(loss, rank, &followed, horizon, bottom)?;
    }
    // The path is followed again, up to the horizon that is reached, if that is not the one asked for.
    let path = if reached == followed.len() { followed } else { path(loss, rank, start, horizon)? };
    let angle = loss.regression().map(|regression| regression.angle);
    let plan = Plan {
        angle,
        quartic: worst_quartic(&path),
        energy_growth: growth(&path),
        horizon,
        to_convergence: angle.is_some() && convergence_window(bottom).1 <= limits.usual * bottom,
        notes: notes.clone(),
        intrinsic_lrs,
    };
    Ok((path, plan))
}

/// The window of τ in which the start's part e^{−τ} tan φ(0) has fallen to the order √(ηλ) of the oscillation.
pub(crate) fn convergence_window(intrinsic_lr: f64) -> (f64, f64) {
    let from = -0.5 * intrinsic_lr.ln();
    (from, from + 0.25)
}
