//! A look at a key that needs the server's answers on its way, as upstream's functions do: they write, and go on with
//! what came back.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::controllers::{Next, Refusal, Sync, Write};
use crate::object::{Key, Object};

/// What the server answered.
pub(crate) type Answer = Result<Option<Object>, Refusal>;

/// How a look ends: when the key is due again, or a refusal, after which it is looked at again, later each time.
pub(crate) type End = Result<Option<Duration>, Refusal>;

/// The side of the one who looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server(Arc<Mutex<Desk>>);

#[derive(Debug, Default)]
struct Desk {
    asked: Vec<Write>,
    answer: Option<Answer>,
}

impl Server {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes, and waits for the answer.
    pub(crate) async fn write(&self, write: Write) -> Answer {
        self.desk().asked.push(write);
        std::future::poll_fn(|_| self.desk().answer.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Tells of something. Nobody waits for it.
    pub(crate) fn event(&self, about: &Object, level: &'static str, reason: &str, message: String) {
        let event = Write::Event { about: about.clone(), level, reason: reason.to_owned(), message };
        self.desk().asked.push(event);
    }
}

struct Talk {
    server: Server,
    look: Pin<Box<dyn Future<Output = End> + Send>>,
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Talk").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Talk {
    /// Goes on to the next write, or to the end; returns what is sent, and the end.
    fn go_on(&mut self) -> (Vec<Write>, Option<End>) {
        let end = match self.look.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        };
        (std::mem::take(&mut self.server.desk().asked), end)
    }
}

/// The looks that are under way; one key is looked at once at a time.
#[derive(Debug, Default)]
pub(crate) struct Talks {
    running: BTreeMap<Key, Talk>,
    /// Events that wait for the next look, which is sure to come.
    told: BTreeMap<Key, Vec<Write>>,
}

impl Talks {
    /// Begins a look.
    pub(crate) fn begin<F>(&mut self, key: &Key, look: impl FnOnce(Server) -> F) -> Sync
    where
        F: Future<Output = End> + Send + 'static,
    {
        let server = Server::default();
        let look = Box::pin(look(server.clone()));
        let mut talk = Talk { server, look };
        let (more, end) = talk.go_on();
        let mut writes = self.told.remove(key).unwrap_or_default();
        writes.extend(more);
        let again_after = match end {
            Some(Ok(after)) => after,
            // A refusal that nobody gave: what the cache does not hold yet is there soon.
            Some(Err(_)) => Some(Duration::from_millis(5)),
            None => {
                self.running.insert(key.clone(), talk);
                None
            }
        };
        Sync { writes, again_after }
    }

    /// Takes the answer to one write.
    pub(crate) fn answered(
        &mut self,
        key: &Key,
        write: &Write,
        answer: Result<Option<&Object>, &Refusal>,
    ) -> Next {
        if matches!(write, Write::Event { .. }) {
            return Next::Continue;
        }
        let Some(talk) = self.running.get_mut(key) else { return Next::Stop };
        talk.server.desk().answer = Some(answer.map(Option::<&Object>::cloned).map_err(Clone::clone));
        let (writes, end) = talk.go_on();
        let Some(end) = end else { return Next::Then(writes) };
        self.running.remove(key);
        let next = match end {
            Ok(None) => return Next::Then(writes),
            Ok(Some(after)) => Next::After(after),
            Err(_) => Next::Again,
        };
        self.told.insert(key.clone(), writes);
        next
    }

    /// Forgets all of them, as one who was killed does.
    pub(crate) fn clear(&mut self) {
        self.running.clear();
        self.told.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Lets a look run to its end, each write answered by `answers`; returns what was written and how it ended.
    pub(crate) fn run<F>(
        look: impl FnOnce(Server) -> F,
        mut answers: impl FnMut(&Write) -> Answer,
    ) -> (Vec<Write>, Next)
    where
        F: Future<Output = End> + Send + 'static,
    {
        let key = Key::new("shop", "web");
        let mut talks = Talks::default();
        let begun = talks.begin(&key, look);
        let mut queue: std::collections::VecDeque<Write> = begun.writes.into();
        let mut written = Vec::new();
        let mut end = begun.again_after.map_or(Next::Stop, Next::After);
        while let Some(write) = queue.pop_front() {
            let answer = answers(&write);
            match talks.answered(&key, &write, answer.as_ref().map(Option::as_ref)) {
                Next::Continue => {}
                Next::Then(more) => queue.extend(more),
                next @ (Next::Again | Next::Stop | Next::After(_)) => end = next,
            }
            written.push(write);
        }
        written.extend(talks.told.remove(&key).unwrap_or_default());
        (written, end)
    }
}
