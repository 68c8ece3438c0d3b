//! Web requests of metrics: one GET, its token from a file, its answer bounded in size and time, no redirect followed.

use std::path::Path;

use http::header::{ACCEPT, AUTHORIZATION, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue};

use crate::analysis_file::{PATIENCE, Web, is_private};
use crate::brief;
use crate::cluster::connect::chain;
use crate::cluster::http_request::{AGENT, parted};
use crate::cluster::scrape::get;
use crate::cluster::sources::headers_of;
use crate::cluster::{Login, http_client, token};
use crate::condition::Measured;
use crate::reading::of_web;

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// The longest that is told of what went wrong, in letters.
const SAID: usize = 200;

/// Asks once.
///
/// # Errors
/// Why nothing was measured, for people, and never what a token is.
pub(super) async fn look(web: &Web, url: &str) -> Result<Measured, String> {
    let patience = web.timeout.unwrap_or(PATIENCE);
    match tokio::time::timeout(patience, ask(web, url)).await {
        Ok(measured) => measured.map_err(|why| brief::line(&why, SAID)),
        Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
    }
}

async fn ask(web: &Web, url: &str) -> Result<Measured, String> {
    let (config, path) = parted(url)?;
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, AGENT);
    headers.extend(headers_of(&web.headers));
    if let Some(file) = &web.token_file {
        // What a variable stands for may have led elsewhere.
        if !is_private(url) {
            return Err("the token would go in clear".to_owned());
        }
        headers.insert(AUTHORIZATION, token::of_file(Path::new(file))?);
    }
    let client = http_client(config, Login::default(), None).map_err(|error| chain(&error))?;
    let answer = get(&client, &path, headers, MAX_ANSWER).await?;
    let leads = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
    of_web(answer.status().as_u16(), leads, answer.body(), web.json_path.as_deref())
}

#[cfg(test)]
pub(super) mod tests;
