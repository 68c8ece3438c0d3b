//! Selectors, what separates versions, ratios, and what stands in braces.

use super::super::{Separation, braces, offer, promql, separation};
use crate::analysis_file::Source;

#[test]
fn selectors_are_found_beside_all_that_is_none() {
    let found = |text: &str| -> Option<Vec<String>> {
        let all = promql::selectors(text)?;
        Some(all.into_iter().map(|one| text[one.start..one.end].to_owned()).collect())
    };
    for (text, wanted) in [
        ("up", vec!["up"]),
        ("sum by (code, pod) (rate(a{code=~\"5..\"}[5m]))", vec!["a{code=~\"5..\"}"]),
        ("sum(a) without (b) / on (c) group_left (d) e", vec!["a", "e"]),
        ("a{x=\"}\",y='\\'{',z=`\\`,} > bool 1e3 # b{", vec!["a{x=\"}\",y='\\'{',z=`\\`,}"]),
        ("{__name__=\"a\",b=\"c\"}[${window}] offset 5m", vec!["{__name__=\"a\",b=\"c\"}"]),
        ("{\"a.b\", \"c d\"!=\"e\"}", vec!["{\"a.b\", \"c d\"!=\"e\"}"]),
        ("histogram_quantile(0.99, sum(rate(d_bucket[1m])) by (le)) or vector(0)", vec!["d_bucket"]),
        ("label_replace(a:b, \"x\", \"$1\", \"y\", \"c(.*)\") and Inf", vec!["a:b"]),
    ] {
        assert_eq!(found(text), Some(wanted.iter().map(|one| (*one).to_owned()).collect()), "{text}");
    }
    for text in ["a{", "a{b", "a{b=}", "a{b=\"c}", "a[5m", "\"x", "a{b=\"c\" d}", "${canary.pods}"] {
        assert_eq!(found(text), None, "{text}");
    }
}

#[test]
fn what_makes_a_query_one_of_a_version() {
    let services = separation::Services { canary: Some("web-canary"), stable: Some("web") };
    let of = |query: &str| separation::separated(query, services);
    for (query, after, wanted) in [
        ("a{pod=~\"${canary.pods}\"}", None, Separation::Version),
        ("a{x=\"${canary.hash}\"}", None, Separation::Version),
        ("a{x!=\"${canary.hash}\"}", None, Separation::Nothing),
        (
            "a{pod=\"b\", }",
            Some("a{pod=\"b\", pod=~\"${canary.pods}\"}"),
            Separation::Pods { label: "pod".into() },
        ),
        (
            "a{svc=\"web-canary\"}",
            Some("a{svc=\"${deployment}-rp-canary\"}"),
            Separation::Service { label: "svc".into() },
        ),
        (
            "a{svc=\"web\"}",
            Some("a{svc=\"${deployment}-rp-stable\"}"),
            Separation::Service { label: "svc".into() },
        ),
        ("a{svc=~\".*canary.*\"}", None, Separation::Service { label: "svc".into() }),
        ("a{svc=~\"web.*\"}", None, Separation::Nothing),
        ("a{svc=~\"shop-canary\"}", None, Separation::Nothing),
        ("a{svc=\"{{ args.svc }}\"}", None, Separation::Argument { name: "svc".into() }),
        ("a{pod=\"${canary.pods}\"} / b", None, Separation::Nothing),
        ("a{", None, Separation::Unreadable),
        ("1", None, Separation::Nothing),
    ] {
        assert_eq!(of(query), (after.unwrap_or(query).to_owned(), wanted), "{query}");
    }
}

#[test]
fn only_a_ratio_of_one_counter_can_be_compared() {
    let bad = |query: &str, good: bool| match offer::offer("x", query, good)?.source {
        Source::Counter { bad, .. } => bad.into_iter().next(),
        other => panic!("{other:?}"),
    };
    let ratio = |top: &str| format!("100 * sum(rate(a{{n=\"1\",{top}}}[1m])) / sum(rate(a{{n=\"1\"}}[1m]))");
    let code = |value: &str| Some(("code".to_owned(), value.to_owned()));
    assert_eq!(bad(&ratio("code!~\"5..\""), true), code("5.."));
    assert_eq!(bad(&ratio("code=~\"5\\\\d+\""), false), code("5\\d+"));
    assert_eq!(bad(&ratio("code=\"a.b\""), false), code("a\\.b"));
    assert_eq!(bad(&ratio("code=~\"2..\""), true), None, "what is bad is not said");
    assert_eq!(bad(&ratio("code!~\"2..\""), false), None);
    assert_eq!(bad(&ratio("code=\"5\",x=\"y\""), false), None);
    for query in [
        "sum(rate(a{c=\"5\"}[1m])) / sum(rate(b[1m]))",
        "sum(a{c=\"5\"}) / sum(a)",
        "sum(rate(a{c=\"5\"}[1m])) * sum(rate(a[1m]))",
        "max(rate(a{c=\"5\"}[1m])) / sum(rate(a[1m]))",
        "sum(rate(a{c=\"5\"}[1m])) / sum(rate(a[1m])) > 0.5",
        "a",
    ] {
        assert_eq!(bad(query, false), None, "{query}");
    }
}

#[test]
fn functions_of_flagger_are_filled_in_and_others_named() {
    let known = |name: &str| (name == "target").then(|| "web".to_owned());
    let filled = |text: &str| braces::filled(text, &mut |inner| braces::evaluated(inner, &known));
    assert_eq!(filled("a {{target}} {{ printf \"%s-%s\" target \"x\" }}"), ("a web web-x".into(), vec![]));
    for text in [
        "{{ other }}",
        "{{ printf \"%s\" }}",
        "{{ printf \"%d\" target }}",
        "{{ if target }}",
        "{{ \" }}",
        "{{}}",
    ] {
        let (same, refused) = filled(text);
        assert_eq!((same.as_str(), refused.len()), (text, 1), "{refused:?}");
    }
    assert_eq!(filled("{{ target"), ("{{ target".into(), vec!["'{{' without '}}'".into()]));
}

proptest::proptest! {
    #[test]
    fn no_query_panics(text in ".{0,50}", words in proptest::collection::vec(proptest::sample::select(vec![
        "a", "{", "}", "=", "=~", "\"", "'", "\\", "pod", ",", "[", "]", "(", ")", "by", "sum", "#", "\n", "ä", "${", "{{",
    ]), 0..25)) {
        for text in [text, words.concat()] {
            drop(separation::separated(&text, separation::Services::default()));
            drop(offer::offer("x", &text, true));
        }
    }
}
