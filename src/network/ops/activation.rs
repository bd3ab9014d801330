//! Functions of every entry.

use super::kernel::{Before, Compute, Inputs, Kernel};
use super::{Facts, Op, Operation, ParameterError, Parameters, Role};
use crate::arithmetic::{Scalar, Transcendental};
use crate::network::complexity::{Fraction, Roots};
use crate::network::degree::{Degree, Operands};
use crate::network::error::{Fault, PointFault};
use crate::network::reason::Reason;
use crate::network::shape::Shape;

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
    /// sin x.
    Sine,
    /// cos x.
    Cosine,
    /// The error function, 2/√π ∫₀ˣ e^{−t²} dt: the exact GELU is ½x(1 + erf(x/√2)).
    ErrorFunction,
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
    pub const ALL: [Self; 13] = [
        Self::Tanh,
        Self::Softplus,
        Self::Logistic,
        Self::Exponential,
        Self::Logarithm,
        Self::Sine,
        Self::Cosine,
        Self::ErrorFunction,
        Self::Gelu,
        Self::Relu,
        Self::AlgebraicSigmoid,
        Self::Rational,
        Self::Cauchy,
    ];

    /// Its name in network files.
    pub fn name(self) -> &'static str {
        <Self as Operation>::NAMES[self as usize]
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
            Self::Sine => x.transcendental(Transcendental::Sine),
            Self::Cosine => x.transcendental(Transcendental::Cosine),
            Self::ErrorFunction => x.transcendental(Transcendental::ErrorFunction),
            Self::Gelu => S::constant(0.5) * x * (one + gelu_argument(x).transcendental(Transcendental::Tanh)),
            // The product is taken, and not 0 itself, so that a value that is not a number stays so.
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
            Self::Sine => (self.value(x), Self::Cosine.value(x)),
            Self::Cosine => (self.value(x), -Self::Sine.value(x)),
            Self::ErrorFunction => {
                let y = self.value(x);
                (y, Transcendental::ErrorFunction.derivative(x, y))
            }
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

impl Operation for Activation {
    const NAMES: &'static [&'static str] = &[
        "tanh",
        "softplus",
        "logistic",
        "exp",
        "log",
        "sin",
        "cos",
        "erf",
        "gelu",
        "relu",
        "algebraic_sigmoid",
        "rational",
        "cauchy",
    ];

    fn read(name: &str, parameters: &mut Parameters<'_>) -> Result<Self, ParameterError> {
        let found = Self::ALL.into_iter().find(|activation| activation.name() == name);
        found.ok_or_else(|| parameters.fault("op", "the name of a function"))
    }

    fn facts(&self) -> Facts {
        Facts {
            name: (*self).name(),
            arity: 1,
            is_smooth: *self != Self::Relu,
            is_algebraic: matches!(self, Self::Relu | Self::AlgebraicSigmoid | Self::Rational | Self::Cauchy),
            role: Role::Other,
        }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![]
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, Fault> {
        Ok(inputs[0].clone())
    }

    fn degree(&self, operands: &Operands<'_>) -> Result<Degree, Reason> {
        match (self, operands.degree(0)) {
            (Self::Relu, degree) => operands.unshifted(degree),
            (_, 0.0) => operands.unshifted(0.0),
            (_, degree) => Err(Reason::Function { degree }),
        }
    }

    fn complexity(&self, inputs: &[Fraction], _: &[&Shape], out: &Shape, roots: &mut Roots) -> Fraction {
        let (x, one) = (inputs[0], Fraction { numerator: 0.0, denominator: 0.0 });
        let square = one.sum(x.product(x));
        let inverse = one.quotient(square);
        match self {
            Self::AlgebraicSigmoid => x.quotient(roots.take(out.count(), square)),
            Self::Cauchy => inverse,
            _ => x.product(inverse),
        }
    }

    fn text(&self, inputs: &[&str]) -> String {
        format!("{}({})", (*self).name(), inputs[0])
    }

    fn latex(&self, inputs: &[String]) -> String {
        let x = &inputs[0];
        match self {
            Self::Tanh => format!("\\tanh({x})"),
            Self::Exponential => format!("\\exp({x})"),
            Self::Logarithm => format!("\\log({x})"),
            Self::Sine => format!("\\sin({x})"),
            Self::Cosine => format!("\\cos({x})"),
            Self::Relu => format!("\\max({x}, 0)"),
            Self::AlgebraicSigmoid => format!("\\frac{{{x}}}{{\\sqrt{{1 + {x}^2}}}}"),
            Self::Rational => format!("\\frac{{{x}}}{{1 + {x}^2}}"),
            Self::Cauchy => format!("\\frac{{1}}{{1 + {x}^2}}"),
            Self::Softplus | Self::Logistic | Self::ErrorFunction | Self::Gelu => {
                format!("\\operatorname{{{}}}({x})", (*self).name())
            }
        }
    }

    fn rational(&self) -> Op {
        match self {
            Self::Cauchy | Self::Relu => *self,
            Self::Exponential => Self::Cauchy,
            _ => Self::Rational,
        }
        .into()
    }

    fn kernel(&self, _: &[&Shape], _: &Shape) -> Kernel {
        (*self).into()
    }
}

impl Compute for Activation {
    const IS_LOOPS: bool = true;
    const WRITES: bool = true;

    fn extra(&self, out: &Shape) -> usize {
        out.count()
    }

    #[inline(always)]
    fn forward<S: Scalar>(&self, inputs: &Inputs<'_, S>, out: &mut [S], extra: &mut [S], _: bool) {
        activate(*self, inputs.scalars(0), out, extra);
    }

    #[inline(always)]
    fn backward<S: Scalar>(
        &self,
        _: usize,
        _: &Inputs<'_, S>,
        (_, of_out): (&[S], &[S]),
        extra: &mut [S],
        adjoint: &mut [S],
        before: Before,
    ) {
        if before == Before::Some {
            for ((a, &g), &derivative) in adjoint.iter_mut().zip(of_out).zip(&*extra) {
                *a = *a + g * derivative;
            }
        } else {
            for ((a, &g), &derivative) in adjoint.iter_mut().zip(of_out).zip(&*extra) {
                *a = g * derivative;
            }
        }
    }

    fn fault(&self, _: &[f64], _: &[f64]) -> Option<PointFault> {
        None
    }
}

/// Leaves the derivatives in `extra`. The choice of the function stands outside the loop over entries.
#[inline(always)]
fn activate<S: Scalar>(activation: Activation, x: &[S], out: &mut [S], extra: &mut [S]) {
    macro_rules! each {
        ($($function:ident),*) => {
            match activation {
                $(Activation::$function => {
                    for ((out, derivative), &x) in out.iter_mut().zip(&mut *extra).zip(x) {
                        (*out, *derivative) = Activation::$function.value_and_derivative(x);
                    }
                })*
            }
        };
    }
    each!(
        Tanh,
        Softplus,
        Logistic,
        Exponential,
        Logarithm,
        Sine,
        Cosine,
        ErrorFunction,
        Gelu,
        Relu,
        AlgebraicSigmoid,
        Rational,
        Cauchy
    );
}
