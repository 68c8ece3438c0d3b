//! Tokens for those who are asked for metrics: a fixed one, one in a file of this machine, one that a program prints.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::cluster::bearer;
use crate::credentials::{ExposeSecret, Secret};
use crate::error::Error;
use crate::tool::{self, Variables};

/// The longest token, in bytes.
const MAX_TOKEN: usize = 64 * 1024;
/// For how long a program may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long its token is sent: looks come more often than tokens end.
const FRESH: Duration = Duration::from_secs(60);

/// Where a token comes from.
pub(super) enum Token {
    /// There is none.
    None,
    /// It stays as it is.
    Fixed(HeaderValue),
    /// A file, which is read for each look.
    File(PathBuf),
    /// A program.
    Program(Program),
}

/// A program that prints a token, and the last one.
pub(super) struct Program {
    words: Vec<String>,
    variables: Variables,
    kept: Mutex<Option<(HeaderValue, Instant)>>,
}

impl Token {
    /// Sends this one.
    ///
    /// # Errors
    /// It has letters that no token has.
    pub(super) fn fixed(token: &Secret) -> Result<Self, Error> {
        bearer::header("Bearer", token.expose_secret().trim()).map(Self::Fixed)
    }

    /// Sends what a program prints.
    pub(super) fn program(words: Vec<String>, variables: Variables) -> Self {
        Self::Program(Program { words, variables, kept: Mutex::new(None) })
    }

    /// Returns the header of a request that is sent now.
    ///
    /// # Errors
    /// Why there is none, without a word of what was read.
    pub(super) async fn header(&self) -> Result<Option<HeaderValue>, String> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(header) => Ok(Some(header.clone())),
            Self::File(path) => of_file(path).map(Some),
            Self::Program(program) => program.header().await.map(Some),
        }
    }

    /// Forgets one that was refused.
    pub(super) async fn rejected(&self) {
        match self {
            Self::Program(program) => *program.kept.lock().await = None,
            Self::None | Self::Fixed(_) | Self::File(_) => {}
        }
    }
}

impl Program {
    async fn header(&self) -> Result<HeaderValue, String> {
        let mut kept = self.kept.lock().await;
        if let Some((header, _)) = kept.as_ref().filter(|(_, at)| at.elapsed() < FRESH) {
            return Ok(header.clone());
        }
        let name = self.words.first().map(String::as_str).unwrap_or_default();
        let wrong = |why: &str| format!("tokenCommand: {name} {why}");
        let ended = tool::run(&self.words, &self.variables, PATIENCE, MAX_TOKEN).await;
        let ended = ended.map_err(|why| wrong(&why))?;
        if let Some(how) = tool::failure(ended.status) {
            return Err(wrong(&how));
        }
        let header = header(&String::from_utf8_lossy(&ended.text));
        let header = header.ok_or_else(|| wrong("printed no token"))?;
        *kept = Some((header.clone(), Instant::now()));
        Ok(header)
    }
}

/// Reads a file with a token, as the header that it is sent in.
///
/// # Errors
/// What is wrong with the file, without a word of it.
pub(super) fn of_file(path: &Path) -> Result<HeaderValue, String> {
    let wrong = |why: &str| format!("tokenFile {}: {why}", path.display());
    let read = || -> std::io::Result<Option<Vec<u8>>> {
        // Nobody may ever write into a pipe.
        if !std::fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let mut text = Vec::new();
        File::open(path)?.take(MAX_TOKEN as u64).read_to_end(&mut text)?;
        Ok(Some(text))
    };
    let text = read().map_err(|error| wrong(&error.to_string()))?.ok_or_else(|| wrong("it is not a file"))?;
    header(&String::from_utf8_lossy(&text)).ok_or_else(|| wrong("there is no token in it"))
}

/// Returns the header of a token with blanks around it; `None` where it is none.
fn header(text: &str) -> Option<HeaderValue> {
    let token = text.trim();
    let plain = !token.is_empty() && token.chars().all(|letter| letter.is_ascii_graphic());
    plain.then(|| bearer::header("Bearer", token).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_token_or_says_what_it_has_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let told = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            of_file(&path).map_err(|why| why.replace(path.to_str().unwrap(), "FILE"))
        };
        let header = told(b" hush.hush\n").unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer hush.hush");
        assert!(!format!("{header:?}").contains("hush"), "it is not printed");
        for odd in [b"\n".as_slice(), b"hush\nhush", b"hush hush", b"\xffhush"] {
            assert_eq!(told(odd), Err("tokenFile FILE: there is no token in it".into()));
        }
        let missing = of_file(&folder.path().join("none")).unwrap_err();
        assert!(missing.contains("No such file"), "{missing}");
        assert!(of_file(folder.path()).unwrap_err().ends_with("it is not a file"));
    }

    #[tokio::test]
    async fn a_program_is_run_again_when_its_token_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let script = format!("echo x >> '{0}'; echo hush-$(wc -l < '{0}')", count.display());
        let path = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let program =
            |script: &str| Token::program(["sh", "-c", script].map(str::to_owned).to_vec(), path.clone());
        let token = program(&script);
        let text = async || token.header().await.unwrap().unwrap().to_str().unwrap().to_owned();
        assert_eq!((text().await.as_str(), text().await.as_str()), ("Bearer hush-1", "Bearer hush-1"));
        token.rejected().await;
        assert_eq!(text().await, "Bearer hush-2");
        for (script, why) in [
            ("echo hush; echo hush >&2; exit 3", "tokenCommand: sh failed with exit code 3"),
            ("echo hush hush", "tokenCommand: sh printed no token"),
            ("true", "tokenCommand: sh printed no token"),
            ("cat /dev/zero", "tokenCommand: sh printed more than 64 KiB"),
        ] {
            assert_eq!(program(script).header().await, Err(why.to_owned()), "{script}");
        }
    }
}
