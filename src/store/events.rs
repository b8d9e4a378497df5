//! The log: append-only, hash-chained from its first row.

use super::chain::{self, COLUMNS};
use super::query::{json, time, word};
use super::{Error, Reader, Result, Writer};
use crate::model::text::visible;
use crate::model::{Event, EventId, EventType, NewEvent, Severity, UserId, VmId};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Row, params, params_from_iter};

/// Which events to list, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventQuery {
    /// Only of this user or of what were this user's machines when it happened.
    pub visible_to: Option<UserId>,
    /// Only of this machine.
    pub vm: Option<VmId>,
    /// Only at least so bad.
    pub at_least: Option<Severity>,
    /// Only of this type.
    pub event_type: Option<EventType>,
    /// Only ids below this one: the next page.
    pub before: Option<EventId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

/// What a walk along the hash chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Rows that were read.
    pub rows: u64,
    /// The first id at which the log is not what was written, if any: a row that was changed, put
    /// elsewhere or added, or one that is missing.
    pub broken_at: Option<EventId>,
}

impl Reader<'_> {
    /// Events, newest first.
    pub fn events(&self, query: EventQuery) -> Result<Vec<Event>> {
        let (sql, values) = select(query);
        self.rows("listing events", &sql, params_from_iter(values), event)
    }

    /// Intents (`….intent`, with an `operation` in their details) without an outcome (`….done`,
    /// `….failed` or `….cancelled` with the same `operation`), oldest first.
    pub fn open_intents(&self) -> Result<Vec<Event>> {
        self.rows(
            "listing open intents",
            &format!("SELECT {COLUMNS} FROM open_intents JOIN events ON events.id = event ORDER BY event"),
            [],
            event,
        )
    }
}

/// The statement that answers a query, and its values.
///
/// Each form walks one index backwards from `before` and stops at the limit. Where several
/// conditions could lead, the narrowest does and a `+` keeps SQLite from taking another.
pub(super) fn select(query: EventQuery) -> (String, Vec<Value>) {
    let limit = if query.limit == 0 { 100 } else { query.limit };
    let before = query.before.map_or(i64::MAX, |before| before.0);
    let mut values = vec![Value::from(before), Value::from(limit)];
    let mut bind = |value: Value| {
        values.push(value);
        format!("?{}", values.len())
    };
    let mut conditions = String::from("id < ?1");
    if let Some(vm) = query.vm {
        conditions.push_str(&format!(" AND vm = {}", bind(vm.0.into())));
    }
    let matters = query.at_least.is_some_and(|it| it > Severity::Info);
    conditions.push_str(match query.at_least {
        None | Some(Severity::Info) => "",
        Some(Severity::Warning) => " AND severity IN ('warning', 'critical')",
        Some(Severity::Critical) => " AND severity = 'critical'",
    });
    if let Some(event_type) = query.event_type {
        let leads = query.vm.is_none() && query.visible_to.is_none() && !matters;
        let column = if leads { "type" } else { "+type" };
        conditions.push_str(&format!(
            " AND {column} = {}",
            bind(event_type.as_str().to_owned().into())
        ));
    }
    let base = format!("SELECT {COLUMNS} FROM events WHERE {conditions}");
    let statement = match (query.visible_to, query.vm) {
        (None, _) => base,
        (Some(user), Some(_)) => {
            let user = bind(user.0.into());
            format!("{base} AND ({user} IN (user, owner))")
        }
        // Two walks that SQLite merges, which an OR would make it sort.
        (Some(user), None) => {
            let user = bind(user.0.into());
            format!("{base} AND user = {user} UNION ALL {base} AND owner = {user} AND user IS NOT {user}")
        }
    };
    (format!("{statement} ORDER BY id DESC LIMIT ?2"), values)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: EventId(row.get("id")?),
        time: time(row, "time")?,
        event_type: word(row, "type", EventType::parse)?,
        severity: word(row, "severity", Severity::parse)?,
        action: row.get("action")?,
        message: row.get("message")?,
        user: row.get::<_, Option<i64>>("user")?.map(UserId),
        vm: row.get::<_, Option<i64>>("vm")?.map(VmId),
        details: json(row, "details")?,
    })
}

impl Writer<'_> {
    /// Appends an event.
    pub fn append_event(&self, event: &NewEvent) -> Result<EventId> {
        let head = self.chain_head()?.ok_or(Error::Missing("head of the chain"))?;
        let id = head.last_event + 1;
        let owner = match event.vm {
            Some(vm) => self.owner_of(vm)?,
            None => None,
        };
        let message = visible(&event.message);
        let details = event.details.to_string();
        let number = |value: Option<i64>| value.map_or(ValueRef::Null, ValueRef::Integer);
        // In the order of `chain::COLUMNS`.
        let columns: [ValueRef<'_>; chain::COLUMN_COUNT] = [
            ValueRef::Integer(id),
            ValueRef::Integer(self.now_ms()),
            event.event_type.as_str().into(),
            event.severity.as_str().into(),
            event.action.into(),
            (&*message).into(),
            number(event.user.map(|user| user.0)),
            number(event.vm.map(|vm| vm.0)),
            number(owner),
            details.as_str().into(),
        ];
        let hash = chain::link(&head.hash, columns);
        let bound = columns.into_iter().map(ToSqlOutput::Borrowed);
        self.insert(
            "appending an event",
            &format!(
                "INSERT INTO events ({COLUMNS}, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ),
            params_from_iter(bound.chain([ToSqlOutput::Borrowed(ValueRef::Blob(&hash))])),
        )?;
        self.change_one(
            "head of the chain",
            "appending an event",
            "UPDATE chain SET last_event = ?1, hash = ?2",
            params![id, hash],
        )?;
        self.follow_intent(id, event)?;
        Ok(EventId(id))
    }

    /// Whose machine it is or was.
    fn owner_of(&self, vm: VmId) -> Result<Option<i64>> {
        self.row(
            "looking for a machine's owner",
            "SELECT owner FROM vms WHERE id = ?1",
            [vm.0],
            |row| row.get(0),
        )
    }

    /// Opens an intent, or closes the one that has its outcome now.
    fn follow_intent(&self, id: i64, event: &NewEvent) -> Result<()> {
        let Some(operation) = event.details.get("operation").and_then(serde_json::Value::as_i64) else {
            return Ok(());
        };
        match event.action.rsplit('.').next() {
            Some("intent") => self.change(
                "opening an intent",
                "INSERT INTO open_intents (event, operation) VALUES (?1, ?2)",
                [id, operation],
            )?,
            Some("done" | "failed" | "cancelled") => self.change(
                "closing an intent",
                "DELETE FROM open_intents WHERE operation = ?1",
                [operation],
            )?,
            _ => 0,
        };
        Ok(())
    }
}
