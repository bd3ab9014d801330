use rayon::prelude::*;
use sharpflow::arithmetic::{apply, dot, norm};
use sharpflow::data::Dataset;
use sharpflow::descent::{EdgeStart, GradientDescent, every, run};
use sharpflow::flow::angle_at;
use sharpflow::loss::LinearRegression;
use sharpflow::measure::Tracker;

use crate::evidence::Table;
use crate::experiment::{Experiment, NotRun, Readers};
use crate::instance::{LEARNING_RATE, Prepared, Rejected, digits};
use crate::population::Population;
use crate::progress::Progress;

/// The training images are drawn by the seeds 0 to 19, whatever the study's own seed is. These seeds were fixed beforehand, like everything else here.
pub const SEEDS: u64 = 20;
/// ηλ and τ of the run with weight decay; the control takes as many steps.
const INTRINSIC_LR: f64 = 1e-5;
const HORIZON: f64 = 4.0;
/// The reading near τ = ½, where laws differ most.
const EARLY: usize = 2;
/// How fast a flow goes along the path: the law's, half of it, and twice.
pub const RATES: [f64; 3] = [1.0, 0.5, 2.0];
/// Readings between its ends.
const READINGS: u64 = 16;

/// The state at a step of a run.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// λ₁ at the nearest point of Γ.
    pub sharpness: f64,
    /// Mean squared error on the training images, relative to the targets' variance.
    pub training_error: f64,
    /// Mean squared error on the images held out (targets ±1).
    pub held_out_error: f64,
    /// The fraction of images held out whose sign is right.
    pub accuracy: f64,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Path {
    pub start: Ending,
    pub end: Ending,
    /// τ and the state there, ends included; without weight decay the τ of as many steps with it.
    pub along: Vec<(f64, Ending)>,
}

/// The digits from one seed, with weight decay and without, from the same start.
#[derive(Clone, Debug)]
pub struct SeedRecord {
    pub seed: u64,
    pub decay: Path,
    pub control: Path,
    /// What the flow predicts of the run with weight decay at τ = ½, and what flows at other rates would make of it: [`RATES`].
    pub predicted: [Ending; RATES.len()],
}

/// All seeds.
#[derive(Clone, Debug)]
pub struct HeldOutRecord {
    pub seeds: Vec<SeedRecord>,
}

impl Path {
    /// τ and the state at the reading near τ = ½.
    pub fn early(&self) -> Option<&(f64, Ending)> {
        self.along.get(EARLY)
    }
}

impl HeldOutRecord {
    /// Steps of all runs.
    pub fn steps() -> u64 {
        2 * SEEDS * (HORIZON / INTRINSIC_LR) as u64
    }
}

/// Both runs of one seed; `None` when stopped.
///
/// # Errors
/// The instance has no Γ to start at (or loses it).
pub fn held_out_run(seed: u64, progress: &Progress) -> Result<Option<SeedRecord>, Rejected> {
    let (name, split) = digits::split(seed)?;
    let prepared = Prepared::new(name, &split.training, digits::ANGLE, seed)?;
    let Prepared { loss, minimizers, start, geometry, .. } = &prepared;
    let edge = EdgeStart { intrinsic_lr: INTRINSIC_LR, kick: 1.0, edge_offset: 0.0 };
    let weights = edge.weights(start, geometry, LEARNING_RATE);
    let prediction = Prediction::new(&prepared, &split.training, &split.held_out);
    let path = |intrinsic_lr: f64| -> Result<Option<Path>, Rejected> {
        let mut descent = GradientDescent::new(loss, LEARNING_RATE, intrinsic_lr, &weights)?;
        let mut tracker = Tracker::new(minimizers.clone());
        let mut along = Vec::new();
        let steps = (HORIZON / INTRINSIC_LR) as u64;
        let mut failure = None;
        let whole =
            run(&mut descent, steps, every(steps / READINGS), progress.pulse(1), |step, weights, effective, seen| {
                let reading = tracker.read(weights, effective);
                let reading = reading.map_err(|error| failure = Some(error));
                let ending = reading.map(|reading| prediction.ending(weights, reading.sharpness, seen.loss));
                along.extend(ending.map(|ending| (step as f64 * INTRINSIC_LR, ending)));
                ending.is_ok()
            });
        if let Some(error) = failure {
            return Err(error.into());
        }
        match (whole, along.first(), along.last()) {
            (true, Some(&(_, start)), Some(&(_, end))) => Ok(Some(Path { start, end, along })),
            _ => Ok(None),
        }
    };
    let (Some(decay), Some(control)) = (path(INTRINSIC_LR)?, path(0.0)?) else {
        return Ok(None);
    };
    // The flow's point in closed form: tan φ(τ) = tan φ(0)e^{−τ}.
    let mut predicted = [decay.start; RATES.len()];
    let early = decay.early().map_or(f64::NAN, |(tau, _)| *tau);
    for (predicted, rate) in predicted.iter_mut().zip(RATES) {
        let point = minimizers.clone().at_angle(angle_at(digits::ANGLE, rate * early), start)?;
        let sharpness = geometry.sharpness * (digits::ANGLE.cos() / minimizers.angle(&point).cos()).powi(2);
        *predicted = prediction.ending(&point, sharpness, 0.0);
    }
    Ok(Some(SeedRecord { seed, decay, control, predicted }))
}

/// What the trained regression predicts for images that it has not seen: ȳ + ‖y‖·⟨x − x̄, w⟩/‖Xw‖. ȳ, ‖y‖, x̄ and X are those of the training images.
struct Prediction<'a> {
    loss: &'a LinearRegression<f64>,
    /// x − x̄ in the regression's coordinates, an image each.
    images: Vec<Vec<f64>>,
    targets: &'a [f64],
    target_mean: f64,
}

impl<'a> Prediction<'a> {
    fn new(prepared: &'a Prepared, training: &Dataset, held_out: &'a Dataset) -> Self {
        let (feature_means, target_mean) = training.means();
        let centred = |i: usize| -> Vec<f64> {
            feature_means.iter().enumerate().map(|(j, mean)| held_out.features[(i, j)] - mean).collect()
        };
        let images = (0..held_out.targets.len()).map(|i| prepared.coordinates(&centred(i))).collect();
        Self { loss: &prepared.loss, images, targets: &held_out.targets, target_mean }
    }

    fn ending(&self, weights: &[f64], sharpness: f64, training_loss: f64) -> Ending {
        let loss = self.loss;
        let mut output = vec![0.0; loss.targets().len()];
        apply(loss.features(), weights, &mut output);
        let gain = norm(loss.targets()) / norm(&output);
        let (mut error, mut right) = (0.0, 0);
        for (image, &target) in self.images.iter().zip(self.targets) {
            let predicted = self.target_mean + gain * dot(image, weights);
            error += (predicted - target).powi(2);
            right += usize::from(predicted * target > 0.0);
        }
        let images = self.targets.len() as f64;
        Ending {
            sharpness,
            training_error: training_loss / loss.target_variance(),
            held_out_error: error / images,
            accuracy: right as f64 / images,
        }
    }
}

/// Runs with and without weight decay on real data.
pub struct HeldOut;

impl Experiment for HeldOut {
    type On = Population;
    type Seen<'a> = &'a HeldOutRecord;
    const NAME: &'static str = "held-out error";
    const AT_THE_EDGE: bool = true;

    fn suits(population: &Population, _: &Population) -> bool {
        population.source.is_built_in()
    }

    fn steps(_: &Population) -> u64 {
        HeldOutRecord::steps()
    }

    fn run(
        _: &Population,
        _: &Population,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        let runs = (0..SEEDS).into_par_iter().map(|seed| held_out_run(seed, progress));
        let seeds: Option<Vec<_>> = runs.collect::<Result<Vec<_>, _>>()?.into_iter().collect();
        let record = HeldOutRecord { seeds: seeds.ok_or(NotRun::Stopped)? };
        claims.read(&record);
        Ok(tables(&record))
    }
}

/// The digits with weight decay and without.
fn tables(record: &HeldOutRecord) -> Vec<Table> {
    let columns = ["seed", "weight_decay", "tau", "sharpness_on_gamma", "training_error", "held_out_error", "accuracy"];
    let mut table = Table::new("held-out", "digits", &columns);
    for seed in &record.seeds {
        for (decay, path) in [(1.0, &seed.decay), (0.0, &seed.control)] {
            table.rows.extend(path.along.iter().map(|(tau, at)| {
                vec![seed.seed as f64, decay, *tau, at.sharpness, at.training_error, at.held_out_error, at.accuracy]
            }));
        }
    }
    vec![table]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the training images the prediction is the network's own output: its error is the training loss.
    #[test]
    fn on_its_training_images_the_prediction_errs_by_the_training_loss() {
        let (name, split) = digits::split(0).unwrap();
        let prepared = Prepared::new(name, &split.training, 0.4, 0).unwrap();
        let Prepared { loss, start, .. } = &prepared;
        let prediction = Prediction::new(&prepared, &split.training, &split.training);
        // Off Γ, so that the error is no rounding.
        let weights: Vec<f64> = start.iter().enumerate().map(|(j, w)| 3.0 * w + 0.3 * (j as f64).sin()).collect();
        let value = sharpflow::loss::Evaluator::<_, f64>::new(loss).evaluate(&weights).0;
        let ending = prediction.ending(&weights, 1.0, value);
        assert!(value > 1e-3);
        assert!((ending.held_out_error / value - 1.0).abs() < 1e-9, "{} {value}", ending.held_out_error);
        assert!((ending.training_error * loss.target_variance() / value - 1.0).abs() < 1e-12);
        // Targets are ±1 and errors below 1 in size leave the sign right.
        assert!(ending.accuracy > 1.0 - ending.held_out_error);
    }
}
