//! What the stories share: a client without patience, a file, and a place for it.

use crate::http::Server;
use sha2::{Digest as _, Sha256, Sha512};
use std::future::{Future, pending};
use std::path::{Path, PathBuf};
use std::time::Duration;
use twarga::core::fetch::{Client, FetchError, Fetched, Place, Proxies, Settings, Url, Wanted, fetch};
use twarga::model::{Digest, Progress};

/// The length of the image that is downloaded, bytes.
pub const LENGTH: usize = 1 << 20;

/// An image: bytes that never repeat in a simple way.
pub fn image() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(LENGTH);
    while bytes.len() < LENGTH {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

pub fn sha512(bytes: &[u8]) -> Digest {
    Digest::Sha512(Sha512::digest(bytes).into())
}

pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::Sha256(Sha256::digest(bytes).into())
}

/// Quick with everything but silence.
pub fn settings() -> Settings {
    Settings {
        back_off: Duration::from_millis(1),
        longest_wait: Duration::from_secs(2),
        ..Settings::default()
    }
}

pub fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// A folder, a client, and what is wanted.
pub struct Scene {
    pub folder: tempfile::TempDir,
    pub client: Client,
    pub wanted: Wanted,
}

impl Scene {
    /// Wants [`image`] from a server of the own network, by its SHA-512.
    pub fn new(server: &Server) -> Self {
        Self::with(settings(), &server.url("/image"))
    }

    pub fn with(settings: Settings, address: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            client: Client::new(settings).unwrap(),
            wanted: Wanted {
                url: url(address),
                mirrors: vec![],
                expect: Some(sha512(&image())),
                limit: 2 * LENGTH as u64,
                size_hint: None,
                place: Place::OperatorsOwn,
            },
        }
    }

    /// Wants it from a public address that a server stands in for as a proxy.
    pub fn public(server: &Server, address: &str) -> Self {
        let proxies = Proxies::one(&format!("localhost:{}", server.address.port()));
        let mut scene = Self::with(
            Settings {
                proxies,
                ..settings()
            },
            address,
        );
        scene.wanted.place = Place::Public;
        scene
    }

    pub fn partial(&self) -> PathBuf {
        self.folder.path().join("image.part")
    }

    pub async fn fetch(&self) -> Result<Fetched, FetchError> {
        self.fetch_telling(|_| {}, pending()).await
    }

    pub async fn fetch_telling(
        &self,
        tell: impl FnMut(Progress) + Send,
        cancel: impl Future<Output = ()> + Send,
    ) -> Result<Fetched, FetchError> {
        // Whoever integrates it spawns it: it must be `Send`.
        fn send<T: Send>(it: T) -> T {
            it
        }
        let done = send(fetch(&self.client, &self.wanted, &self.partial(), tell, cancel)).await;
        if let Ok(fetched) = &done {
            assert_eq!(fetched.bytes, file_length(&fetched.path), "{fetched:?}");
        }
        done
    }

    /// The right file came, and nothing else lies there.
    pub async fn succeeds(&self) -> Fetched {
        let fetched = self.fetch().await.unwrap();
        assert!(std::fs::read(&fetched.path).unwrap() == image(), "another file");
        assert_eq!(self.left(), ["image.part"]);
        fetched
    }

    /// It failed, and nothing lies there.
    pub async fn fails(&self) -> FetchError {
        let error = self.fetch().await.unwrap_err();
        assert!(self.left().is_empty(), "{:?} after {error}", self.left());
        error
    }

    /// It failed, and so many bytes lie there for a later download.
    pub async fn fails_keeping(&self) -> (FetchError, u64) {
        let error = self.fetch().await.unwrap_err();
        assert_eq!(self.left(), ["image.part", "image.part.state"], "{error}");
        (error, file_length(&self.partial()))
    }

    /// Names of what lies there.
    pub fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn file_length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}
