//! Networks as people read them: text and LaTeX.

use std::fmt;

use super::{Network, Node};

impl Network {
    /// The right-hand side of a node: what it is, in terms of its inputs.
    pub fn formula(&self, node: &Node) -> String {
        let names: Vec<&str> = node.inputs.iter().map(|&input| self.node(input).name.as_str()).collect();
        node.op.text(&names)
    }

    /// The network as a LaTeX `align*` environment, an equation a node.
    pub fn to_latex(&self) -> String {
        let lines = self.nodes.iter().filter(|node| !node.inputs.is_empty());
        let lines: Vec<_> = lines.map(|node| format!("  {} &= {}", symbol(&node.name), self.latex(node))).collect();
        format!("\\begin{{align*}}\n{}\n\\end{{align*}}\n", lines.join(" \\\\\n"))
    }

    fn latex(&self, node: &Node) -> String {
        let symbols: Vec<String> = node.inputs.iter().map(|&input| symbol(&self.node(input).name)).collect();
        node.op.latex(&symbols)
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
