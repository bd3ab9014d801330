use faer::Mat;
use rand_distr::{Distribution, StandardNormal};

use crate::data::{Dataset, Stream, generator};

/// A loss with a point of Γ from which an orbit starts at the edge of stability.
#[derive(Clone, Debug)]
pub enum OrbitStart {
    /// The 3-parameter loss, from cos²φ in (0, 1).
    Circle { cosine_square: f64 },
    /// A linear regression with batch normalization, from an angle to the minimum-norm solution towards a direction of the kernel. The doubles of the data set are exact.
    Regression { data: Box<Dataset>, angle: f64, towards: Vec<f64> },
}

impl OrbitStart {
    /// The 3-parameter loss from cos²φ = 0.93.
    pub fn circle() -> Self {
        Self::Circle { cosine_square: 0.93 }
    }

    /// Three samples with four features, from tan φ = 1.5 towards the part of (1, 1, 1, 1) in the kernel.
    pub fn small_regression() -> Self {
        let rows = [[9.0, 2.0, -1.0, -5.0], [-3.0, 2.0, 2.0, -5.0], [-6.0, -4.0, -1.0, 10.0]];
        let data = Dataset::new(Mat::from_fn(3, 4, |i, j| rows[i][j]), vec![6.0, -6.0, 0.0]);
        Self::Regression { data: Box::new(data), angle: 1.5f64.atan(), towards: vec![1.0; 4] }
    }

    /// D.
    pub(super) fn weights(&self) -> usize {
        match self {
            Self::Circle { .. } => 3,
            Self::Regression { data, .. } => data.features.ncols(),
        }
    }

    /// The doubles of a data set, from an angle towards a direction that is drawn by the seed.
    pub fn regression(data: &Dataset, angle: f64, seed: u64) -> Self {
        let mut generator = generator(seed, Stream::Direction);
        let towards = (0..data.features.ncols()).map(|_| StandardNormal.sample(&mut generator)).collect();
        let doubles = Dataset::new(data.features.clone(), data.targets.clone());
        Self::Regression { data: Box::new(doubles), angle, towards }
    }
}
