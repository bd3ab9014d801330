//! Types of numbers in binary files.

use half::{bf16, f16};

/// The most numbers that one array may have: 128 MiB.
pub(crate) const MOST_NUMBERS: usize = 1 << 24;

/// A type of numbers. A type of whole numbers also says how many bytes each number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberType {
    Double,
    Single,
    Half,
    /// The upper half of a single (bfloat16).
    Brain,
    Bool,
    Signed(usize),
    Unsigned(usize),
}

impl NumberType {
    pub fn is_whole(self) -> bool {
        !matches!(self, Self::Double | Self::Single | Self::Half | Self::Brain)
    }

    /// How many bytes a number has.
    pub fn bytes(self) -> usize {
        match self {
            Self::Double => 8,
            Self::Single => 4,
            Self::Half | Self::Brain => 2,
            Self::Bool => 1,
            Self::Signed(bytes) | Self::Unsigned(bytes) => bytes,
        }
    }

    /// Numbers from bytes, the lowest byte first. Bytes at the end that do not fill a number are left out.
    pub fn unpack(self, raw: &[u8]) -> Vec<f64> {
        raw.chunks_exact(self.bytes()).map(|entry| self.number(entry)).collect()
    }

    fn number(self, entry: &[u8]) -> f64 {
        let bits = entry.iter().rev().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
        match self {
            Self::Double => f64::from_bits(bits),
            Self::Single => f64::from(f32::from_bits(bits as u32)),
            Self::Half => f16::from_bits(bits as u16).to_f64(),
            Self::Brain => bf16::from_bits(bits as u16).to_f64(),
            Self::Bool | Self::Unsigned(_) => bits as f64,
            // The sign is carried up to the highest bit.
            Self::Signed(bytes) => {
                let above = 64 - 8 * bytes as u32;
                ((bits << above) as i64 >> above) as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_their_bytes() {
        assert_eq!(NumberType::Double.unpack(&(-0.1f64).to_le_bytes()), [-0.1]);
        assert_eq!(NumberType::Single.unpack(&1.5f32.to_le_bytes()), [1.5]);
        assert_eq!(NumberType::Half.unpack(&[0x00, 0xC0, 0x01, 0x00]), [-2.0, 2f64.powi(-24)]);
        assert_eq!(NumberType::Brain.unpack(&[0xC0, 0xBF]), [-1.5]);
        assert_eq!(NumberType::Signed(8).unpack(&(-3i64).to_le_bytes()), [-3.0]);
        assert_eq!(NumberType::Signed(1).unpack(&[0xFF, 0x7F]), [-1.0, 127.0]);
        assert_eq!(NumberType::Unsigned(2).unpack(&[0xFF, 0xFF, 9]), [65535.0]);
        assert_eq!(NumberType::Bool.unpack(&[0, 1]), [0.0, 1.0]);
    }
}
