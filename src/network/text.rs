//! Networks as people read them: text and LaTeX.

use std::fmt;

use super::op::{Normalization, Op, axes_text};
use super::{Activation, Network, Node};

/// A node's value in terms of its inputs, on one line.
impl Network {
    /// The right-hand side of a node: what it is, in terms of its inputs.
    pub fn formula(&self, node: &Node) -> String {
        let name = |k: usize| node.inputs.get(k).map_or("?", |&input| self.node(input).name.as_str());
        let x = name(0);
        match &node.op {
            Op::Weight(_) => "weights".into(),
            Op::Constant(constant) => {
                if constant.standardized {
                    "data, standardized".into()
                } else {
                    "data".to_string()
                }
            }
            Op::MatrixProduct { transpose_right: false } => format!("{x} · {}", name(1)),
            Op::MatrixProduct { transpose_right: true } => format!("{x} · {}ᵀ", name(1)),
            Op::Add => format!("{x} + {}", name(1)),
            Op::Subtract => format!("{x} − {}", name(1)),
            Op::Multiply => format!("{x} ⊙ {}", name(1)),
            Op::Divide => format!("{x} / {}", name(1)),
            Op::Scale(factor) => format!("{factor} · {x}"),
            Op::SquareRoot => format!("√{x}"),
            Op::Activation(activation) => format!("{}({x})", activation.name()),
            Op::Sum { axes } => format!("sum of {x} over {}", axes_text(axes)),
            Op::Mean { axes } => format!("mean of {x} over {}", axes_text(axes)),
            Op::Maximum { axes } => format!("maximum of {x} over {}", axes_text(axes)),
            Op::Transpose { order } => format!("{x}, axes in the order {order:?}"),
            Op::Reshape(shape) => format!("{x} as {shape}"),
            Op::Slice { axis, start, end, step } => {
                let every = if *step == 1 { String::new() } else { format!(" in steps of {step}") };
                format!("{x}, entries {start}..{end}{every} of axis {axis}")
            }
            Op::Patches { window, stride, padding } => {
                format!("windows {window:?} of {x}, stride {stride}, padding {padding}")
            }
            Op::Normalize(normalization) => format!("{normalization} (x = {x})"),
            Op::Softmax { axis, function: Activation::Exponential } => format!("softmax of {x} along axis {axis}"),
            Op::Softmax { axis, function } => format!("{0}({x})/Σ{0}({x}) along axis {axis}", function.name()),
            Op::MeanSquaredError => format!("mean of ({x} − {})²", name(1)),
            Op::CrossEntropy => format!("cross-entropy of the logits {x} against {}", name(1)),
        }
    }

    /// The network as a LaTeX `align*` environment, an equation a node.
    pub fn to_latex(&self) -> String {
        let lines = self.nodes.iter().filter(|node| !matches!(node.op, Op::Weight(_) | Op::Constant(_)));
        let lines: Vec<_> = lines.map(|node| format!("  {} &= {}", symbol(&node.name), self.latex(node))).collect();
        format!("\\begin{{align*}}\n{}\n\\end{{align*}}\n", lines.join(" \\\\\n"))
    }

    fn latex(&self, node: &Node) -> String {
        let name = |k: usize| node.inputs.get(k).map_or_else(String::new, |&input| symbol(&self.node(input).name));
        let (x, y) = (name(0), name(1));
        let axes = |axes: &[usize]| axes.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        match &node.op {
            Op::Weight(_) | Op::Constant(_) => x,
            Op::MatrixProduct { transpose_right: false } => format!("{x}\\,{y}"),
            Op::MatrixProduct { transpose_right: true } => format!("{x}\\,{y}^{{\\top}}"),
            Op::Add => format!("{x} + {y}"),
            Op::Subtract => format!("{x} - {y}"),
            Op::Multiply => format!("{x} \\odot {y}"),
            Op::Divide => format!("{x} \\oslash {y}"),
            Op::Scale(factor) => format!("{factor}\\,{x}"),
            Op::SquareRoot => format!("\\sqrt{{{x}}}"),
            Op::Activation(activation) => activation_latex(*activation, &x),
            Op::Sum { axes: over } => format!("\\textstyle\\sum_{{{}}} {x}", axes(over)),
            Op::Mean { axes: over } => format!("\\operatorname{{mean}}_{{{}}} {x}", axes(over)),
            Op::Maximum { axes: over } => format!("\\max_{{{}}} {x}", axes(over)),
            Op::Transpose { order } => format!("\\operatorname{{transpose}}_{{{}}} {x}", axes(order)),
            Op::Reshape(shape) => {
                let sizes: Vec<_> = shape.axes().iter().map(usize::to_string).collect();
                format!("{x} \\in \\mathbb{{R}}^{{{}}}", sizes.join(" \\times "))
            }
            Op::Slice { axis, start, end, step } => format!("{x}\\,[{start}:{end}:{step}]_{{{axis}}}"),
            Op::Patches { window, stride, padding } => {
                format!("\\operatorname{{patches}}_{{{};\\,{stride};\\,{padding}}} {x}", axes(window))
            }
            Op::Normalize(Normalization { axes: over, epsilon, centred, averaged }) => {
                let over = axes(over);
                let centre = if *centred { format!("{x} - \\operatorname{{mean}}_{{{over}}} {x}") } else { x.clone() };
                let kind = match (centred, averaged) {
                    (true, true) => "\\operatorname{sd}",
                    (false, true) => "\\operatorname{rms}",
                    (_, false) => "\\operatorname{length}",
                };
                let size = if *centred && !averaged { format!("({centre})") } else { x };
                let epsilon = if *epsilon > 0.0 { format!("^{{(\\varepsilon = {epsilon:e})}}") } else { String::new() };
                format!("\\frac{{{centre}}}{{{kind}_{{{over}}}{epsilon} {size}}}")
            }
            Op::Softmax { axis, function: Activation::Exponential } => {
                format!("\\operatorname{{softmax}}_{{{axis}}} {x}")
            }
            Op::Softmax { axis, function } => {
                let f = activation_latex(*function, &x);
                format!("\\frac{{{f}}}{{\\sum_{{{axis}}} {f}}}")
            }
            Op::MeanSquaredError => format!("\\operatorname{{mean}}\\,({x} - {y})^2"),
            Op::CrossEntropy => {
                format!("-\\operatorname{{mean}} \\textstyle\\sum {y} \\odot \\log\\operatorname{{softmax}} {x}")
            }
        }
    }
}

fn activation_latex(activation: Activation, x: &str) -> String {
    match activation {
        Activation::Tanh => format!("\\tanh({x})"),
        Activation::Exponential => format!("\\exp({x})"),
        Activation::Logarithm => format!("\\log({x})"),
        Activation::Relu => format!("\\max({x}, 0)"),
        Activation::AlgebraicSigmoid => format!("\\frac{{{x}}}{{\\sqrt{{1 + {x}^2}}}}"),
        Activation::Rational => format!("\\frac{{{x}}}{{1 + {x}^2}}"),
        Activation::Cauchy => format!("\\frac{{1}}{{1 + {x}^2}}"),
        Activation::Softplus | Activation::Logistic | Activation::Gelu => {
            format!("\\operatorname{{{}}}({x})", activation.name())
        }
    }
}

/// A name as a symbol.
fn symbol(name: &str) -> String {
    let name = name.replace('_', "\\_");
    if name.chars().count() == 1 { name } else { format!("\\mathit{{{name}}}") }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let width = self.nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(0);
        for node in &self.nodes {
            writeln!(f, "  {:width$} = {}  [{}]", node.name, self.formula(node), node.shape)?;
        }
        Ok(())
    }
}
