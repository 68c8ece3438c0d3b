//! Amounts of a resource as the API writes them: `100m`, `1.5Gi`, `1e3`.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul, Sub};

/// An exact amount, in units of 10^-9: the finest that the API keeps
/// (`resource.Quantity` in k8s.io/apimachinery).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// Returns a whole number.
    pub fn whole(number: u32) -> Self {
        Self(i128::from(number) * NANO)
    }

    /// Returns how often another amount is in this one; as often as one likes if that is nothing.
    pub fn holds(self, other: Self) -> u32 {
        if other.0 <= 0 {
            return u32::MAX;
        }
        u32::try_from(self.0.max(0) / other.0).unwrap_or(u32::MAX)
    }

    /// Reads the text of an amount; what is finer than 10^-9 rounds away from zero, as in the API.
    /// `None` for what is no amount, or one that no machine has.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse::<i128>().ok()?;
        let shift = i32::try_from(fraction.len()).ok()?;
        let (factor, exponent) = scale(suffix)?;
        let scaled = digits.checked_mul(factor)?;
        // In units of 10^-9.
        let exponent = exponent.checked_add(9)?.checked_sub(shift)?;
        let power = 10_i128.checked_pow(exponent.unsigned_abs());
        let amount = if exponent >= 0 {
            scaled.checked_mul(power?)?
        } else {
            // A power too large to write down leaves just the rounding.
            power.map_or(i128::from(scaled > 0), |power| scaled / power + i128::from(scaled % power > 0))
        };
        Some(Self(if negative { -amount } else { amount }))
    }
}

/// Factor and power of ten that a suffix means.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    let binary = |power: u32| Some((1_i128 << (10 * power), 0));
    match suffix {
        "n" => Some((1, -9)),
        "u" => Some((1, -6)),
        "m" => Some((1, -3)),
        "" => Some((1, 0)),
        "k" => Some((1, 3)),
        "M" => Some((1, 6)),
        "G" => Some((1, 9)),
        "T" => Some((1, 12)),
        "P" => Some((1, 15)),
        "E" => Some((1, 18)),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
            (exponent.abs() <= 30).then_some((1, exponent))
        }
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<u32> for Quantity {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(i128::from(times)))
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MEBI: i128 = 1 << 20;
        match self.0 {
            nano if nano % NANO != 0 && nano % 1_000_000 == 0 => write!(f, "{}m", nano / 1_000_000),
            nano if nano % NANO != 0 => write!(f, "{nano}n"),
            nano if nano != 0 && nano % (NANO * MEBI) == 0 => write!(f, "{}Mi", nano / NANO / MEBI),
            nano => write!(f, "{}", nano / NANO),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_like_in_the_api() {
        for (text, nano) in [
            ("1", NANO),
            ("100m", NANO / 10),
            ("0.1", NANO / 10),
            (".5", NANO / 2),
            ("1.", NANO),
            ("+2", 2 * NANO),
            ("-2", -2 * NANO),
            ("1.5Gi", 3 * (1 << 29) * NANO),
            ("1e3", 1000 * NANO),
            ("1E3", 1000 * NANO),
            ("1E", 1_000_000_000_000_000_000 * NANO),
            ("12e-3", 12_000_000),
            ("5n", 5),
            ("0.5n", 1),
            ("0.0000000001", 1),
        ] {
            assert_eq!(Quantity::parse(text), Some(Quantity(nano)), "{text}");
        }
        for text in [
            "",
            "m",
            ".",
            "1.2.3",
            "1 Gi",
            "1gi",
            "1K",
            "0x10",
            "1e",
            "1e99",
            "--1",
            "999999999999999999999999999999Ei",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_written_for_people() {
        for (text, shown) in
            [("100m", "100m"), ("64Mi", "64Mi"), ("1Gi", "1024Mi"), ("2", "2"), ("0", "0"), ("3u", "3000n")]
        {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(nano in -1_000_000_000_000_000_000_000_i128..1_000_000_000_000_000_000_000) {
            prop_assert_eq!(Quantity::parse(&Quantity(nano).to_string()), Some(Quantity(nano)));
        }

        #[test]
        fn suffixes_agree_with_each_other(number in 0_u32..1_000_000) {
            let read = |suffix: &str| Quantity::parse(&format!("{number}{suffix}")).unwrap();
            prop_assert_eq!(read("Ki"), read("") * 1024);
            prop_assert_eq!(read("Gi"), read("Mi") * 1024);
            prop_assert_eq!(read("") , read("m") * 1000);
            prop_assert_eq!(read("k"), read("e3"));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _read = Quantity::parse(&text);
        }

        #[test]
        fn nor_does_one_that_looks_like_an_amount(text in "[+-]?[0-9.]{0,60}([eE][+-]?[0-9]{0,12}|[KMGTPE]i?|[num])?") {
            let _read = Quantity::parse(&text);
        }
    }
}
