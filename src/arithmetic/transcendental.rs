//! Functions that are no root of a polynomial: a field of characteristic p has none of them.

use super::{Jet, Quad, Scalar};

/// A transcendental function of one variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transcendental {
    /// eˣ.
    Exponential,
    /// log x, x > 0.
    Logarithm,
    /// tanh x.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Logistic,
    /// log(1 + eˣ).
    Softplus,
    /// sin x.
    Sine,
    /// cos x.
    Cosine,
    /// The error function, erf x = 2/√π ∫₀ˣ e^{−t²} dt.
    ErrorFunction,
}

impl Transcendental {
    #[inline]
    pub(super) fn double(self, x: f64) -> f64 {
        match self {
            Self::Exponential => x.exp(),
            Self::Logarithm => x.ln(),
            Self::Tanh => x.tanh(),
            Self::Logistic => 1.0 / (1.0 + (-x).exp()),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Sine => x.sin(),
            Self::Cosine => x.cos(),
            Self::ErrorFunction => libm::erf(x),
        }
    }

    /// Rounded from `f64`: nothing of `f32` is lost on the way.
    #[inline]
    pub(super) fn single(self, x: f32) -> f32 {
        self.double(x.into()) as f32
    }

    /// The function over double-double numbers, from their exponential and logarithm.
    pub(super) fn quad(self, x: Quad) -> Quad {
        let one = Quad::from_f64(1.0);
        match self {
            Self::Exponential => x.exp(),
            Self::Logarithm => x.ln(),
            Self::Tanh => {
                // With e = e^{2|x|} − 1: tanh|x| = e/(e + 2).
                let e = exponential_minus_one(x.abs() + x.abs());
                let size = if e.0.is_infinite() { one } else { e / (e + Quad::from_f64(2.0)) };
                if x.0 < 0.0 { -size } else { size }
            }
            Self::Logistic => one / (one + (-x).exp()),
            Self::Softplus => {
                // log(1 + e^{−|x|}), where 1 + e is not rounded away: log1p(e) = 2 artanh(e/(2 + e)).
                let ratio = {
                    let e = (-x.abs()).exp();
                    e / (e + Quad::from_f64(2.0))
                };
                let positive = if x.0 > 0.0 { x } else { Quad::from_f64(0.0) };
                positive + artanh(ratio) * Quad::from_f64(2.0)
            }
            Self::Sine => sine_and_cosine(x).0,
            Self::Cosine => sine_and_cosine(x).1,
            Self::ErrorFunction => error_function(x),
        }
    }

    /// The derivative at `x`, where the function's value is `y`.
    pub(crate) fn derivative<S: Scalar>(self, x: S, y: S) -> S {
        let one = S::constant(1.0);
        match self {
            Self::Exponential => y,
            Self::Logarithm => one / x,
            Self::Tanh => one - y * y,
            Self::Logistic => y * (one - y),
            Self::Softplus => x.transcendental(Self::Logistic),
            Self::Sine => x.transcendental(Self::Cosine),
            Self::Cosine => -x.transcendental(Self::Sine),
            Self::ErrorFunction => two_over_root_pi::<S>() * (-(x * x)).transcendental(Self::Exponential),
        }
    }

    /// The function of a series: y′ = f′(x)·x′, solved coefficient by coefficient.
    #[inline]
    pub(super) fn series<T: Scalar, const N: usize>(self, x: Jet<T, N>) -> Jet<T, N> {
        let mut y = [T::constant(0.0); N];
        y[0] = x.0[0].transcendental(self);
        if N == 2 {
            y[1] = self.derivative(x.0[0], y[0]) * x.0[1];
            return Jet(y);
        }
        if let Self::Sine | Self::Cosine = self {
            let [sine, cosine] = sine_and_cosine_series(x);
            return if self == Self::Sine { sine } else { cosine };
        }
        for k in 1..N {
            // The slope's coefficients below k need those of y below k alone.
            let slope = self.derivative(x, Jet(y)).0;
            let sum = (1..=k).fold(T::constant(0.0), |sum, i| sum + T::constant(i as f64) * x.0[i] * slope[k - i]);
            y[k] = sum / T::constant(k as f64);
        }
        Jet(y)
    }
}

/// Each is the slope of the other, up to a sign, so that their coefficients are found together.
fn sine_and_cosine_series<T: Scalar, const N: usize>(x: Jet<T, N>) -> [Jet<T, N>; 2] {
    let zero = T::constant(0.0);
    let (mut sine, mut cosine) = ([zero; N], [zero; N]);
    sine[0] = x.0[0].transcendental(Transcendental::Sine);
    cosine[0] = x.0[0].transcendental(Transcendental::Cosine);
    for k in 1..N {
        let slope = |of: &[T; N]| {
            let sum = (1..=k).fold(zero, |sum, i| sum + T::constant(i as f64) * x.0[i] * of[k - i]);
            sum / T::constant(k as f64)
        };
        (sine[k], cosine[k]) = (slope(&cosine), -slope(&sine));
    }
    [Jet(sine), Jet(cosine)]
}

/// sin x and cos x. The multiple of π/2 that is taken away is known to 106 bits, so that the error grows with |x|, as it does where x itself
/// is rounded.
fn sine_and_cosine(x: Quad) -> (Quad, Quad) {
    let quarter = Quad::PI / Quad::from_f64(2.0);
    let turns = (x.0 / quarter.0).round();
    // For larger |x| no digit of the remainder would be right, so that the result is NaN. It is NaN for infinite x and for NaN, too.
    if !(turns.abs() < 1e15) {
        return (Quad::from_f64(f64::NAN), Quad::from_f64(f64::NAN));
    }
    let rest = x - quarter * Quad::from_f64(turns);
    // Taylor's series: (π/4)ⁿ/n! is below 2⁻¹¹⁰ at n = 28.
    let (mut term, mut sine, mut cosine) = (Quad::from_f64(1.0), Quad::from_f64(0.0), Quad::from_f64(1.0));
    for n in 1..=28u8 {
        term = term * rest / Quad::from_f64(f64::from(n));
        match n % 4 {
            1 => sine += term,
            2 => cosine -= term,
            3 => sine -= term,
            _ => cosine += term,
        }
    }
    match turns.rem_euclid(4.0) as u8 {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

/// eˣ − 1 for x ≥ 0.
fn exponential_minus_one(x: Quad) -> Quad {
    if x.0 > 0.5 {
        return x.exp() - Quad::from_f64(1.0);
    }
    // Taylor's series: 2⁻ⁿ/n! is below 2⁻¹¹⁰ at n = 25.
    let (mut term, mut sum) = (x, x);
    for n in 2..=25 {
        term = term * x / Quad::from_f64(f64::from(n));
        sum += term;
    }
    sum
}

/// artanh x = Σ x^{2k+1}/(2k+1) for 0 ≤ x ≤ ⅓: 3⁻⁷¹ is below 2⁻¹¹⁰.
fn artanh(x: Quad) -> Quad {
    let (mut power, mut sum) = (x, x);
    for k in 1..=35 {
        power = power * x * x;
        sum += power / Quad::from_f64(f64::from(2 * k + 1));
    }
    sum
}

/// 2/√π, to the digits of double-double.
fn two_over_root_pi<S: Scalar>() -> S {
    S::constant(std::f64::consts::FRAC_2_SQRT_PI) + S::constant(1.533_545_961_316_588e-17)
}

/// erf x = 2/√π e^{−x²} Σ 2ⁿx^{2n+1}/(2n+1)!!, whose terms have one sign. From |x| = 9 on it is ±1 up to e^{−81}, which is below 2⁻¹¹⁰.
fn error_function(x: Quad) -> Quad {
    if x.0.abs() >= 9.0 {
        return Quad::from_f64(x.0.signum());
    }
    let square = x * x;
    let (mut term, mut sum) = (x, x);
    let mut n = 0u16;
    // Terms fall once 2x² < 2n + 1, and at last as fast as a geometric series. NaN ends at once.
    while term.0.abs() > 1e-34 * sum.0.abs() || f64::from(n) < square.0 {
        n += 1;
        term = term * square / Quad::from_f64(f64::from(n) + 0.5);
        sum += term;
    }
    two_over_root_pi::<Quad>() * (-square).exp() * sum
}
