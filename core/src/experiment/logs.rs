//! Whether logs have what a tolerance looks for.

use serde_json::Value;

use super::tolerance::regex;

/// Returns what `should_be_found_in_logs` does, of the output of `read_pod_logs` (`chaosk8s/pod/probes.py`).
///
/// # Errors
/// There are no logs, or the pattern is wrong.
pub fn found_in_logs(pattern: &str, all_containers: bool, output: &Value) -> Result<bool, String> {
    let logs = output.as_object().filter(|logs| !logs.is_empty()).ok_or("there are no logs to search")?;
    let pattern = regex(pattern)?;
    let mut has = logs.values().map(|log| log.as_str().is_some_and(|log| pattern.is_match(log)));
    Ok(if all_containers { has.all(|has| has) } else { has.any(|has| has) })
}
