//! Decimal numbers as text, read to double-double.

use crate::arithmetic::Quad;

/// The most significant digits of a decimal that counts as exact. Doubles distinguish all decimals of 15 digits, and programs print them with up to 17.
const EXACT_DIGITS: usize = 15;
/// Digits of a decimal that is a rounded double.
pub(super) const DIGITS_OF_DOUBLES: usize = 16;
/// Digits that are accumulated: 10³¹ < 2¹⁰⁶.
pub(super) const KEPT_DIGITS: usize = 31;

/// The least and the largest size of a number whose second double is known, other than 0.
const LEAST: f64 = 1e-275;
const LARGEST: f64 = 1e290;
/// The largest power of ten that is multiplied out.
const LARGEST_POWER: u32 = 270;

/// Whether a decimal that is not 0 is so small that double-double loses digits of it.
pub(super) fn underflows(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9')) && text.parse::<f64>().is_ok_and(|x| x.abs() < LEAST)
}

/// The value of a decimal, to double-double; `None` where it is none that a double can hold.
///
/// A double alone loses the digits of 5 412 345.67 beyond the ninth place after the point, and centring would find them missing.
pub(super) fn parse(text: &str) -> Option<Quad> {
    let double: f64 = text.parse().ok()?;
    // Infinities and NaN, zeros, and what lies at the ends of the range have no second part.
    if !(double.abs() > LEAST && double.abs() < LARGEST) {
        return Some(Quad::from_f64(double));
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent: i32 = exponent.parse().ok()?;
    let (mut sum, mut digits) = (Quad::from_f64(0.0), 0);
    let mut fraction = false;
    for byte in mantissa.bytes() {
        match byte {
            b'.' => fraction = true,
            b'0'..=b'9' if digits < KEPT_DIGITS => {
                sum = sum * Quad::from_f64(10.0) + Quad::from_f64(f64::from(byte - b'0'));
                digits += usize::from(digits > 0 || byte != b'0');
                exponent -= i32::from(fraction);
            }
            b'0'..=b'9' => exponent += i32::from(!fraction),
            _ => {}
        }
    }
    // Two powers of ten where one alone is beyond the range, although the number is within it.
    let all = exponent.unsigned_abs();
    let second = all.saturating_sub(LARGEST_POWER);
    let ten = Quad::from_f64(10.0);
    let powers = [all - second, second].map(|count| (0..count).fold(Quad::from_f64(1.0), |power, _| power * ten));
    let size = powers.into_iter().fold(sum, |size, power| if exponent < 0 { size / power } else { size * power });
    Some(if text.starts_with('-') { -size } else { size })
}

/// What the digits of a decimal say of the number behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    /// Few enough digits, or a whole number: the decimal is the number.
    Exact,
    /// As many digits as programs print of a double, and those of a double: the number was rounded before it was written.
    OfDouble,
    /// As many digits, but no double has them: the decimal is the number.
    OfNoDouble,
}

/// What the digits of a decimal say.
pub(super) fn digits(text: &str) -> Digits {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let all: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let all = all.trim_start_matches('0');
    let is_whole = !text.contains(['.', 'e', 'E']);
    if is_whole || all.trim_end_matches('0').len() <= EXACT_DIGITS {
        return Digits::Exact;
    }
    let double: f64 = text.parse().unwrap_or(f64::NAN);
    // The double with as many digits, correctly rounded.
    let printed: String =
        format!("{:.*e}", all.len() - 1, double.abs()).split('e').next().unwrap_or_default().replace('.', "");
    if printed == all { Digits::OfDouble } else { Digits::OfNoDouble }
}

/// Whether a column's decimals are the rounding of something longer, as programs print doubles: some has so many digits, and none has digits that no double has.
pub(super) fn is_rounded<'a>(column: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = false;
    for text in column {
        match digits(text) {
            Digits::Exact => {}
            Digits::OfDouble => seen = true,
            Digits::OfNoDouble => return false,
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_keeps_the_digits_that_a_double_loses() {
        let value = parse("5412345.67").unwrap();
        let error = value * Quad::from_f64(100.0) - Quad::from_f64(541_234_567.0);
        assert!(error.0.abs() < 1e-21, "{error:?}");
        for text in ["0", "-0.0", "1", "-12.5", "+3e2", "1E-3", "123456789012345678901234567890", ".5", "7."] {
            let double: f64 = text.parse().unwrap();
            assert_eq!(parse(text).unwrap().0, double, "{text}");
        }
        // 10²⁵ is no double; the two parts hold it.
        let large = parse("10000000000000000000000000").unwrap();
        assert_eq!((large - Quad::from_f64(1e5) * Quad::from_f64(1e20)).0, 0.0);
        // Far from 1 both parts are known as well.
        for (small, large) in [("1.23e-260", "1.23e-259"), ("0.7e-270", "7e-270"), ("4.56e270", "4.56e271")] {
            let [small, large] = [small, large].map(|text| parse(text).unwrap());
            assert!(((small * Quad::from_f64(10.0) - large) / large).0.abs() < 1e-30, "{small:?}");
        }
        assert!(underflows("1e-280") && underflows("-0.5E-400") && !underflows("0e-400") && !underflows("1e-270"));
        assert!(parse("x").is_none() && parse("").is_none());
        assert!(parse("inf").unwrap().0.is_infinite());
    }

    #[test]
    fn decimals_that_are_meant_are_told_from_rounded_ones() {
        for text in ["0", "1.0", "-0.19", "1.697e-14", "123456789.123", "1000000000000000000000", "0.00012345"] {
            assert_eq!(digits(text), Digits::Exact, "{text}");
        }
        // Nanoseconds since 1970, and 2⁸⁹: whole numbers, however many digits they have.
        for text in ["1700000000000000004", "-1700000000000000001", "618970019642690137449562112"] {
            assert_eq!(digits(text), Digits::Exact, "{text}");
        }
        for text in ["0.3333333333333333", "0.30000000000000004", "1.4142135623730951e-14", "-1.0000000000000002"] {
            assert_eq!(digits(text), Digits::OfDouble, "{text}");
        }
        // Printed in full, or with seventeen digits, of which the last are zeros.
        for text in ["1.28800000000000003375077994860475882887840270996094", "3.33333333333333315e-01"] {
            assert_eq!(digits(text), Digits::OfDouble, "{text}");
        }
        // Doubles near 10¹⁶ are 2 apart, and near 10¹⁴ a 64th.
        for text in ["9999999999999999.235", "99999999999999.235", "1.2345678901234567890123"] {
            assert_eq!(digits(text), Digits::OfNoDouble, "{text}");
        }
        let third = "0.3333333333333333";
        assert!(is_rounded([third, "1"].into_iter()) && !is_rounded(["1", "2.5"].into_iter()));
        assert!(!is_rounded([third, "9999999999999999.235"].into_iter()));
    }
}
