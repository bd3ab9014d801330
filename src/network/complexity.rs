use super::activation::Activation;
use super::op::{Normalization, Op, product_sizes};
use super::shape::{Reduction, Shape};
use super::{Network, Node};

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

/// The degrees of P and Q.
type Fraction = (f64, f64);

impl Network {
    /// The loss's complexity as an algebraic function. Transcendental functions and comparisons, which have none, count as the
    /// rational ones that [`Network::with_rational_activations`] puts in their place.
    pub fn complexity(&self) -> Complexity {
        let mut roots = Roots { count: 0, degrees: 0.0 };
        let mut fractions: Vec<Fraction> = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let input = |k: usize| fractions[node.inputs[k].index()];
            let fraction = match &node.op {
                Op::Weight(_) | Op::Constant(_) => (1.0, 0.0),
                Op::MatrixProduct { .. } => {
                    let [left, right] = [0, 1].map(|k| &self.node(node.inputs[k]).shape);
                    let (_, _, inner, _) = product_sizes(left, right, &node.shape);
                    sum_of(inner, product(input(0), input(1)))
                }
                Op::Add | Op::Subtract => sum(input(0), input(1)),
                Op::Multiply => product(input(0), input(1)),
                Op::Divide => product(input(0), (input(1).1, input(1).0)),
                Op::SquareRoot => roots.take(node.shape.count(), input(0)),
                Op::Activation(activation) => roots.activation(*activation, node.shape.count(), input(0)),
                Op::Sum { axes } | Op::Mean { axes } | Op::Maximum { axes } => {
                    sum_of(self.reduced(node, axes).1, input(0))
                }
                Op::Normalize(normalization) => {
                    let Normalization { axes, .. } = normalization;
                    let (kept, reduced) = self.reduced(node, axes);
                    let centred = sum_of(reduced, input(0));
                    // All entries of a group have one denominator, so the sum of their squares has its square.
                    let size = roots.take(kept, (2.0 * centred.0, 2.0 * centred.1));
                    product(centred, (size.1, size.0))
                }
                Op::Softmax { axis, function } => {
                    let weight = roots.activation(*function, node.shape.count(), input(0));
                    let total = sum_of(self.reduced(node, &[*axis]).1, weight);
                    product(weight, (total.1, total.0))
                }
                Op::MeanSquaredError | Op::CrossEntropy => {
                    let difference = sum(input(0), input(1));
                    sum_of(self.node(node.inputs[0]).shape.count(), product(difference, difference))
                }
                Op::Scale(_) | Op::Transpose { .. } | Op::Reshape(_) | Op::Slice { .. } | Op::Patches { .. } => {
                    input(0)
                }
            };
            fractions.push(fraction);
        }
        let (numerator, denominator) = fractions[self.output().index()];
        Complexity { roots: roots.count, numerator, denominator, root_degrees: roots.degrees }
    }

    /// Results and entries a result of a reduction of a node's input.
    fn reduced(&self, node: &Node, axes: &[usize]) -> (usize, usize) {
        let shape: &Shape = &self.node(node.inputs[0]).shape;
        Reduction::new(shape, axes).map_or((1, shape.count()), |reduction| (reduction.kept(), reduction.reduced()))
    }
}

struct Roots {
    count: usize,
    degrees: f64,
}

impl Roots {
    /// √(P/Q) = √(PQ)/Q.
    fn take(&mut self, count: usize, (p, q): Fraction) -> Fraction {
        let degree = (p + q) / 2.0;
        self.count += count;
        self.degrees += count as f64 * degree;
        (degree, q)
    }

    fn activation(&mut self, activation: Activation, count: usize, x: Fraction) -> Fraction {
        let square = sum((0.0, 0.0), product(x, x));
        match activation {
            Activation::AlgebraicSigmoid => {
                let root = self.take(count, square);
                product(x, (root.1, root.0))
            }
            Activation::Cauchy => (square.1, square.0),
            _ => product(x, (square.1, square.0)),
        }
    }
}

fn product(a: Fraction, b: Fraction) -> Fraction {
    (a.0 + b.0, a.1 + b.1)
}

fn sum(a: Fraction, b: Fraction) -> Fraction {
    ((a.0 + b.1).max(b.0 + a.1), a.1 + b.1)
}

/// The sum of `count` terms, each with a denominator of its own.
fn sum_of(count: usize, term: Fraction) -> Fraction {
    let count = count as f64;
    (term.0 + (count - 1.0) * term.1, count * term.1)
}
