//! Texts of metrics, drawn: what programs write, what they could, and what has a letter too few or too many.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The type of the text format.
pub(crate) const PLAIN: &str = "text/plain";
/// The type of `OpenMetrics`.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text";

/// One in so many texts is one of `OpenMetrics`.
const OTHERS: u32 = 5;

fn one(all: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    select(all.to_vec()).prop_map(str::to_owned)
}

fn blank() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just(String::new()), 2 => one(&[" ", "  ", "\t", " \t "])]
}

fn gap() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just(" ".to_owned()), 2 => one(&["  ", "\t", " \t ", ""])]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => one(&["a", "http_requests_total", "job:rate:sum", "_x9", "B", ":c", "grpc_server_handled_total"]),
        4 => one(&["my.name", "a.b.c_total"]),
        1 => one(&["9a", "", "é", "a-b", ".a", "1", "NaN"]),
    ]
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => one(&["code", "method", "le", "_", "quantile", "a1", "B", "uri", "status", "_x", "path"]),
        4 => one(&["\"code\"", "\"a b\"", "\"é{,}\"", "\"q\\\"\\\\\"", "my.label", "\"\""]),
        1 => one(&["a:b", "1a", "", "é", "a-b"]),
    ]
}

fn quoted() -> impl Strategy<Value = String> {
    let piece = one(&[
        "200",
        "GET",
        "/orders/{id}",
        ",",
        "=",
        "}",
        "{",
        "#",
        " ",
        "é",
        "\u{1f600}",
        "\\\\",
        "\\\"",
        "\\n",
        "\\t",
        "\\x",
        "+Inf",
        "0.1",
        "1e3",
        "\t",
        "'",
        "\u{2028}",
    ]);
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => one(&["0", "1", "42", "1.5e3", "0.1", "9007199254740993", "1e-320", "5.", ".5", "+7", "-0.5", "1E5", "-0"]),
        10 => one(&["+Inf", "-Inf", "NaN", "Inf", "nan", "+inf", "-inf", "Infinity", "INF", "-infinity"]),
        1 => one(&["1e400", "-1e999", "0x10", "0x1p4", "1_000", "1e", ".", "", "-nan", "+NaN", "infinit", "1,5", "1f", "true"]),
    ]
}

fn behind(exemplars: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        40 => Just(String::new()),
        8 => one(&[" 1795774858495", "\t0", " 0001"]),
        exemplars => one(&[
            " -1", " 1.5", " 1e3", " 99999999999999999999", " # {trace_id=\"} # {\"} 0.5", " 7 # {} 1 2", " #", " 1#x",
        ]),
        1 => one(&[" x", " 1 2", " NaN", " inf", "\u{a0}", " +"]),
    ]
}

fn pair() -> impl Strategy<Value = String> {
    (label(), blank(), blank(), quoted(), blank())
        .prop_map(|(label, before, after, value, end)| format!("{label}{before}={after}{value}{end}"))
}

fn labels() -> impl Strategy<Value = String> {
    let comma = prop_oneof![60 => Just(","), 6 => Just(", "), 1 => Just(""), 1 => Just(",,")];
    let end = prop_oneof![40 => Just("}"), 12 => Just(",}"), 4 => Just(", }"), 1 => Just("")];
    let named = prop_oneof![
        40 => Just(String::new()),
        1 => one(&["\"my.name\",", "\"q\\\"uoted\"", "\"\",", "bare,", "\"a\" , "]),
    ];
    (named, proptest::collection::vec((pair(), comma), 0..3), end).prop_map(|(named, pairs, end)| {
        let last = pairs.len().saturating_sub(1);
        let pairs = pairs.into_iter().enumerate();
        let pairs = pairs.map(|(at, (pair, comma))| if at == last { pair } else { pair + comma });
        format!("{{{named}{}{end}", pairs.collect::<String>())
    })
}

fn sample() -> impl Strategy<Value = String> {
    let braces =
        prop_oneof![2 => Just(String::new()), 5 => (blank(), labels()).prop_map(|(blank, all)| blank + &all)];
    let inside = (quoted(), pair()).prop_map(|(name, pair)| format!("{{{name},{pair}}}"));
    let behind_labels = (pair(), quoted()).prop_map(|(pair, name)| format!("{{{pair},{name}}}"));
    let head = prop_oneof![
        14 => (name(), braces).prop_map(|(name, braces)| name + &braces),
        1 => inside,
        1 => behind_labels,
    ];
    (blank(), head, gap(), value(), behind(5), blank())
        .prop_map(|(start, head, gap, value, behind, end)| format!("{start}{head}{gap}{value}{behind}{end}"))
}

fn plain() -> impl Strategy<Value = String> {
    let comment = one(&[
        "# HELP a Some text with \\\\ and {b=\"c\"} 1",
        "# TYPE a counter",
        "# TYPE le histogram",
        "#",
        "# free",
        "#x 1",
        "# EOF",
        "#\tTYPE a gauge",
        "# HELP a",
        "",
        "  ",
        "\t",
    ]);
    let wrong = one(&[
        "# TYPE a unknownkind",
        "# TYPE",
        "# HELP 1",
        "# TYPE a counter 1",
        "a 1\r",
        "\ra 1",
        "# free\r",
        "\r",
    ]);
    let line = prop_oneof![20 => sample(), 6 => comment, 1 => wrong];
    (proptest::collection::vec(line, 1..4), prop_oneof![3 => Just("\n"), 1 => Just("")])
        .prop_map(|(lines, end)| lines.join("\n") + end)
}

/// `OpenMetrics` as it is to be: one space, comments first, `# EOF`.
fn open_metrics() -> impl Strategy<Value = String> {
    let name = one(&["a", "http_requests_total", "job:rate:sum", "_x9"]);
    let label = one(&["code", "le", "\"a b\"", "_"]);
    let pair = (label, quoted()).prop_map(|(label, value)| format!("{label}={value}"));
    let labels = prop_oneof![1 => Just(String::new()), 3 => pair.prop_map(|pair| format!("{{{pair}}}"))];
    let value = one(&["0", "1", "1.5e3", "+Inf", "NaN", "-0.5", "9007199254740993"]);
    let behind = one(&[
        "",
        "",
        "",
        " 1795774858.495",
        " -1",
        " # {trace_id=\"a\"} 0.5",
        " 1 # {trace_id=\"} # {\"} 0.5 2.5",
        " # {} 1",
    ]);
    let line = (name, labels, value, behind)
        .prop_map(|(name, labels, value, behind)| format!("{name}{labels} {value}{behind}\n"));
    let head = one(&[
        "",
        "# TYPE a gauge\n",
        "# TYPE a histogram\n# HELP a Text \\n \\\"\n",
        "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n",
    ]);
    (head, proptest::collection::vec(line, 0..4))
        .prop_map(|(head, lines)| format!("{head}{}# EOF\n", lines.concat()))
}

/// One in four has a letter too few, too many, or another.
fn mutated(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let with = select(vec![
        "", "", "\"", "{", "}", ",", "=", " ", "\n", "\\", "#", "1", "e", ".", "a", "\u{e9}", "-",
    ]);
    (text, prop_oneof![3 => Just(None), 1 => (any::<Index>(), 0..2_usize, with).prop_map(Some)]).prop_map(
        |(text, change)| {
            let Some((at, gone, with)) = change else { return text };
            let letters: Vec<char> = text.chars().collect();
            let at = at.index(letters.len() + 1);
            let head: String = letters.iter().take(at).collect();
            let tail: String = letters.iter().skip(at + gone).collect();
            head + with + &tail
        },
    )
}

/// A text with its type.
pub(crate) fn drawn() -> impl Strategy<Value = (&'static str, String)> {
    prop_oneof![
        OTHERS - 1 => mutated(plain()).prop_map(|text| (PLAIN, text)),
        1 => mutated(open_metrics()).prop_map(|text| (OPEN_METRICS, text)),
    ]
}
