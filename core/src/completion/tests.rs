use clap::CommandFactory as _;

use super::*;
use crate::cli::Cli;

fn of(line: &str) -> Fits {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    fits(&mut Cli::command(), &words)
}

fn words(line: &str) -> Vec<String> {
    of(line).words.into_iter().map(|(word, _)| word).collect()
}

#[test]
fn verbs_come_with_what_they_mean_and_hidden_ones_do_not_come() {
    let all = of("").words;
    assert!(all.contains(&("promote".to_owned(), "Make the canary the only version".to_owned())), "{all:?}");
    assert!(!all.iter().any(|(word, _)| word == "get"), "{all:?}");
    assert_eq!(words("pro"), ["promote"]);
    assert_eq!(words("bootstrap rev"), ["revoke"]);
    // After a flag with a value, too.
    assert_eq!(words("-n shop pro"), ["promote"]);
}

#[test]
fn flags_are_those_of_the_verb_and_of_all_verbs() {
    assert_eq!(words("canary web --step"), ["--steps", "--step-wait"]);
    assert_eq!(words("canary web --namesp"), ["--namespace"]);
    assert_eq!(words("promote --steps"), Vec::<String>::new());
    assert!(words("status -").contains(&"--watch".to_owned()));
    // What comes after it is no flag.
    assert_eq!(words("status -- --wat"), Vec::<String>::new());
}

#[test]
fn values_of_flags_come_in_each_way_to_write_them() {
    assert_eq!(words("status -o "), ["human", "json", "yaml", "sarif"]);
    assert_eq!(words("status --output js"), ["json"]);
    assert_eq!(words("status --output=js"), ["json"]);
    assert_eq!(words("rolling web --on-failure "), ["abort", "hold", "continue"]);
    assert_eq!(words("bootstrap ci --strategy rolling,ca"), ["rolling,canary"]);
    // It takes a value only with `=`.
    assert_eq!(of("promote --dry-run ").asks, Some(Asks::Deployments));
    assert_eq!(words("promote --dry-run=s"), ["server"]);
}

#[test]
fn names_are_asked_for_where_one_is_due() {
    for line in ["promote ", "status fr", "canary -n shop ", "bootstrap ci --deployment ", "history -o json "]
    {
        assert_eq!(of(line).asks, Some(Asks::Deployments), "{line}");
    }
    assert_eq!(of("status deploy/fr").prefix, "deploy/");
    for line in ["promote web ", "bootstrap ", "bootstrap revoke ", "tag ", "", "promote --timeout "] {
        assert_eq!(of(line).asks, None, "{line}");
    }
    assert_eq!(of("status -n ").asks, Some(Asks::Namespaces));
    assert_eq!(of("status --namespace=sh").asks, Some(Asks::Namespaces));
    assert_eq!(of("status --context ").asks, Some(Asks::Contexts));
    assert_eq!(of("apply -f ").asks, Some(Asks::Files));
    assert_eq!(of("rolling web --kubeconfig ").asks, Some(Asks::Files));
}

#[test]
fn the_place_is_taken_from_the_words_before() {
    let place = |line| of(line).place;
    assert_eq!(place("--context=c -n shop promote "), ["--context=c", "--namespace=shop"]);
    assert_eq!(place("promote -nshop --as alice -wo json "), ["--namespace=shop", "--as=alice"]);
    assert_eq!(place("promote -n "), Vec::<String>::new());
}

#[test]
fn any_words_are_taken() {
    for line in ["no such verb ", "--nope=1 --", "-", "-é", "--", "--=", "promote -", "canary -w", "-- -- --"]
    {
        of(line);
    }
    assert_eq!(fits(&mut Cli::command(), &[]), of(""));
}
