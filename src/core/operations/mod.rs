//! The step engine, which knows no noun: runs an operation's steps, keeps what each did, and
//! undoes them in reverse when one fails or somebody cancels.

use super::{Core, Ctx, Result};
use crate::model::{Operation, OperationId};

/// Which operations to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct OperationQuery {
    /// Only those not final.
    pub active: bool,
    /// Only ids below this: the next page.
    pub before: Option<OperationId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

impl Core {
    /// Operations the caller may see, newest first.
    pub async fn operations(&self, ctx: &Ctx, query: OperationQuery) -> Result<Vec<Operation>> {
        let _ = (ctx, query);
        todo!()
    }
    /// One operation.
    pub async fn operation(&self, ctx: &Ctx, id: OperationId) -> Result<Operation> {
        let _ = (ctx, id);
        todo!()
    }
    /// Waits until an operation is final, telling `on_change` of each change on the way.
    pub async fn wait(
        &self,
        ctx: &Ctx,
        id: OperationId,
        on_change: impl FnMut(&Operation) + Send,
    ) -> Result<Operation> {
        let _ = (ctx, id, on_change);
        todo!()
    }
    /// Asks for an operation to be cancelled and unwound.
    pub async fn cancel(&self, ctx: &Ctx, id: OperationId) -> Result<()> {
        let _ = (ctx, id);
        todo!()
    }
}
