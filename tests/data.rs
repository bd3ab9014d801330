//! Data files: what is read, and what is refused and how.

mod common;

use std::fs;
use std::path::PathBuf;

use common::cases;
use faer::Mat;
use proptest::prelude::*;
use sharpflow::data::{DataError, Dataset};
use sharpflow::loss::LinearRegression;

/// A file of this content, gone with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("sharpflow-{}-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn read(name: &str, content: &str, target: &str) -> Result<Dataset, DataError> {
    Dataset::from_csv(&Scratch::new(name, content).0, target)
}

#[test]
fn a_file_is_read_with_and_without_header() {
    let with = read("with", "a, b ,y\n1,2,3\n4,5,6.5\n", "y").unwrap();
    let without = read("without", "1,2,3\n4,5,6.5\n", "3").unwrap();
    let first = read("first", "y,a,b\r\n3,1,2\r\n6.5,4,5\r\n", "1").unwrap();
    let bom = read("bom", "\u{feff}y,a,b\n3,1,2\n6.5,4,5\n", "y").unwrap();
    for data in [with, without, first, bom] {
        assert_eq!(data.features, Mat::from_fn(2, 2, |i, j| (1 + 3 * i + j) as f64));
        assert_eq!(data.targets, [3.0, 6.5]);
    }
}

#[test]
fn every_fault_is_named_with_its_place() {
    let error = |name, content, target| read(name, content, target).unwrap_err();
    let e = error("ragged", "a,b\n1,2\n3\n", "b");
    assert!(matches!(e, DataError::Ragged { line: 3, found: 1, expected: 2, .. }), "{e}");
    let e = error("word", "a,b\n1,2\n3,x\n", "a");
    assert!(
        matches!(&e, DataError::NotANumber { line: 3, column: 2, name: Some(n), text, .. } if n == "b" && text == "x")
    );
    assert!(e.to_string().contains("line 3, column 2 (b): \"x\" is not a number"), "{e}");
    let e = error("void", "a,b\n1,\n", "a");
    assert!(matches!(e, DataError::NotANumber { line: 2, column: 2, .. }), "{e}");
    let e = error("nan", "1,2\n3,NaN\n", "1");
    assert!(matches!(e, DataError::NotFinite { line: 2, column: 2, value, .. } if value.is_nan()));
    let e = error("inf", "1,2\n-inf,4\n", "1");
    assert!(matches!(e, DataError::NotFinite { line: 2, column: 1, .. }), "{e}");
    let e = error("overflow", "1,1e999\n", "1");
    assert!(matches!(e, DataError::NotFinite { line: 1, column: 2, .. }), "{e}");
    let e = error("column", "a,b\n1,2\n", "c");
    assert!(matches!(&e, DataError::NoSuchColumn { target, .. } if target == "c"), "{e}");
    for beyond in ["0", "3", "-1"] {
        assert!(matches!(error("place", "1,2\n3,4\n", beyond), DataError::NoSuchColumn { .. }));
    }
    assert!(matches!(error("twice", "a,a,b\n1,2,3\n", "a"), DataError::AmbiguousColumn { .. }));
    assert!(matches!(error("large", "1,2\n3,1e200\n", "1"), DataError::Overflow { line: 2, column: 2, .. }));
    assert!(matches!(error("empty", "", "1"), DataError::Empty { .. }));
    assert!(matches!(error("header", "a,b\n", "a"), DataError::Empty { .. }));
    assert!(matches!(error("alone", "a\n1\n2\n", "a"), DataError::NoFeatures { .. }));
    let binary = Scratch::new("binary", [b'1', b',', b'2', b'\n', 0xff, 0xfe, b',', b'1', b'\n']);
    assert!(matches!(Dataset::from_csv(&binary.0, "1"), Err(DataError::NotText { line: 2, .. })));
    let gone = Dataset::from_csv("no/such/file.csv".as_ref(), "1").unwrap_err();
    assert!(matches!(gone, DataError::Unreadable { .. }));
    assert!(matches!(Dataset::from_csv(&std::env::temp_dir(), "1"), Err(DataError::Unreadable { .. })));
}

#[test]
fn data_without_a_regression_are_refused() {
    let of = |features: Mat<f64>, targets: Vec<f64>| {
        LinearRegression::<f64>::new(&Dataset::new(features, targets)).map(|_| ()).unwrap_err()
    };
    let ramp = |n| Mat::from_fn(n, 2, |i, j| (i + j) as f64);
    assert!(matches!(of(ramp(4), vec![7.0; 4]), DataError::ConstantTargets { value: 7.0 }));
    assert!(matches!(of(ramp(2), vec![1.0, 2.0]), DataError::TooFewRows { rows: 2 }));
    let short = of(ramp(4), vec![1.0, 2.0]);
    assert!(matches!(short, DataError::Lengths { rows: 4, targets: 2 }), "{short}");
    let tiny = of(Mat::from_fn(4, 2, |i, j| 1e-200 * (i * i + j) as f64), vec![1.0, 2.0, 3.0, 5.0]);
    assert!(matches!(tiny, DataError::Range { what: "features", .. }), "{tiny}");
    let single = Dataset::new(ramp(4), vec![1e20, 2e20, 3e20, 5e20]);
    assert!(matches!(LinearRegression::<f32>::new(&single), Err(DataError::Range { what: "targets", .. })));
    assert!(LinearRegression::<f64>::new(&single).is_ok());
    let huge = Mat::from_fn(3, 2, |i, j| if (i, j) == (1, 1) { 1e300 } else { 1.0 });
    assert!(matches!(of(huge, vec![1.0, 2.0, 3.0]), DataError::TooLarge { feature: 2, .. }));
    let nan = Mat::from_fn(3, 2, |i, j| if (i, j) == (0, 0) { f64::NAN } else { 1.0 });
    assert!(matches!(of(nan, vec![1.0, 2.0, 3.0]), DataError::TooLarge { feature: 1, .. }));
}

proptest! {
    #![proptest_config(cases(256))]

    /// Whatever the bytes, reading ends in data or an error, never in a panic; and data it accepts are finite.
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), target in "[a-c0-3]?") {
        let scratch = Scratch::new(&format!("bytes-{:?}", std::thread::current().id()), bytes);
        let _ = Dataset::from_csv(&scratch.0, &target);
    }

    /// A rectangle of numbers is read as it stands; with one field spoilt, the error names that field's line and column.
    #[test]
    fn a_spoilt_field_is_found(
        rows in 1usize..6, columns in 2usize..5, seed: u64, spoil: bool, word in prop::sample::select(vec!["x", "", "nan", "1e99"]),
    ) {
        let data = Dataset::random(rows, columns, seed);
        let (row, column) = (seed as usize % rows, (seed >> 8) as usize % columns);
        let text: Vec<String> = (0..rows)
            .map(|i| {
                let fields = (0..columns).map(|j| match (spoil, (i, j) == (row, column)) {
                    (true, true) => word.to_string(),
                    _ => data.features[(i, j)].to_string(),
                });
                fields.collect::<Vec<_>>().join(",")
            })
            .collect();
        let scratch = Scratch::new(&format!("rectangle-{:?}", std::thread::current().id()), text.join("\n"));
        match (Dataset::from_csv(&scratch.0, "2"), spoil) {
            (Ok(read), false) => {
                prop_assert_eq!(read.targets, (0..rows).map(|i| data.features[(i, 1)]).collect::<Vec<_>>());
            }
            (Err(DataError::NotANumber { line, column: found, .. }), true)
            | (Err(DataError::NotFinite { line, column: found, .. }), true)
            | (Err(DataError::Overflow { line, column: found, .. }), true) => {
                prop_assert_eq!((line, found), (row as u64 + 1, column + 1));
            }
            // A longer first line makes the others too short; half a line of words is a header.
            (Err(DataError::Ragged { .. } | DataError::NoSuchColumn { .. } | DataError::Empty { .. }), true) => {}
            (Ok(_), true) => prop_assert!(row == 0 && columns == 2, "{:?} was read", text),
            (outcome, _) => prop_assert!(false, "{:?} gave {:?}", text, outcome.map(|_| ())),
        }
    }
}
