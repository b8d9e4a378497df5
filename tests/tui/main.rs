//! The screen, without a terminal and without a core: what it shows, what keys do, what it wants.

#[cfg(test)]
mod consoles;
#[cfg(test)]
mod first_boot;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod hostile;
mod images;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod people;
mod ports;
#[cfg(test)]
mod program;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod screens;
