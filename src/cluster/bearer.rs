//! The `Authorization` of each request: a token, one in a file that is read again and again, or one that a program brings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::cluster::program::Program;
use crate::credentials::{ExposeSecret, Secret};
use crate::error::{Error, Kind};
use crate::world;

/// As client-go: half of the time between kubelet's renewal of a token and its end (`transport/token_source.go`).
const READ_AGAIN: Duration = Duration::from_secs(50);

/// Where the header comes from.
pub(crate) enum Bearer {
    /// It stays as it is.
    Fixed(HeaderValue),
    /// A file.
    File(PathBuf, Mutex<Kept>),
    /// A program; the second is when its token ends.
    Program(Box<Program>, Mutex<(Kept, Option<Timestamp>)>),
}

/// A header and when it was found.
#[derive(Clone)]
pub(crate) struct Kept {
    header: HeaderValue,
    at: Instant,
}

impl Bearer {
    /// Sends this token.
    pub(crate) fn token(token: &Secret) -> Result<Self, Error> {
        header("Bearer", token.expose_secret().trim()).map(Self::Fixed)
    }

    /// Sends a name and a password.
    pub(super) fn password(name: &str, password: &Secret) -> Result<Self, Error> {
        let both = BASE64_STANDARD.encode(format!("{name}:{}", password.expose_secret()));
        header("Basic", &both).map(Self::Fixed)
    }

    /// Sends the token in a file. `fallback` is the token until the file can be read.
    pub(super) fn file(path: PathBuf, fallback: Option<&Secret>) -> Result<Self, Error> {
        let first = match (read(&path), fallback) {
            (Ok(header), _) => header,
            (Err(_), Some(token)) => header("Bearer", token.expose_secret().trim())?,
            (Err(error), None) => return Err(error),
        };
        Ok(Self::File(path, Mutex::new(Kept { header: first, at: Instant::now() })))
    }

    /// Sends what a program brought, and has it bring another when that ends.
    pub(super) fn program(program: Program, token: &Secret, ends: Option<Timestamp>) -> Result<Self, Error> {
        let header = header("Bearer", token.expose_secret())?;
        Ok(Self::Program(Box::new(program), Mutex::new((Kept { header, at: Instant::now() }, ends))))
    }

    /// Returns the header for a request that is made now.
    pub(super) async fn header(&self) -> Result<Kept, Error> {
        match self {
            Self::Fixed(header) => Ok(Kept { header: header.clone(), at: Instant::now() }),
            Self::File(path, kept) => {
                let mut kept = kept.lock().await;
                if kept.at.elapsed() >= READ_AGAIN {
                    renew(path, &mut kept);
                }
                Ok(kept.clone())
            }
            Self::Program(program, state) => {
                let mut state = state.lock().await;
                if state.1.is_some_and(|ends| ends <= world::now()) {
                    *state = again(program).await?;
                }
                Ok(state.0.clone())
            }
        }
    }

    /// Looks for another credential after a 401, unless that was done since `sent` was found.
    pub(super) async fn rejected(&self, sent: &Kept) {
        match self {
            Self::Fixed(_) => {}
            Self::File(path, kept) => {
                let mut kept = kept.lock().await;
                if kept.at == sent.at {
                    renew(path, &mut kept);
                }
            }
            Self::Program(program, state) => {
                let mut state = state.lock().await;
                // The 401 is what the user is told of; why there is no other credential comes with the next request.
                if state.0.at == sent.at {
                    match again(program).await {
                        Ok(other) => *state = other,
                        Err(_) => state.1 = Some(Timestamp::MIN),
                    }
                }
            }
        }
    }
}

impl Kept {
    /// Puts it on a request.
    pub(super) fn put<B>(&self, request: &mut http::Request<B>) {
        request.headers_mut().insert(http::header::AUTHORIZATION, self.header.clone());
    }
}

/// Reads the file again. The last token stays where that fails (kubernetes/kubernetes#68164).
fn renew(path: &std::path::Path, kept: &mut Kept) {
    if let Ok(header) = read(path) {
        kept.header = header;
    }
    kept.at = Instant::now();
}

async fn again(program: &Program) -> Result<(Kept, Option<Timestamp>), Error> {
    let brought = program.run().await?;
    let Some(token) = &brought.token else {
        return Err(program.failed("brought no token this time"));
    };
    let header = header("Bearer", token.expose_secret())?;
    Ok((Kept { header, at: Instant::now() }, brought.ends))
}

fn read(path: &std::path::Path) -> Result<HeaderValue, Error> {
    let failed = |why: String| {
        Error::new(Kind::Cluster, format!("tokenFile {}: {why}", path.display()))
            .next(format!("ls -l {}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    match text.trim() {
        "" => Err(failed("it is empty".into())),
        token => header("Bearer", token),
    }
}

/// Makes the header, which is not printed.
pub(super) fn header(scheme: &str, text: &str) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::try_from(format!("{scheme} {text}")).map_err(|_| {
        Error::new(Kind::Cluster, "the token has letters that no token has")
            .next("kubectl config view --minify (which user it is)")
    })?;
    header.set_sensitive(true);
    Ok(header)
}

/// Puts the header on a request, sends it, and looks at the answer.
pub(super) async fn send<B, R, F>(
    bearer: Option<Arc<Bearer>>,
    mut request: http::Request<B>,
    exchange: impl FnOnce(http::Request<B>) -> F,
) -> Result<http::Response<R>, tower::BoxError>
where
    F: Future<Output = Result<http::Response<R>, tower::BoxError>>,
{
    let Some(bearer) = bearer else { return exchange(request).await };
    let kept = bearer.header().await?;
    kept.put(&mut request);
    let answer = exchange(request).await?;
    if answer.status() == http::StatusCode::UNAUTHORIZED {
        bearer.rejected(&kept).await;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_file_is_read_again_after_a_401() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let text = |kept: &Kept| kept.header.to_str().unwrap().to_owned();
        assert!(Bearer::file(path.clone(), None).is_err());
        std::fs::write(&path, "\n").unwrap();
        let error = Bearer::file(path.clone(), None).err().unwrap();
        assert_eq!(error.message, format!("tokenFile {}: it is empty", path.display()));

        let bearer = Bearer::file(path.clone(), Some(&Secret::from("beside"))).unwrap();
        let sent = bearer.header().await.unwrap();
        assert_eq!(text(&sent), "Bearer beside", "until the file can be read");
        std::fs::write(&path, "first\n").unwrap();
        bearer.rejected(&sent).await;
        let sent = bearer.header().await.unwrap();
        assert_eq!(text(&sent), "Bearer first");
        std::fs::remove_file(&path).unwrap();
        bearer.rejected(&sent).await;
        assert_eq!(text(&bearer.header().await.unwrap()), "Bearer first", "the last one stays");
        assert!(format!("{:?}", sent.header).contains("Sensitive"), "it is not printed");
    }
}
