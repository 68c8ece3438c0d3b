//! The `kubectl rollout-plus` binary: argv, environment, exit code, nothing else.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use rollout_plus::environment::Environment;
use rollout_plus::world::Process;

#[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn main() -> ExitCode {
    // Neither a core dump nor another process of the same user shows a token. Who cannot have that goes without.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).unwrap_or(());
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let environment = Environment {
        variables: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
        host: host.trim().to_owned(),
        user: user(),
        stdout_is_terminal: std::io::stdout().is_terminal(),
        stderr_is_terminal: std::io::stderr().is_terminal(),
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::from(6);
    };
    let argv = std::env::args_os().collect();
    ExitCode::from(runtime.block_on(rollout_plus::run(argv, &environment, Arc::new(Process))))
}

/// Asks the system who runs us: in a container and under cron no variable tells. A number may have no name there.
fn user() -> String {
    #[cfg(unix)]
    let number = format!("uid-{}", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    let number = "unknown".to_owned();
    whoami::username().ok().filter(|name| !name.is_empty()).unwrap_or(number)
}
