//! LaTeX: texts and tables.

use std::fmt::Write as _;

use sharpflow_theorems::evidence::{Check, Kept};

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
        '𝒦' => "\\mathcal K",
        'ṽ' => "\\tilde v",
        'ȳ' => "\\bar y",
        '|' => "|",
        '<' => "<",
        '>' => ">",
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

/// A column of ragged text, by its share of the line.
fn ragged(share: f64) -> String {
    format!(">{{\\raggedright\\arraybackslash}}p{{{share}\\linewidth}}")
}

fn tabular(columns: &str, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = String::from("% Needs \\usepackage{array,booktabs,amsmath,amssymb}. Made by `sharpflow report`.\n");
    let _ = writeln!(out, "\\begin{{tabular}}{{{columns}}}\n\\toprule\n{} \\\\\n\\midrule", header.join(" & "));
    for row in rows {
        let _ = writeln!(out, "{} \\\\", row.join(" & "));
    }
    out + "\\bottomrule\n\\end{tabular}\n"
}

fn claims(kept: &Kept) -> String {
    let rows = kept.claims.iter().map(|claim| {
        let (rejected, twins) = claim.twins_rejected();
        vec![
            text(&claim.title),
            format!("{:?}", claim.strength).to_lowercase(),
            claim.verdict.to_string(),
            claim.tally(),
            format!("{rejected} of {twins}"),
        ]
    });
    let header = ["claim", "strength", "verdict", "instances", "twins rejected"];
    tabular(&(ragged(0.42) + "llrr"), &header, rows)
}

fn constants(kept: &Kept) -> String {
    let mut rows = Vec::new();
    for claim in &kept.claims {
        for pooled in claim.pooled() {
            let Some(theory) = pooled.predicted() else { continue };
            rows.push(vec![
                text(&claim.title),
                text(pooled.what),
                format!("${theory}$"),
                text(&pooled.measured()),
                text(&pooled.worst.1.measured()),
                text(&pooled.worst.0.instance),
            ]);
        }
    }
    let header = ["claim", "constant", "theory", "pooled", "worst", "on"];
    tabular(&(ragged(0.2).repeat(2) + "rrr" + &ragged(0.16)), &header, rows)
}

fn orders(kept: &Kept) -> String {
    let mut rows = Vec::new();
    for claim in &kept.claims {
        for instance in claim.held() {
            for decided in &instance.statements {
                if let (Check::Order { order: stated, at_least, .. }, Some(fit)) = (&decided.check, &decided.fit) {
                    let order = &fit.order;
                    rows.push(vec![
                        text(&claim.title),
                        text(&decided.what),
                        text(&instance.instance),
                        text(&format!("{:.3} ± {:.3}", order.value, order.half_width)),
                        format!("${}{stated}$", if *at_least { r"\ge " } else { "" }),
                    ]);
                }
            }
        }
    }
    let header = ["claim", "error", "instance", "order", "stated"];
    tabular(&(ragged(0.22).repeat(3) + "rr"), &header, rows)
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
}
