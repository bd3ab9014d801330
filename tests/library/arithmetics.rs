//! New arithmetics are one file each: three that the library does not have, and a network over each of them.

use std::ops::{Add, Div, Mul, Neg, Sub};

use sharpflow::arithmetic::{Base, Enclosure, Field, FirstField, Jet, Quad, Real, Scalar, Transcendental};
use sharpflow::loss::{Derivatives, Evaluator, Loss};
use sharpflow::network::NetworkLoss;
use sharpflow::network_file::zoo::find;

/// A scalar that is its own base number.
macro_rules! of_one_number {
    ($type:ty) => {
        impl Add for $type {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                self.plus(other)
            }
        }

        impl Sub for $type {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                self.plus(-other)
            }
        }

        impl Mul for $type {
            type Output = Self;
            fn mul(self, other: Self) -> Self {
                self.times(other)
            }
        }

        impl Div for $type {
            type Output = Self;
            #[allow(clippy::suspicious_arithmetic_impl, reason = "a quotient is a product with the inverse")]
            fn div(self, other: Self) -> Self {
                self.times(other.inverse())
            }
        }

        impl Scalar for $type {
            type Base = Self;
            const PLANES: usize = 1;

            fn from_base(x: Self) -> Self {
                x
            }

            fn sqrt(self) -> Self {
                self.root()
            }

            fn planes(slice: &[Self]) -> &[Self] {
                slice
            }

            fn planes_mut(slice: &mut [Self]) -> &mut [Self] {
                slice
            }
        }
    };
}

/// A ball about a double-double: all real numbers within `radius` of `middle`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct QuadBall {
    middle: Quad,
    radius: f64,
}

impl QuadBall {
    fn new(middle: Quad, radius: f64) -> Self {
        let rounding = 2.0 * Quad::UNIT_ROUNDOFF * middle.to_f64().abs();
        Self { middle, radius: ((radius + rounding) * (1.0 + 4.0 * f64::EPSILON)).next_up() }
    }

    fn size(self) -> f64 {
        self.middle.to_f64().abs().next_up() + self.radius
    }

    fn plus(self, other: Self) -> Self {
        Self::new(self.middle + other.middle, self.radius + other.radius)
    }

    fn times(self, other: Self) -> Self {
        Self::new(self.middle * other.middle, self.size() * other.radius + other.size() * self.radius)
    }

    fn inverse(self) -> Self {
        let least = self.middle.to_f64().abs().next_down() - self.radius;
        let radius = if least > 0.0 { self.radius / (least * least) } else { f64::INFINITY };
        Self::new(Quad::from_f64(1.0) / self.middle, radius)
    }

    fn root(self) -> Self {
        let least = self.middle.to_f64().next_down() - self.radius;
        let radius = if least > 0.0 { self.radius / least.sqrt() } else { f64::INFINITY };
        Self::new(self.middle.sqrt(), radius)
    }
}

impl Neg for QuadBall {
    type Output = Self;
    fn neg(self) -> Self {
        Self { middle: -self.middle, ..self }
    }
}

of_one_number!(QuadBall);

impl Base for QuadBall {
    const VECTORIZED: bool = false;
    const HAS_SIGNS: bool = false;
    const HAS_TRANSCENDENTALS: bool = false;
    const IS_EXACT: bool = false;

    fn from_f64(x: f64) -> Self {
        Self { middle: Quad::from_f64(x), radius: 0.0 }
    }

    fn is_positive(self) -> bool {
        self.middle.to_f64() > self.radius
    }
}

/// A Taylor model in t ∈ [0, 1]: c₀ + c₁t + c₂t² with interval coefficients, of which the last takes what is left.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TaylorModel([Enclosure; 3]);

impl TaylorModel {
    /// The sum of the terms from t² on, as a multiple of t²: on [0, 1] all higher powers lie between 0 and t².
    fn closed(terms: [Enclosure; 5]) -> Self {
        let hull = |x: Enclosure| Enclosure::new(x.lower.min(0.0), x.upper.max(0.0));
        Self([terms[0], terms[1], terms[2] + hull(terms[3]) + hull(terms[4])])
    }

    fn at(self, t: f64) -> Enclosure {
        let t = Enclosure::from_f64(t);
        self.0[0] + t * (self.0[1] + t * self.0[2])
    }

    fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|k| self.0[k] + other.0[k]))
    }

    fn times(self, other: Self) -> Self {
        let mut terms = [Enclosure::from_f64(0.0); 5];
        for (i, &a) in self.0.iter().enumerate() {
            for (j, &b) in other.0.iter().enumerate() {
                terms[i + j] = terms[i + j] + a * b;
            }
        }
        Self::closed(terms)
    }

    /// f(c₀ + r), r = c₁t + c₂t², by Taylor's formula of second order with its remainder at all values.
    fn composed(self, value: Enclosure, slope: Enclosure, curvature: Enclosure) -> Self {
        let rest = Self([Enclosure::from_f64(0.0), self.0[1], self.0[2]]);
        let constant = |c: Enclosure| Self([c, Enclosure::from_f64(0.0), Enclosure::from_f64(0.0)]);
        let half = Enclosure::from_f64(0.5) * curvature;
        constant(value).plus(constant(slope).times(rest)).plus(constant(half).times(rest).times(rest))
    }

    /// All values on [0, 1].
    fn range(self) -> Enclosure {
        let unit = Enclosure::new(0.0, 1.0);
        self.0[0] + unit * (self.0[1] + unit * self.0[2])
    }

    fn inverse(self) -> Self {
        let one = Enclosure::from_f64(1.0);
        let (x, all) = (self.0[0], self.range());
        self.composed(one / x, -(one / (x * x)), Enclosure::from_f64(2.0) / (all * all * all))
    }

    fn root(self) -> Self {
        let (x, all) = (self.0[0], self.range());
        let half = Enclosure::from_f64(0.5);
        self.composed(x.sqrt(), half / x.sqrt(), -(Enclosure::from_f64(0.25) / (all * all.sqrt())))
    }
}

impl Neg for TaylorModel {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.map(|c| -c))
    }
}

of_one_number!(TaylorModel);

impl Base for TaylorModel {
    const VECTORIZED: bool = false;
    const HAS_SIGNS: bool = false;
    const HAS_TRANSCENDENTALS: bool = false;
    const IS_EXACT: bool = false;

    fn from_f64(x: f64) -> Self {
        Self([Enclosure::from_f64(x), Enclosure::from_f64(0.0), Enclosure::from_f64(0.0)])
    }

    fn is_positive(self) -> bool {
        self.range().lower > 0.0
    }
}

fn weights(dimension: usize) -> Vec<f64> {
    (0..dimension).map(|k| 0.5 + (k as f64).sin()).collect()
}

/// A ball about double-doubles encloses the loss and the gradient of a normalized network that doubles find.
#[test]
fn a_network_over_balls_about_double_doubles() {
    let network = find("batch_norm").unwrap().exact().unwrap();
    let (balls, precise) =
        (NetworkLoss::<QuadBall>::new(&network).unwrap(), NetworkLoss::<Quad>::new(&network).unwrap());
    let at = weights(network.dimension());
    let wide: Vec<Quad> = at.iter().map(|&x| Quad::from_f64(x)).collect();
    let at: Vec<QuadBall> = at.iter().map(|&x| QuadBall::from_f64(x)).collect();
    let (mut of_balls, mut of_quads) = (Evaluator::<_, QuadBall>::new(&balls), Evaluator::<_, Quad>::new(&precise));
    let ((value, gradient), (expected, slopes)) = (of_balls.evaluate(&at), of_quads.evaluate(&wide));
    let holds = |ball: &QuadBall, x: Quad| (ball.middle - x).to_f64().abs() <= ball.radius;
    assert!(holds(&value, expected) && value.radius < 1e-20, "{value:?} {expected:?}");
    assert!(gradient.iter().zip(slopes).all(|(ball, &x)| holds(ball, x)));
}

/// Along a line of weights a Taylor model encloses the loss.
#[test]
fn a_network_over_taylor_models() {
    let network = find("weight_norm").unwrap().exact().unwrap();
    let (models, loss) =
        (NetworkLoss::<TaylorModel>::new(&network).unwrap(), NetworkLoss::<f64>::new(&network).unwrap());
    let start = weights(network.dimension());
    let line: Vec<TaylorModel> = start
        .iter()
        .map(|&x| TaylorModel([Enclosure::from_f64(x), Enclosure::from_f64(1e-3 * x.cos()), Enclosure::from_f64(0.0)]))
        .collect();
    let model = Evaluator::<_, TaylorModel>::new(&models).evaluate(&line).0;
    let mut evaluator = Evaluator::<_, f64>::new(&loss);
    for k in 0..=10 {
        let t = f64::from(k) / 10.0;
        let there: Vec<f64> = start.iter().map(|&x| x + 1e-3 * x.cos() * t).collect();
        let (value, enclosed) = (evaluator.evaluate(&there).0, model.at(t));
        let slack = 1e-14 * (1.0 + value.abs());
        assert!(enclosed.lower <= value + slack && value - slack <= enclosed.upper, "{t}: {value} {enclosed:?}");
        assert!(enclosed.upper - enclosed.lower < 1e-2 * (1.0 + value.abs()), "{enclosed:?}");
    }
}

/// Power series of any order over a prime field: the coefficients along a line are those that nested jets find.
#[test]
fn a_network_over_power_series_of_a_prime_field() {
    let network = find("circle").unwrap().exact().unwrap();
    let loss = NetworkLoss::<FirstField>::new(&network).unwrap();
    let dimension = loss.dimension();
    // Squares of small numbers, so that the root of their sum of squares exists for some line.
    let found = (1..64u64).find_map(|k| {
        let at: Vec<FirstField> = (0..dimension as u64).map(|i| FirstField::new(k + 3 * i)).collect();
        let along: Vec<FirstField> = (0..dimension as u64).map(|i| FirstField::new(2 + i * k)).collect();
        let line = at.iter().zip(&along).map(|(&x, &v)| Jet::<_, 6>::line(x, v));
        let series = Evaluator::<_, Jet<FirstField, 6>>::new(&loss).evaluate(&line.collect::<Vec<_>>()).0;
        series.0.iter().all(|c| c.is_defined()).then_some((at, along, series))
    });
    let (at, along, series) = found.unwrap();
    let mut image = at.clone();
    Derivatives::new(&loss).hessian_vector(&at, &along, &mut image);
    let second = image.iter().zip(&along).fold(FirstField::new(0), |sum, (&a, &b)| sum + a * b);
    assert_eq!(series.0[2] + series.0[2], second);
}

/// What an arithmetic has not is said by a constant, and asked for by name.
#[test]
fn an_arithmetic_says_what_it_has() {
    const { assert!(f64::HAS_TRANSCENDENTALS && Quad::HAS_TRANSCENDENTALS && !FirstField::HAS_TRANSCENDENTALS) };
    const { assert!(f64::HAS_SIGNS && !Enclosure::HAS_SIGNS && !Enclosure::HAS_TRANSCENDENTALS) };
    let exact = Enclosure::from_f64(0.0).transcendental(Transcendental::Exponential);
    assert_eq!(exact, Enclosure::WHOLE);
}

/// A number as the sum of two doubles.
type Sum = (f64, f64);

/// sin and cos at doubles, from Taylor's series with 80 digits.
const CIRCULAR: [(f64, Sum, Sum); 5] = [
    (1.0, (0.8414709848078965, 1.776845092935536e-18), (0.5403023058681398, -4.760954612604417e-17)),
    (10.0, (-0.5440211108893698, -3.8949898668223557e-17), (-0.8390715290764524, -1.4147119988953418e-17)),
    (-3.5, (0.35078322768961984, 1.1655739256927901e-17), (-0.9364566872907963, 3.5955391095995e-18)),
    (0.1, (0.09983341664682815, 3.08001512929492e-18), (0.9950041652780258, -5.50210156918377e-17)),
    (1e6, (-0.34999350217129294, -1.5952848809323968e-17), (0.9367521275331447, 4.637088260214747e-17)),
];

/// What is taken from |x| to come near 0 is known to 106 bits of |x|.
#[test]
fn sine_and_cosine_have_the_digits_of_double_double() {
    for (x, sine, cosine) in CIRCULAR {
        for (function, (high, low)) in [(Transcendental::Sine, sine), (Transcendental::Cosine, cosine)] {
            let found = Quad::from_f64(x).transcendental(function);
            let error = (found - Quad::from_f64(high) - Quad::from_f64(low)).to_f64();
            assert!(error.abs() <= 2f64.powi(-100) * (1.0 + x.abs()), "{function:?}({x}): {error:e}");
        }
    }
    for bad in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(Quad::from_f64(bad).transcendental(Transcendental::Sine).to_f64().is_nan());
    }
}

/// erf at doubles, from Taylor's series with 100 digits.
const ERRORS: [(f64, Sum); 7] = [
    (0.125, (0.1403162048013338, 1.2596103827036942e-17)),
    (-0.75, (-0.7111556336535151, -4.69744077164289e-17)),
    (1.5, (0.9661051464753108, -3.3867031441680696e-17)),
    (-2.5, (-0.999593047982555, -4.6925151097042234e-17)),
    (4.0, (0.9999999845827421, 1.44826531920025e-17)),
    (6.5, (1.0, -3.8421483271206475e-20)),
    (1e-10, (1.1283791670955126e-10, 3.250270181699747e-27)),
];

#[test]
fn the_error_function_has_the_digits_of_double_double() {
    for (x, (high, low)) in ERRORS {
        let found = Quad::from_f64(x).transcendental(Transcendental::ErrorFunction);
        let error = (found - Quad::from_f64(high) - Quad::from_f64(low)).to_f64();
        assert!(error.abs() <= 2f64.powi(-98) * high.abs(), "erf({x}): {error:e}");
        let double = x.transcendental(Transcendental::ErrorFunction);
        assert!((double - high).abs() <= 2.0 * f64::UNIT_ROUNDOFF * high.abs(), "erf({x}): {double}");
    }
    for (at, value) in [(f64::INFINITY, 1.0), (f64::NEG_INFINITY, -1.0), (30.0, 1.0), (0.0, 0.0)] {
        assert_eq!(Quad::from_f64(at).transcendental(Transcendental::ErrorFunction).to_f64(), value);
    }
    assert!(Quad::from_f64(f64::NAN).transcendental(Transcendental::ErrorFunction).to_f64().is_nan());
    // erf′ = 2/√π e^{−x²}, erf″ = −2x erf′, erf‴ = (4x² − 2) erf′.
    let x = 0.7f64;
    let slope = 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp();
    let expected =
        [x.transcendental(Transcendental::ErrorFunction), slope, -x * slope, (4.0 * x * x - 2.0) * slope / 6.0];
    let found = Jet::<f64, 4>::line(x, 1.0).transcendental(Transcendental::ErrorFunction).0;
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() <= 4.0 * f64::EPSILON, "{found} for {expected}");
    }
}

/// The series at x + ε has the derivatives over the factorials, which go round.
#[test]
fn series_of_sine_and_cosine_go_round() {
    let (x, factorials) = (0.7f64, [1.0, 1.0, 2.0, 6.0, 24.0, 120.0]);
    let of = |function| Jet::<f64, 6>::line(x, 1.0).transcendental(function).0;
    let round = [x.sin(), x.cos(), -x.sin(), -x.cos()];
    for (function, first) in [(Transcendental::Sine, 0), (Transcendental::Cosine, 1)] {
        for (k, found) in of(function).into_iter().enumerate() {
            let expected = round[(k + first) % 4] / factorials[k];
            assert!((found - expected).abs() <= 4.0 * f64::EPSILON, "{function:?}, {k}: {found} for {expected}");
        }
    }
}
