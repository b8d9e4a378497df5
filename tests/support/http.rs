//! A tiny HTTP/1.1 server on 127.0.0.1 that does what a script tells it: also what no honest
//! server does. One request per connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a client asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// How many requests came before.
    pub number: usize,
    /// As in the first line: a path, or the whole address where the server is used as a proxy.
    pub target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Offset of the range it asks for.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    stalls: bool,
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        let (headers, body) = (vec![], vec![]);
        Self {
            status,
            headers,
            body,
            stalls: false,
        }
        .header("Content-Length", "0")
    }

    /// A redirect.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("Location", location)
    }

    /// A whole file.
    pub fn whole(body: &[u8]) -> Self {
        let length = body.len().to_string();
        Self {
            body: body.to_vec(),
            ..Self::status(200)
        }
        .header("Content-Length", &length)
    }

    /// A file from an honest server: the asked part if `If-Range` allows it.
    pub fn file(request: &Request, body: &[u8], etag: &str) -> Self {
        let same = request.header("if-range").is_none_or(|it| it == etag);
        match request.from() {
            Some(from) if same && from < body.len() => Self::part(body, from).header("ETag", etag),
            Some(_) if same => Self::status(416),
            _ => Self::whole(body).header("ETag", etag),
        }
    }

    /// The part of a file from an offset.
    pub fn part(body: &[u8], from: usize) -> Self {
        let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
        Self {
            status: 206,
            ..Self::whole(&body[from..])
        }
        .header("Content-Range", &range)
    }

    /// With another header, or another value of one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    /// Breaks off after so many bytes of the body.
    pub fn cut(mut self, after: usize) -> Self {
        self.body.truncate(after);
        self
    }

    /// Sends so many bytes of the body, then nothing, and keeps the line open.
    pub fn stall(self, after: usize) -> Self {
        Self {
            stalls: true,
            ..self.cut(after)
        }
    }
}

/// The server; it ends when this is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    seen: watch::Receiver<Vec<Request>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts one.
    pub async fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = watch::channel(Vec::new());
        let (script, tell) = (Arc::new(script), Arc::new(tell));
        let task = tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                let (script, tell) = (Arc::clone(&script), Arc::clone(&tell));
                // A client that goes away in the middle is its own affair.
                tokio::spawn(async move { talk(line, &*script, &tell).await });
            }
        });
        Self { address, seen, task }
    }

    /// Everything that was asked so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.borrow().clone()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn talk(
    line: TcpStream,
    script: &(dyn Fn(&Request) -> Reply + Send + Sync),
    tell: &watch::Sender<Vec<Request>>,
) -> io::Result<()> {
    let mut line = BufReader::new(line);
    let mut first = String::new();
    line.read_line(&mut first).await?;
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut text = String::new();
        line.read_line(&mut text).await?;
        match text.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Request {
        number: 0,
        target,
        headers,
    };
    tell.send_modify(|seen| {
        request.number = seen.len();
        seen.push(request.clone());
    });
    let reply = script(&request);
    let mut head = format!("HTTP/1.1 {} Told\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    line.write_all(head.as_bytes()).await?;
    line.write_all(&reply.body).await?;
    line.flush().await?;
    if reply.stalls {
        std::future::pending::<()>().await;
    }
    line.shutdown().await
}
