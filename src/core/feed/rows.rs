//! What the database tells of machines and their operations, in one view.

use crate::core::Result;
use crate::model::{KeptForward, Operation, UserId, Vm, VmId};
use crate::store::{KeeperRow, OperationFilter, Reader};
use std::collections::HashMap;

/// Rows that fronts follow.
pub(super) struct Rows {
    pub vms: Vec<Vm>,
    pub forwards: HashMap<VmId, Vec<KeptForward>>,
    pub names: HashMap<UserId, String>,
    pub operations: Vec<Operation>,
    pub keeper: Option<KeeperRow>,
    pub last_event: i64,
}

impl Rows {
    /// Reads them all in one view.
    pub fn read(reader: &Reader<'_>) -> Result<Self> {
        let active = OperationFilter {
            active: true,
            limit: u32::MAX,
            ..OperationFilter::default()
        };
        let mut operations = reader.operations(active)?;
        operations.reverse();
        let newest = reader.events(crate::store::EventQuery {
            limit: 1,
            ..crate::store::EventQuery::default()
        })?;
        let mut forwards: HashMap<VmId, Vec<KeptForward>> = HashMap::new();
        for kept in reader.forwards()? {
            forwards.entry(kept.vm).or_default().push(kept);
        }
        Ok(Rows {
            vms: reader.vms()?,
            forwards,
            names: reader
                .users()?
                .into_iter()
                .map(|user| (user.id, user.username.to_string()))
                .collect(),
            operations,
            keeper: reader.keeper()?,
            last_event: newest.first().map_or(0, |event| event.id.0),
        })
    }
}
