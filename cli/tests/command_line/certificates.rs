//! `certify` and `check-certificate`.

use crate::folder::{Folder, assert_refused, text};

#[test]
fn a_proof_is_written_and_checked_and_a_changed_one_is_refused() {
    let folder = Folder::new("certify");
    let output = folder.run(&["certify", "circle", "--exponent", "8", "--tau", "0.25"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("Proved of 64 steps") && said.contains("Written: sharpflow-certificate.json"), "{said}");
    let checked = folder.run(&["check-certificate"]);
    assert!(checked.status.success());
    // The same numbers, by the checker alone.
    assert!(said.starts_with(&text(&checked.stdout)), "{}", text(&checked.stdout));
    let mut certificate = folder.json("sharpflow-certificate.json");
    let radius = certificate["boxes"][12]["radius"].as_f64().unwrap();
    certificate["boxes"][12]["radius"] = (0.5 * radius).into();
    folder.file("changed.json", &certificate.to_string());
    let refused = folder.run(&["check-certificate", "changed.json"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("changed.json is refused: step 12: the ball"), "{}", text(&refused.stderr));
    let whole = folder.read("sharpflow-certificate.json");
    for (name, content) in
        [("empty.json", ""), ("cut.json", &whole[..whole.len() / 2]), ("other.json", "{\"schema\": 1}")]
    {
        folder.file(name, content);
        assert_refused(&folder.run(&["check-certificate", name]), &[name, "is no certificate of an orbit"]);
    }
    assert_refused(&folder.run(&["check-certificate", "nowhere.json"]), &["cannot read nowhere.json"]);
}

#[test]
fn a_table_is_certified_or_refused_with_the_reason() {
    let folder = Folder::new("certify-data");
    folder.random("wide.csv", 4, 5, 1);
    folder.random("tall.csv", 9, 3, 1);
    folder.file("spoilt.csv", "1,2,3\n2,NaN,1\n3,1,2\n");
    let output = folder.run(&["certify", "--data", "wide.csv", "--target", "6", "--exponent", "12", "--tau", "0.25"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("4 samples × 5 features"));
    let tall = folder.run(&["certify", "--data", "tall.csv", "--target", "4"]);
    assert_eq!(tall.status.code(), Some(2));
    assert!(text(&tall.stderr).contains("not interpolated"), "{}", text(&tall.stderr));
    assert_refused(&folder.run(&["certify", "--data", "spoilt.csv", "--target", "3"]), &["line 2", "NaN"]);
    assert_refused(&folder.run(&["certify", "--tau", "nan"]), &["steps are not between"]);
    let usage = folder.run(&["certify", "sphere"]);
    assert_eq!(usage.status.code(), Some(2));
}
