//! The claims as a table in Markdown, for a README, and their constants as comma-separated values, for plotting elsewhere.

use sharpflow_theorems::evidence::{ClaimEvidence, Kept, Sensitivity, significant};

/// One line for each claim: what the claim is, its verdict, and the first quantity that was measured.
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

/// A line for each claim that has constants: the smallest relative change of each, up and down, that the study would notice.
pub fn sensitivity(kept: &Kept) -> String {
    let mut text = String::from("| claim | smallest change of a constant that is noticed |\n| --- | --- |\n");
    let percent = |sign: char, change: f64| format!("{sign}{:.1e} %", 100.0 * change);
    for claim in &kept.claims {
        let all = claim.sensitivity();
        let constants = all.iter().map(|Sensitivity { constant, value, up, down }| {
            let changes = [up.map(|change| percent('+', change)), down.map(|change| percent('−', change))];
            let changes: Vec<String> = changes.into_iter().flatten().collect();
            let changes = if changes.is_empty() { "no change".into() } else { changes.join(", ") };
            // If a name stands for several values, the value is written beside the name.
            let is_one = all.iter().filter(|other| other.constant == *constant).count() == 1;
            let of = if is_one { String::new() } else { format!(" of {}", significant(*value, 0.0)) };
            format!("{}{of}: {changes}", constant.replace('|', "\\|"))
        });
        let constants: Vec<String> = constants.collect();
        if !constants.is_empty() {
            text += &format!("| `{}` | {} |\n", claim.id, constants.join("; "));
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
