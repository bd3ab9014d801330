//! Whether the oscillation at the edge of stability dies out or grows.

use std::f64::consts::PI;

use sharpflow::descent::EdgeConstants;
use sharpflow::minimizers::EnergyLaw;

use crate::assumption::AT_THE_EDGE;
use crate::evidence::{Check, Constant, Measurement, Name, Rungs, Statement, Strength, Values};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{Energy, Growth, GrowthRecord, GrowthRun, Swung, name_on, of_growth};
use crate::instance::{Instance, Place};
use crate::sensitivity::{noticed, tells};
use crate::theorem::{BEYOND, Concerns, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "energy_law",
    title: "Energy law",
    strength: Strength::Beyond,
    statement: "The energy e of a swing obeys de/dτ = κ e r(e), r(e) = ⟨δ²⟩/(4ηλe) over one slow oscillation (1 for small swings, ⅔ for large ones), κ = (8C_b + 6‖G‖² + 4q)/K - 2⟨G, ∇_Γ‖G‖²⟩/K², K = 2C_b + ‖G‖², with C_b = 2 \
                and one step lasting ηλ for gradient descent, C_bη²/4 for scalar RMSprop: the oscillation dies out where κ < 0 and grows \
                where κ > 0; heavy-ball momentum adds 32μ/(1-μ)² to κ, one step lasting ηλ/(1-μ)",
    latex: r"\frac{1}{r(e)}\frac{d\log e}{d\tau}=\frac{8C_b+6\|G\|^2+4q}{K}-\frac{2\langle G,\nabla_\Gamma\|G\|^2\rangle}{K^2}+\frac{32\mu}{(1-\mu)^2}",
    hypotheses: AT_THE_EDGE,
    source: BEYOND,
    coefficients: Some("exact_energy_rate"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Growth>(judge)],
};

/// κ = (constant·C_b + square‖G‖² + quartic·q)/K − slope·⟨G, ∇_Γ‖G‖²⟩/K² + momentum·μ/(1−μ)^lag, K = offset·C_b + ‖G‖².
#[derive(Clone, Copy)]
struct Rate {
    constant: f64,
    square: f64,
    quartic: f64,
    slope: f64,
    offset: f64,
    /// In place of C_b.
    decay: Option<f64>,
    momentum: f64,
    lag: i32,
    sign: f64,
}

const LAW: Rate = Rate {
    constant: 8.0,
    square: 6.0,
    quartic: 4.0,
    slope: 2.0,
    offset: 2.0,
    decay: None,
    momentum: 32.0,
    lag: 2,
    sign: 1.0,
};

impl Rate {
    fn of(self, law: &EnergyLaw, optimizer: EdgeConstants) -> f64 {
        let (decay, momentum) = (self.decay.unwrap_or(optimizer.decay), optimizer.momentum);
        let stiffness = self.offset * decay + law.log_gradient_square;
        let sum = self.constant * decay + self.square * law.log_gradient_square + self.quartic * law.quartic;
        let of_momentum = self.momentum * momentum / (1.0 - momentum).powi(self.lag);
        self.sign * (sum / stiffness - self.slope * law.slope_along_gradient / (stiffness * stiffness) + of_momentum)
    }
}

const TWINS: [(&str, Rate); 16] = [
    ("-κ", Rate { sign: -1.0, ..LAW }),
    ("2κ", Rate { sign: 2.0, ..LAW }),
    ("4C_b for 8C_b", Rate { constant: 4.0, ..LAW }),
    ("12C_b for 8C_b", Rate { constant: 12.0, ..LAW }),
    ("3‖G‖² for 6‖G‖²", Rate { square: 3.0, ..LAW }),
    ("q left out", Rate { quartic: 0.0, ..LAW }),
    ("3q for 4q", Rate { quartic: 3.0, ..LAW }),
    ("⟨G, ∇‖G‖²⟩ left out", Rate { slope: 0.0, ..LAW }),
    ("+2⟨G, ∇‖G‖²⟩/K²", Rate { slope: -2.0, ..LAW }),
    ("K = C_b + ‖G‖²", Rate { offset: 1.0, ..LAW }),
    ("K = 4C_b + ‖G‖²", Rate { offset: 4.0, ..LAW }),
    ("C_b = 2", Rate { decay: Some(2.0), ..LAW }),
    ("32μ/(1-μ)² left out", Rate { momentum: 0.0, ..LAW }),
    ("24 for 32", Rate { momentum: 24.0, ..LAW }),
    ("32μ/(1-μ) for 32μ/(1-μ)²", Rate { lag: 1, ..LAW }),
    ("32μ/(1-μ)³ for 32μ/(1-μ)²", Rate { lag: 3, ..LAW }),
];

/// A twin is tried where its predicted change of R differs from the law's by at least this, which is known before the runs.
const TELLS: f64 = 0.3;

/// The coordinate of energies in which a law of large swings is one of small ones.
type Coordinate = fn(f64) -> f64;

fn law_of_all_swings(energy: f64) -> f64 {
    Energy::of(energy).coordinate()
}

/// r of other laws: r = 1, and r of another energy.
const COORDINATES: [(&str, Coordinate); 2] = [
    ("r = 1", f64::ln),
    // ∫de/(e r(4e)) is R(4e) up to a constant.
    ("r of four times the energy", |energy| law_of_all_swings(4.0 * energy)),
];

fn judge((instance, record): (&Instance, &GrowthRecord)) -> Judged {
    let skipped = |why| Err(NotJudged::Because(format!("{}: {why}", name_on(record.optimizer, instance))));
    if record.runs.is_empty() {
        return skipped("a ladder of small enough ε takes too long");
    }
    let (path, optimizer) = (&record.path, record.optimizer.constants());
    let end = path.last().map_or(f64::NAN, |place| place.tau);
    let predicted_by = |rate: Rate| Predicted::of(path, |law| rate.of(law, optimizer));
    let mut energies: Vec<f64> = record.rung(0).map(|run| run.start_energy).collect();
    energies.sort_by(f64::total_cmp);
    energies.dedup();
    let taper = |tau: f64| (PI * tau / end).sin().powi(2);
    // How far R − ∫κ dτ drifts over the window: that of a line through all readings.
    let drift = |run: &GrowthRun, rate: &Predicted, coordinate: Coordinate| {
        let points = run
            .readings
            .iter()
            .map(|&Swung { tau, energy, .. }| [taper(tau), tau, coordinate(energy) - rate.gain(tau)]);
        slope(points) * end
    };
    let law = predicted_by(LAW);
    let predicted = law.gain(end);
    // The error of ∫κ dτ is bounded by the change of the drift when only every second place is used. The error of the table of R is at most 10⁻⁵.
    let coarse: Vec<Place> = path.iter().step_by(2).cloned().collect();
    let coarse = Predicted::of(&coarse, |law| LAW.of(law, optimizer));
    let times = (0..=256).map(|k| end * f64::from(k) / 256.0);
    let of_places = slope(times.map(|tau| [taper(tau), tau, coarse.gain(tau) - law.gain(tau)])) * end;
    let error = of_places.abs() + 1e-5 * (1.0 + predicted.abs());
    let rungs = |energy: f64, of: &dyn Fn(&GrowthRun) -> f64| {
        Rungs::finest(|k| record.rung(k).filter(|run| run.start_energy == energy).map(of).collect()).known_to(error)
    };
    let follows = |what: Name, energy: f64, rate: Rate, coordinate: Coordinate| {
        let rate = predicted_by(rate);
        let values = rungs(energy, &|run| drift(run, &rate, coordinate));
        Statement { what, check: Check::Limit { values, expected: 0.0, apart: TELLS } }
    };
    let is_told = |rate: Rate| tells((predicted_by(rate).gain(end) - predicted).abs(), TELLS);
    let told: Vec<_> = TWINS.iter().filter(|(_, rate)| is_told(*rate)).collect();
    // The window must be long enough to tell κ from two of its twins at least.
    if told.len() < 2 {
        return skipped("log e moves too little to tell κ from its twins");
    }
    let least = energies[0];
    let mut twins: Vec<Statement> =
        told.into_iter().map(|&(what, rate)| follows(what.into(), least, rate, law_of_all_swings)).collect();
    for &energy in &energies {
        // What the law makes of the energy, and how far the coordinate of another law moves then.
        let reached = Energy::of(energy).after(predicted);
        let of_other = |coordinate: Coordinate| coordinate(reached) - coordinate(energy);
        let told = COORDINATES.iter().filter(|(_, other)| tells((of_other(*other) - predicted).abs(), TELLS));
        twins.extend(
            told.map(|&(what, other)| follows(format!("{what}, from e = {energy}").into(), energy, LAW, other)),
        );
    }
    let ratio = |run: &GrowthRun| 1.0 + drift(run, &law, law_of_all_swings) / predicted;
    let statement = |&energy: &f64| {
        follows(format!("drift of R(e) - ∫κ dτ, from e = {energy}").into(), energy, LAW, law_of_all_swings)
    };
    Ok(Measurement {
        instance: name_on(record.optimizer, instance),
        hypotheses: of_growth(instance, record),
        statements: energies.iter().map(statement).collect(),
        twins,
        constants: if predicted.abs() >= TELLS {
            let (values, apart) = (rungs(least, &ratio).known_to(error / predicted.abs()), TELLS / predicted.abs());
            let what = "growth of small swings, measured over predicted".into();
            vec![Constant { what, values: Values::Limit { values, theory: 1.0, apart } }]
        } else {
            vec![]
        },
        sensitivity: {
            let of = |name: &'static str, value: f64, rate: fn(f64) -> Rate| {
                noticed(name, value, move |x| follows("".into(), least, rate(x), law_of_all_swings).check)
            };
            let mut all = vec![
                of("8 of 8C_b", LAW.constant, |constant| Rate { constant, ..LAW }),
                of("6 of 6‖G‖²", LAW.square, |square| Rate { square, ..LAW }),
                of("4 of 4q", LAW.quartic, |quartic| Rate { quartic, ..LAW }),
                of("2 of 2⟨G, ∇_Γ‖G‖²⟩", LAW.slope, |slope| Rate { slope, ..LAW }),
                of("2 of K = 2C_b + ‖G‖²", LAW.offset, |offset| Rate { offset, ..LAW }),
            ];
            if optimizer.momentum > 0.0 {
                all.push(of("32 of 32μ/(1-μ)²", LAW.momentum, |momentum| Rate { momentum, ..LAW }));
            }
            all
        },
    })
}

/// ∫κ dτ along a path of evenly spaced places: cubics through four places are integrated from place to place, and the integral between two
/// places is the cubic with its values and slopes there.
struct Predicted {
    step: f64,
    rates: Vec<f64>,
    gains: Vec<f64>,
}

impl Predicted {
    fn of(path: &[Place], rate: impl Fn(&EnergyLaw) -> f64) -> Self {
        let rates: Vec<f64> = path.iter().map(|place| rate(&place.law)).collect();
        let last = rates.len() - 1;
        let step = path[last].tau / last as f64;
        let cell = |k: usize| {
            let f = |i: usize| rates[i];
            step * match (k.checked_sub(1), k + 2 <= last) {
                (Some(before), true) => (13.0 * (f(k) + f(k + 1)) - f(before) - f(k + 2)) / 24.0,
                (None, true) => (5.0 * f(0) + 8.0 * f(1) - f(2)) / 12.0,
                (Some(before), false) => (5.0 * f(last) + 8.0 * f(k) - f(before)) / 12.0,
                (None, false) => 0.5 * (f(0) + f(last)),
            }
        };
        let mut gains = vec![0.0];
        (0..last).for_each(|k| gains.push(gains[k] + cell(k)));
        Self { step, rates, gains }
    }

    fn gain(&self, tau: f64) -> f64 {
        let x = tau / self.step;
        let k = (x.max(0.0) as usize).min(self.rates.len() - 2);
        let t = x - k as f64;
        let rest = 1.0 - t;
        let values = (1.0 + 2.0 * t) * rest * rest * self.gains[k] + t * t * (3.0 - 2.0 * t) * self.gains[k + 1];
        values + self.step * t * rest * (rest * self.rates[k] - t * self.rates[k + 1])
    }
}

/// The slope of a line through points (weight, x, y), by least squares. With weights that go to 0 smoothly at both ends, what oscillates
/// within the n periods of a window moves the slope by n⁻³ of itself, where equal weights would let n⁻¹ through.
fn slope(points: impl Iterator<Item = [f64; 3]> + Clone) -> f64 {
    let sums = points.clone().fold([0.0; 3], |[n, x, y], [weight, a, b]| [n + weight, x + weight * a, y + weight * b]);
    let (x, y) = (sums[1] / sums[0], sums[2] / sums[0]);
    let (along, square) = points.fold((0.0, 0.0), |(along, square), [weight, a, b]| {
        (along + weight * (a - x) * (b - y), square + weight * (a - x).powi(2))
    });
    along / square
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharpflow::data::Dataset;

    /// Rates that are cubics of τ are integrated exactly within the path, and up to the end cells' fourth order elsewhere; a line has no drift
    /// but its own.
    #[test]
    fn a_rate_is_integrated_along_the_path() {
        let instance = Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap();
        let path: Vec<Place> = (0..=32)
            .map(|k| {
                let mut place = instance.path[0].clone();
                place.tau = f64::from(k) / 16.0;
                place.law.quartic = place.tau.exp();
                place
            })
            .collect();
        let predicted = Predicted::of(&path, |law| law.quartic);
        for tau in [0.0, 0.01, 0.0625, 0.8, 1.234, 1.99, 2.0] {
            assert!((predicted.gain(tau) - f64::exp_m1(tau)).abs() < 1e-5, "{tau}: {}", predicted.gain(tau));
        }
        let line = (0..50).map(|k| f64::from(k) / 49.0).map(|x| [(PI * x).sin().powi(2), x, 3.0 - 2.0 * x]);
        assert!((slope(line) + 2.0).abs() < 1e-12);
        // Five periods of a wave of size 1 leave less than a twentieth, of 0.36 that equal weights would.
        let wave =
            (0..500).map(|k| f64::from(k) / 499.0).map(|x| [(PI * x).sin().powi(2), x, (10.0 * PI * x + 0.3).sin()]);
        assert!(slope(wave).abs() < 0.05);
    }
}
