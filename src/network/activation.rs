use crate::arithmetic::{Scalar, Transcendental};

/// A function applied to every entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// tanh x.
    Tanh,
    /// log(1 + eˣ).
    Softplus,
    /// 1/(1 + e⁻ˣ).
    Logistic,
    /// eˣ.
    Exponential,
    /// log x, for x > 0.
    Logarithm,
    /// The Gaussian error linear unit in its tanh form, ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
    Gelu,
    /// max(x, 0): not smooth, and homogeneous of degree 1.
    Relu,
    /// x/√(1 + x²).
    AlgebraicSigmoid,
    /// x/(1 + x²): smooth, and free of roots.
    Rational,
    /// 1/(1 + x²): positive, smooth, and free of roots.
    Cauchy,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Self; 10] = [
        Self::Tanh,
        Self::Softplus,
        Self::Logistic,
        Self::Exponential,
        Self::Logarithm,
        Self::Gelu,
        Self::Relu,
        Self::AlgebraicSigmoid,
        Self::Rational,
        Self::Cauchy,
    ];

    /// Its name in network files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tanh => "tanh",
            Self::Softplus => "softplus",
            Self::Logistic => "logistic",
            Self::Exponential => "exp",
            Self::Logarithm => "log",
            Self::Gelu => "gelu",
            Self::Relu => "relu",
            Self::AlgebraicSigmoid => "algebraic_sigmoid",
            Self::Rational => "rational",
            Self::Cauchy => "cauchy",
        }
    }

    /// Whether it has derivatives of every order.
    pub fn is_smooth(self) -> bool {
        self != Self::Relu
    }

    /// Whether it exists over a prime field.
    pub fn is_algebraic(self) -> bool {
        matches!(self, Self::Relu | Self::AlgebraicSigmoid | Self::Rational | Self::Cauchy)
    }

    /// The value at `x`.
    #[inline(always)]
    pub fn value<S: Scalar>(self, x: S) -> S {
        let one = S::constant(1.0);
        match self {
            Self::Tanh => x.transcendental(Transcendental::Tanh),
            Self::Softplus => x.transcendental(Transcendental::Softplus),
            Self::Logistic => x.transcendental(Transcendental::Logistic),
            Self::Exponential => x.transcendental(Transcendental::Exponential),
            Self::Logarithm => x.transcendental(Transcendental::Logarithm),
            Self::Gelu => S::constant(0.5) * x * (one + gelu_argument(x).transcendental(Transcendental::Tanh)),
            // Not 0 itself: what is not a number stays so.
            Self::Relu => x.choose(x, S::constant(0.0) * x),
            Self::AlgebraicSigmoid => x * (one / (one + x * x).sqrt()),
            Self::Rational => x * (one / (one + x * x)),
            Self::Cauchy => one / (one + x * x),
        }
    }

    /// The value at `x` and the derivative there. At the kink of the ReLU it is 0.
    #[inline(always)]
    pub fn value_and_derivative<S: Scalar>(self, x: S) -> (S, S) {
        let (zero, one) = (S::constant(0.0), S::constant(1.0));
        match self {
            Self::Tanh => {
                let y = self.value(x);
                (y, one - y * y)
            }
            Self::Softplus => (self.value(x), Self::Logistic.value(x)),
            Self::Logistic => {
                let y = self.value(x);
                (y, y * (one - y))
            }
            Self::Exponential => {
                let y = self.value(x);
                (y, y)
            }
            Self::Logarithm => (self.value(x), one / x),
            Self::Gelu => {
                let tanh = gelu_argument(x).transcendental(Transcendental::Tanh);
                let slope = S::constant(GELU_SCALE) * (one + S::constant(3.0 * GELU_CUBIC) * x * x);
                let half = S::constant(0.5);
                (half * x * (one + tanh), half * (one + tanh + x * (one - tanh * tanh) * slope))
            }
            Self::Relu => (self.value(x), x.choose(one, zero)),
            Self::AlgebraicSigmoid => {
                let inverse = one / (one + x * x).sqrt();
                (x * inverse, inverse * inverse * inverse)
            }
            // (1 − x²)/(1 + x²)² = c(1 − 2xy) with c = 1/(1 + x²).
            Self::Rational => {
                let inverse = one / (one + x * x);
                let y = x * inverse;
                (y, inverse * (one - (x + x) * y))
            }
            Self::Cauchy => {
                let y = self.value(x);
                (y, -((x + x) * y * y))
            }
        }
    }
}

/// √(2/π).
const GELU_SCALE: f64 = 0.797_884_560_802_865_4;
const GELU_CUBIC: f64 = 0.044715;

#[inline(always)]
fn gelu_argument<S: Scalar>(x: S) -> S {
    S::constant(GELU_SCALE) * (x + S::constant(GELU_CUBIC) * x * x * x)
}
