//! The objects as an API server of many teams has them: with probes, mounts, managers and former versions.

use std::fmt::Write;

/// Pods of one Deployment.
pub(crate) const REPLICAS: usize = 5;
/// ReplicaSets of one Deployment: two of former versions.
const VERSIONS: usize = 3;
/// Deployments of one namespace.
const EACH: usize = 100;
/// Of so many pods one crashes.
const BROKEN: usize = 200;
/// When all was made.
const THEN: &str = "2026-01-01T00:00:00Z";

/// Kinds that there are objects of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Deployments,
    ReplicaSets,
    Pods,
    Services,
}

impl Kind {
    /// How many there are of it, with so many Deployments.
    pub(crate) const fn count(self, deployments: usize) -> usize {
        match self {
            Self::Deployments | Self::Services => deployments,
            Self::ReplicaSets => deployments * VERSIONS,
            Self::Pods => deployments * REPLICAS,
        }
    }

    /// Which objects belong to the Deployment with this number.
    pub(crate) const fn of(self, deployment: usize) -> std::ops::Range<usize> {
        let each = self.count(1);
        deployment * each..(deployment + 1) * each
    }

    /// The object's text.
    pub(crate) fn object(self, index: usize) -> String {
        let owner = index / self.count(1);
        match self {
            Self::Deployments => deployment(owner),
            Self::ReplicaSets => replica_set(owner, index % VERSIONS),
            Self::Pods => pod(owner, index % REPLICAS),
            Self::Services => service(owner),
        }
    }

    /// The kind and version of its list.
    pub(crate) const fn list(self) -> (&'static str, &'static str) {
        match self {
            Self::Deployments => ("DeploymentList", "apps/v1"),
            Self::ReplicaSets => ("ReplicaSetList", "apps/v1"),
            Self::Pods => ("PodList", "v1"),
            Self::Services => ("ServiceList", "v1"),
        }
    }
}

/// The name of a namespace and that of a workload in it.
pub(crate) fn names(deployment: usize) -> (String, String) {
    (format!("team-{:03}", deployment / EACH), format!("service-{:03}", deployment % EACH))
}

/// The Deployments of a namespace.
pub(crate) fn in_namespace(namespace: &str, deployments: usize) -> std::ops::Range<usize> {
    let number: usize = namespace.trim_start_matches("team-").parse().unwrap_or(usize::MAX / EACH - 1);
    (number * EACH).min(deployments)..((number + 1) * EACH).min(deployments)
}

fn uid(kind: u8, a: usize, b: usize) -> String {
    let tail = a.wrapping_mul(0x9e37_79b9) & 0xffff_ffff_ffff;
    format!("{kind:08x}-{:04x}-4{:03x}-a{b:03x}-{tail:012x}", a & 0xffff, (a >> 4) & 0xfff)
}

/// The pod-template-hash of a version: the last is the live one.
fn hash(version: usize) -> String {
    format!("6c8b7f9d{version}b")
}

fn labels(name: &str) -> String {
    format!(
        r#""app.kubernetes.io/instance":"{name}","app.kubernetes.io/managed-by":"Helm","app.kubernetes.io/name":"{name}""#
    )
}

fn container(name: &str, version: usize) -> String {
    let mut env = String::new();
    for setting in ["DATABASE", "QUEUE", "CACHE", "REGION", "STAGE", "LOG_LEVEL", "TRACING", "FEATURES"] {
        if !env.is_empty() {
            env.push(',');
        }
        write!(env, r#"{{"name":"{setting}","value":"{name}.{}.example.org:5432"}}"#, setting.to_lowercase())
            .unwrap_or(());
    }
    let probe = r#"{"httpGet":{"path":"/healthz","port":"http","scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3}"#;
    format!(
        r#"{{"name":"{name}","image":"registry.example.org/shop/{name}:1.{version}.0","ports":[{{"name":"http","containerPort":8080,"protocol":"TCP"}}],"env":[{env}],"resources":{{"limits":{{"cpu":"1","memory":"512Mi"}},"requests":{{"cpu":"100m","memory":"256Mi"}}}},"volumeMounts":[{{"name":"config","readOnly":true,"mountPath":"/etc/{name}"}},{{"name":"scratch","mountPath":"/tmp"}}],"livenessProbe":{probe},"readinessProbe":{probe},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent","securityContext":{{"capabilities":{{"drop":["ALL"]}},"runAsNonRoot":true,"readOnlyRootFilesystem":true,"allowPrivilegeEscalation":false}}}}"#
    )
}

fn template(name: &str, version: usize, hashed: bool) -> String {
    let hash = if hashed { format!(r#","pod-template-hash":"{}""#, hash(version)) } else { String::new() };
    format!(
        r#"{{"metadata":{{"labels":{{{}{hash}}},"annotations":{{"prometheus.io/port":"8080","prometheus.io/scrape":"true"}}}},"spec":{{{}"containers":[{}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"{name}","serviceAccount":"{name}","securityContext":{{"fsGroup":1000}},"schedulerName":"default-scheduler"}}}}"#,
        labels(name),
        volumes(name, ""),
        container(name, version)
    )
}

fn volumes(name: &str, more: &str) -> String {
    format!(
        r#""volumes":[{{"name":"config","configMap":{{"name":"{name}","defaultMode":420}}}},{{"name":"scratch","emptyDir":{{}}}}{more}],"#
    )
}

/// Who wrote which fields: about half of every object.
fn managers(manager: &str, name: &str) -> String {
    let mut env = String::new();
    for setting in ["DATABASE", "QUEUE", "CACHE", "REGION", "STAGE", "LOG_LEVEL", "TRACING", "FEATURES"] {
        write!(env, r#""k:{{\"name\":\"{setting}\"}}":{{".":{{}},"f:name":{{}},"f:value":{{}}}},"#)
            .unwrap_or(());
    }
    let probe = r#"{".":{},"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},"f:periodSeconds":{},"f:successThreshold":{},"f:timeoutSeconds":{}}"#;
    format!(
        r#"{{"manager":"{manager}","operation":"Update","apiVersion":"v1","time":"{THEN}","fieldsType":"FieldsV1","fieldsV1":{{"f:metadata":{{"f:annotations":{{".":{{}},"f:prometheus.io/port":{{}},"f:prometheus.io/scrape":{{}}}},"f:labels":{{".":{{}},"f:app.kubernetes.io/instance":{{}},"f:app.kubernetes.io/managed-by":{{}},"f:app.kubernetes.io/name":{{}}}}}},"f:spec":{{"f:containers":{{"k:{{\"name\":\"{name}\"}}":{{".":{{}},"f:env":{{{env}".":{{}}}},"f:image":{{}},"f:imagePullPolicy":{{}},"f:livenessProbe":{probe},"f:name":{{}},"f:ports":{{".":{{}},"k:{{\"containerPort\":8080,\"protocol\":\"TCP\"}}":{{".":{{}},"f:containerPort":{{}},"f:name":{{}},"f:protocol":{{}}}}}},"f:readinessProbe":{probe},"f:resources":{{".":{{}},"f:limits":{{".":{{}},"f:cpu":{{}},"f:memory":{{}}}},"f:requests":{{".":{{}},"f:cpu":{{}},"f:memory":{{}}}}}},"f:securityContext":{{".":{{}},"f:allowPrivilegeEscalation":{{}},"f:readOnlyRootFilesystem":{{}},"f:runAsNonRoot":{{}}}},"f:terminationMessagePath":{{}},"f:terminationMessagePolicy":{{}},"f:volumeMounts":{{".":{{}},"k:{{\"mountPath\":\"/tmp\"}}":{{".":{{}},"f:mountPath":{{}},"f:name":{{}}}}}}}}}},"f:dnsPolicy":{{}},"f:restartPolicy":{{}},"f:schedulerName":{{}},"f:securityContext":{{".":{{}},"f:fsGroup":{{}}}},"f:terminationGracePeriodSeconds":{{}}}}}}}}"#
    )
}

fn deployment(number: usize) -> String {
    let (namespace, name) = names(number);
    let (labels, uid) = (labels(&name), uid(1, number, 0));
    let newest = VERSIONS - 1;
    format!(
        r#"{{"kind":"Deployment","apiVersion":"apps/v1","metadata":{{"name":"{name}","namespace":"{namespace}","uid":"{uid}","resourceVersion":"{number}","generation":4,"creationTimestamp":"{THEN}","labels":{{{labels}}},"annotations":{{"deployment.kubernetes.io/revision":"{VERSIONS}","meta.helm.sh/release-name":"{name}","meta.helm.sh/release-namespace":"{namespace}"}},"managedFields":[{},{}]}},"spec":{{"replicas":{REPLICAS},"selector":{{"matchLabels":{{"app.kubernetes.io/instance":"{name}","app.kubernetes.io/name":"{name}"}}}},"template":{},"strategy":{{"type":"RollingUpdate","rollingUpdate":{{"maxUnavailable":"25%","maxSurge":"25%"}}}},"revisionHistoryLimit":10,"progressDeadlineSeconds":600}},"status":{{"observedGeneration":4,"replicas":{REPLICAS},"updatedReplicas":{REPLICAS},"readyReplicas":{REPLICAS},"availableReplicas":{REPLICAS},"conditions":[{{"type":"Available","status":"True","lastUpdateTime":"{THEN}","lastTransitionTime":"{THEN}","reason":"MinimumReplicasAvailable","message":"Deployment has minimum availability."}},{{"type":"Progressing","status":"True","lastUpdateTime":"{THEN}","lastTransitionTime":"{THEN}","reason":"NewReplicaSetAvailable","message":"ReplicaSet \"{name}-{}\" has successfully progressed."}}]}}}}"#,
        managers("helm", &name),
        managers("kube-controller-manager", &name),
        template(&name, newest, false),
        hash(newest),
    )
}

fn replica_set(number: usize, version: usize) -> String {
    let (namespace, name) = names(number);
    let (labels, hash, owner, uid) =
        (labels(&name), hash(version), uid(1, number, 0), uid(2, number, version));
    let pods = if version == VERSIONS - 1 { REPLICAS } else { 0 };
    format!(
        r#"{{"kind":"ReplicaSet","apiVersion":"apps/v1","metadata":{{"name":"{name}-{hash}","namespace":"{namespace}","uid":"{uid}","resourceVersion":"{number}","generation":2,"creationTimestamp":"{THEN}","labels":{{{labels},"pod-template-hash":"{hash}"}},"annotations":{{"deployment.kubernetes.io/desired-replicas":"{REPLICAS}","deployment.kubernetes.io/max-replicas":"7","deployment.kubernetes.io/revision":"{}"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"Deployment","name":"{name}","uid":"{owner}","controller":true,"blockOwnerDeletion":true}}],"managedFields":[{}]}},"spec":{{"replicas":{pods},"selector":{{"matchLabels":{{"app.kubernetes.io/instance":"{name}","app.kubernetes.io/name":"{name}","pod-template-hash":"{hash}"}}}},"template":{}}},"status":{{"replicas":{pods},"fullyLabeledReplicas":{pods},"readyReplicas":{pods},"availableReplicas":{pods},"observedGeneration":2}}}}"#,
        version + 1,
        managers("kube-controller-manager", &name),
        template(&name, version, true),
    )
}

fn pod(number: usize, replica: usize) -> String {
    let (namespace, name) = names(number);
    let newest = VERSIONS - 1;
    let (labels, hash, owner, uid) =
        (labels(&name), hash(newest), uid(2, number, newest), uid(3, number, replica));
    let index = number * REPLICAS + replica;
    let (node, ip) = (
        format!("node-{:04}", index / 30),
        format!("10.{}.{}.{}", index >> 16, (index >> 8) & 255, index & 255),
    );
    let broken = index % BROKEN == BROKEN - 1;
    let ready = if broken { "False" } else { "True" };
    let condition = |type_: &str, status: &str| {
        format!(
            r#"{{"type":"{type_}","observedGeneration":1,"status":"{status}","lastProbeTime":null,"lastTransitionTime":"{THEN}"}}"#
        )
    };
    let conditions = [
        condition("PodReadyToStartContainers", "True"),
        condition("Initialized", "True"),
        condition("Ready", ready),
        condition("ContainersReady", ready),
        condition("PodScheduled", "True"),
    ]
    .join(",");
    let state = if broken {
        r#""state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 5m0s restarting failed container"}},"lastState":{"terminated":{"exitCode":1,"reason":"Error","message":"boom","startedAt":"2026-01-01T00:00:00Z","finishedAt":"2026-01-01T00:00:01Z","containerID":"containerd://0"}},"ready":false,"restartCount":7"#.to_owned()
    } else {
        format!(
            r#""state":{{"running":{{"startedAt":"{THEN}"}}}},"lastState":{{}},"ready":true,"restartCount":0"#
        )
    };
    let token = r#",{"name":"kube-api-access-x2v7q","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},{"downwardAPI":{"items":[{"path":"namespace","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}],"defaultMode":420}}"#;
    format!(
        r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"{name}-{hash}-{replica:05}","generateName":"{name}-{hash}-","namespace":"{namespace}","uid":"{uid}","resourceVersion":"{index}","generation":1,"creationTimestamp":"{THEN}","labels":{{{labels},"pod-template-hash":"{hash}"}},"annotations":{{"prometheus.io/port":"8080","prometheus.io/scrape":"true"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{name}-{hash}","uid":"{owner}","controller":true,"blockOwnerDeletion":true}}],"managedFields":[{},{{"manager":"kubelet","operation":"Update","apiVersion":"v1","time":"{THEN}","fieldsType":"FieldsV1","fieldsV1":{{"f:status":{{"f:conditions":{{"k:{{\"type\":\"Ready\"}}":{{".":{{}},"f:lastTransitionTime":{{}},"f:status":{{}},"f:type":{{}}}}}},"f:containerStatuses":{{}},"f:hostIP":{{}},"f:phase":{{}},"f:podIP":{{}},"f:startTime":{{}}}}}},"subresource":"status"}}]}},"spec":{{{}"containers":[{}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"{name}","serviceAccount":"{name}","nodeName":"{node}","securityContext":{{"fsGroup":1000}},"schedulerName":"default-scheduler","tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}},{{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}],"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"}},"status":{{"observedGeneration":1,"phase":"Running","conditions":[{conditions}],"hostIP":"10.255.0.{}","podIP":"{ip}","podIPs":[{{"ip":"{ip}"}}],"startTime":"{THEN}","containerStatuses":[{{"name":"{name}",{state},"image":"registry.example.org/shop/{name}:1.{newest}.0","imageID":"registry.example.org/shop/{name}@sha256:{index:064x}","containerID":"containerd://{index:064x}","started":true}}],"qosClass":"Burstable"}}}}"#,
        managers("kube-controller-manager", &name),
        volumes(&name, token),
        container(&name, newest),
        index % 255,
    )
}

fn service(number: usize) -> String {
    let (namespace, name) = names(number);
    let (labels, uid) = (labels(&name), uid(4, number, 0));
    format!(
        r#"{{"kind":"Service","apiVersion":"v1","metadata":{{"name":"{name}","namespace":"{namespace}","uid":"{uid}","resourceVersion":"{number}","creationTimestamp":"{THEN}","labels":{{{labels}}}}},"spec":{{"ports":[{{"name":"http","protocol":"TCP","port":80,"targetPort":"http"}}],"selector":{{"app.kubernetes.io/instance":"{name}","app.kubernetes.io/name":"{name}"}},"type":"ClusterIP","sessionAffinity":"None"}},"status":{{"loadBalancer":{{}}}}}}"#
    )
}
