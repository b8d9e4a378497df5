//! Plain data and pure rules: what a user, a machine, an operation and an event are, and what
//! makes one valid. Nothing here reads a clock, a file or a socket.

pub mod console;
pub mod credit;
pub mod digest;
pub mod event;
pub mod field;
pub mod forward;
pub mod ids;
pub mod image;
pub mod limits;
pub mod meter;
pub mod network;
pub mod operation;
pub mod pace;
pub mod ssh_key;
pub mod text;
pub mod user;
pub mod vm;

pub use console::{ConsoleKind, ConsoleSession, Ending, Recording, RecordingMode};
pub use credit::{Credits, Entry, EntryKind, Prices, Rate};
pub use digest::{Digest, NoDigest};
pub use event::{Event, EventType, NewEvent, Severity};
pub use field::{Field, FieldError};
pub use forward::{Forward, KeptForward, Protocol, WantedForward};
pub use ids::{ConsoleId, EventId, OperationId, RecordingId, SshKeyId, UserId, VmId};
pub use image::{Architecture, Image, ImageKind, Readiness, Trust};
pub use limits::Limits;
pub use network::{NetworkChoice, NetworkInfo, NetworkKind};
pub use operation::{Operation, OperationKind, OperationState, Progress, Step, StepState};
pub use pace::Pace;
pub use ssh_key::SshKey;
pub use user::{Email, Preferences, Role, Theme, User, Username};
pub use vm::{Provision, Vm, VmName, VmRequest, VmStatus};
