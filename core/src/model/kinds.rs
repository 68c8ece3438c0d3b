//! Where the API has our own structs, for whoever lists and watches them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, NamespaceResourceScope, Resource};

use crate::model::{Deployment, Pod, ReplicaSet};

macro_rules! kind {
    ($type:ident, $group:literal, $api:literal, $plural:literal) => {
        impl Resource for $type {
            const API_VERSION: &'static str = $api;
            const GROUP: &'static str = $group;
            const KIND: &'static str = stringify!($type);
            const VERSION: &'static str = "v1";
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = NamespaceResourceScope;
        }

        impl Metadata for $type {
            type Ty = ObjectMeta;

            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

kind!(Deployment, "apps", "apps/v1", "deployments");
kind!(ReplicaSet, "apps", "apps/v1", "replicasets");
kind!(Pod, "", "v1", "pods");
