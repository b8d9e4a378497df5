//! Recordings as asciicast v2: a line of JSON that says how large the terminal is, then a line per
//! event (docs.asciinema.org/manual/asciicast/v2). Pure.
//!
//! A recording is read as carefully as anything else that guests had a hand in: lines that are no
//! events are passed over, times never go back, sizes are bounded.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// Smallest and largest terminal that is believed.
const COLUMNS: (u16, u16) = (2, 500);
const ROWS: (u16, u16) = (1, 300);

/// What an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The terminal was sent this.
    Output(String),
    /// This was typed.
    Input(String),
    /// The terminal has so many columns and rows from now on.
    Size(u16, u16),
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the beginning.
    pub at: Duration,
    /// What happened.
    pub happening: Happening,
}

/// A recording that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Columns and rows at the beginning.
    pub size: (u16, u16),
    /// Events in order of time.
    pub moments: Vec<Moment>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    version: u8,
    width: u16,
    height: u16,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    title: String,
    #[serde(default)]
    env: Value,
}

/// The first line.
pub fn header((columns, rows): (u16, u16), began: i64, title: &str) -> String {
    let header = Header {
        version: 2,
        width: columns,
        height: rows,
        timestamp: began,
        title: title.to_owned(),
        env: json!({ "TERM": "xterm-256color" }),
    };
    line(&json!(header))
}

/// An event's line.
pub fn event(moment: &Moment) -> String {
    let (code, data) = match &moment.happening {
        Happening::Output(text) => ("o", text.clone()),
        Happening::Input(text) => ("i", text.clone()),
        Happening::Size(columns, rows) => ("r", format!("{columns}x{rows}")),
    };
    // Whole microseconds, as asciinema itself writes them.
    let seconds = moment.at.as_micros() as f64 / 1e6;
    line(&json!([seconds, code, data]))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

impl Cast {
    /// Reads a recording.
    ///
    /// # Errors
    /// If its first line is no header of this version.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let header: Header = serde_json::from_str(first)
            .map_err(|error| format!("it does not begin as an asciicast: {error}"))?;
        if header.version != 2 {
            return Err(format!("it is an asciicast of version {}, not 2", header.version));
        }
        let mut moments = Vec::new();
        let mut last = Duration::ZERO;
        for moment in lines.filter_map(moment) {
            last = last.max(moment.at);
            moments.push(Moment { at: last, ..moment });
        }
        Ok(Self {
            size: bounded(header.width, header.height),
            moments,
        })
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        self.moments.last().map_or(Duration::ZERO, |last| last.at)
    }
}

fn moment(line: &str) -> Option<Moment> {
    let (seconds, code, data): (f64, String, String) = serde_json::from_str(line).ok()?;
    let happening = match code.as_str() {
        "o" => Happening::Output(data),
        "i" => Happening::Input(data),
        "r" => {
            let (columns, rows) = data.split_once('x')?;
            let (columns, rows) = bounded(columns.parse().ok()?, rows.parse().ok()?);
            Happening::Size(columns, rows)
        }
        _ => return None,
    };
    Some(Moment {
        at: Duration::try_from_secs_f64(seconds).ok()?,
        happening,
    })
}

fn bounded(columns: u16, rows: u16) -> (u16, u16) {
    (columns.clamp(COLUMNS.0, COLUMNS.1), rows.clamp(ROWS.0, ROWS.1))
}

/// Bytes in pieces become text: a character that was cut waits for its rest, what is no UTF-8
/// becomes U+FFFD.
#[derive(Debug, Default)]
pub struct Decoder {
    rest: Vec<u8>,
}

impl Decoder {
    /// The text that is complete now.
    pub fn decode(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.rest) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.rest.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.rest[..valid]));
                    let Some(length) = error.error_len() else {
                        self.rest.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.rest.drain(..valid + length);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_written_is_read_again() {
        let moments = vec![
            Moment {
                at: Duration::from_micros(1_500),
                happening: Happening::Output("héllo \u{1b}[31m\"\\\r\n".to_owned()),
            },
            Moment {
                at: Duration::from_millis(20),
                happening: Happening::Size(100, 30),
            },
            Moment {
                at: Duration::from_secs(3),
                happening: Happening::Input("ls\r".to_owned()),
            },
        ];
        let text: String = std::iter::once(header((80, 24), 1_800_000_000, "web-1"))
            .chain(moments.iter().map(event))
            .collect();
        let cast = Cast::read(&text).unwrap();
        assert_eq!((cast.size, &cast.moments), ((80, 24), &moments));
        assert_eq!(cast.length(), Duration::from_secs(3));
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&first["version"], &first["width"]), (&json!(2), &json!(80)));
    }

    #[test]
    fn hostile_recordings_are_bounded_and_broken_lines_passed_over() {
        assert!(Cast::read("").is_err());
        assert!(Cast::read("{\"version\":1,\"width\":80,\"height\":24}").is_err());
        let text = "{\"version\":2,\"width\":0,\"height\":65535}\n\
                    [9.0,\"o\",\"late\"]\n[1.0,\"o\",\"early\"]\n[-1,\"o\",\"x\"]\n[1e300,\"o\",\"x\"]\nrubbish\n\
                    [10,\"r\",\"1x99999\"]\n[10,\"r\",\"1x999\"]\n[10,\"z\",\"\"]\n";
        let cast = Cast::read(text).unwrap();
        assert_eq!(cast.size, (2, 300));
        let times: Vec<_> = cast.moments.iter().map(|it| it.at.as_secs()).collect();
        assert_eq!(times, [9, 9, 10], "time does not go back");
        assert_eq!(cast.moments[2].happening, Happening::Size(2, 300));
    }

    proptest! {
        #[test]
        fn bytes_in_any_pieces_are_the_same_text(text in "\\PC{0,40}", cuts in proptest::collection::vec(0usize..200, 0..8)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut decoder = Decoder::default();
            let decoded: String = cuts.windows(2).map(|cut| decoder.decode(&bytes[cut[0]..cut[1]])).collect();
            prop_assert_eq!(decoded, text);
        }

        #[test]
        fn no_bytes_break_the_decoder_or_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            let text = decoder.decode(&bytes);
            prop_assert!(decoder.rest.len() < 4);
            let _ = Cast::read(&format!("{{\"version\":2,\"width\":80,\"height\":24}}\n{text}"));
            let _ = Cast::read(&text);
        }
    }
}
