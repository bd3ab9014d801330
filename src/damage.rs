//! Files with bytes changed at random. Whatever reads them answers with an error or with a value, and nothing worse.

use std::path::Path;

use rand::RngExt;

use crate::data::{Array, Dataset, LogOptions, LogRow, Stream, TableOptions, TrainingLog, generator};

/// Reads damaged copies of some files, one after the other, and counts how many of them could still be read.
///
/// The environment variable `SHARPFLOW_FUZZ` says how many copies are read, in place of 2000.
pub fn read_damaged<'a>(files: &[(&'a str, &[u8])], mut is_read: impl FnMut(&'a str, Vec<u8>) -> bool) -> usize {
    let rounds: usize = std::env::var("SHARPFLOW_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(2000);
    let mut generator = generator(0, Stream::Data);
    let mut read = 0;
    for round in 0..rounds {
        let (name, whole) = files[round % files.len()];
        let mut bytes = whole.to_vec();
        for _ in 0..generator.random_range(1..4) {
            let at = generator.random_range(0..bytes.len());
            match generator.random_range(0..4) {
                0 => bytes[at] = generator.random_range(0..=255u8),
                1 => bytes[at] ^= 1 << generator.random_range(0..8),
                2 => bytes.truncate(at.max(1)),
                _ => {
                    let end = (at + generator.random_range(1..9)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        read += usize::from(is_read(name, bytes));
    }
    read
}

#[test]
fn damaged_arrays_are_refused() {
    macro_rules! files {
        ($($name:literal),*) => { [$(($name, &include_bytes!(concat!("../tests/arrays/", $name))[..])),*] };
    }
    let files = files![
        "float64.npy",
        "fortran.npy",
        "bool.npy",
        "two.npz",
        "one.npz",
        "kinds.safetensors",
        "one.safetensors",
        "f8.idx",
        "i2.idx",
        "names.csv"
    ];
    let read = read_damaged(&files, |name, bytes| {
        let of = |array| Array::parse(Path::new(name), name, &bytes, array, None);
        match of(None) {
            Ok(array) => {
                // What is read is no larger than what was there, but for the width of its numbers.
                assert!(array.values.len() <= bytes.len(), "{name}: {:?}", array.shape);
                true
            }
            Err(error) => {
                let said = error.to_string();
                assert!(said.lines().count() == 1 && said.len() < 1000, "{name}: {said}");
                ["a", "f64", "x"].into_iter().any(|array| of(Some(array)).is_ok())
            }
        }
    });
    assert!(read > 0, "no damaged file was still one");
}

#[test]
fn damaged_tables_are_refused() {
    let quoted = b"\"a\";\"b\";y\r\n1;2,5;3\r\n4;5;6\r\n7;8;1e3\r\n" as &[u8];
    let files = [
        ("years.csv", b",2019,2020,2021\n0,1.5,2,3\n1,4,-5e3,6\n2,7,8.25,1\n3,1,2,9\n" as &[u8]),
        ("quoted.csv", quoted),
        ("spaces.txt", b"# x y\n 1.0 2.0\n 3.0  4.0\n 1e-3 7\n\n"),
    ];
    let read = read_damaged(&files, |name, bytes| {
        let of = |target| Dataset::parse_table(Path::new(name), &bytes, target, &TableOptions::default());
        match of("2") {
            Ok((data, _)) => data.centred().is_ok(),
            Err(error) => {
                let said = error.to_string();
                assert!(said.lines().count() == 1 && said.len() < 1500, "{name}: {said}");
                false
            }
        }
    });
    assert!(read > 0, "no damaged file was still one");
}

#[test]
fn damaged_logs_are_refused() {
    let rows =
        (0..6).map(|k| format!("{k},0.1,0.01,0,{},{},{},1e-17\n", 1.0 / (k + 1) as f64, 2.0 - 0.01 * k as f64, 0.3));
    let log = "step,lr,weight_decay,momentum,loss,w2,g2,wg\n".to_owned() + &rows.collect::<String>();
    let path = std::env::temp_dir().join(format!("sharpflow-damaged-{}.csv", std::process::id()));
    let read = read_damaged(&[("log.csv", log.as_bytes())], |_, bytes| {
        std::fs::write(&path, &bytes).unwrap();
        let rows = TrainingLog::open(&path, LogOptions::default()).and_then(|mut log| {
            let mut row = LogRow::default();
            while log.next(&mut row)? {}
            Ok(())
        });
        if let Err(error) = &rows {
            let said = error.to_string();
            assert!(said.lines().count() == 1 && said.len() < 1500, "{said}");
        }
        rows.is_ok()
    });
    let _ = std::fs::remove_file(&path);
    assert!(read > 0, "no damaged log was still one");
}
