//! A hypervisor that exists only in memory: scriptable statistics, consoles and faults.
