//! What `inspect` says of networks, and of files that are none.

use std::fs;

use crate::folder::{Folder, assert_refused, text};
use serde_json::Value;
use sharpflow::network::Network;
use sharpflow::network::ops::Op;

#[test]
fn inspect_reads_built_in_and_own_networks() {
    let folder = Folder::new("inspect");
    let output = folder.run(&["inspect", "batch_norm"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "all weights: proved",
        "readout by itself: proved",
        "9 of 9 hold",
        "28 of 28 of their wrong twins fail",
        "it interpolates",
    ] {
        assert!(said.contains(part), "{said}");
    }
    // The same bytes again, and what is printed as a file is a file.
    assert_eq!(folder.run(&["inspect", "batch_norm"]).stdout, output.stdout);
    let written = folder.run(&["inspect", "attention", "--toml"]);
    folder.file("mine.toml", &text(&written.stdout));
    assert_eq!(folder.run(&["inspect", "mine.toml", "--toml"]).stdout, written.stdout);
    let json: Value = serde_json::from_slice(&folder.run(&["inspect", "mine.toml", "--json"]).stdout).unwrap();
    assert_eq!(json["invariance"]["answer"], "proved");
    assert!(
        json["provenance"]["commit"].is_string()
            && json["exact"]["not_known"].as_str().unwrap().contains("square roots")
    );
    assert!(text(&folder.run(&["inspect", "circle", "--latex"]).stdout).starts_with("\\begin{align*}"));

    let guide = include_str!("../../../docs/l4_norm.toml");
    folder.file("l4.toml", guide);
    assert_eq!(folder.run(&["inspect", "l4.toml"]).status.code(), Some(0));
    folder.file("broken.toml", &guide.replace("of = \"output\" }", "of = \"output\", epsilon = 1e-5 }"));
    let broken = folder.run(&["inspect", "broken.toml", "--size", "samples=3", "--size", "width=4"]);
    let said = text(&broken.stdout);
    assert_eq!(broken.status.code(), Some(1), "{said}");
    assert!(said.contains("At `prediction`: ε = 1e-5 does not scale") && said.contains("hidden by itself: proved"));
    // A refuted network is tried in no field, but what is wrong with it is said, and what would mend it.
    assert!(said.contains("not tried: the loss is not scale-invariant"), "{said}");
    assert!(said.contains("scale-invariant but for ε") && said.contains("--suggest"), "{said}");
    let suggested = text(&folder.run(&["inspect", "broken.toml", "--suggest"]).stdout);
    assert!(suggested.contains("What would mend it: set epsilon = 0."), "{suggested}");
    assert_eq!(folder.run(&["inspect", "broken.toml", "--group", "hidden"]).status.code(), Some(0));
    // The guide's listing is the file.
    let listed = include_str!("../../../docs/architectures.md");
    let body = guide.split_once('\n').unwrap().1;
    assert!(listed.contains(body));
}

#[test]
fn a_network_that_cannot_be_read_is_refused_in_one_line() {
    let folder = Folder::new("inspect-refused");
    assert_refused(&folder.run(&["inspect", "nowhere.toml"]), &["nowhere.toml", "built in are", "batch_norm"]);
    folder.file("empty.toml", "");
    assert_refused(&folder.run(&["inspect", "empty.toml"]), &["empty.toml", "no nodes"]);
    folder.file("nan.toml", "[weights]\nx = [2]\n[constants]\nc = { shape = [2], values = [1.0, nan] }\n[nodes]\ny = { op = \"add\", of = [\"x\", \"c\"] }\n");
    assert_refused(&folder.run(&["inspect", "nan.toml"]), &["nan.toml: line 4", "`c`", "entry 1", "NaN"]);
    fs::write(folder.0.join("binary.toml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_refused(&folder.run(&["inspect", "binary.toml"]), &["binary.toml"]);
    assert_refused(&folder.run(&["inspect", "."]), &["."]);
    assert_refused(&folder.run(&["inspect", "batch_norm", "--size", "width"]), &["--size \"width\""]);
    assert_refused(&folder.run(&["inspect", "batch_norm", "--size", "depth=3"]), &["no size `depth`", "width"]);
    assert_refused(&folder.run(&["inspect", "batch_norm", "--size", "width=99999999999"]), &["too large"]);
    assert_refused(&folder.run(&["inspect", "batch_norm", "--group", "nobody"]), &["nobody", "hidden"]);
    let endless = folder.run(&["inspect", "/dev/zero"]);
    if cfg!(target_os = "linux") {
        assert_refused(&endless, &["/dev/zero", "largest"]);
    }
}

/// A proof about nothing, and a folder of a built-in's name.
#[test]
fn inspect_says_what_its_answer_is_worth() {
    let folder = Folder::new("inspect-worth");
    let text = "[weights]\nx = [3]\n[nodes]\nn = { op = \"normalize\", of = \"x\", axes = [0], centred = false, averaged = false }\ns = { op = \"multiply\", of = [\"n\", \"n\"] }\nm = { op = \"scale\", of = \"s\", factor = -1 }\nr = { op = \"square_root\", of = \"m\" }\nloss = { op = \"sum\", of = \"r\", axes = [0] }\n";
    folder.file("nowhere.toml", text);
    let output = folder.run(&["inspect", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("all weights: proved") && said.contains("no number at 16 random points: at node `r`"),
        "{said}"
    );
    fs::create_dir(folder.0.join("circle")).unwrap();
    assert_eq!(folder.run(&["inspect", "circle"]).status.code(), Some(0));
}

/// What is said of a network, as data.
fn inspection(folder: &Folder, arguments: &[&str]) -> Value {
    serde_json::from_slice(&folder.run(&[&["inspect", "--json"], arguments].concat()).stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The sharpness of cθ is c⁻² times that of θ, and of its direction the same; Γ of the circle is where its file says.
#[test]
fn a_point_and_a_minimum_are_those_of_the_loss() {
    let folder = Folder::new("inspect-point");
    let circle = inspection(&folder, &["circle"]);
    let point = &circle["point"];
    let pairs = |kind: &str| -> Vec<[f64; 2]> {
        let pairs = point[kind].as_array().unwrap();
        pairs.iter().map(|pair| [number(&pair[0]), number(&pair[1])]).collect()
    };
    let (euclidean, tangential) = (pairs("sharpness"), pairs("tangential"));
    assert!(euclidean.len() == 2 && tangential.len() == 2);
    // Of P∇²LP one eigenvalue is 0, along θ, and an interlacing one lies below that of ∇²L.
    assert!(tangential[1][0].abs() < 1e-8 && tangential[0][0] < euclidean[0][0] && euclidean[1][0] < 0.0);
    let sharpness = euclidean[0][0];
    for (scaling, factor) in point["scaling"].as_array().unwrap().iter().zip([0.5f64, 1.0, 2.0]) {
        assert_eq!(number(&scaling["factor"]), factor);
        assert!((number(&scaling["ordinary"]) * factor.powi(2) / sharpness - 1.0).abs() < 1e-8, "{scaling}");
        assert!((number(&scaling["spherical"]) / sharpness - 1.0).abs() < 1e-8, "{scaling}");
    }
    let minimum = &circle["minimum"];
    let (rank, dimension) = (number(&minimum["rank"]), number(&minimum["manifold_dimension"]));
    let geometry = &minimum["geometry"];
    assert!((rank, dimension) == (1.0, 1.0) && number(&minimum["loss"]).abs() < 1e-20);
    // λ₁ = 1 + 20x² and ‖G‖ = 40|x|√(1 − x²)/λ₁, λ₂ = 0.
    let square = (number(&geometry[0]) - 1.0) / 20.0;
    let slope = 40.0 * (square * (1.0 - square)).sqrt() / number(&geometry[0]);
    assert!((number(&geometry[2]) / slope - 1.0).abs() < 1e-6 && number(&geometry[1]).abs() < 1e-8, "{geometry}");
}

/// What stands in a network's place is named, and no identity is tried where its proof would not hold.
#[test]
fn what_exact_arithmetic_tries_is_said() {
    let folder = Folder::new("inspect-exact");
    let replaced = |arguments: &[&str]| inspection(&folder, arguments)["replaced"].to_string();
    assert_eq!(replaced(&["circle"]), "[]");
    assert_eq!(replaced(&["rms_norm"]), r#"["smaller sizes","rational functions"]"#);
    let network = |nodes: &str| format!("[weights]\nx = [3]\n[nodes]\n{nodes}");
    // eˣ makes a factor of |x|², which the softmax takes away; the function in its place does not.
    let softmax = "n = { op = \"normalize\", of = \"x\", axes = [0] }\nxx = { op = \"multiply\", of = [\"x\", \"x\"] }\nr = { op = \"sum\", of = \"xx\", axes = [0] }\nl = { op = \"add\", of = [\"n\", \"r\"] }\ns = { op = \"softmax\", of = \"l\", axis = 0 }\nss = { op = \"multiply\", of = [\"s\", \"s\"] }\nloss = { op = \"sum\", of = \"ss\", axes = [0] }\n";
    folder.file("softmax.toml", &network(softmax));
    let found = inspection(&folder, &["softmax.toml"]);
    assert_eq!(found["invariance"]["answer"], "proved");
    assert_eq!(found["replaced"].to_string(), r#"["rational functions"]"#);
    assert!(found["exact"]["not_known"].as_str().unwrap().contains("would stand in for its own"), "{found}");
    // On a constant loss wrong identities hold as well, and are not counted as refuted.
    let constant = "xx = { op = \"multiply\", of = [\"x\", \"x\"] }\nr = { op = \"sum\", of = \"xx\", axes = [0] }\nloss = { op = \"divide\", of = [\"r\", \"r\"] }\n";
    folder.file("constant.toml", &network(constant));
    let found = inspection(&folder, &["constant.toml"]);
    let exact = &found["exact"][0];
    assert!(number(&exact["twins_refuted"]) < number(&exact["twins"]), "{exact}");
    assert_eq!(exact["held"], exact["identities"]);
}

/// One weight, of which nothing depends; a loss without a gradient on three quarters of the circle; more weights than a descent takes.
#[test]
fn points_are_chosen_where_there_is_something_to_see() {
    let folder = Folder::new("inspect-odd");
    let unit = "n = { op = \"normalize\", of = \"x\", axes = [0], centred = false, averaged = false }\n";
    folder.file(
        "one.toml",
        &format!("[weights]\nx = [1]\n[nodes]\n{unit}loss = {{ op = \"sum\", of = \"n\", axes = [0] }}\n"),
    );
    let one = inspection(&folder, &["one.toml"]);
    assert!(one["point"]["not_known"].as_str().unwrap().contains("locally constant"), "{one}");
    folder.file(
        "half.toml",
        &format!("[weights]\nx = [2]\n[nodes]\n{unit}p = {{ op = \"relu\", of = \"n\" }}\nr = {{ op = \"square_root\", of = \"p\" }}\nloss = {{ op = \"sum\", of = \"r\", axes = [0] }}\n"),
    );
    for seed in 0..8 {
        let half = inspection(&folder, &["half.toml", "--seed", &seed.to_string()]);
        // √cos + √sin.
        assert!(number(&half["point"]["loss"]) > 1.0, "{half}");
    }
    for (size, looked_for) in [(300, true), (301, false)] {
        folder.file(
            "large.toml",
            &format!("[weights]\nx = [{size}]\n[constants]\nc = {{ shape = [{size}], normal = 1 }}\n[nodes]\n{unit}cn = {{ op = \"multiply\", of = [\"c\", \"n\"] }}\ns = {{ op = \"sum\", of = \"cn\", axes = [0] }}\nloss = {{ op = \"multiply\", of = [\"s\", \"s\"] }}\n"),
        );
        let minimum = &inspection(&folder, &["large.toml"])["minimum"];
        let refused = minimum["not_known"].as_str().is_some_and(|why| why.contains("301 weights are more than 300"));
        assert_eq!(refused, !looked_for, "{minimum}");
        assert_eq!(minimum["rank"].as_f64(), looked_for.then_some(1.0), "{minimum}");
    }
}

/// A file of the cases that an earlier version misread.
fn case(name: &str) -> String {
    format!("{}/../tests/cases/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}

/// A normalization of what is constant up to rounding is 0/0, and one whose square overflows is no number: the node is named.
#[test]
fn a_loss_that_is_no_number_names_its_node() {
    let folder = Folder::new("inspect-degenerate");
    for (name, said) in [
        ("batch_norm_constant_feature", ["no number", "node `normal`", "0/0"]),
        ("rms_norm_huge", ["no number", "node `normal`", "overflows"]),
    ] {
        let output = folder.run(&["inspect", &case(name)]);
        let text = text(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{name}");
        assert!(said.iter().all(|part| text.contains(part)), "{text}");
    }
    // Standardized numbers have no units, however large those were.
    let output = folder.run(&["inspect", &case("standardize_huge")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("it interpolates"));
}

/// Batch norm of two samples and RMS norm of one output are ±1: nothing can be tested of them, and nothing is refuted.
#[test]
fn locally_constant_losses_are_named_and_not_refuted() {
    let folder = Folder::new("inspect-constant");
    for name in ["false_refutation_bn_two_samples", "false_refutation_rms_norm_one_output"] {
        let inspected = folder.run(&["inspect", &case(name)]);
        assert_eq!(inspected.status.code(), Some(3), "{name}");
        assert!(text(&inspected.stdout).contains("locally constant"), "{}", text(&inspected.stdout));
        let verified = folder.run(&["verify", "--network", &case(name), "--json", "--force"]);
        assert_eq!(verified.status.code(), Some(3), "{name}");
        let evidence: Value = serde_json::from_slice(&verified.stdout).unwrap();
        for claim in evidence["claims"].as_array().unwrap() {
            assert_eq!(claim["verdict"], "not-judged", "{claim}");
            assert!(claim["reason"].as_str().unwrap().contains("nothing to test"), "{claim}");
        }
    }
}

/// A network on unscaled rows: doubles give its Hessian's rank, or double-double does, the same from every start.
#[test]
fn raw_units_have_one_rank() {
    let folder = Folder::new("inspect-units");
    for seed in ["0", "1"] {
        let output = folder.run(&["inspect", &case("network_raw_units"), "--seed", seed]);
        let said = text(&output.stdout);
        assert!(said.contains("it interpolates") && said.contains("rank of ∇²L 6"), "{said}");
    }
}

/// What files may leave to be understood: one size for a window, an axis from the end, a mask of −inf.
#[test]
fn files_may_say_it_briefly() {
    let folder = Folder::new("inspect-brief");
    let network = "[weights]\nw = [4, 3]\nv = [2, 4]\n[constants]\nx = { shape = [5, 3], normal = 1 }\n\
        mask = { shape = [5, 4], values = [0, 0, 0, -inf, 0, 0, -inf, 0, 0, -inf, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }\n\
        y = { shape = [5, 2], normal = 2, standardize = true }\n[nodes]\nz = { op = \"linear\", of = [\"x\", \"w\"] }\n\
        n = { op = \"normalize\", of = \"z\", axes = -1 }\nm = { op = \"add\", of = [\"n\", \"mask\"] }\n\
        p = { op = \"softmax\", of = \"m\", axis = -1 }\no = { op = \"linear\", of = [\"p\", \"v\"] }\n\
        b = { op = \"batch_norm\", of = \"o\" }\nloss = { op = \"mean_squared_error\", of = [\"b\", \"y\"] }\n";
    folder.file("brief.toml", network);
    let output = folder.run(&["inspect", "brief.toml"]);
    assert!(text(&output.stdout).contains("all weights: proved"), "{}{}", text(&output.stdout), text(&output.stderr));
    folder.file("unknown.toml", &network.replace("softmax", "sofmax"));
    assert_refused(&folder.run(&["inspect", "unknown.toml"]), &["`sofmax`", "there are: softmax", "batch_norm"]);
    folder.file("word.toml", &network.replace("[4, 3]", "[4.5, 3]"));
    let refused = folder.run(&["inspect", "word.toml"]);
    assert!(!text(&refused.stderr).contains("usize") && !text(&refused.stderr).contains("struct"));
}

/// With `--values` the written file needs no generator: its numbers are those that were drawn.
#[test]
fn a_network_is_written_with_its_numbers() {
    let folder = Folder::new("values");
    let drawn = text(&folder.run(&["inspect", "batch_norm", "--toml"]).stdout);
    let given = text(&folder.run(&["inspect", "batch_norm", "--toml", "--values"]).stdout);
    assert!(drawn.contains("normal = ") && !given.contains("normal = "), "{given}");
    let constants = |text: &str| -> Vec<Vec<f64>> {
        let network = Network::from_toml(text, &[]).unwrap();
        let values = network.nodes().iter().filter_map(|node| match &node.op {
            Op::Constant(constant) => Some(constant.values.to_vec()),
            _ => None,
        });
        values.collect()
    };
    assert!(!constants(&drawn).is_empty());
    assert_eq!(constants(&drawn), constants(&given));
    let refused = folder.run(&["inspect", "batch_norm", "--values"]);
    assert_eq!(refused.status.code(), Some(2));
}
