//! Whether the oscillation at the edge of stability dies out or grows.

use sharpflow::descent::EdgeConstants;
use sharpflow::measure::worst;
use sharpflow::minimizers::EnergyLaw;

use crate::evidence::{Check, Constant, Measurement, Statement, Strength};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{Growth, GrowthRecord, GrowthRun, PERIOD_READINGS, Swung, name_on, of_growth};
use crate::instance::{Instance, integral};
use crate::sensitivity::tells;
use crate::theorem::{BEYOND, Concerns, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "energy_law",
    title: "Energy law",
    strength: Strength::Beyond,
    statement: "The energy e of a small swing obeys de/dτ = κe, κ = (8C_b + 6‖G‖² + 4q)/K - 2⟨G, ∇_Γ‖G‖²⟩/K², K = 2C_b + ‖G‖², with C_b = 2 \
                and one step lasting ηλ for gradient descent, C_bη²/4 for scalar RMSprop: the oscillation dies out where κ < 0 and grows \
                where κ > 0; heavy-ball momentum adds 32μ/(1-μ)² to κ, one step lasting ηλ/(1-μ)",
    latex: r"\frac{d\log e}{d\tau}=\frac{8C_b+6\|G\|^2+4q}{K}-\frac{2\langle G,\nabla_\Gamma\|G\|^2\rangle}{K^2}+\frac{32\mu}{(1-\mu)^2}",
    hypotheses: &[
        "the loss is scale-invariant, Γ keeps its rank, λ₁ is simple",
        "the run stays near Γ and the edge, and its energy small",
        "|h| stays above rounding",
    ],
    source: BEYOND,
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

/// A twin is tried where its predicted change of log e differs from the law's by at least this, which is known before the runs.
const TELLS: f64 = 0.3;
/// How well the gain must be known: to half of `TELLS`, so that an interval cannot hold both the law's gain and the gain of a
/// twin.
const KNOWN: f64 = 0.5 * TELLS;
/// The factor by which an error of order ½ falls from one rung to the next, over half a decade.
const FALLS: f64 = 1.78;

fn judge((instance, record): (&Instance, &GrowthRecord)) -> Judged {
    let skipped = |why| Err(NotJudged::Because(format!("{}: {why}", name_on(record.optimizer, instance))));
    if record.runs.is_empty() {
        return skipped("a ladder of small enough ε takes too long");
    }
    let (path, optimizer) = (&record.path, record.optimizer.constants());
    let end = path.last().map_or(f64::NAN, |place| place.tau);
    let moved = |rate: Rate, tau: f64| integral(path, tau, |law| rate.of(law, optimizer));
    // The gain of log e from the first period to the last, as measured and as predicted by a rate.
    let gain = |run: &GrowthRun, rate: Rate| match (means(run).first(), means(run).last()) {
        (Some(&(from, first)), Some(&(to, last))) => (last - first, moved(rate, to) - moved(rate, from)),
        _ => (f64::NAN, f64::NAN),
    };
    let of_rung = |k: usize, of: &dyn Fn(&GrowthRun) -> f64| -> Vec<f64> { record.rung(k).map(of).collect() };
    let follows = |what: &'static str, rate: Rate| {
        let excess = |run: &GrowthRun| {
            let (gained, predicted) = gain(run, rate);
            gained - predicted
        };
        let average = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let values = of_rung(0, &excess);
        // The bias that the finest rung's ε leaves is less than three times the change from the rung before. If the error changes its
        // sign between these two rungs, the change from the second rung before shows the bias.
        let change = |k: usize| (average(&of_rung(k, &excess)) - average(&values)).abs();
        let bias = 3.0 * worst([change(1), change(2) / (1.0 + FALLS)]);
        Statement { what: what.into(), check: Check::Zero { values, bias, within: KNOWN } }
    };
    let is_told = |rate: Rate| tells((moved(rate, end) - moved(LAW, end)).abs(), TELLS);
    let predicted = moved(LAW, end);
    let told: Vec<_> = TWINS.iter().filter(|(_, rate)| is_told(*rate)).collect();
    let ratio = |run: &GrowthRun| {
        let (gained, predicted) = gain(run, LAW);
        gained / predicted
    };
    // The window must be long enough to tell κ from two of its twins at least.
    if told.len() < 2 {
        return skipped("log e moves too little to tell κ from its twins");
    }
    Ok(Measurement {
        instance: name_on(record.optimizer, instance),
        hypotheses: of_growth(instance, record),
        statements: vec![follows("log e gained over ∫κ dτ", LAW)],
        twins: told.into_iter().map(|&(what, rate)| follows(what, rate)).collect(),
        constants: if predicted.abs() >= TELLS {
            vec![Constant::of_rungs(
                "growth of log e, measured over predicted",
                1.0,
                of_rung(0, &ratio),
                &of_rung(1, &ratio),
            )]
        } else {
            vec![]
        },
    })
}

/// Means of log e over whole periods, with the τ of their middles.
fn means(run: &GrowthRun) -> Vec<(f64, f64)> {
    let mean = |period: &[Swung]| {
        let n = period.len() as f64;
        let log_energy = period.iter().map(|swung| swung.energy.ln()).sum::<f64>() / n;
        (period.iter().map(|swung| swung.tau).sum::<f64>() / n, log_energy)
    };
    run.readings.chunks_exact(PERIOD_READINGS).map(mean).collect()
}
