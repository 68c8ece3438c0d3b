//! What the server warns of beside its answer to a write (`Warning` headers; RFC 7234, 5.5): duplicate ports, fields that
//! are deprecated. kubectl prints each once, and so do we.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use http::header::WARNING;

use crate::cluster::Cluster;

/// The warnings of a run.
#[derive(Default)]
pub(super) struct Warned(Mutex<Told>);

#[derive(Default)]
struct Told {
    seen: BTreeSet<String>,
    fresh: Vec<String>,
}

impl Warned {
    /// Takes note of the warnings of an answer.
    pub(super) fn note(&self, headers: &HeaderMap) {
        let texts = headers.get_all(WARNING).into_iter().filter_map(|value| text(value.to_str().ok()?));
        // Who panicked with it has lost no more than a warning.
        let Ok(mut told) = self.0.lock() else { return };
        for text in texts {
            if told.seen.insert(text.clone()) {
                told.fresh.push(text);
            }
        }
    }
}

impl Cluster {
    /// Returns the same cluster, whose warnings are of no matter: of what is asked only to judge by the answer.
    pub(super) fn quiet(&self) -> Self {
        Self { warned: Arc::default(), ..self.in_namespace(&self.namespace) }
    }

    /// Returns what the server has warned of since this was asked last.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warned.0.lock().map(|mut told| std::mem::take(&mut told.fresh)).unwrap_or_default()
    }
}

/// Reads `299 - "TEXT"`, the only form that API servers send.
fn text(value: &str) -> Option<String> {
    let quoted = value.strip_prefix("299 ")?.split_once('"')?.1;
    let mut text = String::new();
    let mut letters = quoted.chars();
    loop {
        match letters.next()? {
            '"' => return Some(text).filter(|text| !text.is_empty()),
            '\\' => text.push(letters.next()?),
            letter => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_read_as_the_server_quotes_it() {
        let said = text(r#"299 - "spec.ports[1]: duplicate of \"http\" \\ 80""#);
        assert_eq!(said.as_deref(), Some(r#"spec.ports[1]: duplicate of "http" \ 80"#));
        for wrong in ["", "299 - ", "199 - \"x\"", "299 - \"open", "299 - \"\""] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_is_told_once() {
        let warned = Warned::default();
        let mut headers = HeaderMap::new();
        headers.append(WARNING, "299 - \"a\"".parse().unwrap());
        headers.append(WARNING, "299 - \"b\"".parse().unwrap());
        headers.append(WARNING, "299 - \"a\"".parse().unwrap());
        warned.note(&headers);
        assert_eq!(warned.0.lock().unwrap().fresh, ["a", "b"]);
        warned.0.lock().unwrap().fresh.clear();
        warned.note(&headers);
        assert!(warned.0.lock().unwrap().fresh.is_empty());
    }
}
