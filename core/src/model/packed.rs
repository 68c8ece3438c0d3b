//! Objects of which there are thousands, as text: as values they are five times as large.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::keys;
use crate::model::{Deployment, ReplicaSet};

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

impl Packed<ReplicaSet> {
    /// Packs a version of a Deployment. An old one keeps its images only.
    pub fn version(mut set: ReplicaSet, owner: Option<&Packed<Deployment>>, texts: &mut Texts) -> Self {
        let mut template = std::mem::take(set.template());
        let hash = strip(&mut template);
        let text = template.to_string();
        if set.is_empty() && owner.is_some_and(|owner| *owner.template != *text) {
            set.spec.template = template;
            set.forget_template();
            return Self::of(set, texts);
        }
        Self::made(&set, text, hash, texts)
    }
}

impl<K: Templated> Packed<K> {
    /// Packs an object.
    pub fn of(mut object: K, texts: &mut Texts) -> Self {
        let mut template = std::mem::take(object.template());
        let hash = strip(&mut template);
        Self::made(&object, template.to_string(), hash, texts)
    }

    fn made(object: &K, template: String, hash: Option<Value>, texts: &mut Texts) -> Self {
        Self {
            uid: object.uid().into(),
            // What cannot be written cannot be read again, and that is told then.
            rest: serde_json::to_string(object).unwrap_or_default().into(),
            template: texts.shared(template),
            hash: hash.map(Box::new),
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
}

/// Takes out what does not tell one version from another (see [`same_template`](super::same_template)), and returns the
/// hash. `serde_json` sorts the keys of a map, so templates that are the same now have the same text.
fn strip(template: &mut Value) -> Option<Value> {
    let metadata = template.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("creationTimestamp");
    metadata.get_mut("labels")?.as_object_mut()?.remove(keys::POD_TEMPLATE_HASH)
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
            let version = Packed::version(ReplicaSet(set.clone()), Some(&packed), &mut texts);
            assert_eq!(version.unpacked().unwrap().0, set);
        }
        assert_eq!(texts.known.len(), 2, "the canary's ReplicaSet has the Deployment's template");
    }

    #[test]
    fn an_old_version_keeps_its_images_only() {
        let mut texts = Texts::default();
        let owner = Packed::of(Deployment(fixtures::idle().workload), &mut texts);
        let kept = |image: &str, replicas: u32, texts: &mut Texts| {
            let set = ReplicaSet(fixtures::replica_set(image, replicas));
            let template = Packed::version(set, Some(&owner), texts).unpacked().unwrap().0.spec.template;
            (template["metadata"].is_object(), template["spec"]["containers"][0]["image"] == image)
        };
        assert_eq!(kept("web:1", 0, &mut texts), (true, true), "the live one, scaled to nothing");
        assert_eq!(kept("web:2", 1, &mut texts), (true, true));
        assert_eq!(kept("web:2", 0, &mut texts), (false, true));
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
