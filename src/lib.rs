//! twarga: a private cloud in one terminal.
//!
//! In reading order: [`model`] is plain data and pure rules; [`hypervisor`] and [`store`] are the
//! two truths, libvirt about machines and SQLite about everything else; [`core`] is the whole
//! product without a screen; [`front`] is what people touch. `main` reads the [`config`] and
//! assembles. `ARCHITECTURE.md` says why.

pub mod model;

pub mod hypervisor;
pub mod store;

pub mod core;

pub mod front;

pub mod config;
pub mod demo;
pub mod logging;
