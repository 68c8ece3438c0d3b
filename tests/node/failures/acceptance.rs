//! Every failure is named, and undone, while the former version keeps all its pods.

use std::sync::Mutex;

use super::cases::{CASES, Case};
use super::observer::Observer;
use super::place::{Place, REPLICAS};
use super::plain::rollout_status;
use super::tool::{Run, Running};
use crate::jobs::each;

const STRATEGIES: [&str; 2] = ["canary", "rolling"];
/// What a verdict may cost beyond its grace; only printed, because a busy machine is late with everything.
const GOAL: f64 = 1.0;
/// What no machine explains.
const LIMIT: f64 = 3.0;

#[test]
fn every_failure_is_named_and_undone() {
    let plain: Vec<_> = CASES.iter().map(|_| Mutex::new(String::new())).collect();
    let rows = Mutex::new(Vec::new());
    let mut jobs = Vec::new();
    for (index, _) in CASES.iter().enumerate() {
        jobs.extend(STRATEGIES.map(|strategy| (index, strategy)));
    }
    let all: Vec<usize> = (0..CASES.len()).collect();
    let failed = std::thread::scope(|scope| {
        // kubectl only waits, so all of that is done at once.
        let kubectl = scope.spawn(|| {
            each(all, CASES.len(), |&index| *plain[index].lock().unwrap() = rollout_status(&CASES[index]))
        });
        let tool = each(jobs, 8, |&(index, strategy)| {
            let row = Outcome::of(&CASES[index], strategy);
            rows.lock().unwrap().push((index, row));
        });
        [tool, kubectl.join().unwrap()].concat()
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(index, row)| (*index, row.strategy));
    println!(
        "{:22} {:8} {:9} {:>3} {:>9} {:>6} {:>9} {:>4} {:>6}  kubectl rollout status",
        "case", "strategy", "preflight", "row", "verdict s", "grace", "overhead", "exit", "stable"
    );
    let mut wrong: Vec<String> = failed.iter().map(|job| format!("{job} panicked")).collect();
    for (index, row) in &rows {
        println!("{row}  {}", plain[*index].lock().unwrap());
        wrong.extend(row.wrong.iter().map(|what| format!("{}, {}: {what}", row.case, row.strategy)));
    }
    let late = rows.iter().filter(|(_, row)| row.overhead().is_some_and(|overhead| overhead > GOAL)).count();
    println!("{late} of {} verdicts came more than {GOAL} s after their grace", rows.len());
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What came of one case.
struct Outcome {
    case: &'static str,
    strategy: &'static str,
    /// From the proof to the verdict.
    seconds: Option<f64>,
    row: Option<u64>,
    grace: Option<f64>,
    code: Option<i32>,
    least_stable: usize,
    preflight: &'static str,
    wrong: Vec<String>,
}

impl Outcome {
    fn of(case: &'static Case, strategy: &'static str) -> Self {
        // A kernel that kills for memory is not always heard of: kubelet then tells of an exit with 137 alone.
        let row = Self::of_a_try(case, strategy);
        if row.seconds.is_some() {
            return row;
        }
        println!("{}, {strategy}: the API server never showed the failure; once more", case.name);
        Self::of_a_try(case, strategy)
    }

    fn of_a_try(case: &'static Case, strategy: &'static str) -> Self {
        let place = Place::new(case.prepare, |_| {});
        let file = place.next_version(case.change);
        let observer = Observer::start(&place, case.proof);
        let weight: &[&str] = if strategy == "canary" { &["--weight", "10"] } else { &[] };
        let args = [&[strategy, "frontend", "-f", &file], weight, case.more].concat();
        let run = |more: &[&str]| {
            Running::start(&place.shop, &place.shop.kubeconfig, &[&args, more].concat()).finish(150)
        };
        let mut wrong = Vec::new();
        let force = format!("--force={}", case.preflight);
        let mut more = Vec::new();
        if !case.preflight.is_empty() {
            // It is refused before anything is written; who insists gets to know what the guard is for.
            let refused = run(&[]);
            if refused.code != Some(8) || !refused.stderr.contains(case.preflight) {
                wrong.push(format!("not refused by {}: {}", case.preflight, refused.story()));
            }
            more.push(force.as_str());
        }
        let run = run(&more);
        let undone = place.is_as_before();
        let seen = observer.seen();
        let verdict = run.first("verdict");
        let seconds = verdict.zip(seen.proof).map(|(verdict, proof)| {
            let later = verdict.at.saturating_duration_since(proof).as_secs_f64();
            later - proof.saturating_duration_since(verdict.at).as_secs_f64()
        });
        let mut row = Self {
            case: case.name,
            strategy,
            seconds,
            row: verdict.and_then(|line| line.event["row"].as_u64()),
            grace: verdict.and_then(|line| line.event["grace"].as_f64()),
            code: run.code,
            least_stable: seen.least_stable.unwrap_or(0),
            preflight: case.preflight,
            wrong,
        };
        row.wrong.extend(undone.err());
        row.judge(case, &run);
        row
    }

    fn judge(&mut self, case: &Case, run: &Run) {
        let mut wrong = |is: bool, what: String| {
            if is {
                self.wrong.push(what);
            }
        };
        let verdicts = run.lines.iter().filter(|line| line.event["type"] == "verdict").count();
        wrong(verdicts != 1, format!("{verdicts} verdicts"));
        let verdict = run.first("verdict").map(|line| line.event.clone()).unwrap_or_default();
        wrong(self.code != Some(case.exit_code()), format!("exit {:?}, not {}", self.code, case.exit_code()));
        wrong(verdict["reason"] != case.reason, format!("{} is not {}", verdict["reason"], case.reason));
        wrong(verdict["class"] != case.class, format!("{} is not {}", verdict["class"], case.class));
        wrong(verdict["row"] != case.row, format!("row {} is not {}", verdict["row"], case.row));
        wrong(
            verdict["message"].as_str().is_none_or(str::is_empty),
            "a verdict without a message".to_owned(),
        );
        wrong(self.seconds.is_none(), "the API server never showed the failure".to_owned());
        let finished = run.first("finished").map(|line| &line.event["exitCode"]);
        wrong(finished != Some(&case.exit_code().into()), format!("finished says {finished:?}"));
        wrong(run.first("evidence").is_none(), "no evidence".to_owned());
        let ours = run.lines.iter().all(|line| line.event["schema"] == 1 && line.event["time"].is_string());
        wrong(!ours, "events without schema or time".to_owned());
        // The sample asks for at most 25 % unavailable, which of three pods is none.
        let lost = self.least_stable as u64 != REPLICAS;
        wrong(lost, format!("only {} pods of the former version were Ready", self.least_stable));
        let late = self.grace.zip(self.seconds).is_some_and(|(grace, seconds)| seconds - grace > LIMIT);
        wrong(late, format!("more than {LIMIT} s late"));
        if !self.wrong.is_empty() {
            println!("{}, {}: {}", self.case, self.strategy, run.story());
        }
    }

    fn overhead(&self) -> Option<f64> {
        Some(self.seconds? - self.grace?)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        write!(
            formatter,
            "{:22} {:8} {:9} {:>3} {:>9} {:>6} {:>9} {:>4} {:>6}",
            self.case,
            self.strategy,
            self.preflight,
            self.row.map_or("-".to_owned(), |row| row.to_string()),
            figure(self.seconds),
            figure(self.grace),
            figure(self.overhead()),
            self.code.map_or("-".to_owned(), |code| code.to_string()),
            format!("{}/{REPLICAS}", self.least_stable),
        )
    }
}
