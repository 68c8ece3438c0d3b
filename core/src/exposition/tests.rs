use super::*;

fn read(file: &str) -> Vec<Sample<'_>> {
    samples(file).unwrap()
}

#[test]
fn what_stands_in_quotes_is_taken_as_it_is() {
    let all = read(include_str!("../../tests/analysis/exposition/edge.txt"));
    let values: Vec<String> = all.iter().map(|sample| sample.value.to_string()).collect();
    assert_eq!(values, ["1", "2", "inf", "NaN", "1500", "-0.5", "7", "3"]);
    assert_eq!(all[0].label("v"), "comma, = } and \"quote\" and \\ and \n");
    assert_eq!(all[5].label("v"), "spaces");
    assert_eq!((all[6].labels.len(), &*all[7].name), (0, "colon:rule:sum"));
    let spring = read(include_str!("../../tests/analysis/exposition/spring.txt"));
    assert_eq!(spring[0].label("uri"), "/orders/{id}");
}

#[test]
fn open_metrics_are_read_too() {
    let all = read(include_str!("../../tests/analysis/exposition/otel-openmetrics.txt"));
    let bucket = &all[1];
    assert_eq!((bucket.value, bucket.label("le")), (90.0, "0.1"), "the exemplar is none of it");
    let quoted = read("{\"my.name\", \"a b\"=\"c\"} 1 # {trace_id=\"} 2\"} 3\n");
    assert_eq!((&*quoted[0].name, quoted[0].label("a b"), quoted[0].value), ("my.name", "c", 1.0));
    assert_eq!(read("my.name{a=\"b\"} 1").len(), 1);
}

/// `testbed/prometheus-read/compare` found each of these.
#[test]
fn what_prometheus_reads_is_read() {
    let values = read("a nan\na Infinity\na -inf\na +INF\n");
    let values: Vec<String> = values.iter().map(|sample| sample.value.to_string()).collect();
    assert_eq!(values, ["NaN", "inf", "-inf", "inf"]);
    let behind = read("{b=\"c\",\"my name\"} 1\n");
    assert_eq!((&*behind[0].name, behind[0].label("b")), ("my name", "c"));
    assert_eq!(read(" \ta{b=\"c\"}1 \n")[0].name, "a", "blanks are none of the name");
}

#[test]
fn a_last_line_without_its_end_counts() {
    let all = read(include_str!("../../tests/analysis/exposition/no-final-newline.txt"));
    assert_eq!(all.iter().map(|sample| sample.value.to_string()).collect::<String>(), "12");
}

#[test]
fn what_is_no_exposition_is_named() {
    let broken = samples(include_str!("../../tests/analysis/exposition/broken.txt")).unwrap_err();
    assert_eq!(broken, Broken { line: 1, text: "<!doctype html><title>login</title>".into() });
    for text in [
        "a",
        "a{",
        "a{b} 1",
        "a{b=} 1",
        "a{b=\"c} 1",
        "a{b=\"c\"d=\"e\"} 1",
        "a 1 x",
        "a 1 2 3",
        "a infinit",
        "a -nan",
        "a 1e400",
        "a 0x10",
        "a 1 inf",
        "{} 1",
        "{\"a\"=\"b\"} 1",
        "a{,} 1",
        "a{\"\"=\"b\"} 1",
        "a{b=\"c\",b=\"d\"} 1",
        "a{\"b\"} 1",
        "{\"a\",\"b\"} 1",
        "{a} 1",
        "a+1",
        "9a 1",
        "1 2",
        ".a 1",
        "a{1b=\"c\"} 1",
        "a{b:c=\"d\"} 1",
        "1e5",
        "a 1_000",
    ] {
        assert_eq!(samples(text).map_err(|broken| broken.line), Err(1), "{text}");
    }
    assert_eq!(samples("a 1\n\u{1b}[2J").unwrap_err(), Broken { line: 2, text: "\\u{1b}[2J".into() });
}

/// Changes valid texts at random: whatever comes of it is read or refused, and nothing panics.
#[test]
fn whatever_comes_is_read_or_refused() {
    fuzz(20_000, 1);
}

#[test]
#[ignore = "500 times as long: `make fuzz`"]
fn ten_million_texts_are_read_or_refused() {
    fuzz(10_000_000, 2);
}

/// Reads so many texts, made of valid ones by chance.
fn fuzz(count: u64, seed: u64) {
    const TEXTS: [&str; 3] = [
        include_str!("../../tests/analysis/exposition/edge.txt"),
        "a{b=\"c\\\\\\\"\",d=\"e\"} 1 2 # {x=\"y\"} 3\n{\"q.n\",l=\"v\"} +Inf\n# EOF",
        "http_requests_total{code=\"500\",} 1e3\nb NaN\n",
    ];
    const LETTERS: [char; 16] =
        ['{', '}', '"', '\\', ',', '=', ' ', '\n', '#', '1', 'e', '.', 'n', '\u{0}', 'é', '\u{1f600}'];
    let mut state = seed;
    let mut draw = |most: usize| {
        // An xorshift (Marsaglia 2003): the same texts each time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(most.max(1)).unwrap()).unwrap()
    };
    for _ in 0..count {
        let mut text: Vec<char> = TEXTS[draw(TEXTS.len())].chars().collect();
        let from = draw(text.len());
        text = text.into_iter().skip(from).take(120).collect();
        for _ in 0..=draw(6) {
            let at = draw(text.len());
            match draw(3) {
                0 => text.insert(at, LETTERS[draw(LETTERS.len())]),
                1 if at < text.len() => text[at] = LETTERS[draw(LETTERS.len())],
                _ => text.truncate(at),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(all) = samples(&text) {
            assert!(all.iter().all(|sample| !sample.name.is_empty()), "{text:?}");
        }
    }
}
