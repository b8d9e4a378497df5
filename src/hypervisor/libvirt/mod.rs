//! The real hypervisor: libvirt over its own library. Only this folder names `virt`.
