use super::Network;
use super::shape::Shape;

/// How a network's loss looks as an algebraic function of weights and data: P/Q in these and in `roots` square roots.
///
/// Degrees are upper bounds; a root counts half the degree of what it is taken of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Complexity {
    /// How many different square roots are taken.
    pub roots: usize,
    /// The degree of P.
    pub numerator: f64,
    /// The degree of Q.
    pub denominator: f64,
    /// The degrees of all roots together.
    pub root_degrees: f64,
}

impl Complexity {
    /// A bound on the degree, denominators cleared, of a derivative of order `order`.
    ///
    /// (P/Q)′ = (P′Q − PQ′)/Q², and the root s of q, of degree at most `root_degrees`, brings s′ = q′/(2s).
    pub fn derivative_degree(&self, order: u32) -> f64 {
        let each = self.denominator + 2.0 * self.root_degrees;
        self.numerator + self.denominator + 2.0 * f64::from(order) * each
    }
}

impl Network {
    /// The loss's complexity as an algebraic function. Transcendental functions and comparisons, which have none, count as the
    /// rational ones that [`Network::with_rational_activations`] puts in their place.
    pub fn complexity(&self) -> Complexity {
        let mut roots = Roots::default();
        let mut fractions: Vec<Fraction> = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let inputs: Vec<Fraction> = node.inputs.iter().map(|input| fractions[input.index()]).collect();
            let shapes: Vec<&Shape> = node.inputs.iter().map(|&input| &self.node(input).shape).collect();
            fractions.push(node.op.complexity(&inputs, &shapes, &node.shape, &mut roots));
        }
        let Fraction { numerator, denominator } = fractions[self.output().index()];
        Complexity { roots: roots.count, numerator, denominator, root_degrees: roots.degrees }
    }
}

/// The degrees of P and Q of a fraction P/Q.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fraction {
    pub numerator: f64,
    pub denominator: f64,
}

impl Fraction {
    /// The degrees of a product.
    pub fn product(self, other: Self) -> Self {
        Self { numerator: self.numerator + other.numerator, denominator: self.denominator + other.denominator }
    }

    /// The degrees of a quotient.
    pub fn quotient(self, other: Self) -> Self {
        self.product(Self { numerator: other.denominator, denominator: other.numerator })
    }

    /// The degrees of a sum.
    pub fn sum(self, other: Self) -> Self {
        let [left, right] = [self.numerator + other.denominator, other.numerator + self.denominator];
        Self { numerator: left.max(right), denominator: self.denominator + other.denominator }
    }

    /// The degrees of a sum of `count` such terms, each with a denominator of its own.
    pub fn sum_of(self, count: usize) -> Self {
        let count = count as f64;
        Self { numerator: self.numerator + (count - 1.0) * self.denominator, denominator: count * self.denominator }
    }
}

/// The square roots taken so far.
#[derive(Debug, Default)]
pub(super) struct Roots {
    count: usize,
    degrees: f64,
}

impl Roots {
    /// Takes `count` different roots √(P/Q) = √(PQ)/Q.
    pub fn take(&mut self, count: usize, of: Fraction) -> Fraction {
        let degree = (of.numerator + of.denominator) / 2.0;
        self.count += count;
        self.degrees += count as f64 * degree;
        Fraction { numerator: degree, denominator: of.denominator }
    }
}
