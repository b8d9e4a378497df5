//! What the screen wants of images.

use super::{Desk, Line};
use crate::core::{Ctx, Soundness};
use crate::front::tui::event::{ImageReply, ImageWish, Reply};
use crate::model::Progress;
use std::time::{Duration, Instant};

/// How often the progress of a reading is told.
const TELL_EVERY: Duration = Duration::from_millis(300);

impl Desk {
    /// Carries out a wish; the way there is told on the line.
    pub(super) async fn about_images(&self, wish: ImageWish, line: &Line) {
        let ctx = match self.ctx() {
            Ok(ctx) => ctx,
            Err(error) => {
                let what = "asking";
                return line.send(Reply::Failed { what, error }).await;
            }
        };
        let core = &self.core;
        let reply = match wish {
            ImageWish::List => ImageReply::Listed(core.images(&ctx).await),
            ImageWish::Pull(id) => ImageReply::Pulled {
                result: core.pull_image(&ctx, &id).await,
                id,
            },
            ImageWish::Verify(id) => self.verify(&ctx, id, line).await,
            ImageWish::Remove(id) => ImageReply::Removed {
                result: core.remove_image(&ctx, &id).await,
                id,
            },
            ImageWish::Clean => ImageReply::Cleaned(core.clean_images(&ctx).await),
        };
        line.send(Reply::Image(reply)).await;
    }

    async fn verify(&self, ctx: &Ctx, id: String, line: &Line) -> ImageReply {
        let mut last = Instant::now();
        let mut told = |progress: Progress| {
            if last.elapsed() >= TELL_EVERY {
                last = Instant::now();
                let id = id.clone();
                line.try_send(Reply::Image(ImageReply::Verifying { id, progress }));
            }
        };
        let found = self.core.verify_image(ctx, &id, &mut told).await;
        let result = found.map(|versions| {
            let bad = |it: &&(_, Soundness)| it.1 != Soundness::Sound;
            (versions.len(), versions.iter().filter(bad).count())
        });
        ImageReply::Verified { id, result }
    }
}
