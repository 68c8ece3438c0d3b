//! Objects of which there are thousands, as text: as values they are five times as large.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::keys;
use crate::model::{Deployment, ReplicaSet, without_hash};

/// A kind with a pod template.
pub trait Templated: Serialize + DeserializeOwned {
    /// Its template.
    fn template(&mut self) -> &mut Value;
    /// Its uid.
    fn uid(&self) -> &str;
}

impl Templated for Deployment {
    fn template(&mut self) -> &mut Value {
        &mut self.spec.template
    }

    fn uid(&self) -> &str {
        self.0.uid()
    }
}

impl Templated for ReplicaSet {
    fn template(&mut self) -> &mut Value {
        &mut self.spec.template
    }

    fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }
}

/// Texts of templates, each once: a Deployment and the ReplicaSet of its live version have the same.
#[derive(Debug, Default)]
pub struct Texts {
    known: HashSet<Arc<str>>,
    /// How many there may be until those that nobody has any more are let go.
    limit: usize,
}

impl Texts {
    fn shared(&mut self, text: String) -> Arc<str> {
        if let Some(known) = self.known.get(text.as_str()) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.limit {
            self.known.retain(|text| Arc::strong_count(text) > 1);
            self.limit = 2 * self.known.len() + 64;
        }
        let text: Arc<str> = text.into();
        self.known.insert(Arc::clone(&text));
        text
    }
}

/// An object as text.
#[derive(Clone, Debug)]
pub struct Packed<K> {
    uid: Box<str>,
    /// All but the template.
    rest: Box<str>,
    /// The template without the label that the Deployment controller adds, which is beside it.
    template: Arc<str>,
    hash: Option<Box<Value>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Templated> Packed<K> {
    /// Packs an object.
    pub fn of(mut object: K, texts: &mut Texts) -> Self {
        let template = std::mem::take(object.template());
        let hash =
            template.pointer("/metadata/labels").and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH));
        Self {
            uid: object.uid().into(),
            // What cannot be written cannot be read again, and that is told then.
            rest: serde_json::to_string(&object).unwrap_or_default().into(),
            template: texts.shared(text(&template)),
            hash: hash.cloned().map(Box::new),
            kind: PhantomData,
        }
    }

    /// Returns the object as it was, but for a `creationTimestamp` of its template.
    ///
    /// # Errors
    /// If it could not be written.
    pub fn unpacked(&self) -> Result<K, serde_json::Error> {
        let mut object: K = serde_json::from_str(&self.rest)?;
        let template = object.template();
        *template = serde_json::from_str(&self.template)?;
        if let Some(hash) = &self.hash {
            template["metadata"]["labels"][keys::POD_TEMPLATE_HASH] = (**hash).clone();
        }
        Ok(object)
    }

    /// Returns its uid.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whether its template is this one (see [`same_template`](super::same_template)).
    pub fn has(&self, template: &Value) -> bool {
        *self.template == *text(template)
    }
}

/// `serde_json` sorts the keys of a map, so equal templates have equal text.
fn text(template: &Value) -> String {
    without_hash(template).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures;

    #[test]
    fn an_object_comes_back_as_it_was() {
        let held = fixtures::held();
        let mut texts = Texts::default();
        let packed = Packed::of(Deployment(held.workload.clone()), &mut texts);
        assert_eq!(packed.unpacked().unwrap().0, held.workload);
        assert_eq!(packed.uid(), held.workload.uid());
        for set in held.revisions {
            let packed = Packed::of(ReplicaSet(set.clone()), &mut texts);
            assert_eq!(packed.unpacked().unwrap().0, set);
            assert_eq!(packed.has(&held.workload.spec.template), set.hash() == "web-2");
        }
        assert_eq!(texts.known.len(), 2, "the canary's ReplicaSet has the Deployment's template");
    }

    #[test]
    fn absurd_templates_come_back_too() {
        let hashed = json!({"metadata": {"labels": {"pod-template-hash": "a"}}, "spec": {"x": 1.5}});
        let number = json!({"metadata": {"labels": {"pod-template-hash": 7}}});
        for template in
            [hashed, number, json!({"metadata": {"labels": null}}), json!({"metadata": "odd"}), json!(3)]
        {
            let mut object = Deployment::default();
            object.spec.template = template;
            assert_eq!(Packed::of(object.clone(), &mut Texts::default()).unpacked().unwrap().0, object.0);
        }
    }

    #[test]
    fn texts_that_nobody_has_are_let_go() {
        let mut texts = Texts::default();
        for n in 0..1_000 {
            let mut object = Deployment::default();
            object.spec.template = json!({"n": n});
            drop(Packed::of(object, &mut texts));
        }
        assert!(texts.known.len() < 200, "{}", texts.known.len());
    }
}
