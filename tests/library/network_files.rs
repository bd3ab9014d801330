//! Network files: that they say what was built, that every fault has its line, and that no bytes make the reader panic.

use crate::common::cases;
use proptest::prelude::*;
use sharpflow::network::{Activation, Builder, Fault, Network, NetworkError, Normalization, ops};
use sharpflow::network_file::FileError;
use sharpflow::network_file::zoo::{ZOO, find};

/// Every operation once, so that all of the format is written and read.
fn everything() -> Network {
    let mut b = Builder::new("every \"operation\"\n");
    let x = b.weight("x", &[2, 4, 4, 2]).unwrap();
    let kernels = b.weight("kernels", &[4, 8]).unwrap();
    let data = b.constant("data", &[2, 3, 3, 4], (0..72).map(|k| 0.1 * f64::from(k)).collect()).unwrap();
    let noise = b.normal("noise", &[3, 4], 7).unwrap();
    b.standardize(noise).unwrap();
    let window = ops::Patches { window: vec![2, 2], stride: 1, padding: 0, dilation: 1 };
    let y = b.convolution("convolved", x, kernels, &window, 1).unwrap();
    let y = b.group_norm("grouped", y, 2, 1e-3).unwrap();
    let mut y = b.batch_norm("batch", y, 0.0).unwrap();
    for activation in Activation::ALL {
        y = b.activation(activation.name(), activation, y).unwrap();
    }
    let y = b.add("scaled", ops::Scale { factor: 0.1 }, &[y]).unwrap();
    let y = b.add("added", ops::Add, &[y, data]).unwrap();
    let y = b.add("subtracted", ops::Subtract, &[y, noise]).unwrap();
    let y = b.add("multiplied", ops::Multiply, &[y, y]).unwrap();
    let y = b.add("root", ops::SquareRoot, &[y]).unwrap();
    let y = b.add("divided", ops::Divide, &[y, noise]).unwrap();
    let y = b.average_pool("average", y, &window).unwrap();
    let y = b.max_pool("largest", y, &ops::Patches { window: vec![2, 2], stride: 2, padding: 1, dilation: 1 }).unwrap();
    let y = b.add("moved", ops::Transpose { order: vec![1, 0, 3, 2] }, &[y]).unwrap();
    let y = b.add("part", ops::Slice { axis: 2, start: 0, end: 3, step: 2 }, &[y]).unwrap();
    let y = b.add("sum", ops::Sum { axes: vec![2] }, &[y]).unwrap();
    let y = b.add("mean", ops::Mean { axes: vec![0] }, &[y]).unwrap();
    let count = b.shape(y).unwrap().count();
    let rows =
        b.add("rows", ops::Reshape { shape: sharpflow::network::Shape::new(&[count, 1]).unwrap() }, &[y]).unwrap();
    let sized = Normalization { axes: vec![0], epsilon: 0.5, centred: false, averaged: false };
    let rows = b.add("sized", sized, &[rows]).unwrap();
    let square = b.linear("square", rows, rows).unwrap();
    let attended = b.attention("attended", [square, square, square], 1, 0.25).unwrap();
    let weights = b.add("cauchy_weights", ops::Softmax { axis: 0, function: Activation::Cauchy }, &[attended]).unwrap();
    let maximum = b.add("maximum", ops::Maximum { axes: vec![1] }, &[weights]).unwrap();
    let again = b.matrix_product("again", weights, maximum).unwrap();
    let first = b.normalized_cross_entropy("entropy", again, maximum, 0.0).unwrap();
    let second = b.add("error", ops::MeanSquaredError, &[again, maximum]).unwrap();
    let loss = b.add("loss", ops::Add, &[first, second]).unwrap();
    b.finish(loss).unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let zoo = ZOO.map(|architecture| architecture.network(&[]).unwrap());
    for network in zoo.into_iter().chain([everything()]) {
        let text = network.to_toml();
        let read = Network::from_toml(&text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(read, network, "{text}");
        assert_eq!(read.to_toml(), text);
        assert!(read.to_string().contains(network.title()));
        let latex = read.to_latex();
        let operations = read.nodes().iter().filter(|node| !node.inputs.is_empty()).count();
        assert_eq!(latex.matches("&=").count(), operations);
        assert_eq!(latex.matches('{').count(), latex.matches('}').count(), "{latex}");
    }
}

#[test]
fn nodes_may_stand_in_any_order_and_sizes_may_be_set() {
    let text = r#"
        output = "loss"
        [sizes]
        n = 3
        [weights]
        x = ["n"]
        [nodes]
        loss = { op = "sum", of = "square", axes = [0] }
        square = { op = "multiply", of = ["x", "x"] }
    "#;
    assert_eq!(Network::from_toml(text, &[]).unwrap().dimension(), 3);
    let network = Network::from_toml(text, &[("n", 5)]).unwrap();
    assert_eq!(network.dimension(), 5);
    assert_eq!(network.nodes().iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["x", "square", "loss"]);
    let error = Network::from_toml(text, &[("m", 5)]).unwrap_err();
    assert_eq!(error.to_string(), "there is no size `m` to set; there are: n");
}

/// The two-layer file with one replacement, and what is said of it, in one line.
fn fault(from: &str, to: &str) -> (FileError, String) {
    let text = find("batch_norm").unwrap().toml;
    assert!(text.contains(from), "{from}");
    let error = Network::from_toml(&text.replacen(from, to, 1), &[]).unwrap_err();
    let said = error.to_string();
    assert_eq!(said.lines().count(), 1, "{said}");
    (error, said)
}

#[test]
fn every_fault_is_said_in_one_line_with_its_place() {
    let text = find("batch_norm").unwrap().toml;
    let line = |of: &str| text.lines().position(|line| line.starts_with(of)).unwrap() + 1;

    let (error, said) = fault("op = \"batch_norm\", of = [\"pre\"]", "op = \"bach_norm\", of = [\"pre\"]");
    assert!(matches!(error, FileError::NoSuchOperation { line: at, .. } if at == line("normal")), "{said}");
    assert!(said.contains("`normal`") && said.contains("`bach_norm`"));

    let (error, said) = fault("hidden = [\"width\", \"features\"]", "hidden = [\"width\", 7]");
    let wrong = |f: &Fault| matches!(f, Fault::MatrixProduct { transpose_right: true, .. });
    assert!(
        matches!(&error, FileError::Network { line: at, fault: NetworkError::Node { node, fault } } if *at == line("pre") && node == "pre" && wrong(fault)),
        "{said}"
    );
    assert!(said.contains("6×4 and 4×7"), "{said}");

    let (error, said) = fault("of = [\"inputs\", \"hidden\"]", "of = [\"inputs\", \"active\"]");
    assert!(matches!(error, FileError::Cycle { .. }));
    assert!(said.contains("pre ← active ← normal ← pre") || said.contains("normal ← pre ← active"), "{said}");
    let (error, _) = fault("of = [\"pre\"]", "of = [\"normal\"]");
    assert!(matches!(error, FileError::Cycle { .. }));

    let (error, said) = fault("readout = [\"width\", 1]\n", "");
    assert!(matches!(&error, FileError::NoSuchInput { input, .. } if input == "readout"), "{said}");

    let (error, said) = fault("[nodes]\n", "[nodes]\npre = { op = \"exp\", of = \"inputs\" }\n");
    assert!(matches!(error, FileError::Syntax { line: at, .. } if at == line("pre") + 1), "{said}");
    let (error, said) = fault("[nodes]\n", "[nodes]\nhidden = { op = \"exp\", of = \"inputs\" }\n");
    assert!(
        matches!(&error, FileError::Network { fault: NetworkError::Node { node, fault: Fault::Duplicate }, .. } if node == "hidden"),
        "{said}"
    );

    let (error, said) = fault("normal = 1", "values = [1.0, nan]");
    assert!(
        matches!(
            error,
            FileError::Network { fault: NetworkError::Node { fault: Fault::Length { found: 2, .. }, .. }, .. }
        ),
        "{said}"
    );
    let values = format!("values = [{}nan]", "1.0, ".repeat(23));
    let (error, said) = fault("normal = 1", &values);
    assert!(
        matches!(&error, FileError::Network { line: at, fault: NetworkError::Node { node, fault: Fault::ConstantNotFinite { entry: 23, value } } } if *at == line("inputs") && node == "inputs" && value.is_nan()),
        "{said}"
    );
    let (error, said) = fault("of = [\"pre\"]", "of = [\"pre\"], epsilon = nan");
    assert!(
        matches!(error, FileError::Network { fault: NetworkError::Node { fault: Fault::Epsilon(_), .. }, .. }),
        "{said}"
    );

    // Absurd sizes are refused before anything is allocated for them.
    for size in ["1000000000000", "9000000000000000000"] {
        let (_, said) = fault("width = 4", &format!("width = {size}"));
        assert!(said.contains("too large"), "{said}");
    }
    for shape in ["[4000000000, 4000000000]", "[1000000000000]", "[0]", "[1, 1, 1, 1, 1, 1, 1]"] {
        let (error, said) = fault("shape = [\"samples\", 1]", &format!("shape = {shape}"));
        assert!(
            matches!(error, FileError::Network { fault: NetworkError::Node { fault: Fault::TooLarge, .. }, .. }),
            "{said}"
        );
    }
    let (error, said) = fault("shape = [\"samples\", 1]", "shape = [-4]");
    assert!(matches!(error, FileError::Syntax { .. }), "{said}");

    let (error, said) = fault("of = [\"pre\"]", "of = [\"pre\"], groups = 2");
    assert!(matches!(&error, FileError::UnknownParameter { parameter, .. } if parameter == "groups"), "{said}");
    let (error, said) = fault("op = \"batch_norm\", of = [\"pre\"]", "op = \"group_norm\", of = [\"pre\"]");
    assert!(matches!(error, FileError::Parameter { parameter: "groups", .. }), "{said}");
    let (error, said) = fault("op = \"batch_norm\", of = [\"pre\"]", "op = \"group_norm\", of = [\"pre\"], groups = 3");
    assert!(
        matches!(
            error,
            FileError::Network {
                fault: NetworkError::Node { fault: Fault::Groups { groups: 3, channels: 4 }, .. },
                ..
            }
        ),
        "{said}"
    );
    let (error, said) = fault("[\"width\", \"features\"]", "[\"wide\", \"features\"]");
    assert!(matches!(&error, FileError::NoSuchSize { size, .. } if size == "wide"), "{said}");
    let (error, said) = fault(
        "op = \"mean_squared_error\", of = [\"prediction\", \"targets\"]",
        "op = \"subtract\", of = [\"prediction\", \"targets\"]",
    );
    assert!(matches!(error, FileError::Whole(NetworkError::NotANumber { .. })), "{said}");
    let (error, said) = fault("[weights]\n", "[weights]\nidle = [3]\n");
    assert!(matches!(&error, FileError::Whole(NetworkError::Unused { node }) if node == "idle"), "{said}");
    let (error, said) = fault("op = \"batch_norm\", of = [\"pre\"]", "op = \"batch_norm\", of = [\"pre\", \"pre\"]");
    assert!(
        matches!(
            error,
            FileError::Network { fault: NetworkError::Node { fault: Fault::Arity { found: 2, .. }, .. }, .. }
        ),
        "{said}"
    );
    let (error, said) = fault("[sizes]", "[sizes");
    assert!(matches!(error, FileError::Syntax { line: 3, .. }), "{said}");
    assert!(matches!(Network::from_toml("", &[]), Err(FileError::NoNodes)));
    let gone = Network::read("no/such/file.toml", &[]).unwrap_err();
    assert!(matches!(gone, FileError::Unreadable(_)));
    // A name that would move the cursor, or fill the screen, does neither.
    let text = format!("[weights]\nw = [\"a\\u001b[31m{}\"]\n", "x".repeat(5000));
    let said = Network::from_toml(&text, &[]).unwrap_err().to_string();
    assert!(said.chars().count() < 300 && !said.contains(char::is_control), "{said}");
}

/// Pieces that files are made of, put together without sense.
fn nonsense() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "[weights]\n",
        "[nodes]\n",
        "[constants]\n",
        "[sizes]\n",
        "title = ",
        "output = ",
        "a = ",
        "b = ",
        "c = ",
        "loss = ",
        "{ op = ",
        "\"linear\"",
        "\"add\"",
        "\"batch_norm\"",
        "\"reshape\"",
        "\"slice\"",
        "\"patches\"",
        "\"attention\"",
        "\"convolution\"",
        "\"softmax\"",
        "\"mean_squared_error\"",
        "\"sum\"",
        "\"transpose\"",
        "\"group_norm\"",
        ", of = ",
        "\"a\"",
        "\"b\"",
        "[\"a\", \"b\"]",
        "[\"c\"]",
        ", axes = [0]",
        ", axis = 9",
        ", order = [1, 0]",
        ", window = [2, 2]",
        ", groups = 0",
        ", shape = [2, 2]",
        ", start = 3, end = 1",
        ", stride = 0",
        ", epsilon = -1",
        ", padding = 99999999999",
        " }\n",
        "[3, 4]\n",
        "[]\n",
        "[[1]]\n",
        "-1",
        "nan",
        "\n",
        "\u{0}",
        "é",
        "'",
        "[nodes.a]\n",
        ", values = [1.0]",
        ", normal = 3",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(2048))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Network::from_toml(&String::from_utf8_lossy(&bytes), &[]);
    }

    #[test]
    fn no_pieces_make_the_reader_panic(text in nonsense()) {
        let _ = Network::from_toml(&text, &[]);
    }

    /// A file of the zoo with some bytes changed: read or refused, in one line.
    #[test]
    fn a_damaged_file_is_read_or_refused(which in 0..ZOO.len(), changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut bytes = ZOO[which].toml.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        match Network::from_toml(&String::from_utf8_lossy(&bytes), &[]) {
            Ok(network) => prop_assert_eq!(Network::from_toml(&network.to_toml(), &[]).unwrap(), network),
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error),
        }
    }
}
