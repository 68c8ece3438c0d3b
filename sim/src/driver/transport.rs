//! The way from a run's client to the driver: a tower service that hands requests over and waits for what comes back.

use std::io::{Error, ErrorKind};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::poll_fn;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use rollout_plus::world::AnswerBody;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tower::{BoxError, Service};

/// Where an answer goes.
pub type Answer = oneshot::Sender<Result<Response<AnswerBody>, BoxError>>;

/// What runs tell the driver.
#[derive(Debug)]
pub enum Message {
    /// A request.
    Asks {
        /// Of which run.
        run: usize,
        /// Method, path and headers, and the body.
        request: Box<Request<Bytes>>,
        /// Where the answer goes.
        answer: Answer,
    },
    /// A run goes round in circles.
    Spins {
        /// Which one.
        run: usize,
    },
    /// A run is over.
    Ends {
        /// Which one.
        run: usize,
        /// Its exit code.
        code: u8,
    },
}

/// The service of one run.
#[derive(Clone, Debug)]
pub struct Line {
    /// Of which run.
    pub run: usize,
    /// To the driver.
    pub out: UnboundedSender<Message>,
}

/// As a broken connection says it.
pub fn reset() -> BoxError {
    Error::new(ErrorKind::ConnectionReset, "connection reset by peer").into()
}

impl Service<Request<Body>> for Line {
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<AnswerBody>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { run, out } = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let (answer, answered) = oneshot::channel();
            let request = Box::new(Request::from_parts(head, body));
            out.send(Message::Asks { run, request, answer }).map_err(|_| reset())?;
            answered.await.map_err(|_| reset())?
        })
    }
}

/// Part of a stream; an error breaks the connection.
pub type Chunk = Result<Bytes, BoxError>;

/// The body of a watch: what comes through the channel.
pub fn streamed(mut chunks: UnboundedReceiver<Chunk>) -> AnswerBody {
    let stream = poll_fn(move |context| chunks.poll_recv(context));
    let frames = futures::StreamExt::map(stream, |chunk| chunk.map(http_body::Frame::data));
    AnswerBody::new(StreamBody::new(frames))
}

/// A body that is there as a whole.
pub fn whole(bytes: Vec<u8>) -> AnswerBody {
    AnswerBody::new(Full::from(bytes).map_err(|never| match never {}))
}
