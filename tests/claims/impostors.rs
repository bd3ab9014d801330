//! Dynamics that differ a little from gradient descent with weight decay, in its place. Each is named by the hypothesis that the steps are
//! gradient descent's, which says by how much they are not. And the laws refute each but one with that hypothesis set aside: the hidden momentum's swings sink into rounding, which is said. An ε in
//! a norm is refused before it runs, with its node (`networks.rs`).

use sharpflow::arithmetic::{Lanes, Scalar};
use sharpflow::data::Dataset;
use sharpflow::descent::{Descent, Seen};
use sharpflow::loss::Evaluator;
use sharpflow_theorems::assumption::Assumption;
use sharpflow_theorems::evidence::{InstanceEvidence, Measurement, Verdict};
use sharpflow_theorems::experiments::{Ladder, LadderRecord, Starts, SwingRecord, Swings};
use sharpflow_theorems::instance::{Instance, InstanceLoss, LEARNING_RATE, STARTS};
use sharpflow_theorems::progress::Progress;

use crate::judging::{self, decided};

/// What an impostor does otherwise.
#[derive(Clone, Copy, Debug)]
enum Otherwise {
    /// Nothing: the control.
    Honest,
    /// The gradient is 2/1.98 times as large, so that the edge lies at 1.98.
    Edge,
    /// Weight decay is 0.97 of what is said, and the drift along Γ with it.
    Drift,
    /// ‖w‖² grows by 1.02 η²‖∇L‖², so that the 4 of K is 2 % larger.
    Stiffness,
    /// Momentum of 0.02.
    Momentum,
    /// Weight decay is applied twice in every tenth step.
    Decay,
    /// A part of 10⁻³ of the gradient's length is added to it in a random direction.
    Noise,
}

struct Impostor<'a> {
    otherwise: Otherwise,
    evaluator: Evaluator<&'a InstanceLoss, Starts>,
    weights: Vec<Starts>,
    velocity: Vec<Starts>,
    intrinsic_lr: f64,
    steps: u64,
    random: u64,
}

fn lanes(x: f64) -> Starts {
    Lanes([x; STARTS])
}

fn square(v: &[Starts]) -> Starts {
    v.iter().fold(lanes(0.0), |sum, &x| sum + x * x)
}

impl<'a> Impostor<'a> {
    fn new(otherwise: Otherwise, instance: &'a Instance, intrinsic_lr: f64, weights: &[Starts]) -> Self {
        let velocity = vec![lanes(0.0); weights.len()];
        let evaluator = Evaluator::new(&instance.loss);
        Self { otherwise, evaluator, weights: weights.to_vec(), velocity, intrinsic_lr, steps: 0, random: 1 }
    }

    /// Uniform in (−1, 1), by a multiplicative congruence.
    fn draw(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

impl Descent<Starts> for Impostor<'_> {
    fn step(&mut self) -> Seen<Starts> {
        let (loss, gradient) = self.evaluator.evaluate(&self.weights);
        let mut gradient = gradient.to_vec();
        let length = square(&gradient);
        let mut decay = self.intrinsic_lr;
        match self.otherwise {
            Otherwise::Edge => gradient.iter_mut().for_each(|g| *g = *g * lanes(2.0 / 1.98)),
            Otherwise::Drift => decay *= 0.97,
            Otherwise::Decay if self.steps.is_multiple_of(10) => decay = 1.0 - (1.0 - decay).powi(2),
            Otherwise::Noise => {
                // Uniform numbers have the variance ⅓.
                let size = lanes(1e-3 * (3.0 / gradient.len() as f64).sqrt()) * length.sqrt();
                for g in &mut gradient {
                    *g = *g + size * lanes(self.draw());
                }
            }
            _ => {}
        }
        if let Otherwise::Momentum = self.otherwise {
            for (v, g) in self.velocity.iter_mut().zip(&mut gradient) {
                *v = lanes(0.02) * *v + *g;
                *g = *v;
            }
        }
        let before = square(&self.weights);
        for (w, &g) in self.weights.iter_mut().zip(&gradient) {
            *w = lanes(1.0 - decay) * *w - lanes(LEARNING_RATE) * g;
        }
        if let Otherwise::Stiffness = self.otherwise {
            let wanted = lanes((1.0 - decay).powi(2)) * before + lanes(1.02 * LEARNING_RATE.powi(2)) * length;
            let factor = (wanted / square(&self.weights)).sqrt();
            self.weights.iter_mut().for_each(|w| *w = *w * factor);
        }
        self.steps += 1;
        Seen { loss, gradient_square: length }
    }

    fn weights(&self) -> &[Starts] {
        &self.weights
    }

    fn effective_learning_rate(&self) -> Starts {
        lanes(LEARNING_RATE / (1.0 - self.intrinsic_lr)) / square(&self.weights)
    }
}

/// The claims that are read on ladders, and on short swings.
const ON_LADDERS: [&str; 6] =
    ["sharpness_reduction_flow", "pinning", "equilibrium_norm", "sharpness_decay", "period_two", "alignment"];
const ON_SWINGS: [&str; 3] = ["mean_square", "slow_period", "energy"];

fn measured(instance: &Instance, otherwise: Otherwise) -> Vec<(&'static str, Measurement)> {
    let descents = |intrinsic_lr: f64, weights: &[Starts]| {
        let impostor: Box<dyn Descent<Starts>> = Box::new(Impostor::new(otherwise, instance, intrinsic_lr, weights));
        Ok(impostor)
    };
    let progress = Progress::default();
    let ladder = LadderRecord::of(instance, &descents, &progress).unwrap();
    let swings = SwingRecord::of(instance, &descents, &progress).unwrap();
    let on_ladders = ON_LADDERS.map(|id| (id, judging::of::<Ladder>(id)((instance, &ladder)).unwrap()));
    let on_swings = ON_SWINGS.map(|id| (id, judging::of::<Swings>(id)((instance, &swings)).unwrap()));
    on_ladders.into_iter().chain(on_swings).collect()
}

fn regression() -> Instance {
    Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap()
}

/// The decisions without the hypothesis that steps are gradient descent's.
fn by_the_laws(all: &[(&'static str, Measurement)]) -> Vec<(&'static str, InstanceEvidence)> {
    let without = |measurement: &Measurement| {
        let mut without = measurement.clone();
        without.hypotheses.retain(|hypothesis| hypothesis.of != Assumption::GradientDescent);
        without
    };
    all.iter().map(|(id, measurement)| (*id, decided(without(measurement)))).collect()
}

/// Each impostor, by the least ratio of its steps' error to rounding that can be expected, and a claim that refutes it.
fn refuted(otherwise: Otherwise, least: f64, claims: &[&str]) {
    let instance = regression();
    let all = measured(&instance, otherwise);
    for (id, measurement) in all.iter().filter(|(id, _)| ON_LADDERS.contains(id)) {
        let evidence = decided(measurement.clone());
        assert_eq!(evidence.verdict, Verdict::HypothesisFailed, "{otherwise:?}: {id}");
        assert!(evidence.reason.starts_with("the first steps are gradient descent's"), "{}", evidence.reason);
        let found = measurement.hypotheses.iter().find(|h| h.of == Assumption::GradientDescent).unwrap();
        assert!(found.measured > least, "{otherwise:?}: {:e}", found.measured);
    }
    let found = by_the_laws(&all);
    for claim in claims {
        let (_, evidence) = found.iter().find(|(id, _)| id == claim).unwrap();
        assert_eq!(evidence.verdict, Verdict::Refuted, "{otherwise:?}: {claim}: {}", evidence.reason);
    }
    let is_caught = |verdict| matches!(verdict, Verdict::Refuted | Verdict::HypothesisFailed);
    assert!(found.iter().any(|(_, evidence)| is_caught(evidence.verdict)), "{otherwise:?}: {found:?}");
}

#[test]
fn an_honest_descent_is_confirmed() {
    let instance = regression();
    for (id, measurement) in measured(&instance, Otherwise::Honest) {
        let evidence = decided(measurement);
        assert_eq!(evidence.verdict, Verdict::Confirmed, "{id}: {}", evidence.reason);
    }
}

#[test]
fn an_edge_at_1_98_is_refuted() {
    refuted(Otherwise::Edge, 1e5, &["pinning", "equilibrium_norm"]);
}

#[test]
fn a_drift_of_0_97_is_refuted() {
    refuted(Otherwise::Drift, 1e5, &["sharpness_reduction_flow", "mean_square"]);
}

#[test]
fn a_stiffness_off_by_2_percent_is_refuted() {
    refuted(Otherwise::Stiffness, 1e3, &["mean_square"]);
}

#[test]
fn a_hidden_momentum_of_0_02_is_refuted() {
    // Momentum adds 32μ/(1−μ)² to κ, and moves the edge: swings start large and sink into rounding, which is a hypothesis of its own.
    refuted(Otherwise::Momentum, 1e5, &[]);
}

#[test]
fn weight_decay_applied_twice_in_every_tenth_step_is_refuted() {
    refuted(Otherwise::Decay, 1e5, &["sharpness_reduction_flow", "mean_square"]);
}

#[test]
fn noise_of_a_thousandth_in_the_gradient_is_refuted() {
    refuted(Otherwise::Noise, 1e5, &[]);
}
