//! Arguments, configuration, assembly, front; nothing else.

fn main() {}
