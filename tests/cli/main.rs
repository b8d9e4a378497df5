//! The command line, by running the real program: on an empty computer, on libvirt's own mock
//! driver and on the demonstration. Real machines are the end-to-end tests' business.

#![cfg(test)]

mod bench;
mod consoles;
mod credits;
mod demo;
mod doctor;
mod files;
mod furnished;
mod keys;
mod provision;
mod refusals;
mod secrets;
mod serve;
mod sessions;
mod terminal;
mod users;
