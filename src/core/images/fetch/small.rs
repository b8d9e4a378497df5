//! Small files, kept in memory: lists of sums and signatures.

use super::address::Place;
use super::client::{Client, Trouble, broken};
use super::error::{FetchError, shown};
use reqwest::header::HeaderMap;
use url::Url;

/// Brings a small file, under the same rules as a large one. To cancel it, drop it.
///
/// # Errors
/// [`FetchError`]; one of more than `limit` bytes is [`FetchError::TooLarge`].
pub async fn fetch_small(
    client: &Client,
    url: &Url,
    limit: usize,
    place: Place,
) -> Result<Vec<u8>, FetchError> {
    let most = client.settings.tries.max(1);
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt(client, url, limit, place).await {
            Ok(bytes) => return Ok(bytes),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Again(last, _)) if tries >= most => {
                let last = Box::new(last);
                return Err(FetchError::GaveUp { last, tries, kept: 0 });
            }
            Err(Trouble::Again(_, wait)) => tokio::time::sleep(client.pause(tries, wait)).await,
        }
    }
}

/// Asks whether an address serves a file, and reads nothing of it.
///
/// # Errors
/// [`FetchError`]
pub async fn probe(client: &Client, url: &Url, place: Place) -> Result<(), FetchError> {
    match client.get(url, place, &HeaderMap::new()).await {
        Ok(response) if response.status() == reqwest::StatusCode::OK => Ok(()),
        Ok(response) => Err(client.refusal(url, &response).into_error()),
        Err(trouble) => Err(trouble.into_error()),
    }
}

async fn attempt(client: &Client, url: &Url, limit: usize, place: Place) -> Result<Vec<u8>, Trouble> {
    let mut response = client.get(url, place, &HeaderMap::new()).await?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(client.refusal(url, &response));
    }
    let mut bytes = Vec::new();
    loop {
        match tokio::time::timeout(client.settings.dead_line, response.chunk()).await {
            Ok(Ok(Some(piece))) if bytes.len() + piece.len() > limit => {
                let (url, limit) = (shown(url), limit as u64);
                return Err(Trouble::Final(FetchError::TooLarge { url, limit }));
            }
            Ok(Ok(Some(piece))) => bytes.extend_from_slice(&piece),
            Ok(Ok(None)) => return Ok(bytes),
            Ok(Err(error)) => return Err(broken(url, error)),
            Err(_) => return Err(client.silent(url)),
        }
    }
}
