//! The screen, without a terminal and without a core: what it shows, what keys do, what it wants.

mod fixtures;
mod hostile;
mod machines;
mod people;
mod program;
mod screen;
mod screens;
