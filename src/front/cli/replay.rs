//! `twarga replay`: a recording as it is for a pipe, played for a terminal.
//!
//! What a guest wrote is as hostile in a recording as it was live: on a terminal it is shown through
//! the emulator, in the alternate screen, and nothing of it reaches the terminal itself.

use super::Cli;
use super::arguments::ReplayArguments;
use super::failure::Failure;
use crate::front::tui::console::{Colours, Paint, Player, draw};
use crate::front::tui::terminal::{self, Guard, Screen};
use crate::front::tui::{Event, listen};
use crate::model::RecordingId;
use crate::model::text::visible;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::SignedDuration;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use std::fs::File;
use std::io::{self, BufWriter};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// How far a jump goes.
const JUMP: SignedDuration = SignedDuration::from_secs(5);
/// Least time between two frames.
const FRAME: Duration = Duration::from_millis(16);
/// How often the clock is drawn while nothing happens.
const CLOCK: Duration = Duration::from_millis(250);
/// Events that may wait.
const WAITING: usize = 64;

/// `twarga replay`
pub async fn run(cli: &mut Cli, which: ReplayArguments) -> Result<(), Failure> {
    let streams = cli.output.streams();
    let shown = streams.output_is_terminal && !which.raw;
    if shown && !streams.input_is_terminal {
        let sentence = "playing needs a terminal to be steered from; --raw writes the recording as it is";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    let ctx = cli.ctx().await?;
    let played = cli.core.play(&ctx, RecordingId(which.id)).await?;
    if !shown {
        return cli.output.raw(played.text.as_bytes());
    }
    let recording = &played.recording;
    let title = format!("{} by {}", recording.vm_name, recording.username);
    let mut player = Player::new(played.cast).with_longest_pause(which.idle);
    player.set_speed(which.speed);
    let mut play = Play {
        player,
        title: visible(&title).into_owned(),
        leader: cli.leader,
        colours: if streams.colour {
            Colours::Shown
        } else {
            Colours::Hidden
        },
    };
    let shown = on_terminal(&mut play).await;
    match shown.map_err(|reason| Failure::Screen(format!("playing: {reason}")))? {
        Over::Left => Ok(()),
        Over::Asked => Err(Failure::Interrupted),
    }
}

/// How it ended.
enum Over {
    Left,
    Asked,
}

/// What a key asks of the program.
enum Wish {
    Nothing,
    Leave,
    Suspend,
}

/// A recording on the screen.
struct Play {
    player: Player,
    title: String,
    leader: char,
    colours: Colours,
}

async fn on_terminal(play: &mut Play) -> io::Result<Over> {
    let (sender, mut events) = mpsc::channel(WAITING);
    let listener = listen::listen(&sender)?;
    let screen = Screen::take(false, None)?;
    let guard = Guard(screen.clone());
    let over = live(play, &mut events, &screen).await;
    drop(guard);
    listener.abort();
    over
}

async fn live(play: &mut Play, events: &mut mpsc::Receiver<Event>, screen: &Screen) -> io::Result<Over> {
    let mut canvas = canvas()?;
    let mut last = Instant::now();
    loop {
        canvas.draw(|frame| play.draw(frame))?;
        let wait = play.player.next_event_in().unwrap_or(CLOCK).clamp(FRAME, CLOCK);
        let event = tokio::select! {
            event = events.recv() => Some(event),
            () = sleep(wait) => None,
        };
        let now = Instant::now();
        play.player.advance(now - last);
        last = now;
        let group = match event {
            None => continue,
            Some(None | Some(Event::Terminate(_) | Event::HungUp)) => return Ok(Over::Asked),
            Some(Some(Event::Resize(size))) => {
                canvas.resize(Rect::new(0, 0, size.width, size.height))?;
                continue;
            }
            Some(Some(Event::Suspend)) => false,
            Some(Some(Event::Key(key))) => match play.press(key) {
                Wish::Leave => return Ok(Over::Left),
                Wish::Suspend => true,
                Wish::Nothing => continue,
            },
            Some(Some(_)) => continue,
        };
        screen.stop_process(group)?;
        screen.enter()?;
        canvas.clear()?;
        last = Instant::now();
    }
}

type Canvas = Terminal<CrosstermBackend<BufWriter<File>>>;

fn canvas() -> io::Result<Canvas> {
    let size = terminal::size();
    let viewport = Viewport::Fixed(Rect::new(0, 0, size.width, size.height));
    let backend = CrosstermBackend::new(BufWriter::new(terminal::writer()?));
    Terminal::with_options(backend, TerminalOptions { viewport })
}

impl Play {
    fn press(&mut self, key: KeyEvent) -> Wish {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let player = &mut self.player;
        match key.code {
            KeyCode::Char('z') if control => return Wish::Suspend,
            KeyCode::Char(c) if control && (c == 'c' || c == self.leader) => return Wish::Leave,
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Leave,
            KeyCode::Char(' ') => player.toggle_pause(),
            KeyCode::Char('.') | KeyCode::Right => player.jump(JUMP),
            KeyCode::Char(',') | KeyCode::Left => player.jump(-JUMP),
            KeyCode::Home => player.jump_to(Duration::ZERO),
            KeyCode::Char('+' | '=') => player.set_speed(player.speed() * 2.0),
            KeyCode::Char('-') => player.set_speed(player.speed() / 2.0),
            _ => {}
        }
        Wish::Nothing
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        if area.is_empty() {
            return;
        }
        let (stage, line) = (
            Rect {
                height: area.height - 1,
                ..area
            },
            area.bottom() - 1,
        );
        let paint = Paint {
            ground: Style::new(),
            colours: self.colours,
        };
        let cursor = draw(self.player.emulator(), stage, frame.buffer_mut(), &paint);
        if let Some(cursor) = cursor {
            frame.set_cursor_position((cursor.spot.column, cursor.spot.row));
        }
        let buffer = frame.buffer_mut();
        let style = Style::new().add_modifier(Modifier::REVERSED);
        let width = usize::from(area.width);
        buffer.set_style(
            Rect {
                y: line,
                height: 1,
                ..area
            },
            style,
        );
        buffer.set_stringn(area.x, line, self.status(stage), width, style);
    }

    /// The last line: where it stands, and which keys there are.
    fn status(&self, stage: Rect) -> String {
        let player = &self.player;
        let state = match (player.is_behind(), player.is_paused(), player.is_over()) {
            (true, _, _) => "» ",
            (_, true, _) => "‖ paused ",
            (_, _, true) => "■ over ",
            _ => "▶ ",
        };
        let size = player.emulator().size();
        let cut = if size.columns > stage.width || size.rows > stage.height {
            format!(" ({}×{}, cut)", size.columns, size.rows)
        } else {
            String::new()
        };
        format!(
            " {state}{} / {} ×{} {}{cut} │ space pause  ← → 5 s  - + speed  q leave",
            clock(player.position()),
            clock(player.length()),
            player.speed(),
            self.title,
        )
    }
}

/// `1:02:03`, `2:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::consoles::asciicast::{Cast, Happening, Moment};
    use ratatui::backend::TestBackend;

    fn play(text: &str) -> Play {
        let moment = |at, text: &str| Moment {
            at: Duration::from_secs(at),
            happening: Happening::Output(text.to_owned()),
        };
        let cast = Cast {
            size: (80, 24),
            moments: vec![moment(0, text), moment(62, "end")],
        };
        Play {
            player: Player::new(cast),
            title: "web-1 by alice".to_owned(),
            leader: ']',
            colours: Colours::Shown,
        }
    }

    fn shown(play: &Play, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| play.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    fn press(play: &mut Play, code: KeyCode, modifiers: KeyModifiers) -> Wish {
        play.press(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn a_recording_is_shown_above_where_it_stands() {
        let mut play = play("login: \x1b]0;title\x07\x1b[6n");
        play.player.advance(Duration::from_secs(1));
        let screen = shown(&play, 80, 25);
        assert!(screen.contains("login: "), "{screen}");
        assert!(
            screen.contains("▶ 0:01 / 1:02 ×1 web-1 by alice │ space pause"),
            "{screen}"
        );
        assert!(!screen.contains("title") && !screen.contains("cut"), "{screen}");
        assert!(shown(&play, 70, 10).contains("(80×24, cut)"));
        for (width, height) in [(1, 1), (3, 2)] {
            shown(&play, width, height);
        }
    }

    #[test]
    fn keys_steer() {
        let mut play = play("a");
        let none = KeyModifiers::NONE;
        press(&mut play, KeyCode::Char(' '), none);
        assert!(play.player.is_paused());
        assert!(shown(&play, 80, 25).contains("‖ paused 0:00"));
        press(&mut play, KeyCode::Char('.'), none);
        press(&mut play, KeyCode::Right, none);
        assert_eq!(play.player.position(), Duration::from_secs(10));
        press(&mut play, KeyCode::Left, none);
        assert_eq!(play.player.position(), Duration::from_secs(5));
        press(&mut play, KeyCode::Home, none);
        assert_eq!(play.player.position(), Duration::ZERO);
        press(&mut play, KeyCode::Char('+'), none);
        assert!(shown(&play, 80, 25).contains("×2 "));
        press(&mut play, KeyCode::Char('-'), none);
        assert!(shown(&play, 80, 25).contains("×1 "));
    }

    #[test]
    fn leaving_has_several_keys() {
        let mut play = play("a");
        for (code, modifiers) in [
            (KeyCode::Char('q'), KeyModifiers::NONE),
            (KeyCode::Esc, KeyModifiers::NONE),
            (KeyCode::Char('c'), KeyModifiers::CONTROL),
            (KeyCode::Char(']'), KeyModifiers::CONTROL),
        ] {
            assert!(
                matches!(press(&mut play, code, modifiers), Wish::Leave),
                "{code:?}"
            );
        }
        assert!(matches!(
            press(&mut play, KeyCode::Char('c'), KeyModifiers::NONE),
            Wish::Nothing
        ));
    }
}
