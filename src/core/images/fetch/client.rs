//! The HTTP client: proxies, time-outs, and redirects followed by hand, so that every step is
//! checked.

use super::address::{self, Place, Resolver};
use super::answer;
use super::error::{FetchError, Refusal, chain, shown};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION};
use reqwest::{NoProxy, Proxy, Response, StatusCode, redirect};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How many redirects in a row are followed.
const REDIRECTS: usize = 5;

/// Through which proxies downloads go. Nothing here reads the environment: `config` does.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For http:// addresses.
    pub http: Option<String>,
    /// For https:// addresses.
    pub https: Option<String>,
    /// Hosts that are asked directly, separated by commas.
    pub except: Option<String>,
}

/// Without what is in them: a proxy's address may hold a password.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |it: &Option<String>| it.is_some();
        let Self { http, https, except } = self;
        f.debug_struct("Proxies")
            .field("http", &set(http))
            .field("https", &set(https))
            .field("except", except)
            .finish()
    }
}

impl Proxies {
    /// Those that variables name, as curl reads them: `http_proxy` (in small letters only, because
    /// a CGI's client decides `HTTP_PROXY`), `https_proxy`, `all_proxy`, `no_proxy`.
    pub fn of_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|it| !it.is_empty());
        let either = |name: &str| set(name).or_else(|| set(&name.to_ascii_uppercase()));
        let all = either("all_proxy");
        Self {
            http: set("http_proxy").or_else(|| all.clone()),
            https: either("https_proxy").or(all),
            except: either("no_proxy"),
        }
    }

    /// Whether each is an address that a client can be made with.
    pub fn are_sound(&self) -> bool {
        let given = [&self.http, &self.https];
        given.into_iter().flatten().all(|it| proxy_url(it).is_some())
    }

    /// One proxy for everything.
    pub fn one(address: &str) -> Self {
        Self {
            http: Some(address.to_owned()),
            https: Some(address.to_owned()),
            except: None,
        }
    }
}

/// How downloads are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `User-Agent`
    pub user_agent: String,
    /// Ways out of this network.
    pub proxies: Proxies,
    /// How long a connection may take to stand.
    pub connect: Duration,
    /// After how long without a byte a line is dead. A slow one may take as long as it wants.
    pub dead_line: Duration,
    /// How many tries in a row may bring nothing.
    pub tries: u32,
    /// Pause before the second try; it doubles from try to try.
    pub back_off: Duration,
    /// The longest pause, also where a server asks for a longer one.
    pub longest_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: concat!("twarga/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxies: Proxies::default(),
            connect: Duration::from_secs(15),
            dead_line: Duration::from_secs(30),
            tries: 5,
            back_off: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
        }
    }
}

/// Makes downloads. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    public: reqwest::Client,
    own: reqwest::Client,
    proxies: Arc<BTreeSet<String>>,
    pub(super) settings: Settings,
}

/// Why a try ended.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another try here would end the same.
    Final(FetchError),
    /// Another try may help, after so long if the server said so.
    Again(FetchError, Option<Duration>),
}

impl Trouble {
    /// What went wrong, whether or not another try may help.
    pub(super) fn into_error(self) -> FetchError {
        match self {
            Self::Final(error) | Self::Again(error, _) => error,
        }
    }
}

impl Client {
    /// Makes a client.
    ///
    /// # Errors
    /// [`FetchError::Client`]: this host has no certificates, or a proxy is no http address.
    pub fn new(settings: Settings) -> Result<Self, FetchError> {
        let fail = |reason: String| FetchError::Client { reason };
        let mut proxies = Vec::new();
        let mut names = BTreeSet::new();
        let except = settings.proxies.except.as_deref().and_then(NoProxy::from_string);
        let given = [&settings.proxies.http, &settings.proxies.https];
        for (address, scheme) in given.into_iter().zip(["http", "https"]) {
            let Some(address) = address else { continue };
            let url = proxy_url(address).ok_or_else(|| fail("a proxy is `http://host:port`".to_owned()))?;
            names.extend(url.host_str().map(str::to_owned));
            let proxy = match scheme {
                "http" => Proxy::http(url),
                _ => Proxy::https(url),
            };
            let proxy = proxy.map_err(|error| fail(chain(&error.without_url())))?;
            proxies.push(proxy.no_proxy(except.clone()));
        }
        let names = Arc::new(names);
        let make = |place| {
            let mut builder = reqwest::Client::builder()
                .user_agent(&settings.user_agent)
                .connect_timeout(settings.connect)
                .redirect(redirect::Policy::none())
                .referer(false)
                .http1_only()
                .no_proxy()
                .dns_resolver(Arc::new(Resolver {
                    place,
                    proxies: Arc::clone(&names),
                }));
            for proxy in &proxies {
                builder = builder.proxy(proxy.clone());
            }
            builder.build().map_err(|error| fail(chain(&error.without_url())))
        };
        Ok(Self {
            public: make(Place::Public)?,
            own: make(Place::OperatorsOwn)?,
            proxies: names,
            settings,
        })
    }

    /// Asks for a file and follows redirects until somebody answers something else.
    pub(super) async fn get(
        &self,
        url: &Url,
        place: Place,
        headers: &HeaderMap,
    ) -> Result<Response, Trouble> {
        let refuse = |at: &Url, refusal| {
            let url = shown(at);
            Trouble::Final(FetchError::Refused { url, refusal })
        };
        let mut at = url.clone();
        self.check(&at, place).map_err(|refusal| refuse(&at, refusal))?;
        for _ in 0..=REDIRECTS {
            let response = self.ask(&at, place, headers).await?;
            let Some(location) = redirection(&response) else {
                return Ok(response);
            };
            // Bytes that are no text name no address.
            let location = location.to_str().unwrap_or("http://[");
            let next = address::follow(&at, location, place).map_err(|refusal| refuse(&at, refusal))?;
            self.check(&next, place).map_err(|refusal| refuse(&at, refusal))?;
            at = next;
        }
        Err(refuse(url, Refusal::Circles(REDIRECTS)))
    }

    /// The resolver lets a proxy's name pass wherever it leads; so nothing else may use that name.
    fn check(&self, url: &Url, place: Place) -> Result<(), Refusal> {
        let is_proxy = url.host_str().is_some_and(|host| self.proxies.contains(host));
        if is_proxy && place == Place::Public {
            return Err(Refusal::Private(url.host_str().unwrap_or_default().to_owned()));
        }
        address::check(url, place)
    }

    async fn ask(&self, url: &Url, place: Place, headers: &HeaderMap) -> Result<Response, Trouble> {
        let client = match place {
            Place::Public => &self.public,
            Place::OperatorsOwn => &self.own,
        };
        let request = client
            .get(url.clone())
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .headers(headers.clone());
        let patience = self.settings.connect + self.settings.dead_line;
        match tokio::time::timeout(patience, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(broken(url, error)),
            Err(_) => Err(self.silent(url)),
        }
    }

    pub(super) fn silent(&self, url: &Url) -> Trouble {
        let (url, seconds) = (shown(url), self.settings.dead_line.as_secs());
        Trouble::Again(FetchError::Silent { url, seconds }, None)
    }

    /// What an answer that brings no file means.
    pub(super) fn refusal(&self, url: &Url, response: &Response) -> Trouble {
        let (url, status) = (shown(url), response.status().as_u16());
        let wait = answer::retry_after(response.headers());
        match status {
            429 | 503 if wait.is_some_and(|wait| wait > self.settings.longest_wait) => {
                let seconds = wait.unwrap_or_default().as_secs();
                Trouble::Final(FetchError::Later { url, status, seconds })
            }
            429 | 503 => Trouble::Again(FetchError::Answered { url, status }, wait),
            408 | 500.. => Trouble::Again(FetchError::Answered { url, status }, None),
            _ => Trouble::Final(FetchError::Answered { url, status }),
        }
    }

    /// The pause after so many tries in a row that brought nothing.
    pub(super) fn pause(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let doubled = self
            .settings
            .back_off
            .saturating_mul(1 << tries.saturating_sub(1).min(16));
        asked
            .unwrap_or(doubled)
            .max(doubled)
            .min(self.settings.longest_wait)
    }
}

fn proxy_url(address: &str) -> Option<Url> {
    // `host:port` alone is common; on its own it would parse as a scheme.
    let url = match address.contains("://") {
        true => Url::parse(address),
        false => Url::parse(&format!("http://{address}")),
    };
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn redirection(response: &Response) -> Option<&HeaderValue> {
    let moved = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    response.headers().get(LOCATION).filter(|_| moved)
}

/// A connection that broke, or that the resolver refused.
pub(super) fn broken(url: &Url, error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = next {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            let (url, refusal) = (shown(url), refusal.clone());
            return Trouble::Final(FetchError::Refused { url, refusal });
        }
        next = cause.source();
    }
    let (url, reason) = (shown(url), chain(&error));
    Trouble::Again(FetchError::Broken { url, reason }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_curl_reads_them() {
        let of = |pairs: &[(&str, &str)]| {
            Proxies::of_variables(|name| {
                let found = pairs.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(
            of(&[("HTTP_PROXY", "a"), ("https_proxy", "")]),
            Proxies::default()
        );
        let all = of(&[("ALL_PROXY", "a:1"), ("HTTPS_PROXY", "b:2"), ("NO_PROXY", "c")]);
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(
            all,
            Proxies {
                http: some("a:1"),
                https: some("b:2"),
                except: some("c")
            }
        );
    }

    #[test]
    fn a_proxy_is_an_http_address() {
        for good in ["proxy:3128", "http://me:secret@10.0.0.1:3128", "https://proxy"] {
            assert!(proxy_url(good).is_some(), "{good}");
        }
        for bad in ["socks5://proxy", "", "http://"] {
            assert!(proxy_url(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn nobody_reaches_a_proxy_by_its_own_name() {
        let proxies = Proxies::one("proxy.example.org:3128");
        let client = Client::new(Settings {
            proxies,
            ..Settings::default()
        })
        .unwrap();
        let url = Url::parse("http://proxy.example.org/admin").unwrap();
        assert!(matches!(
            client.check(&url, Place::Public),
            Err(Refusal::Private(_))
        ));
        assert_eq!(client.check(&url, Place::OperatorsOwn), Ok(()));
    }

    #[test]
    fn pauses_double_and_have_an_end() {
        let client = Client::new(Settings::default()).unwrap();
        let pauses: Vec<u128> = (1..=9)
            .map(|tries| client.pause(tries, None).as_millis())
            .collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        assert_eq!(client.pause(1, Some(Duration::from_secs(7))).as_secs(), 7);
        assert_eq!(client.pause(1, Some(Duration::from_secs(700))).as_secs(), 60);
    }
}
