//! LaTeX: texts and tables.

use std::fmt::Write as _;

use crate::evidence::{ClaimEvidence, Data, Estimate, Kept, Outcome, Verdict};

/// A text in LaTeX's own characters, for any engine: pdfLaTeX has no η.
pub fn text(text: &str) -> String {
    let mut out = String::new();
    let characters: Vec<char> = text.chars().collect();
    let mut k = 0;
    while k < characters.len() {
        let c = characters[k];
        // Raised and lowered characters that follow one another are one script.
        let raised: String = characters[k..].iter().map_while(|&c| superscript(c)).collect();
        let lowered: String = characters[k..].iter().map_while(|&c| subscript(c)).collect();
        if !raised.is_empty() {
            k += characters[k..].iter().take_while(|&&c| superscript(c).is_some()).count();
            let _ = write!(out, "\\ensuremath{{^{{{raised}}}}}");
            continue;
        }
        if !lowered.is_empty() {
            k += characters[k..].iter().take_while(|&&c| subscript(c).is_some()).count();
            let _ = write!(out, "\\ensuremath{{_{{{lowered}}}}}");
            continue;
        }
        // A combining mark stands after what it marks.
        let accent = match characters.get(k + 1) {
            Some('\u{303}') => Some("tilde"),
            Some('\u{304}') => Some("bar"),
            _ => None,
        };
        match accent {
            Some(accent) => {
                let base = symbol(c).map_or_else(|| c.to_string(), str::to_string);
                let _ = write!(out, "\\ensuremath{{\\{accent}{{{base}}}}}");
                k += 2;
            }
            None => {
                match (special(c), symbol(c)) {
                    (Some(escaped), _) => out.push_str(escaped),
                    (None, Some(symbol)) => {
                        let _ = write!(out, "\\ensuremath{{{symbol}}}");
                    }
                    (None, None) => out.push(c),
                }
                k += 1;
            }
        }
    }
    out
}

fn special(c: char) -> Option<&'static str> {
    Some(match c {
        '&' => "\\&",
        '%' => "\\%",
        '$' => "\\$",
        '#' => "\\#",
        '_' => "\\_",
        '{' => "\\{",
        '}' => "\\}",
        '~' => "\\textasciitilde{}",
        '^' => "\\textasciicircum{}",
        '\\' => "\\textbackslash{}",
        '—' => "---",
        '–' => "--",
        '…' => "\\ldots{}",
        '’' => "'",
        '“' => "``",
        '”' => "''",
        _ => return None,
    })
}

fn symbol(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "\\alpha",
        'β' => "\\beta",
        'γ' => "\\gamma",
        'δ' => "\\delta",
        'ε' => "\\varepsilon",
        'ζ' => "\\zeta",
        'η' => "\\eta",
        'θ' => "\\theta",
        'κ' => "\\kappa",
        'λ' => "\\lambda",
        'μ' => "\\mu",
        'π' => "\\pi",
        'ρ' => "\\rho",
        'σ' => "\\sigma",
        'τ' => "\\tau",
        'φ' => "\\varphi",
        'Γ' => "\\Gamma",
        'Δ' => "\\Delta",
        'Π' => "\\Pi",
        'Σ' => "\\textstyle\\sum",
        'ṽ' => "\\tilde v",
        'ȳ' => "\\bar y",
        '∇' => "\\nabla",
        '∂' => "\\partial",
        '∫' => "\\textstyle\\int",
        '√' => "\\surd",
        '∞' => "\\infty",
        '∈' => "\\in",
        '∠' => "\\angle",
        '∝' => "\\propto",
        '≈' => "\\approx",
        '≤' => "\\le",
        '≥' => "\\ge",
        '≠' => "\\ne",
        '±' => "\\pm",
        '×' => "\\times",
        '·' => "\\cdot",
        '−' => "-",
        '→' => "\\to",
        '⟂' => "\\perp",
        '⟨' => "\\langle",
        '⟩' => "\\rangle",
        '‖' => "\\|",
        '⌊' => "\\lfloor",
        '⌋' => "\\rfloor",
        '½' => "\\tfrac12",
        '¼' => "\\tfrac14",
        '¾' => "\\tfrac34",
        '′' => "'",
        '″' => "''",
        'ℝ' => "\\mathbb R",
        _ => return None,
    })
}

fn superscript(c: char) -> Option<char> {
    Some(match c {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => char::from(b'4' + (c as u32 - '⁴' as u32) as u8),
        '⁻' => '-',
        '⁺' => '+',
        'ᵀ' => 'T',
        'ᵃ' => 'a',
        'ᵏ' => 'k',
        'ˣ' => 'x',
        _ => return None,
    })
}

fn subscript(c: char) -> Option<char> {
    Some(match c {
        '₀'..='₉' => char::from(b'0' + (c as u32 - '₀' as u32) as u8),
        '₊' => '+',
        '₋' => '-',
        'ₖ' => 'k',
        'ₜ' => 't',
        _ => return None,
    })
}

/// The tables of a paper's appendix, by file name; each a booktabs `tabular`.
pub(super) fn tables(kept: &Kept) -> Vec<(&'static str, String)> {
    vec![("claims.tex", claims(kept)), ("constants.tex", constants(kept)), ("orders.tex", orders(kept))]
}

fn tabular(columns: &str, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = String::from("% Needs \\usepackage{booktabs,amsmath,amssymb}. Made by `sharpflow report`.\n");
    let _ = writeln!(out, "\\begin{{tabular}}{{{columns}}}\n\\toprule\n{} \\\\\n\\midrule", header.join(" & "));
    for row in rows {
        let _ = writeln!(out, "{} \\\\", row.join(" & "));
    }
    out + "\\bottomrule\n\\end{tabular}\n"
}

fn claims(kept: &Kept) -> String {
    let rows = kept.claims.iter().map(|claim| {
        let counts = Counts::of(claim);
        vec![
            text(&claim.title),
            format!("{:?}", claim.strength).to_lowercase(),
            claim.verdict.to_string(),
            format!("{} of {}", counts.held, counts.instances),
            format!("{} of {}", counts.rejected, counts.twins),
        ]
    });
    let header = ["claim", "strength", "verdict", "instances", "twins rejected"];
    tabular("p{0.42\\linewidth}llrr", &header, rows)
}

fn constants(kept: &Kept) -> String {
    let mut rows = Vec::new();
    for claim in &kept.claims {
        for (instance, estimate) in best(claim) {
            let Estimate { what, theory: Some(theory), estimate: interval, notices } = estimate else { continue };
            rows.push(vec![
                text(&claim.title),
                text(what),
                text(instance),
                format!("${}$", significant(*theory, interval.half_width)),
                format!(
                    "${} \\pm {}$",
                    significant(interval.value, interval.half_width),
                    significant(interval.half_width, interval.half_width)
                ),
                notices.map_or(String::new(), |change| format!("${}$", significant(change, change))),
            ]);
        }
    }
    let header = ["claim", "constant", "instance", "theory", "measured", "noticed"];
    tabular("p{0.22\\linewidth}p{0.2\\linewidth}p{0.2\\linewidth}rrr", &header, rows)
}

fn orders(kept: &Kept) -> String {
    let mut rows = Vec::new();
    for claim in &kept.claims {
        for instance in claim.instances.iter().filter(|i| i.verdict != Verdict::HypothesisFailed) {
            for decided in &instance.statements {
                if let Data::Order { fit: Some(fit), above, .. } = &decided.data {
                    let order = &fit.order;
                    rows.push(vec![
                        text(&claim.title),
                        text(&decided.what),
                        text(&instance.instance),
                        format!(
                            "${} \\pm {}$",
                            significant(order.value, order.half_width),
                            significant(order.half_width, order.half_width)
                        ),
                        format!("$> {above}$"),
                    ]);
                }
            }
        }
    }
    let header = ["claim", "error", "instance", "order", "needed"];
    tabular("p{0.22\\linewidth}p{0.22\\linewidth}p{0.22\\linewidth}rr", &header, rows)
}

/// How much of a claim was judged, and how.
pub(super) struct Counts {
    pub instances: usize,
    pub held: usize,
    pub twins: usize,
    pub rejected: usize,
}

impl Counts {
    pub fn of(claim: &ClaimEvidence) -> Self {
        let held: Vec<_> = claim.instances.iter().filter(|i| i.verdict != Verdict::HypothesisFailed).collect();
        let twins = || held.iter().flat_map(|i| &i.twins);
        let rejected = twins().filter(|twin| twin.outcome == Outcome::Fails).count();
        Self { instances: claim.instances.len(), held: held.len(), twins: twins().count(), rejected }
    }
}

/// Each constant of a claim that has a theory, from the instance that knows it best.
pub(crate) fn best(claim: &ClaimEvidence) -> Vec<(&str, &Estimate)> {
    let mut found: Vec<(&str, &Estimate)> = Vec::new();
    for instance in claim.instances.iter().filter(|i| i.verdict != Verdict::HypothesisFailed) {
        for estimate in instance.estimates.iter().filter(|e| e.theory.is_some() && e.estimate.half_width.is_finite()) {
            let same =
                |known: &&mut (&str, &Estimate)| known.1.what == estimate.what && known.1.theory == estimate.theory;
            match found.iter_mut().find(same) {
                Some(known) if estimate.estimate.half_width < known.1.estimate.half_width => {
                    *known = (&instance.instance, estimate);
                }
                Some(_) => {}
                None => found.push((&instance.instance, estimate)),
            }
        }
    }
    found
}

/// A value to the second digit of its uncertainty.
pub(crate) fn significant(value: f64, uncertainty: f64) -> String {
    if uncertainty == 0.0 || !uncertainty.is_finite() || !value.is_finite() {
        return format!("{value}");
    }
    let digits = (1 - uncertainty.abs().log10().floor() as i32).clamp(0, 15) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_in_latex_characters() {
        assert_eq!(
            text("η̃λ₁ = 2 + O(√(ηλ)), ‖w‖⁻² & 50 %"),
            "\\ensuremath{\\tilde{\\eta}}\\ensuremath{\\lambda}\\ensuremath{_{1}} = 2 + \
             O(\\ensuremath{\\surd}(\\ensuremath{\\eta}\\ensuremath{\\lambda})), \
             \\ensuremath{\\|}w\\ensuremath{\\|}\\ensuremath{^{-2}} \\& 50 \\%"
        );
    }

    #[test]
    fn numbers_have_the_digits_that_are_known() {
        assert_eq!(significant(4.000_321, 0.043), "4.000");
        assert_eq!(significant(4.000_321, 0.43), "4.00");
        assert_eq!(significant(0.000_123_4, 0.000_001_2), "0.0001234");
    }
}
