//! The report of a default study: its page in a browser, its tables, and the README's claims.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Instant;

use crate::folder::Folder;
use serde_json::Value;
use sharpflow_report::{claims, latex, sensitivity};
use sharpflow_theorems::evidence::{Kept, read};
use sharpflow_theorems::registry::REGISTRY;

/// A default study and its report, made once for all tests here.
static REPORTED: LazyLock<Folder> = LazyLock::new(|| {
    let folder = Folder::new("report");
    let output = folder.run(&["verify", "--quiet", "--out", "e"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let started = Instant::now();
    let output = folder.run(&["report", "e", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    println!("the report took {:.1} s", started.elapsed().as_secs_f64());
    folder
});

fn evidence() -> PathBuf {
    REPORTED.0.join("e")
}

fn kept() -> Kept {
    read(&evidence()).unwrap()
}

#[test]
fn every_figure_is_there_in_every_format() {
    let found = |ending: &str| {
        let files = fs::read_dir(evidence().join("figures")).unwrap().flatten().map(|file| file.path());
        files.filter(|path| path.extension().is_some_and(|e| e == ending)).count()
    };
    assert_eq!([found("svg"), found("png"), found("pdf")], [9; 3]);
    for (file, begins) in [("order.png", &b"\x89PNG"[..]), ("order.pdf", b"%PDF"), ("order.svg", b"<svg")] {
        assert!(fs::read(evidence().join("figures").join(file)).unwrap().starts_with(begins), "{file}");
    }
}

#[test]
fn the_page_needs_nothing_else_and_every_formula_is_rendered() {
    let page = fs::read_to_string(evidence().join("report.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("@import") && !page.contains("url("));
    assert_eq!(page.matches("<math").count(), REGISTRY.len());
    assert!(!page.contains("merror"), "a formula cannot be read");
    for claim in REGISTRY {
        assert!(page.contains(&format!("id=\"{}\"", claim.id)), "{}", claim.id);
    }
}

/// pdfLaTeX has no letters but these.
#[test]
fn tables_are_in_latex_characters() {
    for table in ["claims", "constants", "orders"] {
        let text = fs::read_to_string(evidence().join(format!("tables/{table}.tex"))).unwrap();
        let strange: String = text.chars().filter(|c| !c.is_ascii()).collect();
        assert!(strange.is_empty(), "{table}: {strange}");
        assert!(text.contains("\\toprule") && text.lines().filter(|line| line.ends_with("\\\\")).count() > 10);
    }
    // And so would be whatever else there is to say.
    let kept = kept();
    let said = kept.claims.iter().flat_map(|claim| &claim.instances).flat_map(|instance| {
        let checks = instance.statements.iter().chain(&instance.twins).map(|check| &check.what);
        checks.chain(instance.hypotheses.iter().map(|h| &h.hypothesis.what))
    });
    for what in said {
        let text = latex::text(what);
        assert!(text.is_ascii(), "{what}: {text}");
    }
}

/// The README's table is made from evidence. On another processor estimates may differ by a tenth, of themselves or of the bound, half-widths twofold.
#[test]
fn the_readme_tells_what_the_evidence_shows() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    is_up_to_date(&readme, "claims", &claims(&kept()));
}

/// The same of the table of sensitivities: its constants are those of the evidence, and its changes are not more than twice as small.
#[test]
fn the_readme_tells_what_would_be_noticed() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let fresh = sensitivity(&kept());
    let table = table_of(&readme, "sensitivity");
    let words = |text: &str| -> Vec<String> {
        // "+1.2e-3" and "−1.2e-3" are numbers with a sign of their own.
        text.replace('+', "+ ").replace('−', "− ").split_whitespace().map(str::to_owned).collect()
    };
    let (old, new) = (words(table), words(&fresh));
    for (old, now) in old.iter().zip(&new) {
        let same = match (old.parse::<f64>(), now.parse::<f64>()) {
            (Ok(a), Ok(b)) => a <= 2.0 * b && b <= 2.0 * a,
            _ => old == now,
        };
        assert!(same, "stale: {old} is now {now}; the table should be\n{fresh}");
    }
    assert_eq!(old.len(), new.len(), "stale: the table should be\n{fresh}");
}

/// A table of the README, between its marks.
fn table_of<'a>(readme: &'a str, name: &str) -> &'a str {
    let (_, rest) = readme.split_once(&format!("<!-- {name}: tables/{name}.md of a default report -->\n")).unwrap();
    rest.split_once(&format!("<!-- end of {name} -->")).unwrap().0
}

fn is_up_to_date(readme: &str, name: &str, fresh: &str) {
    let table = table_of(readme, name);
    let (old, new): (Vec<&str>, Vec<&str>) = (table.split_whitespace().collect(), fresh.split_whitespace().collect());
    let number = |text: &str| text.trim_end_matches(',').parse::<f64>().ok();
    for (k, (old, now)) in old.iter().zip(&new).enumerate() {
        let half_width = k > 0 && new[k - 1] == "±";
        let of_the_bound = new[k + 1..].starts_with(&["of", "the", "bound"]);
        let same = match (number(old), number(now)) {
            (Some(a), Some(b)) if of_the_bound => (a - b).abs() <= 0.1,
            (Some(a), Some(b)) => (a - b).abs() <= if half_width { 0.5 } else { 0.1 } * a.abs().max(b.abs()),
            _ => old == now,
        };
        assert!(same, "stale: {old} is now {now}; the table should be\n{fresh}");
    }
    assert_eq!(old.len(), new.len(), "stale: the table should be\n{fresh}");
}

/// What a page is like in a window 375 pixels wide; `None` without a browser.
fn looked_at(folder: &Path, page: &str) -> Option<(Value, String)> {
    let escaped = page.replace('&', "&amp;").replace('"', "&quot;");
    let probe = r#"
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => {
  const page = frame.contentDocument, root = page.documentElement;
  const box = element => { const b = element.getBoundingClientRect(); return [b.left, b.right, b.width, b.height]; };
  const closed = root.scrollWidth;
  const figures = [...page.querySelectorAll("figure svg")].map(svg => [...box(svg), svg.querySelectorAll("*").length]);
  page.querySelectorAll("details").forEach(details => details.open = true);
  const formulas = [...page.querySelectorAll("math")].map(box);
  document.title = JSON.stringify({ closed, open: root.scrollWidth, figures, formulas });
});
frame.srcdoc = document.querySelector("template").dataset.page;"#;
    let outer = format!(
        "<!doctype html><title></title><template data-page=\"{escaped}\"></template>\
         <iframe style=\"width:375px;height:800px;border:0\"></iframe><script>{probe}</script>"
    );
    let path = folder.join("probe.html");
    fs::write(&path, outer).unwrap();
    let browsers = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    for browser in browsers {
        let mut command = Command::new(browser);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
        ]);
        command.arg(format!("--user-data-dir={}", folder.join("browser").display())).arg("--dump-dom");
        let Ok(output) = command.arg(format!("file://{}", path.display())).output() else { continue };
        let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let title = dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).unwrap().0;
        let seen =
            serde_json::from_str(&title.replace("&amp;", "&")).unwrap_or_else(|error| panic!("{error}: {title} {log}"));
        let console = log.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
        return Some((seen, console));
    }
    eprintln!("none of {browsers:?} is here: the page is not looked at in a browser");
    None
}

#[test]
fn the_page_is_whole_in_a_browser() {
    let folder = Folder::new("browser");
    let page = fs::read_to_string(evidence().join("report.html")).unwrap();
    let Some((seen, console)) = looked_at(&folder.0, &page) else { return };
    assert!(console.is_empty(), "{console}");
    assert_eq!([&seen["closed"], &seen["open"]], [375, 375], "it scrolls sideways");
    let figures = seen["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 9);
    for figure in figures {
        let [left, right, width, height, elements] = [0, 1, 2, 3, 4].map(|k| figure[k].as_f64().unwrap());
        assert!(left >= 0.0 && right <= 375.0 && width > 300.0 && height > 200.0 && elements > 20.0, "{figure}");
    }
    let formulas = seen["formulas"].as_array().unwrap();
    assert_eq!(formulas.len(), REGISTRY.len());
    assert!(formulas.iter().all(|formula| formula[2].as_f64() > Some(40.0) && formula[3].as_f64() > Some(10.0)));
    // A page with faults is seen to have them.
    let broken = "<!doctype html><div style=\"width:600px\">wide</div><script>console.error('oops')</script>";
    let (seen, console) = looked_at(&folder.0, broken).unwrap();
    assert!(seen["closed"].as_f64() > Some(375.0) && console.contains("oops"), "{seen} {console}");
}
