//! What the draw has covered: in how many scenarios something happened. What never did is shown, too.
//!
//! What can happen comes from the enums themselves: acts, faults, steps, verbs and exit codes; and of requests, those that runs
//! have sent.

mod phase;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Formatter, Result};

use clap::CommandFactory;
use rollout_plus::cli::Cli;
use rollout_plus::error::Kind;

use crate::acts::{self, Act};
use crate::driver::faults::How;
use crate::driver::runs::End;
use crate::invariants::RULES;
use crate::names::names;
use crate::server::request::{Request, Target};
use phase::PHASES;
use table::{Matrix, Table};

pub use phase::phase;

/// Who acts beside the first run and the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Another run, while one is under way.
    Rival,
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Signal,
    /// What goes wrong with a request.
    Fault,
    /// Watches that are cut.
    Cut,
    /// A controller that is killed.
    Restart,
}

names! {
    /// All of them.
    ACTORS,
    /// Its name.
    actor(one: Actor),
    {
        Actor::Rival => "(rival)",
        Actor::Kill => "(kill)",
        Actor::Signal => "(signal)",
        Actor::Fault => "(fault)",
        Actor::Cut => "(watches cut)",
        Actor::Restart => "(controller killed)",
    }
}

/// What can be seen in a scenario.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    Verb(String),
    Ending(String),
    Request(String),
    Fault(String, How),
    KillAt(String),
    KillIn(&'static str),
    Pair(&'static str, &'static str),
    Broken(&'static str),
}

impl Point {
    fn as_verb(&self) -> Option<&str> {
        if let Self::Verb(verb) = self { Some(verb) } else { None }
    }

    fn as_ending(&self) -> Option<&str> {
        if let Self::Ending(end) = self { Some(end) } else { None }
    }
}

/// What happened in one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    points: BTreeSet<Point>,
    actors: BTreeMap<&'static str, u64>,
    looks: BTreeMap<&'static str, u64>,
}

impl Seen {
    /// A run was started, by its verb.
    pub fn verb(&mut self, verb: &str) {
        self.points.insert(Point::Verb(verb.to_owned()));
    }

    /// A run was over.
    pub fn ending(&mut self, end: End) {
        self.points.insert(Point::Ending(ending(end)));
    }

    /// A run's request, what went wrong with it, and whether the run was killed over it.
    pub fn request(&mut self, request: &Request, fault: Option<How>, is_killed: bool) {
        let kind = kind(request);
        if let Some(how) = fault {
            self.actor(Actor::Fault);
            self.points.insert(Point::Fault(kind.clone(), how));
        }
        if is_killed {
            self.points.insert(Point::KillAt(kind.clone()));
        }
        self.points.insert(Point::Request(kind));
    }

    /// A run was killed while it did this.
    pub fn kill(&mut self, phase: &'static str) {
        self.actor(Actor::Kill);
        self.points.insert(Point::KillIn(phase));
    }

    /// Somebody acted.
    pub fn act(&mut self, act: &Act) {
        *self.actors.entry(act.name()).or_default() += 1;
    }

    /// Something else acted.
    pub fn actor(&mut self, one: Actor) {
        *self.actors.entry(actor(&one)).or_default() += 1;
    }

    /// A rule was looked at.
    pub fn look(&mut self, rule: &'static str) {
        *self.looks.entry(rule).or_default() += 1;
    }

    /// A rule did not hold.
    pub fn broken(&mut self, rule: &'static str) {
        self.points.insert(Point::Broken(rule));
    }

    /// All pairs of those who acted; of one and the same, if it acted twice.
    fn pairs(&self) -> Vec<Point> {
        let all: Vec<(&'static str, u64)> = self.actors.iter().map(|(name, count)| (*name, *count)).collect();
        let mut pairs = Vec::new();
        for (at, (one, count)) in all.iter().enumerate() {
            if *count > 1 {
                pairs.push(Point::Pair(one, one));
            }
            pairs.extend(all.iter().skip(at + 1).map(|(other, _)| Point::Pair(one, other)));
        }
        pairs
    }
}

/// The kind of a request: its verb and what it is about.
fn kind(request: &Request) -> String {
    let verb = |collection: bool| match request.method.as_str() {
        "GET" if collection && request.is_watch() => "watch",
        "GET" if collection => "list",
        "GET" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "?",
    };
    let tried = if request.is_dry() { " (dry run)" } else { "" };
    match &request.target {
        Target::Collection(resource, _) => format!("{} {}{tried}", verb(true), resource.plural),
        Target::One(resource, _, None) => format!("{} {}{tried}", verb(false), resource.plural),
        Target::One(resource, _, Some(part)) => format!("{} {}/{part}{tried}", verb(false), resource.plural),
        Target::Groups => "get apis".to_owned(),
        Target::Review(plural) => format!("create {plural}"),
        Target::Unknown => "?".to_owned(),
    }
}

fn ending(end: End) -> String {
    match end {
        End::Code(code) => format!("{code:>3}"),
        End::Killed => "killed".to_owned(),
        End::Spun => "spun".to_owned(),
    }
}

/// What happened in many scenarios.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    scenarios: u64,
    points: BTreeMap<Point, u64>,
    looks: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Counts a scenario.
    pub fn add(&mut self, seen: &Seen) {
        self.scenarios += 1;
        for point in seen.points.iter().cloned().chain(seen.pairs()) {
            *self.points.entry(point).or_default() += 1;
        }
        for (rule, looks) in &seen.looks {
            *self.looks.entry(rule).or_default() += looks;
        }
    }

    /// Counts what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        self.scenarios += other.scenarios;
        for (point, count) in &other.points {
            *self.points.entry(point.clone()).or_default() += count;
        }
        for (rule, looks) in &other.looks {
            *self.looks.entry(rule).or_default() += looks;
        }
    }

    fn of(&self, point: &Point) -> u64 {
        self.points.get(point).copied().unwrap_or_default()
    }

    /// Rows of a name and a count, for all that can be and all that was.
    fn counted(
        &self,
        can_be: Vec<String>,
        point: impl Fn(&str) -> Point,
        was: fn(&Point) -> Option<&str>,
    ) -> Vec<(String, Vec<u64>)> {
        let names: BTreeSet<String> =
            can_be.into_iter().chain(self.points.keys().filter_map(was).map(str::to_owned)).collect();
        names.into_iter().map(|name| (name.clone(), vec![self.of(&point(&name))])).collect()
    }

    fn verbs(&self) -> Table {
        let can_be = Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        Table::new(
            "verbs",
            &["scenarios"],
            self.counted(can_be, |name| Point::Verb(name.to_owned()), Point::as_verb),
        )
    }

    fn endings(&self) -> Table {
        let codes = std::iter::once(0).chain(Kind::ALL.map(Kind::exit_code)).map(End::Code);
        let can_be = codes.chain([End::Killed, End::Spun]).map(ending).collect();
        Table::new(
            "endings of runs",
            &["scenarios"],
            self.counted(can_be, |name| Point::Ending(name.to_owned()), Point::as_ending),
        )
    }

    fn kills(&self) -> Table {
        let rows = PHASES.iter().map(|phase| ((*phase).to_owned(), vec![self.of(&Point::KillIn(phase))]));
        Table::new("kills by what the run was doing", &["scenarios"], rows.collect())
    }

    fn requests(&self) -> Table {
        let kinds = self.points.iter().filter_map(|(point, count)| match point {
            Point::Request(kind) => Some((kind, *count)),
            _ => None,
        });
        let rows = kinds.map(|(kind, sent)| {
            let faults = How::ALL.map(|how| self.of(&Point::Fault(kind.clone(), how)));
            let killed = self.of(&Point::KillAt(kind.clone()));
            (kind.clone(), [sent].into_iter().chain(faults).chain([killed]).collect())
        });
        let names = How::ALL.map(|how| format!("{how:?}"));
        let columns: Vec<&str> =
            ["sent"].into_iter().chain(names.iter().map(String::as_str)).chain(["killed"]).collect();
        Table::new("requests of runs, and what went wrong with them", &columns, rows.collect())
    }

    fn rules(&self) -> Table {
        let all: BTreeMap<(u8, &str), u64> = RULES
            .iter()
            .map(|(number, rule)| ((*number, *rule), 0))
            .chain(self.looks.iter().map(|(rule, looks)| ((number(rule), *rule), *looks)))
            .collect();
        let broken = |rule: &str| {
            let is_it = |(point, _): &(&Point, &u64)| matches!(point, Point::Broken(name) if *name == rule);
            self.points.iter().find(is_it).map_or(0, |(_, count)| *count)
        };
        let rows = all
            .iter()
            .map(|((number, rule), looks)| (format!("{number} {rule}"), vec![*looks, broken(rule)]));
        Table::new("rules, by the number of the invariant", &["looks", "broken"], rows.collect())
    }

    fn pairs(&self) -> Matrix {
        let mut names: Vec<&str> = acts::NAMES.iter().chain(ACTORS).copied().collect();
        names.sort_unstable();
        let count = |one: &'static str, other: &'static str| {
            self.of(&Point::Pair(one, other)).max(self.of(&Point::Pair(other, one)))
        };
        Matrix::new("pairs of those who act in one scenario", &names, count)
    }
}

/// Which invariant a rule belongs to; none of them, if it is not listed.
fn number(rule: &str) -> u8 {
    RULES.iter().find(|(_, name)| *name == rule).map_or(0, |(number, _)| *number)
}

impl Display for Coverage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "what {} scenarios covered, by how many of them", self.scenarios)?;
        for table in [self.verbs(), self.endings(), self.kills(), self.requests(), self.rules()] {
            write!(f, "\n{table}")?;
        }
        write!(f, "\n{}", self.pairs())
    }
}

#[cfg(test)]
mod tests;
