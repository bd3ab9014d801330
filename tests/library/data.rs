//! Data files: what is read, and what is refused and how.

use std::fs;
use std::path::PathBuf;

use crate::common::cases;
use faer::Mat;
use proptest::prelude::*;
use sharpflow::data::{DataError, Dataset, Header, RankError, TableOptions, TableReading};
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
    assert!(matches!(e, DataError::NotFinite { line: 2, column: 2, .. }), "{e}");
    let e = error("inf", "1,2\n-inf,4\n", "1");
    assert!(matches!(e, DataError::NotFinite { line: 2, column: 1, .. }), "{e}");
    let e = error("overflow", "1,1e999\n", "1");
    assert!(matches!(e, DataError::NotFinite { line: 1, column: 2, .. }), "{e}");
    assert!(e.to_string().contains("1e999 is not finite"), "{e}");
    let e = error("column", "a,b\n1,2\n", "c");
    assert!(matches!(&e, DataError::NoSuchColumn { target, .. } if target == "c"), "{e}");
    for beyond in ["0", "3", "-1"] {
        assert!(matches!(error("place", "1,2\n3,4\n", beyond), DataError::NoSuchColumn { .. }));
    }
    assert!(matches!(error("twice", "a,a,b\n1,2,3\n", "a"), DataError::AmbiguousColumn { .. }));
    assert!(matches!(error("large", "1,2\n3,1e200\n", "2"), DataError::Overflow { line: 2, column: 2, .. }));
    let different = error("different", "1,2,1\n3,1e200,2\n", "3");
    assert!(matches!(different, DataError::Overflow { line: 2, column: 2, .. }));
    assert!(matches!(error("empty", "", "1"), DataError::Empty { .. }));
    assert!(matches!(error("header", "a,b\n", "a"), DataError::Empty { .. }));
    assert!(matches!(error("alone", "a\n1\n2\n", "a"), DataError::NoFeatures { .. }));
    let binary = Scratch::new("binary", [b'1', b',', b'2', b'\n', 0xff, 0xfe, b',', b'1', b'\n']);
    assert!(matches!(Dataset::from_csv(&binary.0, "1"), Err(DataError::NotText { line: 2, .. })));
    let gone = Dataset::from_csv("no/such/file.csv".as_ref(), "1").unwrap_err();
    assert!(matches!(gone, DataError::Unreadable { .. }));
    assert!(matches!(Dataset::from_csv(&std::env::temp_dir(), "1"), Err(DataError::Unreadable { .. })));
}

fn read_as(name: &str, content: impl AsRef<[u8]>, target: &str, options: &TableOptions) -> (Dataset, TableReading) {
    Dataset::from_table(&Scratch::new(name, content).0, target, options).unwrap()
}

/// Every kind of header has the same three samples below it; they are no header themselves.
#[test]
fn headers_are_told_from_samples() {
    let samples =
        "1.824,1.791,-1.774\n-0.767,0.424,0.427\n0.892,1.979,1.798\n-1.89,-0.14,-0.726\n-1.056,-1.905,-0.699\n";
    for header in ["0,1,2", "\"0\",\"1\",\"2\"", "1999,2000,2001", "a,b,c", ",1,2", "117,1053,1007"] {
        let (data, reading) = read_as("header", format!("{header}\n{samples}"), "3", &TableOptions::default());
        assert!(reading.header, "{header}: {reading}");
        assert_eq!(data.targets.len(), 5, "{header}");
        let no = TableOptions { header: Header::No, ..TableOptions::default() };
        let path = Scratch::new("header-no", format!("{header}\n{samples}"));
        let forced = Dataset::from_table(&path.0, "3", &no);
        let is_numbers = !header.contains('a') && !header.starts_with(',');
        assert_eq!(forced.is_ok_and(|(data, _)| data.targets.len() == 6), is_numbers, "{header}");
    }
    let (data, reading) = read_as("no-header", samples, "3", &TableOptions::default());
    assert!(!reading.header && data.targets.len() == 5, "{reading}");
    let yes = TableOptions { header: Header::Yes, ..TableOptions::default() };
    assert_eq!(read_as("forced", samples, "3", &yes).0.targets.len(), 4);
}

/// A target is a name before it is a place, and what was taken is said.
#[test]
fn a_target_is_a_name_first() {
    let text = "2,1,0\n1.5,2.5,3.5\n4.5,5.25,6.5\n7.5,8.125,9.5\n";
    let of = |target| read_as("names", text, target, &TableOptions { header: Header::Yes, ..TableOptions::default() });
    let (data, reading) = of("2");
    assert_eq!(data.targets, [1.5, 4.5, 7.5]);
    assert!(reading.notes.iter().any(|note| note.contains("named \"2\"") && note.contains("column 1")), "{reading:?}");
    let (data, reading) = of("3");
    assert_eq!(data.targets, [3.5, 6.5, 9.5]);
    assert!(reading.notes.iter().any(|note| note.contains("column 3")), "{reading:?}");
}

#[test]
fn an_index_column_is_noted_and_can_be_dropped() {
    let text = ",a,y\n0,1.5,2.5\n1,0.5,4.5\n2,3.5,1.5\n";
    let (data, reading) = read_as("index", text, "y", &TableOptions::default());
    assert_eq!(data.features.ncols(), 2);
    assert!(
        reading.notes.iter().any(|note| note.contains("counts the rows") && note.contains("--drop 1")),
        "{reading:?}"
    );
    let drop = TableOptions { drop: vec!["1".into()], ..TableOptions::default() };
    let (data, reading) = read_as("dropped", text, "y", &drop);
    assert!(data.features.ncols() == 1 && reading.notes.is_empty(), "{reading:?}");
    let path = Scratch::new("target-dropped", text);
    let both = TableOptions { drop: vec!["y".into()], ..TableOptions::default() };
    assert!(matches!(Dataset::from_table(&path.0, "y", &both), Err(DataError::TargetDropped { .. })));
}

#[test]
fn other_delimiters_and_compression_are_read() {
    let plain = "a,b,y\n1.5,2,3\n4,5.5,6\n7,8,1\n";
    let expected = read_as("commas", plain, "y", &TableOptions::default()).0;
    for delimiter in [';', '\t', ' '] {
        let text = plain.replace(',', &delimiter.to_string());
        for given in [None, Some(delimiter)] {
            let options = TableOptions { delimiter: given, ..TableOptions::default() };
            let (data, reading) = read_as("delimited", &text, "y", &options);
            assert!(data.features == expected.features && reading.delimiter == delimiter, "{reading}");
        }
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, plain.as_bytes()).unwrap();
    let (data, _) = read_as("packed", packed.finish().unwrap(), "y", &TableOptions::default());
    assert_eq!(data.features, expected.features);
    let comma = read("decimal", "a;b;y\n1,5;2;3\n4;5;6\n", "y").unwrap_err();
    assert!(matches!(&comma, DataError::DecimalComma { line: 2, column: 1, .. }), "{comma}");
    assert!(comma.to_string().contains("decimal comma"), "{comma}");
}

/// R gives no name to the column of row names, and separates by spaces.
#[test]
fn a_header_one_field_shorter_leaves_the_first_column_unnamed() {
    let expected = read_as("named", "a,b,y\n1.5,2,3\n4,5.5,6\n7,8,1\n", "y", &TableOptions::default()).0;
    let drop = TableOptions { drop: vec!["1".into()], ..TableOptions::default() };
    for text in [
        "\"a\" \"b\" \"y\"\n\"1\" 1.5 2 3\n\"2\" 4 5.5 6\n\"3\" 7 8 1\n",
        "a,b,y\nMazda RX4,1.5,2,3\nDatsun 710,4,5.5,6\nValiant,7,8,1\n",
    ] {
        let (data, reading) = read_as("shorter", text, "y", &drop);
        assert!(data.features == expected.features && data.targets == expected.targets, "{reading}");
        assert_eq!(
            (reading.header, reading.header_sign),
            (true, "its first line is one field shorter than the others")
        );
    }
    // A short line of numbers, or a delimiter at the end of each row, is a fault.
    for text in ["1,2\n3,4,5\n6,7,8\n", "a,b,y\n1,2,3,\n4,5,6,\n"] {
        assert!(matches!(read("ragged", text, "1"), Err(DataError::Ragged { line: 2, .. })), "{text}");
    }
}

/// Columns that line up, spaces at the ends of lines, and a header as NumPy writes it.
#[test]
fn several_spaces_stand_for_one() {
    let expected = read_as("single", "a,b,y\n1.5,2,3\n4,5.5,6\n7,8,1\n", "y", &TableOptions::default()).0;
    for text in [
        "  a    b  y\n1.5    2  3\n  4  5.5  6\n  7    8  1\n",
        "# a b y\n1.5 2 3\n4 5.5 6\n7 8 1\n",
        "a b y \n1.5 2 3 \n4 5.5 6 \n7 8 1 \n   \n",
        "# a,b,y\n1.5,2,3\n4,5.5,6\n7,8,1\n  \n",
    ] {
        let (data, reading) = read_as("spaces", text, "y", &TableOptions::default());
        assert!(data.features == expected.features && data.targets == expected.targets && reading.header, "{reading}");
    }
    let comma = TableOptions { delimiter: Some(','), ..TableOptions::default() };
    let wrong = Scratch::new("wrong", "a b y\n1 2 3\n");
    let words = Dataset::from_table(&wrong.0, "y", &comma).unwrap_err().to_string();
    assert!(words.contains("columns were separated by ','"), "{words}");
    // Names that are numbers, one fewer than the columns.
    let header = TableOptions { header: Header::Yes, drop: vec!["1".into()], ..TableOptions::default() };
    let (data, _) = read_as("numbers", "10 20 30\n1 1.5 2 3\n2 4 5.5 6\n3 7 8 1\n", "30", &header);
    assert_eq!(data.features, expected.features);
}

/// What double-double cannot hold is refused by name, and is not taken for a constant.
#[test]
fn digits_beyond_double_double_are_refused() {
    let long = |k: usize| format!("123456789012345678901234567890123{k}");
    let rows: String = (0..7).map(|k| format!("{},{},{},{}\n", k * k % 5, long(k * k % 7), k % 3, k % 4)).collect();
    let error = read("long", &format!("a,id,b,y\n{rows}"), "y").unwrap_err();
    assert!(matches!(&error, DataError::NearlyConstant { column: 2, digits: 31, .. }), "{error}");
    assert!(error.to_string().contains("(id)"), "{error}");
    // A subnormal number has lost digits, and one that is read as 0 all of them.
    for small in ["1e-310", "1e-330"] {
        let error = read("small", &format!("a,y\n1,2\n{small},3\n2,5\n"), "y").unwrap_err();
        assert!(matches!(error, DataError::Underflow { line: 3, column: 1, .. }), "{small}: {error}");
    }
    let constant = read_as("constant", "a,c,y\n1,5,2\n2,5,3\n4,5,5\n", "y", &TableOptions::default()).1;
    assert!(constant.notes.iter().any(|note| note.starts_with("c is constant")), "{:?}", constant.notes);
}

/// Columns that depend on each other have a rounding that hides a column in a small enough unit. Then there is no rank, and a wrong one least of all.
#[test]
fn a_small_unit_beside_dependent_columns_is_refused() {
    let of = |exponent: i32, sum: bool| {
        let row = |i: usize| {
            let x = |k: usize| ((7 * i * i + 5 * i * k + 3 * k * k + k) % 11) as i64 - 5;
            let last = if sum { x(0) + x(1) } else { x(4) };
            format!("{},{},{},{}e{exponent},{last},{}\n", x(0), x(1), x(2), x(3), x(5))
        };
        let text: String = (0..9).map(row).collect();
        read_as("units", format!("a,b,c,d,e,y\n{text}"), "y", &TableOptions::default()).0.principal_components()
    };
    for exponent in [-20, -24] {
        assert_eq!(of(exponent, true).unwrap().0.rank(), 4);
    }
    for exponent in [-29, -33, -50] {
        let error = of(exponent, true).map(|(components, _)| components.values).unwrap_err();
        assert!(matches!(error, DataError::Rank(RankError::Scales { .. })), "{exponent}: {error}");
        assert_eq!(of(exponent, false).unwrap().0.rank(), 5);
    }
    // More columns than samples: all depend on each other, but none that depends on others is larger than one that does not.
    let row = |i: usize| {
        let x = |k: usize| ((7 * i * i + 5 * i * k + 3 * k * k + k) % 11) as i64 - 5;
        (0..9).map(|k| format!("{}e{}", x(k), -8 * k as i64)).chain([x(9).to_string()]).collect::<Vec<_>>().join(",")
    };
    let text: String = (0..6).map(|i| row(i) + "\n").collect();
    let wide = read_as("wide", format!("a,b,c,d,e,f,g,h,i,y\n{text}"), "y", &TableOptions::default()).0;
    assert_eq!(wide.principal_components().unwrap().0.rank(), 5);
}

/// Lines as an editor counts them: blank ones, and ends of two characters, count once.
/// R prints 15 digits, so that a sum of two columns is one only to the last digit; and exact decimals are believed.
#[test]
fn a_rank_that_rests_on_the_last_digits_is_told() {
    let random = Dataset::random(8, 4, 11);
    let table = |name: &str, last: &dyn Fn(f64, f64) -> f64, digits: usize| {
        let row = |i: usize| {
            let [a, b, y] = [0, 1, 2].map(|j| random.features[(i, j)]);
            format!("{a:.digits$e},{b:.digits$e},{:.digits$e},{y}\n", last(a, b))
        };
        let content = "a,b,c,y\n".to_string() + &(0..8).map(row).collect::<String>();
        let data = read(name, &content, "y").unwrap();
        let (components, _) = data.principal_components().unwrap();
        (components.rank(), data.rests_on_last_digits(&components).unwrap())
    };
    assert_eq!(table("sum", &|a, b| a + b, 14), (3, true));
    assert_eq!(table("shifted", &|a, b| a + b + 1e4, 14), (3, true));
    assert_eq!(table("product", &|a, b| a * b, 14), (3, false));
    // Doubles printed in full are known to be rounded, and whole numbers not.
    assert_eq!(table("doubles", &|a, b| a + b, 16), (2, false));
    assert_eq!(table("few", &|a, b| a + b, 6), (3, false));
    let whole: String =
        (0..8).map(|i: i64| format!("{},{},{}\n", 10i64.pow(15) + i, 10i64.pow(15) + 2 * i + i % 2, i * i)).collect();
    let data = read("whole", &whole, "3").unwrap();
    let (components, _) = data.principal_components().unwrap();
    assert_eq!((components.rank(), data.rests_on_last_digits(&components).unwrap()), (2, false));
}

#[test]
fn faults_are_on_the_lines_that_an_editor_shows() {
    for (name, end) in [("unix", "\n"), ("dos", "\r\n"), ("mac", "\r")] {
        let text = ["a,b,y", "1,2,3", "", "", "4,x,6", "7,8,9"].join(end);
        let error = read(name, &text, "y").unwrap_err();
        assert!(matches!(error, DataError::NotANumber { line: 5, column: 2, .. }), "{name}: {error}");
        let text = ["a,b,y", "1,2,3", "4,inf,6"].join(end);
        assert!(matches!(read(name, &text, "y"), Err(DataError::NotFinite { line: 3, .. })), "{name}");
    }
}

/// A mistyped target among thousands of columns is told in a line, with what was meant.
#[test]
fn a_mistyped_target_is_told_briefly() {
    let names: Vec<String> = (0..7000).map(|k| format!("gene_{k}")).chain(["survival".into()]).collect();
    let row = vec!["1.5"; names.len()].join(",");
    let error = read("wide", &format!("{}\n{row}\n{row}\n", names.join(",")), "survivl").unwrap_err().to_string();
    assert!(error.contains("survival") && error.len() < 600, "{error}");
}

/// Decimals beyond a double are kept: what a constant hides of them is found again.
#[test]
fn decimals_keep_what_doubles_lose() {
    let text = |offset: &str| -> String {
        let rows = [["1.25", "3"], ["2.5", "1"], ["4.75", "2"], ["8.5", "7"]];
        "x,y\n".to_owned() + &rows.map(|[x, y]| format!("{offset}{x},{y}\n")).concat()
    };
    let centred = |offset| read("offset", &text(offset), "y").unwrap().centred().unwrap().features;
    let (near, far) = (centred("000000000000000"), centred("700000000000000"));
    for i in 0..4 {
        assert!((near[(i, 0)] - far[(i, 0)]).0.abs() < 1e-15, "{i}");
    }
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
            // One feature alone has no scale.
            (Ok(_), true) => prop_assert!(columns == 2 && (row == 0 || word == "1e99"), "{:?} was read", text),
            (outcome, _) => prop_assert!(false, "{:?} gave {:?}", text, outcome.map(|_| ())),
        }
    }
}
