//! Decides whether the first line of a table names its columns. Several signs are looked at, and the user is told which of them decided.

use csv::StringRecord;

/// The first line is a header if the chance that a line of data looks like it is at most this.
const UNLIKELY: f64 = 0.01;

/// Lines that show whether rows count in equal steps.
const FEWEST: usize = 3;

/// The decision about a first line, and the sign that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub is_header: bool,
    pub why: &'static str,
}

const fn yes(why: &'static str) -> Decision {
    Decision { is_header: true, why }
}

const fn no(why: &'static str) -> Decision {
    Decision { is_header: false, why }
}

/// A table's lines, and which fields of each are quoted.
pub(super) struct Lines<'a> {
    pub first: &'a StringRecord,
    pub first_quoted: &'a [bool],
    pub rest: &'a [StringRecord],
    /// The same for the second line.
    pub rest_quoted: &'a [bool],
}

/// Decides whether the first line is a header, given the target's name. The signs, in order: words; quotes that only the first line has; and
/// a small chance that a sample looks as the first line does.
pub(super) fn decide(lines: &Lines<'_>, target: &str) -> Decision {
    let first = lines.first;
    let words = first.iter().filter(|field| !is_number(field)).count();
    if first.iter().any(|field| field == target && !is_number(field)) {
        return yes("its first line names the target");
    }
    if 2 * words >= first.len() {
        return yes("its first line has words");
    }
    let only_first = lines.first_quoted.iter().zip(lines.rest_quoted).filter(|&(&first, &rest)| first && !rest);
    if 2 * only_first.count() >= first.len() && !lines.rest.is_empty() {
        return yes("its first line alone is quoted");
    }
    // A few spoilt fields do not make a header; errors will name these fields.
    let columns: Vec<usize> = (0..first.len()).filter(|&column| is_number(&first[column])).collect();
    let of_columns = |row: &StringRecord| -> Vec<String> {
        columns.iter().map(|&column| row.get(column).unwrap_or_default().to_owned()).collect()
    };
    let rest: Vec<Vec<String>> = lines.rest.iter().map(of_columns).collect();
    // A field that is not a number is itself a sign of a header, but a weak one.
    let unlikely = if words > 0 { 10.0 * UNLIKELY } else { UNLIKELY };
    match of_numbers(&of_columns(first), &rest, unlikely) {
        Decision { is_header: true, .. } if first[0].is_empty() => yes("the first field of its first line is empty"),
        decision => decision,
    }
}

/// Decides by the chances that a sample has only whole numbers, that it ascends or descends, and that it ascends in equal steps. The other
/// lines give an estimate of each chance (with half a line of doubt, or with what a random order gives).
fn of_numbers(first: &[String], rest: &[Vec<String>], unlikely: f64) -> Decision {
    let rows = rest.len() as f64;
    let without_repeats = {
        let mut fields = first.to_vec();
        fields.sort_unstable();
        fields.windows(2).all(|pair| pair[0] != pair[1])
    };
    if rest.is_empty() || !without_repeats {
        return no("its first line looks like the others");
    }
    if first.iter().all(|field| is_whole(field)) {
        let whole = |column: usize| rest.iter().filter(|row| is_whole(&row[column])).count() as f64;
        let chance: f64 = (0..first.len()).map(|column| (whole(column) + 0.5) / (rows + 1.0)).product();
        if chance <= unlikely {
            return yes("its first line has whole numbers, the others have not");
        }
    }
    if first.iter().all(|field| is_whole(field)) && rest.len() >= FEWEST && is_outside(first, rest) {
        return yes("its first line has whole numbers that lie outside the range of every column");
    }
    let numbers = |row: &[String]| -> Vec<f64> { row.iter().filter_map(|field| field.parse().ok()).collect() };
    let alike = |of: fn(&[f64]) -> bool| rest.iter().filter(|row| of(&numbers(row))).count() as f64;
    let orders: f64 = (1..=first.len()).map(|k| k as f64).product();
    // Order is a sign of its own, which a word beside the numbers does not strengthen: a few numbers are often in order.
    if is_monotone(&numbers(first)) && (alike(is_monotone) + 2.0 / orders) / (rows + 1.0) <= UNLIKELY {
        return yes("its first line is in order, the others are not");
    }
    // Equal steps are far rarer than order, so the doubt is a hundredth of a line. Some other lines must be there for comparison.
    if rest.len() >= FEWEST
        && is_progression(&numbers(first))
        && (alike(is_progression) + 0.01) / (rows + 1.0) <= unlikely
    {
        return yes("its first line counts in equal steps, the others do not");
    }
    no("its first line looks like the others")
}

/// Whether each number of a line, two at least, lies outside the range of its column, and beyond twice its largest size: a sample is seldom extreme in every
/// column.
fn is_outside(first: &[String], rest: &[Vec<String>]) -> bool {
    let number = |field: &String| field.parse::<f64>().unwrap_or(f64::NAN);
    let is_beyond = |column: usize| {
        let size = rest.iter().map(|row| number(&row[column]).abs()).fold(0.0, f64::max);
        number(&first[column]).abs() > 2.0 * size
    };
    first.len() > 1 && (0..first.len()).all(is_beyond)
}

pub(super) fn is_number(field: &str) -> bool {
    field.parse::<f64>().is_ok()
}

fn is_whole(field: &str) -> bool {
    field.parse::<i64>().is_ok()
}

fn is_monotone(row: &[f64]) -> bool {
    row.len() > 1 && (row.windows(2).all(|pair| pair[0] < pair[1]) || row.windows(2).all(|pair| pair[0] > pair[1]))
}

fn is_progression(row: &[f64]) -> bool {
    let step = if row.len() > 2 { row[1] - row[0] } else { 0.0 };
    step != 0.0 && row.windows(2).all(|pair| pair[1] - pair[0] == step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(lines: &[&str], target: &str) -> bool {
        let records: Vec<StringRecord> = lines.iter().map(|line| line.split(',').collect()).collect();
        let none = vec![false; records[0].len()];
        let lines = Lines { first: &records[0], first_quoted: &none, rest: &records[1..], rest_quoted: &none };
        decide(&lines, target).is_header
    }

    #[test]
    fn headers_of_numbers_are_told_from_samples() {
        let decimals = ["1.82,1.79,-1.77", "-0.76,0.42,0.43", "0.89,1.98,1.80", "-1.89,-0.14,-0.73"];
        let with = |first| [&[first], &decimals[..]].concat();
        for header in ["0,1,2", "1990,1991,1992", "1007,1053,117", "400.5,401.0,401.5", "a,b,y", ",1,2", "10,20,y"] {
            let lines = if header.contains('.') { [with(header), decimals.to_vec()].concat() } else { with(header) };
            assert!(decided(&lines, "3"), "{header}");
        }
        for sample in ["1.51,-0.2,0.3", "3,-0.2,0.3", "2,2,2"] {
            assert!(!decided(&with(sample), "3"), "{sample}");
        }
        // Counts everywhere: whole numbers say nothing, equal steps from 0 do.
        let counts = ["4982,612,3006,4486", "11516,1352,7194,10441", "37,5,9,11", "812,93,41,60", "3,1,4,1"];
        assert!(decided(&[&["0,1,2,3"], &counts[..]].concat(), "4"));
        assert!(!decided(&counts, "4"));
        // Identifiers over counts.
        let few = ["3,11,0,20", "7,2,5,1", "0,0,16,4", "12,9,3,3"];
        assert!(decided(&[&["100127206,3480,100129271,7157"], &few[..]].concat(), "4"));
        assert!(!decided(&[&["14,12,1,0"], &few[..]].concat(), "4"));
        // A spoilt sample whose other numbers happen to ascend.
        let spoilt =
            ["-1.5,-0.5,0.1,x", "-0.4,-0.1,-0.5,-0.6", "0.1,-0.8,1.6,0.7", "0.1,0.7,-0.9,-1.7", "-0.8,1.1,0.5,-1.1"];
        assert!(!decided(&spoilt, "2"));
        // Lines that all ascend, as spectra may.
        assert!(!decided(&["1,2.5,3", "1.5,2.5,4.5", "0.5,0.75,8.5", "1.5,3.5,4.25"], "3"));
        assert!(!decided(&["1,2,x,4", "1,2,3,4"], "4"));
    }
}
