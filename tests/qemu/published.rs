//! A Debian image as its publisher offers it: on a server, with its digest. The server is on this
//! host's loopback, and stops in the middle until it is told to go on.

use crate::http::{Reply, Request, Server};
use crate::place::{Place, setting};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Runtime;

/// Bytes after which it stops.
pub const HALT: usize = 64 << 20;

/// The image on its server.
pub struct Published {
    goes_on: Arc<AtomicBool>,
    server: Server,
    _runtime: Runtime,
}

impl Published {
    /// Offers the image that the harness built, under an id in the operator's catalogue.
    pub fn offer(place: &Place, id: &str, user: &str) -> Self {
        let file = format!("{}/debian.qcow2", setting("TWARGA_DEBIAN_DIR"));
        let bytes = std::fs::read(file).expect("the image");
        let sha256: String = Sha256::digest(&bytes)
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let goes_on = Arc::new(AtomicBool::new(false));
        let told = goes_on.clone();
        let script = move |request: &Request| {
            let reply = Reply::file(request, &bytes, "\"one\"");
            match told.load(Ordering::SeqCst) {
                true => reply,
                false => reply.stall(HALT),
            }
        };
        let runtime = Runtime::new().expect("a runtime");
        let server = runtime.block_on(Server::start(script));
        let entry = json!({ "image": [{
            "id": id, "title": "Debian, built for this test", "format": "qcow2",
            "url": server.url("/debian.qcow2"), "sha256": sha256, "default_user": user,
        }]});
        let document = toml::to_string(&entry).expect("TOML");
        std::fs::write(place.state().join("images.toml"), document).expect("the catalogue");
        Self {
            goes_on,
            server,
            _runtime: runtime,
        }
    }

    /// Stops no more.
    pub fn go_on(&self) {
        self.goes_on.store(true, Ordering::SeqCst);
    }

    /// From which byte on each request asked.
    pub fn asked(&self) -> Vec<usize> {
        let seen = self.server.seen();
        seen.iter().map(|it| it.from().unwrap_or(0)).collect()
    }
}
