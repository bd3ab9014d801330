//! Constants from files of numbers: what NumPy wrote is read (`tests/arrays/make_fixtures.py`), and what is wrong with a file is said.

use std::path::Path;

use sharpflow::network::{Network, ops::Op};
use sharpflow::network_file::FileError;

/// A network whose only constant `x` is this one, read from the folder of fixtures.
fn open(constant: &str) -> Result<sharpflow::network_file::Opened, FileError> {
    let text = format!(
        "[weights]\nw = []\n[constants]\nx = {{ {constant} }}\n[nodes]\nproduct = {{ op = \"multiply\", of = [\"w\", \"x\"] }}\n\
         loss = {{ op = \"mean_squared_error\", of = [\"product\", \"x\"] }}\n"
    );
    Network::open(&text, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arrays"), &[])
}

/// The shape and the numbers of that constant.
fn read(constant: &str) -> (Vec<usize>, Vec<f64>) {
    let network = open(constant).unwrap_or_else(|error| panic!("{constant}: {error}")).network;
    let node = network.nodes().iter().find(|node| node.name == "x").unwrap();
    let Op::Constant(constant) = &node.op else { panic!("{node:?}") };
    (constant.shape.axes().to_vec(), constant.values.to_vec())
}

/// What is said of a constant that cannot be read.
fn said(constant: &str) -> String {
    let error = open(constant).map(|opened| opened.network).expect_err(constant);
    let said = error.to_string();
    assert!(said.starts_with("line 4: `x`: ") && said.lines().count() == 1, "{said}");
    said
}

/// Row r, column c of the fixtures.
fn number(k: usize) -> f64 {
    (10 * (k / 3) + k % 3) as f64 - 7.0
}

#[test]
fn every_type_of_numpy_and_idx_and_csv_holds_the_same_numbers() {
    let signed: Vec<f64> = (0..12).map(number).collect();
    let files =
        ["float64.npy", "float32.npy", "int64.npy", "int32.npy", "int16.npy", "int8.npy", "big_f8.npy", "big_i4.npy"];
    let others = ["float64.npy.gz", "one.npz", "one.safetensors", "i2.idx", "f8.idx", "plain.csv", "names.csv"];
    for file in files.into_iter().chain(others) {
        assert_eq!(read(&format!("file = \"{file}\"")), (vec![4, 3], signed.clone()), "{file}");
    }
    let unsigned: Vec<f64> = signed.iter().map(|x| x + 7.0).collect();
    for file in ["uint64.npy", "uint32.npy", "uint16.npy", "uint8.npy"] {
        assert_eq!(read(&format!("file = \"{file}\"")), (vec![4, 3], unsigned.clone()), "{file}");
    }
    for kind in ["F64", "F32", "F16", "BF16", "I64", "I8"] {
        let found = read(&format!("file = \"kinds.safetensors\", array = \"of.{kind}\""));
        assert_eq!(found, (vec![4, 3], signed.clone()), "{kind}");
    }
    let positive = signed.iter().map(|&x| f64::from(x > 0.0)).collect();
    assert_eq!(read("file = \"bool.npy\""), (vec![4, 3], positive));
    assert_eq!(read("file = \"scalar.npy\""), (vec![], vec![2.5]));
}

#[test]
fn an_array_that_stands_column_by_column_is_turned() {
    let layers: [fn(f64) -> f64; 5] = [|x| x, |x| 2.0 * x, |x| x - 1.0, |x| -x, |x| x];
    let expected = layers.iter().flat_map(|of| (0..12).map(|k| of(number(k)))).collect();
    assert_eq!(read("file = \"fortran.npy\""), (vec![5, 4, 3], expected));
    let part = layers[1..3].iter().flat_map(|of| (0..12).map(|k| of(number(k)))).collect();
    assert_eq!(read("file = \"fortran.npy\", rows = [1, 3]"), (vec![2, 4, 3], part));
}

#[test]
fn rows_labels_and_shapes_are_taken() {
    let rows: Vec<f64> = (3..9).map(number).collect();
    assert_eq!(read("file = \"two.npz\", array = \"x\", rows = [1, 3]"), (vec![2, 3], rows.clone()));
    assert_eq!(read("file = \"float64.npy\", rows = [1, 3], shape = [3, 2]"), (vec![3, 2], rows));
    let vectors = vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    assert_eq!(read("file = \"two.npz\", array = \"labels\", one_hot = 3"), (vec![4, 3], vectors.clone()));
    assert_eq!(read("file = \"labels-idx1-ubyte.gz\", one_hot = 3"), (vec![4, 3], vectors.clone()));
    assert_eq!(read("shape = [4], values = [2.0, 0.0, 1.0, 2.0], one_hot = 3"), (vec![4, 3], vectors.clone()));
    assert_eq!(read("shape = [4, 1], values = [2.0, 0.0, 1.0, 2.0], one_hot = 3"), (vec![4, 3], vectors));
}

#[test]
fn a_batch_of_cifar_has_images_and_labels() {
    assert_eq!(read("file = \"batch.bin.gz\", array = \"labels\""), (vec![2], vec![9.0, 4.0]));
    let (shape, images) = read("file = \"batch.bin.gz\", array = \"images\"");
    assert_eq!(shape, [2, 32, 32, 3]);
    let expected = |place: usize| {
        let (image, y, x, channel) = (place / 3072, place / 96 % 32, place / 3 % 32, place % 3);
        ((image + 3 * channel + 5 * y + 7 * x) % 256) as f64
    };
    assert!(images.iter().enumerate().all(|(place, &value)| value == expected(place)));
    let (shape, second) = read("file = \"batch.bin.gz\", array = \"images\", rows = [1, 2]");
    assert_eq!((shape, second.as_slice()), (vec![1, 32, 32, 3], &images[3072..]));
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    for (constant, expected) in [
        ("file = \"no.npy\"", "no.npy` cannot be read: "),
        ("file = \"make_fixtures.py\"", "is no kind of file that is known by its name: .npy, .npz, "),
        ("file = \"empty.npy\"", "empty.npy`: "),
        ("file = \"text.npy\"", "text.npy`: "),
        ("file = \"short.npy\"", "short.npy`: "),
        ("file = \"longer.npy\"", "longer.npy`: "),
        ("file = \"complex.npy\"", "which are no real numbers"),
        ("file = \"short.npz\", array = \"x\"", "short.npz`: "),
        ("file = \"short.safetensors\"", "short.safetensors`: "),
        ("file = \"type.safetensors\"", "`x` has entries of the type F8_E4M3, which are not read"),
        ("file = \"kinds.safetensors\"", "has several arrays, and `array` says which is meant: of.BF16, "),
        ("file = \"kinds.safetensors\", array = \"y\"", "has no array `y`; there are: of.BF16, "),
        ("file = \"two.npz\"", "has several arrays, and `array` says which is meant: x, labels"),
        ("file = \"two.npz\", array = \"y\"", "has no array `y`; there are: x, labels"),
        ("file = \"float64.npy\", array = \"y\"", "has no array `y`"),
        ("file = \"short.idx\"", "it ends before its array does"),
        ("file = \"kind.idx\"", "an IDX file has no type 0x0a"),
        ("file = \"short.bin\", array = \"labels\"", "its 3000 bytes are no rows of 3073"),
        ("file = \"batch.bin.gz\"", "`array` says which is meant: images, labels"),
        ("file = \"nan.csv\"", "line 4, column 2: `nan` is no number"),
        ("file = \"ragged.csv\"", "ragged.csv`: "),
        ("file = \"names_only.csv\"", "it has no rows of numbers"),
        ("file = \"float64.npy\", rows = [2, 5]", "rows 2..5 are none of the 4 rows"),
        ("file = \"float64.npy\", rows = [2, 2]", "rows 2..2 are none of the 4 rows"),
        (
            "file = \"two.npz\", array = \"labels\", one_hot = 2",
            "a label is a whole number from 0 to 1, for 2 classes; entry 0 is 2",
        ),
        ("file = \"float64.npy\", one_hot = 2", "entry 0 is -7"),
        ("file = \"float64.npy\", rows = [\"n\", 3]", "no size is named `n`"),
        ("file = \"float64.npy\", values = [1.0]", "one of `values`, `normal` (a seed) and `file`"),
        ("shape = [1], values = [1.0], rows = [0, 1]", "`rows` belongs to an entry with `file`"),
        ("shape = [1], values = [1.0], array = \"x\"", "`array` belongs to an entry with `file`"),
        ("shape = [1], normal = 1, one_hot = 2", "`one_hot` belongs to an entry with `values` or `file`"),
        ("normal = 1", "need `shape`"),
    ] {
        let said = said(constant);
        assert!(said.contains(expected), "{constant}: {said}");
    }
    // A shape with another count of numbers, and a NaN, are faults of the constant itself.
    for constant in ["file = \"float64.npy\", shape = [5]", "file = \"nan.npy\""] {
        let error = open(constant).map(|opened| opened.network).unwrap_err();
        assert!(matches!(error, FileError::Network { line: 4, .. }), "{error}");
    }
}

#[test]
fn what_was_read_is_written_with_its_numbers() {
    let opened = open("file = \"two.npz\", array = \"x\", standardize = true").unwrap();
    assert_eq!(opened.arrays.len(), 1);
    let text = opened.network.to_toml();
    assert!(text.contains("-1.3416407864998738"), "{text}");
    assert_eq!(Network::from_toml(&text, &[]).unwrap().to_toml(), text);
}

/// A network whose weights are `entry`, with one input for each of them.
fn with_weights(entry: &str) -> Result<sharpflow::network_file::Opened, FileError> {
    let text = format!(
        "[weights]\nw = {entry}\n[constants]\nx = {{ shape = [4, 3], normal = 1 }}\n\
         [nodes]\nproduct = {{ op = \"multiply\", of = [\"w\", \"x\"] }}\nnorm = {{ op = \"rms_norm\", of = \"product\" }}\n\
         loss = {{ op = \"mean_squared_error\", of = [\"norm\", \"x\"] }}\n"
    );
    Network::open(&text, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arrays"), &[])
}

#[test]
fn weights_are_given_by_files_and_by_numbers() {
    let all: Vec<f64> = (0..12).map(number).collect();
    let opened = with_weights("{ file = \"two.npz\", array = \"x\" }").unwrap();
    assert_eq!(opened.network.given_weights(), Some(all.clone()));
    assert!(opened.arrays[0].ends_with("two.npz"));
    let column = with_weights("{ file = \"two.npz\", array = \"labels\", shape = [4, 1] }").unwrap().network;
    assert_eq!(column.groups().next().unwrap().shape.axes(), [4, 1]);
    // What is written out needs no file, and is the same network.
    let written = opened.network.to_toml();
    assert_eq!(Network::from_toml(&written, &[]).unwrap(), opened.network);
    let numbers = with_weights(&format!("{{ shape = [4, 3], values = {all:?} }}")).unwrap();
    assert_eq!(numbers.network, opened.network);
    assert_eq!(with_weights("[4, 3]").unwrap().network.given_weights(), None);
    // Weights that are frozen keep their numbers.
    let frozen = Network::from_toml(
        &written
            .replace("[weights]\n", "[weights]\nother = { shape = [3], values = [1.0, 2.0, 3.0] }\n")
            .replace("of = [\"product\"]", "of = [\"scaled\"]")
            .replace("[nodes]\n", "[nodes]\nscaled = { op = \"multiply\", of = [\"product\", \"other\"] }\n"),
        &[],
    )
    .unwrap();
    let frozen = frozen.with_only(&["other"], 0).unwrap();
    assert_eq!(frozen.given_weights(), Some(vec![1.0, 2.0, 3.0]));
    assert!(frozen.to_toml().contains(&format!("values = {all:?}")));
}

#[test]
fn what_is_wrong_with_given_weights_is_said() {
    for (entry, expected) in [
        ("{ file = \"no.npz\", array = \"x\" }", "line 2: `w`: `"),
        ("{ file = \"two.npz\", array = \"y\" }", "has no array `y`; there are: x, labels"),
        ("{ shape = [4, 3] }", "line 2: `w`: weights that are given have one of `values` and `file`"),
        ("{ values = [1.0] }", "line 2: `w`: numbers without `file` need `shape`"),
        ("{ shape = [4, 3], values = [1.0] }", "line 2: "),
        ("{ shape = [4, 3], values = [1.0], array = \"x\" }", "`array` belongs to an entry with `file`"),
        ("{ file = \"nan.npy\" }", "line 2: "),
        ("{ shape = [4, 3], normal = 1 }", "line 2: weights are a list of sizes, or { shape = […], values = […] }"),
        ("7", "line 2: weights are a list of sizes"),
        ("[4, 3]\nv = { shape = [1], values = [1.0] }", "the weights `v` have numbers and the weights `w` have none"),
    ] {
        let error = with_weights(entry).map(|opened| opened.network).unwrap_err().to_string();
        assert!(error.contains(expected), "{entry}: {error}");
    }
}
