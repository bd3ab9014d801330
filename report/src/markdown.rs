//! The claims as a table in Markdown, for a README, and their constants as comma-separated values, for plotting elsewhere.

use sharpflow_theorems::evidence::{ClaimEvidence, Kept, Sensitivity, significant};

/// A line a claim: what it is, its verdict, and the first thing measured.
pub fn claims(kept: &Kept) -> String {
    let mut text = String::from(
        "| claim | strength | says | verdict | instances | measured |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for claim in &kept.claims {
        let ClaimEvidence { id, title, note, verdict, .. } = claim;
        let strength = format!("{:?}", claim.strength).to_lowercase();
        let measured = claim.headline().replace('|', "\\|");
        text += &format!("| [`{id}`]({note}) | {strength} | {title} | {verdict} | {} | {measured} |\n", claim.tally());
    }
    text
}

/// A line for each constant of each claim: the smallest relative changes, up and down, that the study would notice.
pub fn sensitivity(kept: &Kept) -> String {
    let mut text =
        String::from("| claim | constant | value | noticed from | and from |\n| --- | --- | --- | --- | --- |\n");
    let percent = |sign: char, change: Option<f64>| match change {
        Some(change) => format!("{sign}{:.1e} %", 100.0 * change),
        None => "not noticed".into(),
    };
    for claim in &kept.claims {
        for Sensitivity { constant, value, up, down } in claim.sensitivity() {
            let constant = constant.replace('|', "\\|");
            text += &format!(
                "| `{}` | {constant} | {} | {} | {} |\n",
                claim.id,
                significant(value, 0.0),
                percent('+', up),
                percent('−', down)
            );
        }
    }
    text
}

/// A line for each constant on each instance within the hypotheses.
pub fn constants(kept: &Kept) -> String {
    let mut text = String::from("claim,instance,constant,estimate,half_width,theory\n");
    let quoted = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
    for claim in &kept.claims {
        for instance in claim.held() {
            for known in &instance.estimates {
                let theory = known.theory().map_or(String::new(), |theory| theory.to_string());
                let (value, half_width) = (known.estimate.value, known.estimate.half_width);
                let names = [quoted(&claim.id), quoted(&instance.instance), quoted(&known.what)].join(",");
                text += &format!("{names},{value},{half_width},{theory}\n");
            }
        }
    }
    text
}
