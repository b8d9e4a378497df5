//! What of the truth comes from the database, in one view.

use crate::core::Result;
use crate::model::{Credits, KeptForward, Operation, UserId, Vm, VmId};
use crate::store::{EventQuery, KeeperRow, OperationFilter, Reader};
use std::collections::HashMap;

/// What the database knows.
pub(super) struct Rows {
    pub vms: Vec<Vm>,
    pub forwards: HashMap<VmId, Vec<KeptForward>>,
    pub names: HashMap<UserId, String>,
    pub operations: Vec<Operation>,
    pub keeper: Option<KeeperRow>,
    pub last_event: i64,
    pub balances: HashMap<UserId, Credits>,
}

impl Rows {
    /// Reads it.
    pub fn read(reader: &Reader<'_>) -> Result<Self> {
        let active = OperationFilter {
            active: true,
            limit: u32::MAX,
            ..OperationFilter::default()
        };
        let mut operations = reader.operations(active)?;
        operations.reverse();
        let newest = reader.events(EventQuery {
            limit: 1,
            ..EventQuery::default()
        })?;
        let mut forwards: HashMap<VmId, Vec<KeptForward>> = HashMap::new();
        for kept in reader.forwards()? {
            forwards.entry(kept.vm).or_default().push(kept);
        }
        Ok(Self {
            vms: reader.vms()?,
            forwards,
            names: reader
                .users()?
                .into_iter()
                .map(|user| (user.id, user.username.to_string()))
                .collect(),
            operations,
            balances: reader
                .balances()?
                .into_iter()
                .map(|(user, balance)| (user, balance.amount))
                .collect(),
            keeper: reader.keeper()?,
            last_event: newest.first().map_or(0, |event| event.id.0),
        })
    }
}
