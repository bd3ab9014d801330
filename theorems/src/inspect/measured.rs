//! What is measured of a network: sharpness at a point, and the minimum that a descent reaches.

use std::sync::Arc;

use serde::Serialize;
use sharpflow::arithmetic::{Ball, Base, Quad, dot, norm};
use sharpflow::krylov::{KrylovOptions, LargestEigenpairs};
use sharpflow::loss::{Derivatives, Evaluator};
use sharpflow::minimizers::{Geometry, Minimizers, NumericMinimizers};
use sharpflow::network::{Network, NetworkError, NetworkLoss, SmallestSize};
use sharpflow::sharpness::{HessianKind, largest_sharpnesses};
use sharpflow::sphere::{Space, project};

use super::known;
use crate::instance::{LostDigits, Rejected, minimum as reached};

/// Factors of the weights at which the ordinary sharpness is shown.
const FACTORS: [f64; 3] = [0.5, 1.0, 2.0];

/// Loss and sharpness at a random point of the sphere.
#[derive(Clone, Debug, Serialize)]
pub struct PointReading {
    pub loss: f64,
    pub gradient_norm: f64,
    /// |⟨∇L(θ), θ⟩|/‖∇L(θ)‖: 0 up to rounding where the loss is scale-invariant.
    pub radial: f64,
    /// λ₁ and, if there is one, λ₂ of ∇²L(θ).
    #[serde(serialize_with = "known")]
    pub sharpness: Sharpness,
    /// The same of P∇²L(θ)P.
    #[serde(serialize_with = "known")]
    pub tangential: Sharpness,
    pub scaling: Vec<Scaling>,
    /// The normalization that loses digits, where some does.
    pub offset: Option<OffsetReading>,
}

/// A normalization that takes out a mean, and many digits with it.
#[derive(Clone, Debug, Serialize)]
pub struct OffsetReading {
    pub node: String,
    /// The mean in units of the size that is divided by.
    pub mean: f64,
}

/// The largest eigenvalues with their residuals, or why they are not known.
pub type Sharpness = Result<Vec<(f64, f64)>, String>;

/// The sharpness of cθ itself, and of its direction. Where the loss is scale-invariant the ordinary one is c⁻² times the other.
#[derive(Clone, Debug, Serialize)]
pub struct Scaling {
    pub factor: f64,
    pub ordinary: Option<f64>,
    pub spherical: Option<f64>,
}

/// Γ where a descent from the random point meets it.
#[derive(Clone, Debug, Serialize)]
pub struct MinimumReading {
    pub loss: f64,
    /// How far rounding may move the loss there: a smaller loss is 0 for all that is known.
    pub rounding: f64,
    pub rank: usize,
    pub manifold_dimension: usize,
    /// The normalization that divides by least there.
    pub smallest_size: Option<SizeReading>,
    /// λ₁, λ₂ and ‖∇_Γ log λ₁‖; or why λ₁ has no gradient there.
    #[serde(serialize_with = "known")]
    pub geometry: Result<[f64; 3], String>,
}

/// A normalization, the smallest size that it divides by, and the largest.
#[derive(Clone, Debug, Serialize)]
pub struct SizeReading {
    pub node: String,
    pub smallest: f64,
    pub largest: f64,
}

/// What is measured at a point, of length D. If the sharpness would take too long, `fits` has the reason, which stands in its place.
pub(super) fn at_point(
    network: &Network,
    loss: &NetworkLoss<f64>,
    theta: &[f64],
    seed: u64,
    fits: Result<(), String>,
) -> PointReading {
    let offset = LostDigits::at(network, loss, theta).map(|LostDigits { node, mean, .. }| OffsetReading { node, mean });
    let mut derivatives = Derivatives::new(loss);
    let (value, gradient) = derivatives.gradient(theta);
    let (value, gradient_norm, radial) = (value, norm(gradient), dot(gradient, theta).abs() / norm(gradient));
    if let Err(why) = fits {
        let (sharpness, tangential, scaling) = (Err(why.clone()), Err(why), vec![]);
        return PointReading { loss: value, gradient_norm, radial, sharpness, tangential, scaling, offset };
    }
    let options = KrylovOptions { pairs: theta.len().min(2), seed, ..KrylovOptions::default() };
    let mut of = |at: &[f64], kind| -> Sharpness {
        let found = largest_sharpnesses(&mut derivatives, at, kind, &options, None).map_err(|e| e.to_string())?;
        let LargestEigenpairs { pairs, converged, products } = found;
        if !converged {
            return Err(format!("not converged after {products} products"));
        }
        Ok(pairs.iter().map(|pair| (pair.value, pair.residual)).collect())
    };
    let mut scaling = Vec::new();
    for factor in FACTORS {
        let far: Vec<f64> = theta.iter().map(|t| factor * t).collect();
        let mut direction = far.clone();
        project(&mut direction);
        let mut top = |at: &[f64]| of(at, HessianKind::Euclidean).ok().and_then(|pairs| pairs.first().map(|p| p.0));
        let (ordinary, spherical) = (top(&far), top(&direction));
        scaling.push(Scaling { factor, ordinary, spherical });
    }
    PointReading {
        loss: value,
        gradient_norm,
        radial,
        sharpness: of(theta, HessianKind::Euclidean),
        tangential: of(theta, HessianKind::Tangential),
        scaling,
        offset,
    }
}

/// Γ where a descent from a point meets it.
pub(super) fn minimum(network: &Network, loss: &NetworkLoss<f64>, start: &[f64]) -> Result<MinimumReading, String> {
    let said = |error: sharpflow::minimizers::MinimizersError| error.to_string();
    let unread = |error: NetworkError| error.to_string();
    let point = reached(network, loss, start).map_err(|rejected| rejected.to_string())?;
    // Γ is that of the smooth piece on which the minimum lies.
    let piece = network.piece_at(&point).map_err(unread)?;
    let precise = Arc::new(NetworkLoss::<Quad>::new(&piece).map_err(unread)?);
    let loss = NetworkLoss::<f64>::new(&piece).map_err(unread)?;
    if let Some(lost) = LostDigits::at(&piece, &loss, &point).filter(LostDigits::are_half) {
        return Err(Rejected::LostDigits(lost).to_string());
    }
    let value = Derivatives::new(&loss).gradient(&point).0;
    let bounded = NetworkLoss::<Ball>::new(network).map_err(unread)?;
    let balls: Vec<Ball> = point.iter().map(|&x| Ball::from_f64(x)).collect();
    let rounding = Evaluator::<_, Ball>::new(&bounded).evaluate(&balls).0.radius;
    let mut minimizers = NumericMinimizers::through_precisely(&loss, precise, Space::Sphere, &point).map_err(said)?;
    let mut geometry = Geometry::new(point.len());
    let geometry = minimizers
        .geometry(&point, &mut geometry)
        .map_err(said)
        .map(|()| [geometry.sharpness, geometry.next_sharpness, geometry.log_gradient_square().sqrt()]);
    let (rank, manifold_dimension) = (minimizers.rank(), minimizers.manifold_dimension());
    let smallest_size = loss.smallest_size(&point).map(|SmallestSize { node, smallest, largest }| SizeReading {
        node: network.nodes()[node].name.clone(),
        smallest,
        largest,
    });
    Ok(MinimumReading { loss: value, rounding, rank, manifold_dimension, smallest_size, geometry })
}
