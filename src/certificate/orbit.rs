use faer::Mat;
use thiserror::Error;

use super::start::OrbitStart;
use super::{CertificateError, FlowLine};
use crate::checker::{Ball, Loss, OrbitCertificate, OtherFlow, Proposed, Refused, SCHEMA, Stated, prove};
use crate::data::{DataError, Dataset};
use crate::dense::{DenseError, symmetric_eigen, thin_svd};
use crate::descent::{Descent, EdgeStart, GradientDescent, StepError};
use crate::flow::FlowConstants;
use crate::loss::{Derivatives, LinearRegression, Loss as AnyLoss};
use crate::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, MinimizersError, NumericMinimizers};
use crate::network::NetworkLoss;
use crate::network_file::zoo::find;

/// The most weights of an orbit that is certified: a step takes about 4D³ operations on intervals.
const MOST_WEIGHTS: usize = 64;
/// The most steps, and the most steps times D³. The latter are minutes.
const MOST_STEPS: f64 = 1e6;
const MOST_WORK: f64 = 2e10;
/// η.
const LEARNING_RATE: f64 = 1.0;

/// How often boxes are proposed again with more room, where the checker refuses one.
const ATTEMPTS: usize = 16;
/// Steps from one measurement of the third derivative to the next.
const THIRD_DERIVATIVES: usize = 64;

/// Why no certificate was found.
#[derive(Debug, Error)]
pub enum OrbitError {
    #[error("cos²φ = {0} does not lie between 0 and 1")]
    CosineSquare(f64),
    #[error("{weights} weights are too many to certify: {MOST_WEIGHTS} are the most")]
    Weights { weights: usize },
    #[error(
        "{steps:e} steps are not between 1 and the most that are certified, {most:e}; ηλ = 2^-{exponent} and τ = {horizon} ask for them"
    )]
    Steps { steps: f64, most: f64, exponent: u32, horizon: f64 },
    #[error("Γ is a single point, where no flow moves")]
    SinglePoint,
    #[error("the targets are not interpolated (R = {correlation:.4}): closed forms are known only where they are")]
    NoInterpolation { correlation: f64 },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Minimizers(#[from] MinimizersError),
    #[error(transparent)]
    Dense(#[from] DenseError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Enclosure(#[from] CertificateError),
    #[error("the checker proves no box that was proposed: {0}")]
    Refused(#[from] Refused),
    #[error("the built-in loss is not readable: {0}")]
    BuiltIn(String),
}

impl OrbitError {
    /// Whether the input is sound, and only the proof was not found.
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Enclosure(_))
    }
}

/// Proposes a certificate of the orbit at ηλ = 2^−`exponent` up to τ = `horizon`, and has it proved.
///
/// Everything is computed in doubles, and nothing here is trusted: [`prove`] decides. `others` are flows that the orbit is compared with; those that
/// are not proved to end more than √(ηλ) away are left out.
///
/// # Errors
/// A start that has no closed form; a size out of reach; boxes that cannot be proved.
pub fn find_certificate(
    start: &OrbitStart,
    exponent: u32,
    horizon: f64,
    others: &[FlowConstants],
    found_by: String,
) -> Result<OrbitCertificate, OrbitError> {
    let intrinsic_lr = 0.5f64.powi(exponent.min(1100) as i32);
    let steps = (horizon / intrinsic_lr).floor();
    let most = MOST_STEPS.min(MOST_WORK / (start.weights() as f64).powi(3)).floor();
    if !(1.0..=most).contains(&steps) {
        return Err(OrbitError::Steps { steps, most, exponent, horizon });
    }
    let steps = steps as usize;
    let edge = EdgeStart { intrinsic_lr, kick: 1.0, edge_offset: 0.0 };
    let (loss, line, orbit) = match start {
        OrbitStart::Circle { cosine_square } => circle(*cosine_square, &edge, steps)?,
        OrbitStart::Regression { data, angle, towards } => regression(data, (*angle, towards), &edge, steps)?,
    };
    let mut others = apart(&line, &orbit, intrinsic_lr, others)?;
    let places = places(&line, intrinsic_lr, steps)?;
    let mut certificate = OrbitCertificate {
        schema: SCHEMA.into(),
        found_by,
        loss,
        learning_rate: LEARNING_RATE,
        exponent,
        stated: Stated { distance: [0.0; 2], edge: [0.0; 2], mean_square: [0.0; 2] },
        others: vec![],
        boxes: vec![],
    };
    let mut room = Room { step: 64.0, jacobian: 4.0, place: 16.0 };
    let mut attempts = 1;
    loop {
        certificate.boxes = orbit.boxes(&room, &places);
        certificate.others = others.iter().map(|o| OtherFlow { place: room.around(o.place), ..*o }).collect();
        match prove(&certificate) {
            Ok(proved) => {
                let [distance, edge, mean_square] = [proved.distance, proved.edge, proved.mean_square].map(rounded);
                certificate.stated = Stated { distance, edge, mean_square };
                return Ok(certificate);
            }
            Err(refused) if attempts == ATTEMPTS => return Err(refused.into()),
            Err(Refused::Radius { given, needed, .. }) => room.step *= 4.0 * (needed / given).clamp(1.0, 1e6),
            Err(Refused::Stretch { .. }) => room.jacobian *= 4.0,
            Err(Refused::Place { .. }) => room.place *= 4.0,
            // The boxes are too wide to tell this flow, which is no reason to prove nothing.
            Err(Refused::Close { flow, .. }) => drop(others.remove(flow)),
            Err(refused) => return Err(refused.into()),
        }
        attempts += 1;
    }
}

/// A loss, the line of its flow, and an orbit of so many steps.
type Candidate = (Loss, FlowLine, Orbit);

fn circle(cosine_square: f64, edge: &EdgeStart, steps: usize) -> Result<Candidate, OrbitError> {
    if !(cosine_square > 0.0 && cosine_square < 1.0) {
        return Err(OrbitError::CosineSquare(cosine_square));
    }
    let point = [cosine_square.sqrt(), (1.0 - cosine_square).sqrt(), 0.0];
    let unreadable = |error: &dyn std::fmt::Display| OrbitError::BuiltIn(error.to_string());
    let architecture = find("circle").ok_or_else(|| unreadable(&"no such architecture"))?;
    let network = architecture.network(&[]).map_err(|error| unreadable(&error))?;
    let loss = NetworkLoss::with_constants(&network, |_| 0.0).map_err(|error| unreadable(&error))?;
    let mut geometry = Geometry::new(3);
    NumericMinimizers::through(&loss, &point)?.geometry(&point, &mut geometry)?;
    let weights = edge.weights(&point, &geometry, LEARNING_RATE);
    let line = FlowLine::on_circle([weights[0], weights[1], weights[2]])?;
    Ok((Loss::Circle {}, line, Orbit::new(&loss, LEARNING_RATE, edge.intrinsic_lr, &weights, steps)?))
}

fn regression(
    data: &Dataset,
    (angle, towards): (f64, &[f64]),
    edge: &EdgeStart,
    steps: usize,
) -> Result<Candidate, OrbitError> {
    let loss = LinearRegression::<f64>::new(data)?;
    if loss.features().ncols() > MOST_WEIGHTS {
        return Err(OrbitError::Weights { weights: loss.features().ncols() });
    }
    let mut minimizers = LinearRegressionMinimizers::new(&loss)?;
    if !minimizers.interpolates() {
        return Err(OrbitError::NoInterpolation { correlation: minimizers.correlation() });
    }
    if minimizers.manifold_dimension() == 0 {
        return Err(OrbitError::SinglePoint);
    }
    let point = minimizers.at_angle(angle, towards)?;
    let mut geometry = Geometry::new(point.len());
    minimizers.geometry(&point, &mut geometry)?;
    // The certificate's loss is 1 − cos∠(Xw, y), and this one is 2s² times as large.
    let factor = 2.0 * loss.target_variance();
    geometry.sharpness /= factor;
    let weights = edge.weights(&point, &geometry, LEARNING_RATE);
    let rows = rows(data);
    let line = FlowLine::of_regression(&rows, &data.targets, &weights)?;
    let proposed = proposed(&rows, &data.targets, &loss, &weights)?;
    let orbit = Orbit::new(&loss, LEARNING_RATE / factor, edge.intrinsic_lr, &weights, steps)?;
    Ok((Loss::Regression { rows, targets: data.targets.clone(), proposed }, line, orbit))
}

/// How much room boxes have beyond what doubles say.
struct Room {
    /// What a step misses, in units of rounding of ‖w‖.
    step: f64,
    /// What a Jacobian varies by in a ball, in units of what its derivatives say.
    jacobian: f64,
    /// What is not known of cos²φ, in units of rounding.
    place: f64,
}

impl Room {
    /// A pair of numbers in (0, 1), farther apart.
    fn around(&self, [low, high]: [f64; 2]) -> [f64; 2] {
        let room = self.place * f64::EPSILON;
        [low - room * low, high + room * (1.0 - high)]
    }
}

/// A statement of proved bounds that leaves room for another checker's roundings.
fn rounded([lower, upper]: [f64; 2]) -> [f64; 2] {
    let room = 1e-9 * upper.abs();
    [lower - room, upper + room]
}

fn rows(data: &Dataset) -> Vec<Vec<f64>> {
    let features = &data.features;
    (0..features.nrows()).map(|i| (0..features.ncols()).map(|j| features[(i, j)]).collect()).collect()
}

/// An orbit in doubles.
struct Orbit {
    centers: Vec<Vec<f64>>,
    /// Of each step, the largest sum of sizes in a row of its Jacobian.
    norms: Vec<f64>,
    /// ‖J_{t+1}J_t‖.
    products: Vec<f64>,
    /// How much J varies for each unit of a ball's radius.
    variations: Vec<f64>,
}

impl Orbit {
    fn new<L: AnyLoss<f64>>(
        loss: &L,
        learning_rate: f64,
        intrinsic_lr: f64,
        start: &[f64],
        steps: usize,
    ) -> Result<Self, OrbitError> {
        let mut descent = GradientDescent::new(loss, learning_rate, intrinsic_lr, start)?;
        let mut derivatives = Derivatives::new(loss);
        let (mut centers, mut norms, mut products) = (vec![start.to_vec()], vec![], vec![]);
        let (mut variation, mut variations) = (0.0, vec![]);
        let mut before: Option<Mat<f64>> = None;
        for step in 0..steps {
            if step % THIRD_DERIVATIVES == 0 {
                variation = learning_rate * third_derivative(&mut derivatives, descent.weights());
            }
            variations.push(variation);
            let hessian = derivatives.hessian(descent.weights());
            let entry = |i: usize, j: usize| {
                let shrinkage = if i == j { 1.0 - intrinsic_lr } else { 0.0 };
                shrinkage - learning_rate * hessian[(i, j)]
            };
            let jacobian = Mat::from_fn(start.len(), start.len(), entry);
            let row = |i: usize| (0..start.len()).map(|j| jacobian[(i, j)].abs()).sum::<f64>();
            norms.push((0..start.len()).map(row).fold(0.0, f64::max));
            if let Some(before) = &before {
                let product = &jacobian * before;
                products.push(thin_svd(product.as_ref())?.values[0]);
            }
            before = Some(jacobian);
            descent.step();
            centers.push(descent.weights().to_vec());
        }
        Ok(Self { centers, norms, products, variations })
    }

    /// Balls around the centres.
    fn boxes(&self, room: &Room, places: &[[f64; 2]]) -> Vec<Ball> {
        let mut boxes: Vec<Ball> = Vec::with_capacity(self.centers.len());
        let mut missed = 0.0;
        for (step, (centre, &place)) in self.centers.iter().zip(places).enumerate() {
            let error = room.step * f64::EPSILON * length(centre);
            let (mut radius, mut stretch) = (0.0, None);
            if let Some(last) = boxes.last() {
                let varies = room.jacobian * self.variations[step - 1] * last.radius;
                let norm = (self.norms[step - 1] + varies) * (1.0 + 1e-12);
                radius = norm * last.radius + error;
                if let Some(earlier) = step.checked_sub(2) {
                    let earlier_varies = room.jacobian * self.variations[earlier] * boxes[earlier].radius;
                    let product =
                        (self.products[earlier] + norm * earlier_varies + self.norms[earlier] * varies) * (1.0 + 1e-11);
                    let by_two = product * boxes[earlier].radius + norm * missed + error;
                    if by_two < radius {
                        (radius, stretch) = (by_two, Some(product));
                    }
                }
                missed = error;
            }
            boxes.push(Ball { centre: centre.clone(), radius, stretch, place: room.around(place) });
        }
        boxes
    }
}

fn length(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Σ_k |∂_k∇²L| by differences, and the Frobenius norm of this matrix.
fn third_derivative<L: AnyLoss<f64>>(derivatives: &mut Derivatives<L, f64>, w: &[f64]) -> f64 {
    let mut sizes = Mat::<f64>::zeros(w.len(), w.len());
    let apart = 1e-4 * length(w);
    for k in 0..w.len() {
        let mut at = |side: f64| {
            let mut moved = w.to_vec();
            moved[k] += side * apart;
            derivatives.hessian(&moved)
        };
        let change = at(1.0) - at(-1.0);
        sizes = Mat::from_fn(w.len(), w.len(), |i, j| sizes[(i, j)] + change[(i, j)].abs() / (2.0 * apart));
    }
    sizes.norm_l2()
}

/// Bounds of cos²φ along the theory's flow at every step.
fn places(line: &FlowLine, intrinsic_lr: f64, steps: usize) -> Result<Vec<[f64; 2]>, CertificateError> {
    let mut near = line.start().middle();
    let place = |step: usize| {
        let place = line.place(FlowConstants::SHARPNESS_REDUCTION, step as f64 * intrinsic_lr, near)?;
        near = place.middle();
        Ok([place.lower, place.upper])
    };
    (0..=steps).map(place).collect()
}

/// The other flows that end more than √(ηλ) away from the orbit, with their last step.
fn apart(
    line: &FlowLine,
    orbit: &Orbit,
    intrinsic_lr: f64,
    others: &[FlowConstants],
) -> Result<Vec<OtherFlow>, CertificateError> {
    let step = orbit.centers.len() - 1;
    let last = &orbit.centers[step];
    let size = length(last);
    let mut found = vec![];
    for &flow in others {
        let place = line.place(flow, step as f64 * intrinsic_lr, line.start().middle())?;
        let away = last.iter().zip(line.at(place)).map(|(w, z)| (w / size - z.middle()).powi(2)).sum::<f64>().sqrt();
        if away > 1.01 * intrinsic_lr.sqrt() {
            let FlowConstants { numerator, offset, slope } = flow;
            found.push(OtherFlow { numerator, offset, slope, step, place: [place.lower, place.upper] });
        }
    }
    Ok(found)
}

/// What is proposed about a regression, in doubles.
fn proposed(
    rows: &[Vec<f64>],
    targets: &[f64],
    loss: &LinearRegression<f64>,
    start: &[f64],
) -> Result<Proposed, OrbitError> {
    let (n, d) = (rows.len(), start.len());
    let differences = Mat::from_fn(n - 1, d, |i, j| rows[i][j] - rows[n - 1][j]);
    let wanted: Vec<f64> = (0..n - 1).map(|i| targets[i] - targets[n - 1]).collect();
    let images: Vec<f64> = (0..n - 1).map(|i| (0..d).map(|j| differences[(i, j)] * start[j]).sum()).collect();
    let gram = symmetric_eigen((&differences * differences.transpose()).as_ref())?;
    let solved = |b: &[f64]| -> Vec<f64> {
        let parts: Vec<f64> =
            (0..n - 1).map(|k| (0..n - 1).map(|i| gram.vectors[(i, k)] * b[i]).sum::<f64>() / gram.values[k]).collect();
        (0..n - 1).map(|i| (0..n - 1).map(|k| gram.vectors[(i, k)] * parts[k]).sum()).collect()
    };
    let features = loss.features();
    let size = length(loss.targets());
    let unit = Mat::from_fn(n, 1, |i, _| loss.targets()[i] / size);
    let across = features - &unit * (unit.transpose() * features);
    let curvature = symmetric_eigen((across.transpose() * &across).as_ref())?;
    let [first, second] = [0, 1].map(|k| curvature.values.get(k).copied().unwrap_or(0.0));
    Ok(Proposed {
        least: solved(&wanted),
        seen: solved(&images),
        floor: 0.5 * gram.values[n - 2],
        top: curvature.vector(0),
        largest: first * (1.0 + 1e-11),
        second: second.max(0.0) + 0.01 * (first - second),
    })
}
