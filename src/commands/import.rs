//! `import`: files of Argo Rollouts and Flagger as our analysis file and command lines. No cluster is asked.

use crate::cli::ImportArgs;
use crate::error::Error;
use crate::import::import;
use crate::output::Output;
use crate::source;

/// Runs the verb.
pub(super) fn run(args: &ImportArgs, output: &Output) -> Result<(), Error> {
    let read = import(&source::files(&args.files)?, &args.options());
    output.imported(&read)?;
    if read.analysis.is_none() && read.commands.is_empty() {
        return Err(Error::usage("none of what was given could be read as an analysis or a rollout")
            .next("kubectl rollout-plus import --help"));
    }
    Ok(())
}
