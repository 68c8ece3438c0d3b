//! Amounts of resources.

/// An amount in thousandths (`k8s.io/apimachinery/pkg/api/resource/quantity.go`); nothing where the text is no amount.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | '+' | '-')));
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let thousandths = whole.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    let (times, through) = match suffix {
        "" => (1, 1),
        "m" => (1, 1_000),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        _ => return None,
    };
    thousandths.checked_mul(times).map(|amount| amount / through)
}

/// Writes an amount: whole, with the largest binary unit that leaves no rest, or in thousandths.
pub(crate) fn print(thousandths: i128) -> String {
    if thousandths % 1_000 != 0 {
        return format!("{thousandths}m");
    }
    let whole = thousandths / 1_000;
    let units = [("Ti", 1_i128 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    match units.into_iter().find(|(_, unit)| whole != 0 && whole % unit == 0) {
        Some((name, unit)) => format!("{}{name}", whole / unit),
        None => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        for (text, amount, written) in [
            ("2", 2_000, "2"),
            ("500m", 500, "500m"),
            ("1.5", 1_500, "1500m"),
            ("1Gi", 1_000 << 30, "1Gi"),
            ("512Mi", 512_000 << 20, "512Mi"),
            ("1k", 1_000_000, "1000"),
            ("0", 0, "0"),
        ] {
            assert_eq!(parse(text), Some(amount), "{text}");
            assert_eq!(print(amount), written, "{text}");
        }
        assert_eq!(parse("much"), None);
    }
}
