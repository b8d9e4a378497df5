//! Short words for what every family of tables does with SQLite: one row, many rows, a change.
//!
//! Statements come from the connection's cache, so a statement is compiled once and not at each
//! call. Values that SQLite has no type for (times, words, UUIDs, JSON) are turned here.

use super::{Error, Reader, Result, Writer};
use crate::model::text::visible;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Params, Row};
use serde_json::Value;
use std::path::Path;

impl Reader<'_> {
    /// The first row, if there is one.
    pub(super) fn row<T>(
        &self,
        context: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, read).optional())
            .map_err(|error| self.failure(context, error))
    }

    /// The only row of a statement that always has one.
    pub(super) fn one<T>(
        &self,
        context: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.row(context, sql, params, read)?
            .ok_or_else(|| Error::Corrupt {
                path: self.path().to_path_buf(),
                reason: format!("{context}: the row is missing"),
            })
    }

    /// Every row.
    pub(super) fn rows<T>(
        &self,
        context: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, read)?.collect())
            .map_err(|error| self.failure(context, error))
    }

    /// Whether there is a row.
    pub(super) fn exists(&self, context: &'static str, sql: &str, params: impl Params) -> Result<bool> {
        Ok(self.row(context, sql, params, |_| Ok(()))?.is_some())
    }

    /// What an error of this connection means.
    pub(super) fn failure(&self, context: &'static str, error: rusqlite::Error) -> Error {
        Error::from_sqlite(context, self.path(), error)
    }

    fn path(&self) -> &Path {
        Path::new(self.connection.path().unwrap_or_default())
    }
}

impl Writer<'_> {
    /// Changes rows; returns how many.
    pub(super) fn change(&self, context: &'static str, sql: &str, params: impl Params) -> Result<usize> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map_err(|error| self.failure(context, error))
    }

    /// Changes the one row that is `what`; without it, [`Error::Missing`].
    pub(super) fn change_one(
        &self,
        what: &'static str,
        context: &'static str,
        sql: &str,
        params: impl Params,
    ) -> Result<()> {
        match self.change(context, sql, params)? {
            0 => Err(Error::Missing(what)),
            _ => Ok(()),
        }
    }

    /// Inserts a row; returns its id.
    pub(super) fn insert(&self, context: &'static str, sql: &str, params: impl Params) -> Result<i64> {
        self.change(context, sql, params)?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The time of this transaction as it is stored.
    pub(super) fn now_ms(&self) -> i64 {
        self.now.as_millisecond()
    }
}

/// A number as SQLite keeps it. What is beyond 2^63 (sizes are not) becomes the greatest it can.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or size that cannot be negative.
pub(super) fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| unreadable(column, Type::Integer, "a negative number"))
}

/// A time.
pub(super) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    moment(column, row.get(column)?)
}

/// A time, if there is one.
pub(super) fn optional_time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    let value: Option<i64> = row.get(column)?;
    value.map(|value| moment(column, value)).transpose()
}

fn moment(column: &str, milliseconds: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|error| unreadable(column, Type::Integer, &error.to_string()))
}

/// A text that stands for something: a role, a state, a name, a UUID.
pub(super) fn word<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| unreadable(column, Type::Text, &format!("`{}`", visible(text))))
}

/// Like [`word`], if there is one.
pub(super) fn optional_word<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(_) => word(row, column, parse).map(Some),
        None => Ok(None),
    }
}

/// A JSON value.
pub(super) fn json(row: &Row<'_>, column: &str) -> rusqlite::Result<Value> {
    word(row, column, |text| serde_json::from_str(text).ok())
}

fn unreadable(column: &str, kind: Type, found: &str) -> rusqlite::Error {
    let reason = format!("column {column} holds {found}");
    rusqlite::Error::FromSqlConversionFailure(0, kind, reason.into())
}
