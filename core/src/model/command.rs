//! Command lines to type next.

use super::ObjectName;

impl ObjectName {
    /// Returns the command line of a verb of ours about the workload.
    pub fn command(&self, verb: &str) -> String {
        command(verb, &self.name, &self.namespace)
    }

    /// Returns the command line of kubectl's own about the workload.
    pub fn kubectl(&self, verb: &str) -> String {
        format!("kubectl {verb} {} -n {}", self.title(), self.namespace)
    }
}

/// Returns the command line of a verb of ours about an object of a namespace.
pub fn command(verb: &str, name: &str, namespace: &str) -> String {
    format!("kubectl rollout-plus {verb} {name} -n {namespace}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DEPLOYMENT;

    #[test]
    fn a_command_line_names_the_workload_and_its_namespace() {
        let id = ObjectName::new(DEPLOYMENT, "shop", "web");
        assert_eq!(id.command("abort"), "kubectl rollout-plus abort web -n shop");
        assert_eq!(id.kubectl("rollout status"), "kubectl rollout status deployment/web -n shop");
    }
}
