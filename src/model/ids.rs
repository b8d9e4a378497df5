//! Identifiers. A row's id is never used twice, so an id in an old event still names the
//! same user or machine after both are gone.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id!(
    /// A user's row.
    UserId
);
row_id!(
    /// A machine's row.
    VmId
);
row_id!(
    /// An operation's row.
    OperationId
);
row_id!(
    /// An event's row: also its place in the hash chain.
    EventId
);
row_id!(
    /// A console's row.
    ConsoleId
);
row_id!(
    /// An SSH key's row.
    SshKeyId
);
row_id!(
    /// A recording's row: also its file's name.
    RecordingId
);
