//! What separates the fields of a text: its delimiter, quotation marks, and runs of spaces.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord, Trim};

/// A reader of the records of a text, which may have any number of fields each.
pub(super) fn records(text: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).delimiter(delimiter).from_reader(text)
}

/// The delimiter that cuts the first lines into equally many fields, most of them numbers; the comma where none does. A header may be one field shorter, as R writes it.
pub(super) fn plain_delimiter(text: &[u8]) -> u8 {
    const LINES: usize = 20;
    let fits = |delimiter: u8| -> Option<usize> {
        let text = if delimiter == b' ' { single_spaces(text).into() } else { Cow::from(text) };
        let lines: Vec<StringRecord> =
            records(&text, delimiter).records().take(LINES).collect::<Result<_, _>>().ok()?;
        let lines: Vec<StringRecord> = lines.into_iter().filter(|line| line.len() > 1 || !line[0].is_empty()).collect();
        let width = lines.last()?.len();
        let first = lines.first()?.len();
        let alike =
            width > 1 && (width - 1..=width).contains(&first) && lines.iter().skip(1).all(|line| line.len() == width);
        let numbers = lines.iter().skip(1).flatten().filter(|field| decimal_with_any_point(field)).count();
        // The first line may be a header. Only half of the other fields must be numbers, because a spoilt field is still cut in the right places.
        let is_plain = alike && 2 * numbers >= (lines.len() - 1) * width;
        // Words are separated by spaces as well.
        (is_plain && (delimiter != b' ' || numbers > 0)).then_some(numbers)
    };
    let candidates =
        [b',', b';', b'\t', b'|', b' '].into_iter().filter_map(|delimiter| Some((fits(delimiter)?, delimiter)));
    // The first of the candidates with the most numbers is chosen.
    let best = candidates.fold(None, |best: Option<(usize, u8)>, found| match best {
        Some(best) if best.0 >= found.0 => Some(best),
        _ => Some(found),
    });
    best.map_or(b',', |(_, delimiter)| delimiter)
}

fn decimal_with_any_point(field: &str) -> bool {
    field.parse::<f64>().is_ok() || field.replacen(',', ".", 1).parse::<f64>().is_ok()
}

/// A text whose columns are separated by one space each: no spaces stand at the ends of lines, and one space stands for several outside of quotation marks. A mark of a
/// comment before the first line's names is left out. Lines stay lines.
pub(super) fn single_spaces(text: &[u8]) -> Vec<u8> {
    let mut single = Vec::with_capacity(text.len());
    let text = text.strip_prefix(b"#").unwrap_or(text);
    let (mut inside, mut is_waiting, mut is_first) = (false, false, true);
    for &byte in text {
        match byte {
            b' ' if !inside => is_waiting = true,
            b'\n' | b'\r' => {
                (is_waiting, is_first, inside) = (false, true, false);
                single.push(byte);
            }
            _ => {
                inside ^= byte == b'"';
                if is_waiting && !is_first {
                    single.push(b' ');
                }
                (is_waiting, is_first) = (false, false);
                single.push(byte);
            }
        }
    }
    single
}

/// Which fields of a line begin with a quotation mark.
pub(super) fn quoted(line: &[u8], delimiter: u8) -> Vec<bool> {
    let (mut fields, mut inside, mut begins) = (Vec::new(), false, true);
    for &byte in line {
        match byte {
            b'"' => {
                if begins {
                    fields.push(true);
                }
                inside = !inside;
                begins = false;
            }
            _ if byte == delimiter && !inside => {
                if begins {
                    fields.push(false);
                }
                begins = true;
            }
            b' ' => {}
            _ => {
                if begins {
                    fields.push(false);
                }
                begins = false;
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_are_seen_field_by_field() {
        assert_eq!(quoted(b"\"a\", b,\"c,d\"\r\n", b','), [true, false, true]);
        assert_eq!(quoted(b"1;;\"x\"", b';'), [false, false, true]);
    }

    #[test]
    fn a_delimiter_is_found_where_it_is_plain() {
        assert_eq!(plain_delimiter(b"a;b\n1;2\n3;4\n"), b';');
        assert_eq!(plain_delimiter(b"a;b\n1,5;2,5\n3,5;4,5\n"), b';');
        assert_eq!(plain_delimiter(b"a\tb\n1\t2\n"), b'\t');
        assert_eq!(plain_delimiter(b"a,b\n1,2\n"), b',');
        assert_eq!(plain_delimiter(b"words alone\n"), b',');
        assert_eq!(plain_delimiter(b"1.5 2.5\n3.5 4.5\n"), b' ');
        assert_eq!(plain_delimiter(b"\"a\" \"y\"\n\"1\" 1 2\n\"2\" 3 4\n"), b' ');
        assert_eq!(plain_delimiter(b"1, 2\n3, 4\n"), b',');
        assert_eq!(plain_delimiter(b"# a b  y\n 1.5  2 3 \n-4    5 6\n"), b' ');
        assert_eq!(single_spaces(b" a  \"b  c\" d \r\n\n  1 2"), b"a \"b  c\" d\r\n\n1 2");
        // A spoilt line leaves the comma.
        assert_eq!(plain_delimiter(b"1,2\n3\n"), b',');
    }
}
