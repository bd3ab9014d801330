//! Linear regressions with batch normalization: their data, and a start on Γ.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use sharpflow::arithmetic::{Quad, dot};
use sharpflow::data::{DataError, Dataset, PrincipalComponents, Stream, generator};
use sharpflow::loss::{LinearRegression, Loss};
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers};
use sharpflow::sphere::project;

use super::{InstanceLoss, Regression, Rejected};

/// The digits instance, fixed beforehand: 3 against 8, 30 training images, started at 1.2 radians.
pub mod digits {
    use sharpflow::data::{Digits, DigitsSplit};

    use super::Rejected;

    pub const POSITIVE: u8 = 3;
    pub const NEGATIVE: u8 = 8;
    pub const TRAINING: usize = 30;
    pub const ANGLE: f64 = 1.2;

    /// The digits with their name, training images drawn by the seed.
    ///
    /// # Errors
    /// There is none in practice: the split is fixed.
    pub fn split(seed: u64) -> Result<(String, DigitsSplit), Rejected> {
        let images = Digits::pair(POSITIVE, NEGATIVE);
        Ok((format!("digits (seed {seed})"), images.split(TRAINING, seed)?))
    }
}

/// A linear regression in its principal components, with its Γ and a point of Γ to start at.
///
/// The loss depends only on Xw, and gradient descent does not depend on the choice of orthogonal axes. The coordinates are Vᵀw for the
/// range of Xᵀ, and one more for the kernel, along which the start lies. In these coordinates everything measured is the same but for
/// rounding, D is at most the number of samples, and a step costs O(D).
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The data set, as evidence names it.
    pub name: String,
    /// The loss in principal components.
    pub loss: LinearRegression<f64>,
    /// Γ.
    pub minimizers: LinearRegressionMinimizers<f64>,
    /// p(θ₀).
    pub start: Vec<f64>,
    /// λ₁, v₁ and G at the start.
    pub geometry: Geometry<f64>,
    /// What a user should know of these data, a line each.
    pub notes: Vec<String>,
    components: PrincipalComponents,
    /// The centred targets.
    targets: Vec<Quad>,
    /// The direction of the kernel, in the features' own coordinates, along which the start lies.
    kernel: Vec<f64>,
}

impl Prepared {
    /// Prepares a start at `angle` from the minimum-norm solution, towards a kernel direction drawn by the seed. If Γ is a single point,
    /// the start is the minimum-norm solution.
    ///
    /// # Errors
    /// Data without a regression; an angle off Γ; λ₁ not simple.
    pub fn new(name: String, data: &Dataset, angle: f64, seed: u64) -> Result<Self, Rejected> {
        let (components, targets) = data.principal_components().map_err(|error| match error {
            DataError::Rank(error) => Rejected::Minimizers(error.into()),
            error => Rejected::Data(error),
        })?;
        let loss = LinearRegression::<f64>::in_components(&components, &targets)?;
        let mut minimizers = LinearRegressionMinimizers::new(&loss)?;
        let mut generator = generator(seed, Stream::Direction);
        let towards: Vec<f64> = (0..data.features.ncols()).map(|_| StandardNormal.sample(&mut generator)).collect();
        let mut kernel = components.coordinates(&towards).1;
        project(&mut kernel);
        let start = match minimizers.manifold_dimension() {
            // Γ is a point.
            0 => minimizers.minimum_norm_direction().to_vec(),
            _ => {
                let mut axis = vec![0.0; loss.dimension()];
                axis[components.rank()] = 1.0;
                minimizers.at_angle(angle, &axis)?
            }
        };
        let mut geometry = Geometry::new(loss.dimension());
        minimizers.geometry(&start, &mut geometry)?;
        let mut notes = vec![];
        if !minimizers.interpolates() {
            let correlation = minimizers.correlation();
            notes.push(format!(
                "the fit does not interpolate (R = {correlation:.4}): Γ is where the loss is least, not 0"
            ));
        }
        if data.rests_on_last_digits(&components)? {
            notes.push(format!(
                "features nearly depend on each other: the smallest singular value of their columns, scaled to length 1, is {:.1e}; λ₁ rests on the last \
                 digits of the numbers, and is another if a program rounded them to 15 digits",
                components.smallest
            ));
        }
        Ok(Self { name, loss, minimizers, start, geometry, notes, components, targets, kernel })
    }

    /// The loss in both precisions, with Γ and the angle of its start.
    ///
    /// # Errors
    /// There is none in practice: the numbers made a loss before.
    pub fn instance_loss(&self, angle: f64) -> Result<InstanceLoss, DataError> {
        let precise = LinearRegression::in_components(&self.components, &self.targets)?.into();
        let (loss, minimizers) = (self.loss.clone(), self.minimizers.clone());
        let angle = if minimizers.manifold_dimension() == 0 { 0.0 } else { angle };
        Ok(InstanceLoss::Regression(Box::new(Regression { loss, precise, minimizers, angle })))
    }

    /// The coordinates of a centred sample. Their product with the coordinates of weights is the product of the sample and the weights.
    pub fn coordinates(&self, sample: &[f64]) -> Vec<f64> {
        let (mut coordinates, _) = self.components.coordinates(sample);
        coordinates.push(dot(sample, &self.kernel));
        coordinates.truncate(self.loss.dimension());
        coordinates
    }
}

/// A random data set with its name and an angle to start at: 8 to 16 normal samples, 2 to 8 more features than samples, an
/// angle of 0.8 to 1.25.
pub fn random(seed: u64) -> (String, Dataset, f64) {
    let mut generator = generator(seed, Stream::Shape);
    let n = generator.random_range(8..=16);
    let d = n + generator.random_range(2..=8);
    let angle = generator.random_range(0.8..1.25);
    (format!("random {n}×{d} (seed {seed})"), Dataset::random(n, d, seed), angle)
}
