//! One activity: its pauses, what provides it, and what the journal says of it.

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Place, Why, functions, http, kill, moment, network, process};
use crate::experiment::{
    Activity, ActivityKind, Dry, Function, Part, Provider, Run, RunStatus, Tolerance, found_in_logs,
};

/// What an activity came to.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// What the journal says.
    pub(crate) run: Run,
    /// Why it failed, if it did.
    pub(crate) why: Option<Why>,
}

impl Ended {
    /// Whether it did what it had to, and its output was as it had to be.
    pub(crate) fn is_well(&self) -> bool {
        self.why.is_none() && self.run.tolerance_met != Some(false)
    }
}

impl Place<'_> {
    /// Finds settings out that are the output of a probe.
    ///
    /// # Errors
    /// Which could not be found out, and why.
    pub(crate) async fn learn(&mut self) -> Result<(), String> {
        let dynamic: Vec<(String, Activity)> = self.values.dynamic().to_vec();
        for (name, activity) in dynamic {
            let ended = self.play(&activity).await;
            let wrong = |why: &str| format!("configuration {}: {why}", crate::brief::line(&name, 60));
            if let Some(why) = &ended.why {
                return Err(wrong(why.text()));
            }
            self.values.set_output(&name, &ended.run.output).map_err(|why| wrong(&why))?;
        }
        Ok(())
    }

    /// Runs an activity with its pauses. A probe that has a tolerance is judged by it, wherever it stands.
    pub(crate) async fn play(&self, activity: &Activity) -> Ended {
        let pauses = activity.pauses.times(&self.values).unwrap_or_default();
        let dry = activity.dry.or(self.experiment.dry);
        let is_played = self.experiment.plays(activity);
        if dry != Some(Dry::Pause) {
            sleep(pauses.0).await;
        }
        let (start, begin) = (moment(), Instant::now());
        let output = if is_played { Ok(Value::Null) } else { self.output(activity).await };
        let mut met = None;
        let mut why = output.as_ref().err().cloned();
        if let (Ok(output), Some(tolerance), false) = (&output, &activity.tolerance, is_played) {
            match self.meets(tolerance, output) {
                Ok(is_met) => met = Some(is_met),
                Err(text) => {
                    met = Some(false);
                    why = Some(Why::Failed(text));
                }
            }
        } else if activity.part == Part::Hypothesis && activity.tolerance.is_some() {
            met = Some(is_played);
        }
        // An action that was answered with an error, or whose program failed, has not happened.
        if let (Ok(output), ActivityKind::Action, None) = (&output, activity.kind, &why) {
            why = failed_action(&activity.provider, output).map(Why::Failed);
        }
        let duration = begin.elapsed().as_secs_f64();
        let run = Run {
            activity: activity.document.clone(),
            output: output.unwrap_or(Value::Null),
            start,
            status: if why.is_none() { RunStatus::Succeeded } else { RunStatus::Failed },
            end: moment(),
            duration,
            exception: why.iter().map(|why| why.text().to_owned()).collect(),
            tolerance_met: met,
        };
        if dry != Some(Dry::Pause) {
            sleep(pauses.1).await;
        }
        Ended { run, why }
    }

    /// Does it, and returns its output.
    async fn output(&self, activity: &Activity) -> Result<Value, Why> {
        match &activity.provider {
            Provider::Http(http) => {
                let request = http.request(&self.values).map_err(Why::Failed)?;
                http::ask(&request).await.map_err(Why::Failed)
            }
            Provider::Process(process) => {
                let command = process.command(&self.values).map_err(Why::Failed)?;
                let limit = process.time_limit(&self.values).map_err(Why::Failed)?;
                process::run(&command, limit, self.environment).await.map_err(Why::Failed)
            }
            Provider::Function(call) => {
                let function = Function::read(call, &self.values)
                    .map_err(|unknown| Why::Failed(unknown.text().to_owned()))?;
                self.call(&function).await
            }
        }
    }

    async fn call(&self, function: &Function) -> Result<Value, Why> {
        let cluster = || self.cluster.ok_or_else(|| Why::Failed("no cluster is known".to_owned()));
        match function {
            Function::TerminatePods { pick, grace_period } => {
                kill::terminate(self, cluster()?, pick, *grace_period).await
            }
            Function::Scale { .. }
            | Function::Restart { .. }
            | Function::Network(_)
            | Function::VirtualService(_) => network::act(self, cluster()?, function).await,
            Function::ExecInPods(_) | Function::Delete(_) | Function::Node(_) => {
                Err(Why::Refused("that is not done here".to_owned()))
            }
            Function::FoundInLogs { .. } => Err(Why::Failed("it has no logs here".to_owned())),
            Function::Prometheus(query) => functions::prometheus(query, &self.values).await,
            Function::Pods(_)
            | Function::ReadLogs(_)
            | Function::Workload(_)
            | Function::ServiceExists { .. }
            | Function::Events { .. } => functions::look(cluster()?, function).await,
        }
    }

    /// Whether an output is as it has to be.
    fn meets(&self, tolerance: &Tolerance, output: &Value) -> Result<bool, String> {
        let filled = tolerance.filled(&self.values)?;
        match filled.probe().map(|probe| &probe.provider) {
            None => filled.met(output),
            Some(Provider::Function(call)) => {
                let function =
                    Function::read(call, &self.values).map_err(|unknown| unknown.text().to_owned())?;
                let Function::FoundInLogs { pattern, all_containers } = function else {
                    return Err("only should_be_found_in_logs judges an output".to_owned());
                };
                found_in_logs(&pattern, all_containers, output)
            }
            Some(Provider::Http(_) | Provider::Process(_)) => {
                Err("only should_be_found_in_logs judges an output".to_owned())
            }
        }
    }
}

/// Why an action did not happen although it ended: Chaos Toolkit calls both a success.
fn failed_action(provider: &Provider, output: &Value) -> Option<String> {
    match provider {
        Provider::Http(_) => {
            let status = output["status"].as_u64().filter(|status| *status >= 400)?;
            Some(format!("it was answered {status}"))
        }
        Provider::Process(_) => {
            let status = output["status"].as_i64().filter(|status| *status != 0)?;
            let said = output["stderr"].as_str().unwrap_or_default();
            Some(format!("it ended with status {status}: {}", crate::brief::line(said, 200)))
        }
        Provider::Function(_) => None,
    }
}
