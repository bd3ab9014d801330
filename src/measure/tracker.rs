use crate::arithmetic::{Float, distance};
use crate::minimizers::{Geometry, Minimizers, MinimizersError};

/// Where an iterate stands relative to Γ. λ₁, v₁, G and K are those of p, the nearest point of Γ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// λ₁(p).
    pub sharpness: f64,
    /// 1 − λ₂(p)/λ₁(p).
    pub relative_gap: f64,
    /// h = ⟨θ − p, v₁⟩.
    pub displacement: f64,
    /// δ = η̃λ₁(p) − 2.
    pub edge_offset: f64,
    /// ‖G‖².
    pub log_gradient_square: f64,
    /// ‖θ − p‖.
    pub distance_to_manifold: f64,
}

impl Reading {
    /// K = 4 + ‖G‖² of gradient descent.
    pub fn edge_stiffness(&self) -> f64 {
        4.0 + self.log_gradient_square
    }
}

/// Reads iterates against Γ, reusing its buffers.
pub struct Tracker<M, T> {
    minimizers: M,
    theta: Vec<T>,
    point: Vec<T>,
    geometry: Geometry<T>,
}

impl<T: Float, M: Minimizers<T>> Tracker<M, T> {
    /// Allocates the buffers.
    pub fn new(minimizers: M) -> Self {
        let dimension = minimizers.dimension();
        Self {
            theta: vec![T::from_f64(0.0); dimension],
            point: vec![T::from_f64(0.0); dimension],
            geometry: Geometry::new(dimension),
            minimizers,
        }
    }

    /// Reads weights w with effective learning rate η̃.
    ///
    /// # Errors
    /// There is no nearest point on Γ, or there are no eigenpairs at it.
    pub fn read(&mut self, weights: &[T], effective_learning_rate: f64) -> Result<Reading, MinimizersError> {
        if weights.iter().any(|w| !w.to_f64().is_finite()) {
            return Err(MinimizersError::LeftDomain);
        }
        self.theta.copy_from_slice(weights);
        self.minimizers.space().restrict(&mut self.theta);
        self.minimizers.nearest(&self.theta, &mut self.point)?;
        self.minimizers.geometry(&self.point, &mut self.geometry)?;
        let v = &self.geometry.direction;
        // v₁ is normal to Γ and p to v₁, but ⟨θ − p, v₁⟩ keeps its digits where ⟨θ, v₁⟩ − ⟨p, v₁⟩ does not.
        let zero = T::from_f64(0.0);
        let pairs = || self.theta.iter().zip(&self.point).map(|(&t, &p)| t - p);
        let along = pairs().zip(v).fold(zero, |sum, (gap, &v)| sum + gap * v);
        let sharpness = self.geometry.sharpness.to_f64();
        Ok(Reading {
            sharpness,
            relative_gap: self.geometry.relative_gap(),
            displacement: along.to_f64(),
            edge_offset: effective_learning_rate * sharpness - 2.0,
            log_gradient_square: self.geometry.log_gradient_square().to_f64(),
            distance_to_manifold: distance(&self.theta, &self.point).to_f64(),
        })
    }

    /// θ of the latest reading.
    pub fn theta(&self) -> &[T] {
        &self.theta
    }

    /// λ₁, v₁ and G of the latest reading.
    pub fn geometry(&self) -> &Geometry<T> {
        &self.geometry
    }

    /// p of the latest reading.
    pub fn point(&self) -> &[T] {
        &self.point
    }
}
