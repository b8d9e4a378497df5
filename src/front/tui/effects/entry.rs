//! Who comes in, and what the core's rules let them do.

use super::Desk;
use crate::core::policy::{Permission, Relation, allows};
use crate::core::{Result, SignedIn, consoles, vms};
use crate::front::tui::event::{Entered, Permit};
use std::sync::Arc;

impl Desk {
    /// Takes the seat for whoever came in.
    pub(super) fn entered(&self, result: Result<SignedIn>) -> Result<Entered> {
        let SignedIn { ctx, token } = result?;
        self.sit(Some(ctx.clone()));
        self.keep_token(Some(&token));
        let (same, again) = (ctx.clone(), ctx.clone());
        let may = |permission, relation| allows(ctx.role(), permission, relation);
        let changes_nothing = || format!("an {} changes nothing", ctx.role());
        let create = (!may(Permission::CreateMachine, Relation::Own)).then(changes_nothing);
        let pull = (!may(Permission::BringImage, Relation::Own)).then(changes_nothing);
        let looks_after = may(Permission::ManageImages, Relation::Others);
        Ok(Entered {
            user: ctx.user(),
            name: ctx.username().to_string(),
            role: ctx.role(),
            permit: Permit {
                create,
                pull,
                images: (!looks_after).then(|| "only an admin may".to_owned()),
                act: Arc::new(move |machine, action| vms::refusal(&ctx, machine, action)),
                console: Arc::new(move |machine, kind| consoles::refusal(&same, machine, kind)),
                forward: Arc::new(move |machine, mode| vms::forward_refusal(&again, machine, mode)),
            },
        })
    }
}
