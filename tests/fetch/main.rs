//! Downloads from servers that break off, stall, lie and lead astray: each ends in the right file
//! or in a clear error, with nothing left behind but what a later download can go on from.

#![cfg(test)]

#[path = "../support/http.rs"]
mod http;

mod fixtures;
mod lies;
mod lines;
mod places;
mod resume;
mod unpack;
