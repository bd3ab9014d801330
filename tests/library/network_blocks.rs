//! Blocks of network files: a file with blocks is the file that has them written out.

use sharpflow::network::Network;
use sharpflow::network::homogeneity::Answer;

const BLOCKS: &str = r#"
[sizes]
width = 4

[weights]
readout = [1, "width"]

[constants]
inputs = { shape = [5, "width"], normal = 1 }
targets = { shape = [5, 1], normal = 2, standardize = true }

[blocks.layer]
inputs = ["x"]
sizes = { outputs = 4 }
weights = { w = ["outputs", "width"] }
nodes.linear = { op = "linear", of = ["x", "w"] }
nodes.norm = { op = "batch_norm", of = "linear" }
nodes.active = { op = "softplus", of = "norm" }

[blocks.residual]
inputs = ["x", "by"]
output = "sum"
sizes = { hidden = 4 }
constants = { half = { shape = [1], values = [0.5] } }
nodes.sum = { op = "add", of = ["x", "part"] }
nodes.inner = { op = "layer", of = "x", outputs = "hidden" }
nodes.part = { op = "multiply", of = ["inner", "by"] }

[nodes]
trunk = { op = "residual", of = ["inputs", "trunk.2.half"], repeat = 2 }
output = { op = "linear", of = ["trunk", "readout"] }
prediction = { op = "batch_norm", of = "output" }
loss = { op = "mean_squared_error", of = ["prediction", "targets"] }
"#;

const WRITTEN_OUT: &str = r#"
[weights]
readout = [1, 4]
"trunk.1.inner.w" = [4, 4]
"trunk.2.inner.w" = [4, 4]

[constants]
inputs = { shape = [5, 4], normal = 1 }
targets = { shape = [5, 1], normal = 2, standardize = true }
"trunk.1.half" = { shape = [1], values = [0.5] }
"trunk.2.half" = { shape = [1], values = [0.5] }

[nodes]
"trunk.1" = { op = "add", of = ["inputs", "trunk.1.part"] }
"trunk.1.inner.linear" = { op = "linear", of = ["inputs", "trunk.1.inner.w"] }
"trunk.1.inner.norm" = { op = "batch_norm", of = "trunk.1.inner.linear" }
"trunk.1.inner" = { op = "softplus", of = "trunk.1.inner.norm" }
"trunk.1.part" = { op = "multiply", of = ["trunk.1.inner", "trunk.2.half"] }
"trunk" = { op = "add", of = ["trunk.1", "trunk.2.part"] }
"trunk.2.inner.linear" = { op = "linear", of = ["trunk.1", "trunk.2.inner.w"] }
"trunk.2.inner.norm" = { op = "batch_norm", of = "trunk.2.inner.linear" }
"trunk.2.inner" = { op = "softplus", of = "trunk.2.inner.norm" }
"trunk.2.part" = { op = "multiply", of = ["trunk.2.inner", "trunk.2.half"] }
output = { op = "linear", of = ["trunk", "readout"] }
prediction = { op = "batch_norm", of = "output" }
loss = { op = "mean_squared_error", of = ["prediction", "targets"] }
"#;

#[test]
fn a_file_with_blocks_is_the_same_network_written_out() {
    let network = Network::from_toml(BLOCKS, &[]).unwrap();
    assert_eq!(network, Network::from_toml(WRITTEN_OUT, &[]).unwrap());
    assert_eq!(network.homogeneity(&[], 0).answer, Answer::Proved);
    assert_eq!(Network::from_toml(&network.to_toml(), &[]).unwrap(), network);
}

#[test]
fn sizes_of_a_block_are_set_where_it_is_used_and_those_of_the_file_from_outside() {
    let groups = |network: &Network| -> Vec<_> {
        network.groups().map(|group| (group.name.to_owned(), group.shape.axes().to_vec())).collect()
    };
    let once = BLOCKS.replace("\"trunk.2.half\"], repeat = 2", "\"trunk.half\"], hidden = 1");
    let network = Network::from_toml(&once, &[]).unwrap();
    assert_eq!(groups(&network), [("readout".into(), vec![1, 4]), ("trunk.inner.w".into(), vec![1, 4])]);
    let network = Network::from_toml(&once, &[("width", 6)]).unwrap();
    assert_eq!(groups(&network), [("readout".into(), vec![1, 6]), ("trunk.inner.w".into(), vec![1, 6])]);
    // A size of a block is not one of the file.
    let error = Network::from_toml(BLOCKS, &[("hidden", 1)]).unwrap_err();
    assert_eq!(error.to_string(), "there is no size `hidden` to set; there are: width");
}

#[test]
fn every_fault_of_a_block_is_said_with_its_line() {
    for (from, to, line_of, expected) in [
        ("[\"inputs\", \"trunk.2.half\"]", "\"inputs\"", "trunk =", "the block `residual` takes 2 inputs, not 1"),
        (
            "output = \"sum\"",
            "output = \"total\"",
            "trunk =",
            "the block `residual` has no node `total` to be its output",
        ),
        ("op = \"layer\"", "op = \"residual\"", "nodes.inner", "the block `residual` contains itself"),
        (
            "op = \"softplus\", of = \"norm\"",
            "op = \"layer\", of = \"norm\"",
            "nodes.active",
            "the block `layer` contains itself",
        ),
        ("repeat = 2", "repeat = 0", "trunk =", "`residual` needs `repeat`, a whole number from 1 to 4096"),
        ("repeat = 2", "repeat = \"width\", hidden = 2.5", "trunk =", "needs `a size`"),
        ("repeat = 2", "repeat = 2, depth = 3", "trunk =", "`residual` has no parameter `depth`"),
        ("repeat = 2", "repeat = \"times\"", "trunk =", "no size is named `times`; there are: width"),
        (
            "of = [\"x\", \"w\"]",
            "of = [\"x\", \"v\"]",
            "nodes.linear",
            "its input `v` is neither a weight, a constant nor a node",
        ),
        (
            "op = \"batch_norm\", of = \"linear\"",
            "op = \"batch_nrm\", of = \"linear\"",
            "nodes.norm",
            "no operation is named `batch_nrm`",
        ),
        ("of = \"linear\"", "of = \"active\"", "nodes.", "needs itself: "),
    ] {
        assert!(BLOCKS.contains(from), "{from}");
        let text = BLOCKS.replacen(from, to, 1);
        let said = Network::from_toml(&text, &[]).expect_err(to).to_string();
        assert!(said.contains(expected) && said.lines().count() == 1, "{to}: {said}");
        let lines = text.lines().enumerate().filter(|(_, line)| line.starts_with(line_of));
        let mut at = lines.map(|(k, _)| format!("line {}: ", k + 1));
        assert!(at.any(|at| said.starts_with(&at)), "{to}: {said}");
    }
    let named = BLOCKS.replace("blocks.layer", "blocks.linear");
    assert_eq!(
        Network::from_toml(&named, &[]).unwrap_err().to_string(),
        "the block `linear` has the name of an operation"
    );
}

/// Blocks of blocks grow as a power of their depth: what would be too large is refused before it is written out.
#[test]
fn blocks_that_grow_without_bound_are_refused() {
    let said = |depth| Network::from_toml(&nested(depth), &[]).unwrap_err().to_string();
    assert!(said(20).ends_with("nodes are more than the 4096 a file can have"), "{}", said(20));
    assert!(
        said(20_000).ends_with("the block `b19967` would stand within 32 others, which is too deep"),
        "{}",
        said(20_000)
    );
}

/// Blocks, each of which repeats the one before.
fn nested(depth: usize) -> String {
    let mut text = String::from("[weights]\nw = [2]\n");
    text.push_str("[blocks.b0]\ninputs = [\"x\"]\nnodes.y = { op = \"add\", of = [\"x\", \"x\"] }\n");
    for outer in 1..depth {
        let inner = outer - 1;
        text.push_str(&format!(
            "[blocks.b{outer}]\ninputs = [\"x\"]\nnodes.y = {{ op = \"b{inner}\", of = \"x\", repeat = 4096 }}\n"
        ));
    }
    text.push_str(&format!("[nodes]\nloss = {{ op = \"b{}\", of = \"w\", repeat = 4096 }}\n", depth - 1));
    text
}
