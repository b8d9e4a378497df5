//! Carries out what the screen wants: each effect is a task that calls the core and sends its
//! reply as an event. This is the only place of the screen that holds a [`Ctx`].

mod entry;
mod images;

use super::event::{Effect, Event, Reply, Secret};
use super::run::Stage;
use super::terminal::Screen;
use super::wires::Wires;
use crate::core::consoles::Typed;
use crate::core::{Core, Ctx, Error, Keeper, Registration, Result, Source, vms};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::Sender;
use tokio::task::{AbortHandle, JoinSet};

/// Keeps or forgets (`None`) the session's token.
pub type SaveToken = Arc<dyn Fn(Option<&str>) -> std::result::Result<(), String> + Send + Sync>;

/// Most tasks at once: what a person can ask for while the core hangs is bounded.
const MOST_TASKS: usize = 64;

/// Who sits at the screen; set by the task that signs in, read by those after it.
type Seat = Arc<Mutex<Option<Ctx>>>;

/// Runs effects against a core.
pub(crate) struct Runner<'k> {
    desk: Desk,
    events: Sender<Event>,
    tasks: JoinSet<()>,
    watch: Option<AbortHandle>,
    wires: Wires,
    keeper: Option<&'k Keeper>,
    screen: Screen,
}

/// What every task may need.
#[derive(Clone)]
struct Desk {
    core: Core,
    source: Source,
    seat: Seat,
    token: Option<Arc<str>>,
    save_token: Option<SaveToken>,
}

impl<'k> Runner<'k> {
    pub(crate) fn new(
        core: Core,
        source: Source,
        keeper: Option<&'k Keeper>,
        tokens: (Option<String>, Option<SaveToken>),
        (events, screen): (Sender<Event>, Screen),
    ) -> Self {
        let (token, save_token) = tokens;
        let desk = Desk {
            core,
            source,
            seat: Seat::default(),
            token: token.map(Arc::from),
            save_token,
        };
        Self {
            desk,
            events,
            tasks: JoinSet::new(),
            watch: None,
            wires: Wires::default(),
            keeper,
            screen,
        }
    }
}

impl Stage for Runner<'_> {
    fn start(&mut self, generation: u64, effect: Effect) {
        while self.tasks.try_join_next().is_some() {}
        let desk = self.desk.clone();
        let line = Line {
            events: self.events.clone(),
            generation,
        };
        if matches!(effect, Effect::Follow | Effect::SignOut)
            && let Some(watch) = self.watch.take()
        {
            watch.abort();
            self.wires.close_all();
        }
        let Some(effect) = self.on_the_spot(effect, &line) else {
            return;
        };
        if self.tasks.len() >= MOST_TASKS {
            let error = Error::Conflict("too much is under way; wait for it".to_owned());
            self.refuse(&line, "asking", error);
            return;
        }
        if matches!(effect, Effect::Follow) {
            let preferences = (desk.clone(), line.clone());
            self.tasks.spawn(async move {
                let (desk, line) = preferences;
                line.send(Reply::Preferences(desk.preferences().await)).await;
            });
            self.watch = Some(self.tasks.spawn(async move { desk.follow(&line).await }));
            return;
        }
        if let Effect::Image(wish) = effect {
            self.tasks
                .spawn(async move { desk.about_images(wish, &line).await });
            return;
        }
        self.tasks.spawn(async move {
            // A task of its own, so that even a defect in the core gets an answer.
            let reply = match tokio::spawn(async move { desk.carry_out(effect).await }).await {
                Ok(reply) => reply,
                Err(error) => {
                    let error = Error::Internal(error.to_string());
                    Some(Reply::Failed {
                        what: "asking",
                        error,
                    })
                }
            };
            if let Some(reply) = reply {
                line.send(reply).await;
            }
        });
    }

    async fn suspend(&mut self, group: bool) -> io::Result<()> {
        if let Some(keeper) = self.keeper {
            keeper.suspend().await;
        }
        let stopped = self.screen.stop_process(group);
        if let Some(keeper) = self.keeper {
            keeper.resume();
        }
        stopped
    }

    fn restore(&mut self) -> io::Result<()> {
        self.screen.enter()
    }
}

impl Runner<'_> {
    /// What must be done in the order in which it is asked for, and takes no time.
    fn on_the_spot(&mut self, effect: Effect, line: &Line) -> Option<Effect> {
        match effect {
            Effect::OpenConsole { pane, opening } => {
                let desk = (self.desk.core.clone(), self.desk.ctx());
                self.wires.open(desk, pane, opening, line.clone());
            }
            Effect::Answer { pane, bytes } => {
                let _ = self.wires.send(pane, Typed::Answer(bytes));
            }
            Effect::Type { pane, bytes } => {
                if !self.wires.send(pane, Typed::Bytes(bytes)) {
                    let error = Error::Conflict("the guest takes no input; this was not typed".to_owned());
                    self.refuse(line, "typing", error);
                }
            }
            // A size that has no room is made good by the next one.
            Effect::ResizeConsole {
                pane,
                size: (columns, rows),
            } => {
                let _ = self.wires.send(pane, Typed::Size(columns, rows));
            }
            Effect::CloseConsole(pane) => self.wires.close(pane),
            Effect::CopyOut(text) => {
                if let Err(error) = self.screen.copy(&text) {
                    let error = Error::Internal(format!("the terminal: {error}"));
                    self.refuse(line, "copying", error);
                }
            }
            other => return Some(other),
        }
        None
    }

    /// Says that something was not done, where there is room to say it; the channel is bounded too.
    fn refuse(&self, line: &Line, what: &'static str, error: Error) {
        let reply = Box::new(Reply::Failed { what, error });
        let generation = line.generation;
        let _ = self.events.try_send(Event::Reply { generation, reply });
    }
}

/// Where a task's replies go.
#[derive(Clone)]
pub(super) struct Line {
    events: Sender<Event>,
    generation: u64,
}

impl Line {
    pub(super) async fn send(&self, reply: Reply) {
        let event = Event::Reply {
            generation: self.generation,
            reply: Box::new(reply),
        };
        // The loop has ended: nobody is there to be told.
        let _ = self.events.send(event).await;
    }

    /// Where there is no room, the next one tells.
    fn try_send(&self, reply: Reply) {
        let _ = self.events.try_send(Event::Reply {
            generation: self.generation,
            reply: Box::new(reply),
        });
    }
}

impl Desk {
    fn ctx(&self) -> Result<Ctx> {
        let seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        seat.clone().ok_or(Error::NotSignedIn("the session has ended"))
    }

    fn sit(&self, ctx: Option<Ctx>) -> Option<Ctx> {
        std::mem::replace(&mut self.seat.lock().unwrap_or_else(PoisonError::into_inner), ctx)
    }

    async fn carry_out(&self, effect: Effect) -> Option<Reply> {
        let core = &self.core;
        Some(match effect {
            Effect::AskDoor => Reply::Door(core.door(self.source).await),
            Effect::Resume => {
                let token = self.token.as_deref().unwrap_or_default();
                Reply::SignedIn(self.entered(core.resume(self.source, token).await))
            }
            Effect::SignIn {
                username,
                password: Secret(password),
            } => Reply::SignedIn(self.entered(core.sign_in(self.source, &username, &password).await)),
            Effect::Register {
                username,
                email,
                password: Secret(password),
            } => {
                let registration = Registration {
                    username,
                    email,
                    password,
                };
                Reply::SignedIn(self.entered(core.register(self.source, registration).await))
            }
            Effect::SignOut => {
                let ctx = self.sit(None)?;
                self.keep_token(None);
                let error = core.sign_out(&ctx).await.err()?;
                Reply::Failed {
                    what: "signing out",
                    error,
                }
            }
            Effect::Lock => {
                let error = self.lock().await.err()?;
                Reply::Failed {
                    what: "locking",
                    error,
                }
            }
            Effect::Unlock(Secret(password)) => Reply::Unlocked(self.unlock(&password).await),
            Effect::SavePreferences(preferences) => {
                let saved = match self.ctx() {
                    Ok(ctx) => core.set_preferences(&ctx, preferences).await,
                    Err(error) => Err(error),
                };
                Reply::Failed {
                    what: "keeping your preferences",
                    error: saved.err()?,
                }
            }
            other => return self.about_machines(other).await,
        })
    }

    async fn about_machines(&self, effect: Effect) -> Option<Reply> {
        let core = &self.core;
        let ctx = match self.ctx() {
            Ok(ctx) => ctx,
            Err(error) => {
                return Some(Reply::Failed {
                    what: "asking",
                    error,
                });
            }
        };
        Some(match effect {
            Effect::LoadCatalogue => Reply::Catalogue(self.catalogue(&ctx).await),
            Effect::Create(asked) => {
                let name = asked.name.clone();
                Reply::Created {
                    name,
                    result: core.create_vm(&ctx, *asked).await,
                }
            }
            Effect::Act { vm, name, action } => Reply::Acted {
                name,
                action,
                result: core.act(&ctx, vm, action).await,
            },
            Effect::LoadOperation(id) => Reply::Operation {
                id,
                result: core.operation(&ctx, id).await,
            },
            Effect::LoadOperations(query) => Reply::Operations {
                query,
                result: core.operations(&ctx, query).await,
            },
            Effect::Cancel(id) => Reply::Cancelled {
                id,
                result: core.cancel(&ctx, id).await,
            },
            Effect::Forward { vm, name, wanted } => Reply::Forwarded {
                name,
                result: core.add_forwards(&ctx, vm, vec![wanted]).await,
            },
            Effect::TakeForwardBack { vm, name, wanted } => Reply::ForwardTakenBack {
                name,
                result: core.remove_forwards(&ctx, vm, vec![wanted]).await,
            },
            Effect::LoadRecordings => Reply::Recordings(core.recordings(&ctx).await),
            Effect::Play(id) => Reply::Played(core.play(&ctx, id).await.map(Box::new)),
            Effect::RemoveRecording(id) => match core.remove_recording(&ctx, id).await {
                Ok(()) => Reply::Recordings(core.recordings(&ctx).await),
                Err(error) => Reply::Failed {
                    what: "removing a recording",
                    error,
                },
            },
            Effect::LoadConsoles => Reply::Consoles(core.consoles(&ctx).await),
            Effect::EndConsoles(Some(id)) => {
                Reply::ConsolesEnded(core.end_console(&ctx, id).await.map(|()| 1))
            }
            Effect::EndConsoles(None) => Reply::ConsolesEnded(core.end_consoles(&ctx).await),
            Effect::LoadEvents { slot, query } => Reply::Events {
                slot,
                query,
                result: core.events(&ctx, query).await,
            },
            _ => return None,
        })
    }

    async fn catalogue(&self, ctx: &Ctx) -> Result<(Vec<crate::model::Image>, vms::Allowance)> {
        Ok((self.core.images(ctx).await?, self.core.allowance(ctx).await?))
    }

    async fn preferences(&self) -> Result<crate::model::Preferences> {
        self.core.preferences(&self.ctx()?).await
    }

    async fn lock(&self) -> Result<()> {
        self.core.lock(&self.ctx()?).await
    }

    async fn unlock(&self, password: &str) -> Result<()> {
        self.core.unlock(&self.ctx()?, password).await
    }

    fn keep_token(&self, token: Option<&str>) {
        if let Some(save) = &self.save_token
            && let Err(reason) = save(token)
        {
            // The session works without the file; the next start asks for the password again.
            tracing::warn!(reason, "the session's token was not kept");
        }
    }

    /// Sends every view until the session ends.
    async fn follow(&self, line: &Line) {
        let watch = match self.ctx() {
            Ok(ctx) => self.core.watch(&ctx).await,
            Err(error) => Err(error),
        };
        let mut watch = match watch {
            Ok(watch) => watch,
            Err(error) => return line.send(Reply::WatchEnded(error)).await,
        };
        let mut view = Ok(watch.view());
        loop {
            match view {
                Ok(view) => line.send(Reply::View(view)).await,
                Err(error) => return line.send(Reply::WatchEnded(error)).await,
            }
            view = watch.changed().await;
        }
    }
}
