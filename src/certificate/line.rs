use faer::Mat;

use super::CertificateError;
use crate::arithmetic::{Base, Enclosure, Scalar, dot, norm};
use crate::enclosure::largest_eigenpair;
use crate::flow::FlowConstants;

/// A line of the flow dζ/dτ = −aG/(b + c‖G‖²) in closed form, on a Γ where G leads along an arc.
///
/// With φ the angle to one end of the arc and C = cos²φ, the point is ζ = √C·u + √(1−C)·v, u and v being unit vectors at right angles. Along the line τ = F(C) − F(C₀),
/// where F is made of logarithms and is monotone in C (`proofs-notes/certified_tracking.md`).
#[derive(Clone, Debug)]
pub struct FlowLine {
    kind: Kind,
    along: Vec<Enclosure>,
    across: Vec<Enclosure>,
    /// v₁ up to its sign, which is the same all over Γ.
    top: Vec<Enclosure>,
    start: Enclosure,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// z²(r² + 20x²)/(2r⁴), and more of z³ and z⁴: Γ is the circle z = 0, φ the angle to the x-axis, λ₁ = 1 + 20C.
    Circle,
    /// Batch-normalized linear regression: φ is the angle to the minimum-norm solution, and λ₁ = `least`/C.
    Regression { least: Enclosure },
}

impl FlowLine {
    /// The line on the circle of the 3-parameter loss, from the point nearest to w = (x, y, z).
    ///
    /// # Errors
    /// x or y is 0, where the flow stands still.
    pub fn on_circle([x, y, z]: [f64; 3]) -> Result<Self, CertificateError> {
        if x == 0.0 || y == 0.0 {
            return Err(CertificateError::OtherSide);
        }
        let unit = |place: usize, sign: f64| (0..3).map(|k| number(if k == place { sign } else { 0.0 })).collect();
        let (along, across, top) = (unit(0, x.signum()), unit(1, y.signum()), unit(2, 1.0));
        Self { kind: Kind::Circle, along, across, top, start: number(0.0) }.starting_nearest(&[x, y, z])
    }

    /// The line of a regression with n samples and D features that interpolates its targets up to offset and scale, from the point nearest to w. The rows of X and
    /// the targets are exact. Differences of samples must be linearly independent, so that n ≤ D.
    ///
    /// # Errors
    /// Differences that are not proved independent; λ₁ that is not proved simple; w on the other side of Γ.
    pub fn of_regression(rows: &[Vec<f64>], targets: &[f64], weights: &[f64]) -> Result<Self, CertificateError> {
        let (Some((last, others)), Some((&target, before))) = (rows.split_last(), targets.split_last()) else {
            return Err(CertificateError::Dependent { pivot: 0 });
        };
        // Γ depends on differences of samples alone: Aw = cb, c > 0.
        let differences: Vec<Vec<Enclosure>> =
            others.iter().map(|row| row.iter().zip(last).map(|(&x, &y)| number(x) - number(y)).collect()).collect();
        let wanted: Vec<Enclosure> = before.iter().map(|&y| number(y) - number(target)).collect();
        let enclosed: Vec<Enclosure> = weights.iter().map(|&w| number(w)).collect();
        let images = differences.iter().map(|row| dot(row, &enclosed)).collect();
        let [least, seen] = within_rows(&differences, [wanted, images])?;
        let kernel: Vec<Enclosure> = enclosed.iter().zip(&seen).map(|(&w, &s)| w - s).collect();
        let (curvature, top) = curvature(rows, targets)?;
        let kind = Kind::Regression { least: curvature * dot(&least, &least) };
        Self { kind, along: unit(&least), across: unit(&kernel), top, start: number(0.0) }.starting_nearest(weights)
    }

    /// The line from the point nearest to w.
    fn starting_nearest(self, weights: &[f64]) -> Result<Self, CertificateError> {
        let weights: Vec<Enclosure> = weights.iter().map(|&w| number(w)).collect();
        Ok(Self { start: self.nearest(&weights)?, ..self })
    }

    /// C at the point of Γ nearest to w. It is enclosed for every w on an orbit of gradient descent with weight decay from the start: on a regression the part of w in
    /// ker A keeps its direction.
    ///
    /// # Errors
    /// w is not proved to lie on the side of the minimizers of a regression.
    pub fn nearest(&self, w: &[Enclosure]) -> Result<Enclosure, CertificateError> {
        let (up, aside) = (dot(w, &self.along), dot(w, &self.across));
        if matches!(self.kind, Kind::Regression { .. }) && !(up.lower > 0.0) {
            return Err(CertificateError::OtherSide);
        }
        // Each C is at most 1, although the quotient's two ends know nothing of each other.
        let ratio = (aside / up).absolute();
        let one = number(1.0);
        Ok((one / (one + ratio * ratio)).both(Enclosure::new(0.0, 1.0)))
    }

    /// λ₁ at a place of Γ.
    pub fn sharpness(&self, cosine_square: Enclosure) -> Enclosure {
        match self.kind {
            Kind::Circle => number(1.0) + number(20.0) * cosine_square,
            Kind::Regression { least } => least / cosine_square,
        }
    }

    /// ‖G‖² at a place of Γ, G = ∇_Γ log λ₁.
    pub fn log_gradient_square(&self, cosine_square: Enclosure) -> Enclosure {
        let sine_square = number(1.0) - cosine_square;
        match self.kind {
            Kind::Circle => {
                let sharpness = self.sharpness(cosine_square);
                number(1600.0) * cosine_square * sine_square / (sharpness * sharpness)
            }
            Kind::Regression { .. } => number(4.0) * sine_square / cosine_square,
        }
    }

    /// h = ⟨θ − p, v₁⟩ up to its sign: v₁ is orthogonal to every p.
    pub fn displacement(&self, theta: &[Enclosure]) -> Enclosure {
        dot(theta, &self.top)
    }

    /// C at the start.
    pub fn start(&self) -> Enclosure {
        self.start
    }

    /// ζ where cos²φ = C ∈ [0, 1].
    pub fn at(&self, cosine_square: Enclosure) -> Vec<Enclosure> {
        let (up, aside) = (cosine_square.sqrt(), (number(1.0) - cosine_square).sqrt());
        self.along.iter().zip(&self.across).map(|(&u, &v)| up * u + aside * v).collect()
    }

    /// An enclosure of C at a time τ ≥ 0; `near` is a guess.
    ///
    /// # Errors
    /// No interval is proved to hold it.
    pub fn place(&self, flow: FlowConstants, tau: f64, near: f64) -> Result<Enclosure, CertificateError> {
        let lost = CertificateError::Flow { tau };
        let wanted = self.time(flow, self.start) + number(tau);
        let target = wanted.middle();
        let mut guess = near;
        for _ in 0..NEWTON {
            let next = guess - (self.time(flow, number(guess)).middle() - target) / self.slope(flow, guess);
            // A step that leaves (0, 1) goes half of the way to its end.
            let next = if next > 0.0 { next } else { 0.5 * guess };
            let next = if next < 1.0 { next } else { 0.5 * (1.0 + guess) };
            let moved = (next - guess).abs();
            guess = next;
            if moved <= 4.0 * f64::EPSILON {
                break;
            }
        }
        let slope = self.slope(flow, guess);
        let mut radius = 2.0 * (wanted.radius() + f64::EPSILON * target.abs().max(1.0)) / slope.abs();
        for _ in 0..DOUBLINGS {
            let (low, high) = (guess - radius, guess + radius);
            if !(low > 0.0 && high < 1.0) {
                break;
            }
            let [at_low, at_high] = [low, high].map(|c| self.time(flow, number(c)));
            let (before, after) = if slope > 0.0 { (at_low, at_high) } else { (at_high, at_low) };
            if before.upper <= wanted.lower && after.lower >= wanted.upper {
                return Ok(Enclosure::new(low, high));
            }
            radius *= 2.0;
        }
        Err(lost)
    }

    /// F(C). It rises along the flow.
    fn time(&self, flow: FlowConstants, cosine_square: Enclosure) -> Enclosure {
        let FlowConstants { numerator, offset, slope } = flow;
        let (a, b, c) = (number(numerator), number(offset), number(slope));
        let (up, aside) = (cosine_square.ln(), (number(1.0) - cosine_square).ln());
        match self.kind {
            Kind::Circle => {
                let sharpness = (number(1.0) + number(20.0) * cosine_square).ln();
                b / a * ((aside - up) / number(80.0) + aside / number(4.0)) - c / a * sharpness
            }
            Kind::Regression { .. } => c / a * up - b / (number(4.0) * a) * aside,
        }
    }

    /// F′(C), not enclosed: it only leads Newton's method.
    fn slope(&self, flow: FlowConstants, c: f64) -> f64 {
        let FlowConstants { numerator, offset, slope } = flow;
        match self.kind {
            Kind::Circle => {
                let of_logarithms = (1.0 / (1.0 - c) + 1.0 / c) / 80.0 + 0.25 / (1.0 - c);
                -offset / numerator * of_logarithms - slope / numerator * 20.0 / (1.0 + 20.0 * c)
            }
            Kind::Regression { .. } => slope / numerator / c + 0.25 * offset / numerator / (1.0 - c),
        }
    }
}

/// The most steps of Newton's method, and the most doublings of an interval's width.
const NEWTON: usize = 60;
const DOUBLINGS: usize = 40;

fn number(x: f64) -> Enclosure {
    Enclosure::from_f64(x)
}

fn unit(x: &[Enclosure]) -> Vec<Enclosure> {
    let length = norm(x);
    x.iter().map(|&x| x / length).collect()
}

/// λ₁/‖w*‖² at C = 1 of a regression, and v₁: with Z = (I − ŷŷᵀ)X, columns and targets centred, ∇²L = 2‖w*‖²ZᵀZ/(√n‖y‖C).
fn curvature(rows: &[Vec<f64>], targets: &[f64]) -> Result<(Enclosure, Vec<Enclosure>), CertificateError> {
    let count = number(rows.len() as f64);
    let centred = |column: &dyn Fn(usize) -> f64| -> Vec<Enclosure> {
        let mean = (0..rows.len()).fold(number(0.0), |sum, i| sum + number(column(i))) / count;
        (0..rows.len()).map(|i| number(column(i)) - mean).collect()
    };
    let wanted = centred(&|i| targets[i]);
    let (length, wanted) = (norm(&wanted), unit(&wanted));
    let features = rows.first().map_or(0, Vec::len);
    let across: Vec<Vec<Enclosure>> = (0..features)
        .map(|j| {
            let column = centred(&|i| rows[i][j]);
            let along = dot(&column, &wanted);
            column.iter().zip(&wanted).map(|(&x, &y)| x - along * y).collect()
        })
        .collect();
    let gram = Mat::from_fn(features, features, |i, j| dot(&across[i.min(j)], &across[i.max(j)]));
    let (value, vector) = largest_eigenpair(&gram).ok_or(CertificateError::NotSimple)?;
    Ok((number(2.0) * value / (count.sqrt() * length), vector))
}

/// The vectors Aᵀz with A(Aᵀz) = b, one for each b: the least solutions of Aw = b. Elimination in intervals proves that A has full row rank.
fn within_rows<const N: usize>(
    rows: &[Vec<Enclosure>],
    wanted: [Vec<Enclosure>; N],
) -> Result<[Vec<Enclosure>; N], CertificateError> {
    let count = rows.len();
    let mut gram: Vec<Vec<Enclosure>> = rows.iter().map(|a| rows.iter().map(|b| dot(a, b)).collect()).collect();
    let mut sides = wanted;
    for pivot in 0..count {
        // AAᵀ is positive definite, so that no rows need to be exchanged.
        let by = gram[pivot][pivot];
        if !(by.lower > 0.0) {
            return Err(CertificateError::Dependent { pivot });
        }
        let (above, below) = gram.split_at_mut(pivot + 1);
        for (k, row) in below.iter_mut().enumerate() {
            let factor = row[pivot] / by;
            row.iter_mut().zip(&above[pivot]).skip(pivot).for_each(|(x, &y)| *x = *x - factor * y);
            for side in &mut sides {
                side[pivot + 1 + k] = side[pivot + 1 + k] - factor * side[pivot];
            }
        }
    }
    Ok(sides.map(|mut side| {
        for row in (0..count).rev() {
            let known = (row + 1..count).fold(side[row], |rest, column| rest - gram[row][column] * side[column]);
            side[row] = known / gram[row][row];
        }
        let entry = |k: usize| rows.iter().zip(&side).fold(number(0.0), |sum, (row, &z)| sum + row[k] * z);
        (0..rows.first().map_or(0, Vec::len)).map(entry).collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::flow::{angle_at, integrate};
    use crate::loss::LinearRegression;
    use crate::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, NumericMinimizers};
    use crate::network::NetworkLoss;
    use crate::network_file::zoo::find;

    const FLOWS: [FlowConstants; 3] = [
        FlowConstants::SHARPNESS_REDUCTION,
        FlowConstants { numerator: 1.0, offset: 3.0, slope: 2.0 },
        FlowConstants { numerator: 4.0, offset: 5.0, slope: 0.5 },
    ];

    /// The closed form on the circle is the flow that derivatives alone give, whatever its constants.
    #[test]
    fn the_line_on_the_circle_is_the_integrated_flow() {
        let network = find("circle").unwrap().network(&[]).unwrap();
        let loss = NetworkLoss::<f64>::new(&network).unwrap();
        let line = FlowLine::on_circle([-2.4, 0.7, 0.1]).unwrap();
        let start: Vec<f64> = line.at(line.start()).iter().map(|x| x.middle()).collect();
        for flow in FLOWS {
            let mut minimizers = NumericMinimizers::through(&loss, &start).unwrap();
            let integrated = integrate(&mut minimizers, flow, &start, 1.5, 1e-11).unwrap();
            let mut there = vec![0.0; 3];
            for tau in [0.25, 1.5] {
                integrated.at(tau, &mut there);
                let place = line.place(flow, tau, line.start().middle()).unwrap();
                assert!(place.radius() < 1e-12, "{place:?}");
                for (x, y) in line.at(place).iter().zip(&there) {
                    assert!((x.middle() - y).abs() < 1e-8, "{flow:?} at {tau}: {x:?}, {y}");
                }
            }
        }
    }

    /// On a regression tan φ falls like e^{−τ}, and other constants give the flow that is integrated over the Γ of the regression.
    #[test]
    fn the_line_of_a_regression_is_its_flow() {
        let data = Dataset::random(5, 8, 3);
        let loss = LinearRegression::<f64>::new(&data).unwrap();
        let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
        let start = minimizers.at_angle(1.0, &[1.0; 8]).unwrap();
        let features = loss.features();
        let rows: Vec<Vec<f64>> = (0..5).map(|i| (0..8).map(|j| features[(i, j)]).collect()).collect();
        let line = FlowLine::of_regression(&rows, loss.targets(), &start).unwrap();
        let law = FlowConstants::SHARPNESS_REDUCTION;
        for tau in [0.5, 2.0] {
            let place = line.place(law, tau, line.start().middle()).unwrap();
            let tangent = ((1.0 - place.middle()) / place.middle()).sqrt();
            assert!((tangent / angle_at(1.0, tau).tan() - 1.0).abs() < 1e-10);
        }
        for flow in FLOWS {
            let integrated = integrate(&mut minimizers, flow, &start, 1.0, 1e-11).unwrap();
            let mut there = vec![0.0; 8];
            integrated.at(1.0, &mut there);
            let place = line.place(flow, 1.0, line.start().middle()).unwrap();
            for (x, y) in line.at(place).iter().zip(&there) {
                assert!((x.middle() - y).abs() < 1e-8, "{flow:?}: {x:?}, {y}");
            }
        }
    }

    /// C, λ₁, ‖G‖² and h² in closed form are those of the nearest point of Γ that derivatives alone find.
    #[test]
    fn what_stands_at_a_place_is_what_derivatives_give() {
        let data = Dataset::random(5, 8, 3);
        let regression = LinearRegression::<f64>::new(&data).unwrap();
        let features = regression.features();
        let rows: Vec<Vec<f64>> = (0..5).map(|i| (0..8).map(|j| features[(i, j)]).collect()).collect();
        let start = LinearRegressionMinimizers::new(&regression).unwrap().at_angle(1.0, &[1.0; 8]).unwrap();
        // The loss of the closed form does not divide the targets by their size.
        let mean = regression.targets().iter().sum::<f64>() / 5.0;
        let size = (regression.targets().iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
        let line = FlowLine::of_regression(&rows, regression.targets(), &start).unwrap();
        let minimizers = NumericMinimizers::through(&regression, &start).unwrap();
        compare(&line, minimizers, &start, 1.0 / size);

        let network = find("circle").unwrap().network(&[]).unwrap();
        let loss = NetworkLoss::<f64>::new(&network).unwrap();
        let start = [-0.96, 0.28, 0.0];
        let line = FlowLine::on_circle(start).unwrap();
        compare(&line, NumericMinimizers::through(&loss, &start).unwrap(), &start, 1.0);
    }

    /// `scale` is what the sharpness of the minimizers is multiplied by in the closed form.
    fn compare(line: &FlowLine, mut minimizers: impl Minimizers<f64>, start: &[f64], scale: f64) {
        let (mut point, mut geometry) = (start.to_vec(), Geometry::new(start.len()));
        minimizers.geometry(start, &mut geometry).unwrap();
        let displacement = 0.02;
        let near: Vec<f64> = start.iter().zip(&geometry.direction).map(|(p, v)| 3.0 * (p + displacement * v)).collect();
        let length = norm(&near);
        let theta: Vec<f64> = near.iter().map(|x| x / length).collect();
        minimizers.nearest(&theta, &mut point).unwrap();
        minimizers.geometry(&point, &mut geometry).unwrap();
        let enclosed: Vec<Enclosure> = theta.iter().map(|&x| number(x)).collect();
        let place = line.nearest(&enclosed).unwrap();
        let close = |found: Enclosure, expected: f64| (found.middle() / expected - 1.0).abs() < 1e-8;
        assert!(close(line.sharpness(place), scale * geometry.sharpness), "{place:?}");
        let square = geometry.log_gradient_square();
        assert!(close(line.log_gradient_square(place), square), "{place:?}: {square}");
        let h: f64 = theta.iter().zip(&point).zip(&geometry.direction).map(|((t, p), v)| (t - p) * v).sum();
        assert!(close(line.displacement(&enclosed).absolute(), h.abs()), "{h}");
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        assert!(matches!(FlowLine::on_circle([0.0, 1.0, 0.1]), Err(CertificateError::OtherSide)));
        let rows = [vec![1.0, 0.0, 2.0], vec![3.0, 1.0, 2.0], vec![5.0, 2.0, 2.0]];
        let dependent = FlowLine::of_regression(&rows, &[1.0, 2.0, 3.0], &[1.0; 3]);
        assert!(matches!(dependent, Err(CertificateError::Dependent { pivot: 1 })));
        // w* has the direction (68, −10, 8).
        let rows = [vec![1.0, 0.0, 2.0], vec![3.0, 1.0, 2.0], vec![0.0, 5.0, 1.0]];
        let of = |weights: [f64; 3]| FlowLine::of_regression(&rows, &[1.0, 2.0, 0.0], &weights);
        assert!(matches!(of([-1.0; 3]), Err(CertificateError::OtherSide)));
        let beyond = of([1.0, 0.5, 0.2]).unwrap().nearest(&[-1.0; 3].map(number));
        assert_eq!(beyond, Err(CertificateError::OtherSide));
        // Two eigenvalues of ZᵀZ are equal: the columns of a tetrahedron, with targets along one of its axes.
        let rows =
            [vec![1.0, 0.0, 0.0, 0.0], vec![0.0, 1.0, 0.0, 0.0], vec![0.0, 0.0, 1.0, 0.0], vec![0.0, 0.0, 0.0, 1.0]];
        let equal = FlowLine::of_regression(&rows, &[1.0, 0.0, 0.0, 0.0], &[1.0, 0.1, 0.2, 0.3]);
        assert!(matches!(equal, Err(CertificateError::NotSimple)), "{equal:?}");
        let line = FlowLine::on_circle([-2.4, 0.7, 0.1]).unwrap();
        let backwards = line.place(FlowConstants::SHARPNESS_REDUCTION, f64::NAN, 0.5);
        assert!(matches!(backwards, Err(CertificateError::Flow { .. })));
    }
}
