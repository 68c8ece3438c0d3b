//! The world of a run: clock, chance, signals, streams, and the way to the API server. All of it reaches a run through
//! one value that `main` makes; nothing else reads it (`tests/layers.rs`). The simulator in `sim/` makes its own.

use std::collections::hash_map::RandomState;
use std::fmt::Debug;
use std::future::pending;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use jiff::Timestamp;
use kube::client::Body;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tower::BoxError;
use tower::util::BoxCloneSyncService;

use crate::error::{Error, Kind};

/// The body of an answer, which may come bit by bit.
pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// What answers requests in place of a server that is found by a kubeconfig.
pub type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<AnswerBody>, BoxError>;

/// What a run cannot know by itself.
pub trait World: Debug + Send + Sync {
    /// What the clock on the wall shows. It may be wrong, and it may jump.
    fn now(&self) -> Timestamp;

    /// A number that hardly comes twice. Not for secrets.
    fn random(&self) -> u64;

    /// Writes data.
    ///
    /// # Errors
    /// Those of the stream.
    fn stdout(&self, bytes: &[u8]) -> io::Result<()>;

    /// Writes feedback.
    ///
    /// # Errors
    /// Those of the stream.
    fn stderr(&self, bytes: &[u8]) -> io::Result<()>;

    /// Listens for SIGINT and SIGTERM.
    ///
    /// # Errors
    /// Those of the system.
    fn signals(&self) -> io::Result<Signals>;

    /// Rows and columns of the terminal that feedback goes to, where they are known.
    fn terminal(&self) -> Option<(usize, usize)>;

    /// What answers requests, if it is not the server of a kubeconfig.
    fn transport(&self) -> Option<Transport>;

    /// What comes of a test with these variables, where no program is run.
    fn played(&self, words: &[String], variables: &[(String, String)]) -> Option<Played>;
}

/// What comes of a program that is not run.
#[derive(Clone, Debug)]
pub struct Played {
    /// What it ends with.
    pub code: i32,
    /// What it prints.
    pub said: String,
}

/// The world of a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl World for Process {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// A hasher's random seed is random enough.
    fn random(&self) -> u64 {
        RandomState::new().build_hasher().finish()
    }

    fn stdout(&self, bytes: &[u8]) -> io::Result<()> {
        io::stdout().lock().write_all(bytes)
    }

    fn stderr(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stderr = io::stderr().lock();
        stderr.write_all(bytes).and_then(|()| stderr.flush())
    }

    fn signals(&self) -> io::Result<Signals> {
        Ok(Signals::Process(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    fn terminal(&self) -> Option<(usize, usize)> {
        let (rows, columns) = console::Term::stderr().size_checked()?;
        Some((rows.into(), columns.into()))
    }

    fn transport(&self) -> Option<Transport> {
        None
    }

    fn played(&self, _: &[String], _: &[(String, String)]) -> Option<Played> {
        None
    }
}

/// SIGINT and SIGTERM.
#[derive(Debug)]
pub enum Signals {
    /// Those of the process.
    Process(Signal, Signal),
    /// One for each that is received.
    Given(UnboundedReceiver<()>),
}

impl Signals {
    pub(crate) fn new() -> Result<Self, Error> {
        here()
            .signals()
            .map_err(|error| Error::new(Kind::Infrastructure, format!("listen for signals: {error}")))
    }

    /// Returns when one comes.
    pub(crate) async fn received(&mut self) {
        match self {
            Self::Process(interrupt, terminate) => {
                tokio::select! {
                    biased;
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            Self::Given(signals) => {
                if signals.recv().await.is_none() {
                    pending::<()>().await;
                }
            }
        }
    }
}

tokio::task_local! {
    /// Everything that a run does is done in its own task.
    static WORLD: Arc<dyn World>;
}

/// Does something in a world.
pub(crate) async fn within<T>(world: Arc<dyn World>, work: impl Future<Output = T>) -> T {
    WORLD.scope(world, work).await
}

/// What stands outside of any run, a test or a thread that only draws, is in the world of its process.
fn here() -> Arc<dyn World> {
    WORLD.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(Process))
}

/// What the clock on the wall shows.
pub(crate) fn now() -> Timestamp {
    here().now()
}

/// Returns the time for a record, RFC 3339 with microseconds. For people and for "has it changed", never to
/// be compared with another machine's.
pub(crate) fn timestamp() -> String {
    format!("{:.6}", now())
}

/// A number that hardly comes twice.
pub(crate) fn random() -> u64 {
    here().random()
}

/// Writes data.
pub(crate) fn stdout(text: &str) -> io::Result<()> {
    here().stdout(text.as_bytes())
}

/// Writes feedback. Whoever does not read it is noticed elsewhere.
pub(crate) fn stderr(text: &str) {
    here().stderr(text.as_bytes()).unwrap_or(());
}

/// Rows and columns of the terminal that feedback goes to, where they are known.
pub(crate) fn terminal() -> Option<(usize, usize)> {
    here().terminal()
}

/// What comes of a test, where no program is run.
pub(crate) fn played(words: &[String], variables: &[(String, String)]) -> Option<Played> {
    here().played(words, variables)
}

/// What answers requests, if it is not the server of a kubeconfig.
pub(crate) fn transport() -> Option<Transport> {
    here().transport()
}
