//! What the kernel says of a process in a container, seen from outside.

use std::fs;
use std::path::Path;

#[derive(Debug)]
pub struct Process {
    pub user: u32,
    /// The names alone: values are secrets.
    pub variables: Vec<String>,
    pub root_is_read_only: bool,
}

impl Process {
    /// Finds the one that has this `NAME=VALUE` in its environment; none if it does not run at this moment.
    pub fn with_variable(variable: &str) -> Option<Self> {
        let mut processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        processes.find_map(|process| Self::read(&process.path(), variable))
    }

    fn read(folder: &Path, variable: &str) -> Option<Self> {
        let environment = fs::read_to_string(folder.join("environ")).ok()?;
        environment.split('\0').find(|pair| *pair == variable)?;
        // The runtime has the environment a moment before it becomes the container's process.
        let command = fs::read_to_string(folder.join("cmdline")).ok()?;
        command.starts_with("/kubectl-rollout_plus\0").then_some(())?;
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let mounts = fs::read_to_string(folder.join("mountinfo")).ok()?;
        let root =
            mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|line| line[4] == "/")?;
        let names = environment.split('\0').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        Some(Self {
            user: user.split_whitespace().next()?.parse().ok()?,
            variables: names.collect(),
            root_is_read_only: root[5].split(',').any(|option| option == "ro"),
        })
    }
}
