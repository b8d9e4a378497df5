//! Networks: which there are, and which of them a caller may choose for a machine.

use super::{Core, Ctx, Origin, Result};
use crate::hypervisor::{Lane, Mode};
use crate::model::{Field, FieldError, NetworkChoice, Role, text};
use std::time::Duration;

/// How long listing may take: a form waits for it.
const LIST_DEADLINE: Duration = Duration::from_secs(3);

impl Core {
    /// Networks that the caller may choose, by name; none in session mode, where machines have QEMU's
    /// user-mode network.
    ///
    /// # Errors
    /// [`super::Error::NotSignedIn`], the hypervisor's.
    pub async fn networks(&self, ctx: &Ctx) -> Result<Vec<NetworkChoice>> {
        let role = self.inspect(ctx, |_, actor| Ok(actor.role)).await?;
        let origin = ctx.source().origin;
        let settings = self.settings().network.clone();
        let found = self
            .hypervisor()
            .call(Lane::Act, "list networks", LIST_DEADLINE, |it| it.networks())
            .await?;
        let choices = found.into_iter().map(|network| NetworkChoice {
            is_default: network.name == settings.default,
            network,
        });
        let may = |it: &NetworkChoice| {
            it.is_default || !is_bound(role, origin) || settings.allowed.contains(&it.network.name)
        };
        Ok(choices.filter(may).collect())
    }

    /// The network that is named for a new machine; `None` if none is.
    ///
    /// # Errors
    /// [`super::Error::Invalid`] for one that there is not, or that the caller may not choose: which
    /// is not told.
    pub(super) async fn network_for(&self, ctx: &Ctx, named: &str) -> Result<Option<String>> {
        let refuse = |reason: String| Err(FieldError::new(Field::Network, reason).into());
        if named.is_empty() {
            return Ok(None);
        }
        let host = self
            .hypervisor()
            .call(Lane::Act, "look at the host", LIST_DEADLINE, |it| it.host())
            .await?;
        if host.mode == Mode::Session {
            let reason = "on qemu:///session machines have QEMU's user-mode network and no other; name none";
            return refuse(reason.to_owned());
        }
        let choices = self.networks(ctx).await?;
        if let Some(choice) = choices.iter().find(|it| it.network.name == named) {
            return Ok(Some(choice.network.name.clone()));
        }
        let names: Vec<&str> = choices.iter().map(|it| it.network.name.as_str()).collect();
        let there = match names.as_slice() {
            [] => "there is none".to_owned(),
            names => format!("there is {}", names.join(", ")),
        };
        let named = text::visible_within(named, 60);
        refuse(format!("no network `{named}` to choose; {there}"))
    }
}

/// Whether somebody has only what is configured for tenants.
fn is_bound(role: Role, origin: Origin) -> bool {
    role != Role::Admin && origin == Origin::Tenant
}
