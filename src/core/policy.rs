//! Who may do what: one pure table, denying by default. Nothing else in the program decides.

use crate::model::Role;

/// Something that can be asked of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See a machine, its operations, its load and its events.
    SeeMachine,
    /// Make a machine for oneself.
    CreateMachine,
    /// Start, stop, restart, pause, resume or destroy a machine.
    ActOnMachine,
    /// Cancel an operation on a machine.
    CancelOperation,
    /// See domains that twarga did not make.
    SeeForeign,
    /// Read events that concern nobody or somebody else.
    SeeLog,
    /// Walk the log's hash chain.
    VerifyLog,
    /// Change a password or preferences.
    ChangeAccount,
    /// Sit at a machine's console.
    UseConsole,
    /// See who sits at a console.
    SeeConsole,
    /// End somebody's console.
    EndConsole,
    /// Play what was recorded of a machine's consoles.
    SeeRecording,
    /// Say whether a machine is recorded; remove what was.
    ChangeRecording,
    /// Download an image of the catalogue.
    BringImage,
    /// Import, remove, verify and clean images.
    ManageImages,
    /// See an account's credits and what they were spent on.
    SeeCredits,
    /// See all accounts.
    SeeAccounts,
    /// Make accounts, change their role, password and whether they are active, end their sessions.
    ManageAccounts,
    /// Give or take credits.
    AdjustCredits,
    /// Add the ledger up again.
    VerifyLedger,
    /// Add an SSH key to an account: the machines it makes from then on let it in.
    AddKey,
    /// Forward ports to a machine, and take forwards back.
    ForwardPort,
}

impl Permission {
    /// Every permission, for the matrix test.
    pub const ALL: [Permission; 22] = [
        Self::SeeMachine,
        Self::CreateMachine,
        Self::ActOnMachine,
        Self::CancelOperation,
        Self::SeeForeign,
        Self::SeeLog,
        Self::VerifyLog,
        Self::ChangeAccount,
        Self::UseConsole,
        Self::SeeConsole,
        Self::EndConsole,
        Self::SeeRecording,
        Self::ChangeRecording,
        Self::BringImage,
        Self::ManageImages,
        Self::SeeCredits,
        Self::SeeAccounts,
        Self::ManageAccounts,
        Self::AdjustCredits,
        Self::VerifyLedger,
        Self::AddKey,
        Self::ForwardPort,
    ];

    /// For a refusal: `you may not …`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::SeeMachine => "see this machine",
            Self::CreateMachine => "create machines",
            Self::ActOnMachine => "change this machine",
            Self::CancelOperation => "cancel this operation",
            Self::SeeForeign => "see foreign domains",
            Self::SeeLog => "read the whole log",
            Self::VerifyLog => "verify the log",
            Self::ChangeAccount => "change this account",
            Self::UseConsole => "use this console",
            Self::SeeConsole => "see this console",
            Self::EndConsole => "end this console",
            Self::SeeRecording => "see this recording",
            Self::ChangeRecording => "change what is recorded of this machine",
            Self::BringImage => "download images",
            Self::ManageImages => "manage images",
            Self::SeeCredits => "see these credits",
            Self::SeeAccounts => "see all accounts",
            Self::ManageAccounts => "manage accounts",
            Self::AdjustCredits => "give or take credits",
            Self::VerifyLedger => "verify the ledger",
            Self::AddKey => "add SSH keys",
            Self::ForwardPort => "forward ports to this machine",
        }
    }
}

/// Whose the object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The caller's own, or about to be.
    Own,
    /// Somebody else's, or nobody's.
    Others,
}

/// Whether `role` may do `permission` to an object that stands in `relation` to the caller.
pub fn allows(role: Role, permission: Permission, relation: Relation) -> bool {
    use Permission::*;
    use Relation::*;
    matches!(
        (role, permission, relation),
        (
            Role::Admin,
            SeeMachine
                | ActOnMachine
                | CancelOperation
                | SeeForeign
                | SeeLog
                | VerifyLog
                | UseConsole
                | SeeConsole
                | EndConsole
                | SeeRecording
                | ChangeRecording
                | ManageImages
                | SeeCredits
                | SeeAccounts
                | ManageAccounts
                | AdjustCredits
                | VerifyLedger
                | ForwardPort,
            _
        ) | (
            Role::Admin,
            CreateMachine | ChangeAccount | BringImage | AddKey,
            Own
        ) | (
            Role::Auditor,
            SeeMachine
                | SeeForeign
                | SeeLog
                | VerifyLog
                | SeeConsole
                | SeeRecording
                | SeeCredits
                | SeeAccounts
                | VerifyLedger,
            _
        ) | (Role::Auditor, ChangeAccount, Own)
            | (
                Role::User,
                SeeMachine
                    | CreateMachine
                    | ActOnMachine
                    | CancelOperation
                    | ChangeAccount
                    | UseConsole
                    | SeeConsole
                    | EndConsole
                    | SeeRecording
                    | ChangeRecording
                    | BringImage
                    | SeeCredits
                    | AddKey
                    | ForwardPort,
                Own
            )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, written out by hand: (permission, relation, user, auditor, admin).
    const MATRIX: [(Permission, Relation, bool, bool, bool); 44] = [
        (Permission::ForwardPort, Relation::Own, true, false, true),
        (Permission::ForwardPort, Relation::Others, false, false, true),
        (Permission::BringImage, Relation::Own, true, false, true),
        (Permission::BringImage, Relation::Others, false, false, false),
        (Permission::ManageImages, Relation::Own, false, false, true),
        (Permission::ManageImages, Relation::Others, false, false, true),
        (Permission::SeeCredits, Relation::Own, true, true, true),
        (Permission::SeeCredits, Relation::Others, false, true, true),
        (Permission::SeeAccounts, Relation::Own, false, true, true),
        (Permission::SeeAccounts, Relation::Others, false, true, true),
        (Permission::ManageAccounts, Relation::Own, false, false, true),
        (Permission::ManageAccounts, Relation::Others, false, false, true),
        (Permission::AdjustCredits, Relation::Own, false, false, true),
        (Permission::AdjustCredits, Relation::Others, false, false, true),
        (Permission::VerifyLedger, Relation::Own, false, true, true),
        (Permission::VerifyLedger, Relation::Others, false, true, true),
        (Permission::AddKey, Relation::Own, true, false, true),
        (Permission::AddKey, Relation::Others, false, false, false),
        (Permission::SeeMachine, Relation::Own, true, true, true),
        (Permission::SeeMachine, Relation::Others, false, true, true),
        (Permission::CreateMachine, Relation::Own, true, false, true),
        (Permission::CreateMachine, Relation::Others, false, false, false),
        (Permission::ActOnMachine, Relation::Own, true, false, true),
        (Permission::ActOnMachine, Relation::Others, false, false, true),
        (Permission::CancelOperation, Relation::Own, true, false, true),
        (Permission::CancelOperation, Relation::Others, false, false, true),
        (Permission::SeeForeign, Relation::Own, false, true, true),
        (Permission::SeeForeign, Relation::Others, false, true, true),
        (Permission::SeeLog, Relation::Own, false, true, true),
        (Permission::SeeLog, Relation::Others, false, true, true),
        (Permission::VerifyLog, Relation::Own, false, true, true),
        (Permission::VerifyLog, Relation::Others, false, true, true),
        (Permission::ChangeAccount, Relation::Own, true, true, true),
        (Permission::ChangeAccount, Relation::Others, false, false, false),
        (Permission::UseConsole, Relation::Own, true, false, true),
        (Permission::UseConsole, Relation::Others, false, false, true),
        (Permission::SeeConsole, Relation::Own, true, true, true),
        (Permission::SeeConsole, Relation::Others, false, true, true),
        (Permission::EndConsole, Relation::Own, true, false, true),
        (Permission::EndConsole, Relation::Others, false, false, true),
        (Permission::SeeRecording, Relation::Own, true, true, true),
        (Permission::SeeRecording, Relation::Others, false, true, true),
        (Permission::ChangeRecording, Relation::Own, true, false, true),
        (Permission::ChangeRecording, Relation::Others, false, false, true),
    ];

    #[test]
    fn the_table_is_as_written_and_complete() {
        for permission in Permission::ALL {
            for relation in [Relation::Own, Relation::Others] {
                let row = MATRIX.iter().find(|row| row.0 == permission && row.1 == relation);
                let (_, _, user, auditor, admin) = row.expect("every pair has a row");
                assert_eq!(
                    allows(Role::User, permission, relation),
                    *user,
                    "user {permission:?} {relation:?}"
                );
                assert_eq!(
                    allows(Role::Auditor, permission, relation),
                    *auditor,
                    "auditor {permission:?} {relation:?}"
                );
                assert_eq!(
                    allows(Role::Admin, permission, relation),
                    *admin,
                    "admin {permission:?} {relation:?}"
                );
            }
        }
    }

    #[test]
    fn an_auditor_changes_nothing_but_their_account() {
        let changes = [
            Permission::CreateMachine,
            Permission::ActOnMachine,
            Permission::CancelOperation,
            Permission::UseConsole,
            Permission::EndConsole,
            Permission::ChangeRecording,
            Permission::AddKey,
            Permission::ForwardPort,
        ];
        for permission in changes {
            assert!(!allows(Role::Auditor, permission, Relation::Own));
        }
    }
}
