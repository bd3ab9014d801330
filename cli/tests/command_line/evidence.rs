//! Evidence folders: their format, reading damaged ones, checking and citing them.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::folder::{Folder, assert_refused};
use jsonschema::Validator;
use serde_json::{Value, json};
use sharpflow::data::Array;
use sharpflow_theorems::evidence::{Check, Comparison, SCHEMA, StudyEvidence, read};

/// Claims with a ladder, a bound and exact identities, on one small regression.
const CLAIMS: [&str; 3] = ["pinning", "effective_learning_rate", "stability_threshold"];

fn verified(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.random("wide.csv", 8, 12, 3);
    let output = folder
        .run(&[&["verify", "--data", "wide.csv", "--target", "13", "--quiet", "--out", "e"], &CLAIMS[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn check(folder: &Folder) -> Output {
    folder.run(&["check-evidence", "e", "--quiet"])
}

/// The schema of one kind of file.
fn schema(kind: &str) -> Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence.schema.json");
    let mut schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    schema["$ref"] = json!(format!("#/$defs/{kind}"));
    jsonschema::validator_for(&schema).unwrap()
}

fn assert_valid(kind: &str, value: &Value) {
    let errors: Vec<String> = schema(kind).iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{kind}: {errors:#?}");
}

#[test]
fn files_follow_the_schema() {
    let folder = verified("schema");
    let index = folder.json("e/evidence.json");
    assert_eq!(index["schema"], SCHEMA);
    assert_valid("index", &index);
    assert_valid("circumstances", &folder.json("e/circumstances.json"));
    for claim in CLAIMS {
        assert_valid("claim", &folder.json(&format!("e/claims/{claim}.json")));
    }
    // The schema refuses what it does not know, and what is missing.
    let mut more = index.clone();
    more["more"] = json!(1);
    assert!(!schema("index").is_valid(&more));
    let mut less = folder.json("e/claims/pinning.json");
    less["instances"][0]["hypotheses"][0].as_object_mut().unwrap().remove("measured");
    assert!(!schema("claim").is_valid(&less));
    // The user's file is kept, byte by byte.
    assert_eq!(fs::read(folder.0.join("e/input")).unwrap(), fs::read(folder.0.join("wide.csv")).unwrap());
}

#[test]
fn the_same_numbers_come_out_again_without_the_users_file() {
    let folder = verified("again");
    fs::remove_file(folder.0.join("wide.csv")).unwrap();
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("none differs"), "{}", text(&output.stdout));
}

/// Whatever moves a number of an earlier build by more than a tenth of its unit is to be told (`tests/reference/README.md`).
#[test]
fn the_numbers_of_an_earlier_build_come_out_again() {
    let folder = Folder::new("reference");
    for study in ["circle", "regression"] {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference").join(study);
        let output = folder.run(&["check-evidence", &kept.to_string_lossy(), "--quiet", "--tolerance", "0.1"]);
        assert_eq!(output.status.code(), Some(0), "{study}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

#[test]
fn an_edited_file_is_noticed_and_so_is_an_edited_number_under_a_new_digest() {
    let folder = verified("edited");
    let path = folder.0.join("e/claims/pinning.json");
    let text_of = fs::read_to_string(&path).unwrap();
    let mut claim: Value = serde_json::from_str(&text_of).unwrap();
    let value = &mut claim["instances"][0]["estimates"][0]["estimate"]["value"];
    *value = json!(value.as_f64().unwrap() + 1e-9);
    fs::write(&path, claim.to_string()).unwrap();
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("claims/pinning.json: changed since it was written"));
    assert!(text(&output.stdout).contains("recorded"), "{}", text(&output.stdout));
    // With a digest to match, only a second run can tell.
    let sums =
        std::process::Command::new("sha256sum").arg("claims/pinning.json").current_dir(folder.0.join("e")).output();
    let Ok(sums) = sums else { return eprintln!("no sha256sum here: half of this test is left out") };
    let digests = folder.0.join("e/SHA256SUMS");
    let lines = fs::read_to_string(&digests).unwrap();
    let others = lines.lines().filter(|line| !line.ends_with("claims/pinning.json")).map(|line| format!("{line}\n"));
    fs::write(&digests, others.collect::<String>() + &text(&sums.stdout)).unwrap();
    let output = check(&folder);
    assert!(!text(&output.stderr).contains("changed"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("pinning"), "{}", text(&output.stdout));
    // The tolerance is in the interval's half-width.
    let output = folder.run(&["check-evidence", "e", "--quiet", "--tolerance", "0.1"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn what_is_whole_of_a_damaged_folder_is_reported() {
    let folder = verified("damaged");
    let claims = folder.0.join("e/claims");
    let half = fs::read(claims.join("pinning.json")).unwrap();
    fs::write(claims.join("pinning.json"), &half[..half.len() / 2]).unwrap();
    fs::remove_file(claims.join("stability_threshold.json")).unwrap();
    let ladder = fs::read_dir(folder.0.join("e/traces")).unwrap().flatten().next().unwrap().path();
    fs::write(&ladder, "tau,sharpness\n1,nonsense\n").unwrap();
    let output = folder.run(&["report", "e"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    for part in ["claims/pinning.json: changed", "stability_threshold.json: ", "line 2", "EOF"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let page = fs::read_to_string(folder.0.join("e/report.html")).unwrap();
    assert!(page.contains("not as it was written") && page.contains("id=\"effective_learning_rate\""));
    assert!(!page.contains("id=\"pinning\""));
    // Cut off before the end.
    fs::remove_file(folder.0.join("e/SHA256SUMS")).unwrap();
    let kept = read(&folder.0.join("e")).unwrap();
    assert!(kept.damage.iter().any(|damage| damage.what.contains("not written to its end")));
    // Even the index may be lost.
    fs::write(folder.0.join("e/evidence.json"), "{").unwrap();
    let output = folder.run(&["report", "e", "--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(fs::read_to_string(folder.0.join("e/report.html")).unwrap().contains("id=\"effective_learning_rate\""));
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("does not say what to run again"));
}

#[test]
fn what_is_no_evidence_is_refused() {
    let folder = Folder::new("no-evidence");
    fs::create_dir(folder.0.join("empty")).unwrap();
    fs::create_dir_all(folder.0.join("old")).unwrap();
    folder.file("old/evidence.json", "{\"schema\": \"sharpflow-evidence/1\"}");
    for (command, place, says) in [
        ("report", "nowhere", "nowhere is no folder of evidence"),
        ("report", "empty", "empty is no folder of evidence"),
        ("check-evidence", "old", "its format is sharpflow-evidence/1, this version reads sharpflow-evidence/4"),
        ("cite", "empty", "empty is no folder of evidence"),
    ] {
        let output = folder.run(&[command, place]);
        assert_eq!(output.status.code(), Some(2), "{command} {place}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
}

#[test]
fn citations_name_the_paper_the_suite_and_the_numbers() {
    let folder = verified("cite");
    let plain = text(&folder.run(&["cite"]).stdout);
    assert!(plain.contains("@inproceedings{lyu2022sharpness") && plain.contains("@software{sharpflow"));
    let cited = text(&folder.run(&["cite", "e"]).stdout);
    let index = folder.json("e/evidence.json");
    for part in
        ["of 3 claims 3 were confirmed", "η̃λ₁ is pinned at ", "seed 0", index["provenance"]["commit"].as_str().unwrap()]
    {
        assert!(cited.contains(part), "{part} is not in {cited}");
    }
    assert!(!cited.contains("refuted") && !cited.contains("inconclusive") && !cited.contains("do not cite"), "{cited}");
    // What was not confirmed is counted, its numbers are left out, and what was changed is said to be.
    let path = folder.0.join("e/claims/pinning.json");
    let found = fs::read_to_string(&path).unwrap();
    fs::write(&path, found.replacen("\"verdict\":\"confirmed\"", "\"verdict\":\"inconclusive\"", 1)).unwrap();
    let cited = text(&folder.run(&["cite", "e"]).stdout);
    assert!(cited.contains("of 3 claims 2 were confirmed, 1 inconclusive. (This evidence is damaged"), "{cited}");
    assert!(!cited.contains("pinned"), "{cited}");
}

/// Every kind of number is compared: changing any of them is a difference.
#[test]
fn a_comparison_sees_every_number() {
    let folder = verified("compare");
    let recorded = read(&folder.0.join("e")).unwrap();
    let again = |change: &dyn Fn(&mut StudyEvidence)| {
        let mut again = StudyEvidence {
            summary: recorded.summary.clone().unwrap(),
            claims: recorded.claims.clone(),
            tables: recorded.tables.clone(),
        };
        change(&mut again);
        Comparison::new(&recorded, &again, 0.0)
    };
    let same = again(&|_| {});
    assert!(same.differences.is_empty() && same.largest == 0.0 && same.numbers > 1000);
    let changes: [&dyn Fn(&mut StudyEvidence); 12] = [
        &|e| {
            let check = &mut e.claims[0].instances[0].statements[0].check;
            if let Check::Order { order, .. } = check { *order = 0.6 } else { panic!("no ladder") }
        },
        &|e| e.summary.instances[0].plan.energy_growth += 1e-12,
        &|e| e.claims[0].instances[0].hypotheses[0].hypothesis.measured += 1e-12,
        &|e| e.claims[0].instances[0].estimates[0].estimate.half_width *= 1.001,
        &|e| e.claims[0].verdict = sharpflow_theorems::evidence::Verdict::Refuted,
        &|e| e.claims[0].instances[0].twins[0].shows += " ",
        &|e| e.claims[0].instances[0].hypotheses.truncate(1),
        &|e| e.tables[0].rows[3][2] += 1e-12,
        &|e| e.tables.truncate(1),
        &|e| e.summary.instances[0].plan.intrinsic_lrs[1] *= 1.0 + 1e-12,
        &|e| {
            let check = &mut e.claims[0].instances[0].statements[0].check;
            if let Check::Order { points, .. } = check { points[2].error *= 1.0 + 1e-12 } else { panic!("no ladder") }
        },
        &|e| {
            for decided in e.claims.iter_mut().flat_map(|c| &mut c.instances).flat_map(|i| &mut i.statements) {
                if let Check::Bound { largest, .. } = &mut decided.check {
                    *largest = f64::NAN;
                }
            }
        },
    ];
    for (k, change) in changes.into_iter().enumerate() {
        assert!(!again(change).differences.is_empty(), "change {k} is not seen");
    }
}

/// The points of a network's instance are written, so that λ₁ can be computed again elsewhere: here from the formula of the circle.
#[test]
fn the_points_of_a_network_are_exported() {
    let folder = Folder::new("export");
    let output =
        folder.run(&["verify", "sharpness_scaling", "--network", "circle", "--export", "points.npz", "--quiet"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let read = |name: &str| {
        let array = Array::read(&folder.0.join("points.npz"), Some(name), None).unwrap();
        assert!(array.shape.is_empty(), "{name}");
        array.values[0]
    };
    let of = |point: &str| ["x", "y", "z"].map(|group| read(&format!("{point}.{group}")));
    let [x, y, z] = of("gamma");
    assert!((x * x + y * y - 1.0).abs() < 1e-12 && z.abs() < 1e-9);
    assert!((read("sharpness") / (1.0 + 20.0 * x * x) - 1.0).abs() < 1e-9);
    assert!((of("direction")[2].abs() - 1.0).abs() < 1e-9);
    let (weights, theta) = (of("weights"), of("theta"));
    let square: f64 = weights.iter().map(|w| w * w).sum();
    assert!(weights.iter().zip(theta).all(|(w, theta)| (w / square.sqrt() - theta).abs() < 1e-15));
    // η̃₀λ₁ = 2 + δ at the start, with |δ| ≤ √(8ηλ·½) there.
    let (rate, intrinsic_lr) = (read("learning_rate"), read("intrinsic_lr"));
    let edge = rate / ((1.0 - intrinsic_lr) * square) * read("sharpness");
    assert!((edge - 2.0).abs() < 2.0 * intrinsic_lr.sqrt() + 1e-9, "{edge}");
    assert!(read("constants.cubic").is_finite() && read("constants.quartic").is_finite());

    let unwritten =
        folder.run(&["verify", "sharpness_scaling", "--network", "circle", "--export", "no/p.npz", "--quiet"]);
    assert_refused(&unwritten, &["cannot write no/p.npz"]);
}
