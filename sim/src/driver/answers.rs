//! What runs are answered: what the server says, or what goes wrong on the way.

use bytes::Bytes;
use http::Response;
use rollout_plus::world::AnswerBody;
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use super::agenda::Due;
use super::faults::How;
use super::transport::{Answer, streamed, whole};
use super::{Driver, Kill};
use crate::controllers::Refusal;
use crate::invariants::Asked;
use crate::server::Reply;
use crate::server::request::{Request, Target};

impl Driver {
    /// Does what a run's request asks for, or what goes wrong with it.
    pub(super) fn effect(&mut self, run: usize, nth: u64, sent: &http::Request<Bytes>, answer: Answer) {
        let content = sent.headers().get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let body: Value = serde_json::from_slice(sent.body()).unwrap_or(Value::Null);
        let who = format!("run {run}");
        let uri = sent.uri().to_string();
        let request = Request::new(&who, sent.method().as_str(), &uri, content.unwrap_or_default(), body);
        let fault =
            self.faults.iter().find(|fault| (fault.run, fault.nth) == (run, nth)).map(|fault| fault.how);
        let killed =
            [Kill::Sending(nth), Kill::Done(nth)].iter().any(|kill| self.kills.contains(&(run, *kill)));
        let version = self.server.store.version();
        self.runs.get_mut(run).into_iter().for_each(|run| run.versions.push(version));
        self.seen.request(&request, fault, killed);
        let wait = self.draw.millis(self.pace.request.clone());
        let stale =
            self.server.store.version().saturating_sub(self.pace.stale).max(self.server.store.compacted());
        if request.is_watch() && matches!(request.target, Target::Collection(..)) && fault.is_none() {
            let (out, chunks) = unbounded_channel();
            let at = self.begin.elapsed();
            self.trace.tell(at, || format!("{who} #{nth} WATCH {uri}"));
            let response = self.respond(200, streamed(chunks), None);
            self.begin_watch(request, out);
            self.later(wait, Due::Answered(answer, Box::new(response)));
            return;
        }
        let now = self.now();
        let does = fault.is_none_or(How::is_done) && !request.is_watch();
        let told = if self.trace.is_kept() { request.told() } else { String::new() };
        let (is_of_lock, is_write) = (uri.contains("/leases/"), request.is_write());
        let served = does.then(|| self.server.answer(request, now, stale, &mut self.draw));
        let at = self.begin.elapsed();
        self.trace.tell(at, || match (&served, fault) {
            (Some(served), None) => line(&format!("{who} #{nth}"), &told, served),
            (Some(served), Some(fault)) => {
                format!("{} {fault:?}", line(&format!("{who} #{nth}"), &told, served))
            }
            (None, fault) => format!("{who} #{nth} {} {uri} {fault:?}", sent.method()),
        });
        let sent =
            usize::try_from(nth).ok().and_then(|nth| self.runs.get(run)?.sent.get(nth.checked_sub(1)?));
        let asked = Asked {
            who: &who,
            is_of_lock,
            is_write,
            sent: sent.copied().unwrap_or(at),
            answered: fault.is_none().then_some(at + wait),
            refused: matches!(served, Some(Err(_))),
        };
        self.invariants.iter_mut().for_each(|invariant| invariant.hear(&asked));
        self.spread();
        if self.kills.contains(&(run, Kill::Done(nth))) {
            self.kill(run);
        }
        let failed =
            |code, reason: &str| Err(Refusal::new(code, reason, "the simulator breaks this request"));
        let said = match fault {
            None => served.unwrap_or_else(|| failed(404, "NotFound")),
            Some(How::ErrorBefore) => failed(500, "InternalError"),
            Some(How::ErrorAfter) => failed(504, "Timeout"),
            Some(How::Busy) => failed(429, "TooManyRequests"),
            Some(How::HangBefore | How::HangAfter) => {
                self.hung.push(answer);
                return;
            }
            Some(How::ResetBefore | How::ResetAfter) => {
                self.later(wait, Due::Broken(answer));
                return;
            }
        };
        let response = match said {
            Ok(reply) => self.respond(reply.code(), whole(reply.body()), None),
            Err(refusal) => {
                let retry = (refusal.code == 429).then_some("1");
                self.respond(refusal.code, whole(refusal.status().to_string().into_bytes()), retry)
            }
        };
        self.later(wait, Due::Answered(answer, Box::new(response)));
    }

    fn respond(&self, code: u16, body: AnswerBody, retry: Option<&str>) -> Response<AnswerBody> {
        let mut response = Response::new(body);
        *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
        let headers = response.headers_mut();
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&self.now());
        if let Some(date) = date.ok().and_then(|date| date.parse().ok()) {
            headers.insert(http::header::DATE, date);
        }
        if let Some(retry) = retry.and_then(|retry| retry.parse().ok()) {
            headers.insert(http::header::RETRY_AFTER, retry);
        }
        response
    }
}

/// A request and what came of it, for the trace.
pub(super) fn line(who: &str, told: &str, answer: &Result<Reply, Refusal>) -> String {
    let said = match answer {
        Ok(Reply::Object(code, object)) => {
            format!("{code} at {}", object["metadata"]["resourceVersion"].as_str().unwrap_or_default())
        }
        Ok(reply @ (Reply::List(_) | Reply::Document(..) | Reply::Text(_))) => reply.code().to_string(),
        Err(refusal) => format!("{} {}", refusal.code, refusal.message),
    };
    format!("{who} {told} -> {said}")
}
