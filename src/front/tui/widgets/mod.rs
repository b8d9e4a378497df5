//! Small things that several screens draw with. [`pen`] is the only way a text reaches a cell.

pub(crate) mod bar;
pub(crate) mod editor;
pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod pen;
pub(crate) mod units;
