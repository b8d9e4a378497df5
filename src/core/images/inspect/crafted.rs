//! Images made byte by byte, for the tests: an honest qcow2 to spoil.

/// A qcow2 of version 3 with an empty disk of `size` bytes, laid out as `qemu-img create` does it:
/// header, refcount table, refcount block, L1 table, a cluster of 64 KiB each.
pub(in crate::core::images) fn qcow2(size: u64) -> Vec<u8> {
    const CLUSTER: usize = 64 << 10;
    let entries = u32::try_from(size.div_ceil(512 << 20)).unwrap();
    let mut image = vec![0u8; 3 * CLUSTER + entries as usize * 8];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"QFI\xfb");
    put(4, &3u32.to_be_bytes());
    put(20, &16u32.to_be_bytes());
    put(24, &size.to_be_bytes());
    put(36, &entries.to_be_bytes());
    put(40, &(3 * CLUSTER as u64).to_be_bytes());
    put(48, &(CLUSTER as u64).to_be_bytes());
    put(56, &1u32.to_be_bytes());
    put(96, &4u32.to_be_bytes());
    put(100, &104u32.to_be_bytes());
    // The refcount table's one block, and in it one reference to each of the four clusters.
    put(CLUSTER, &(2 * CLUSTER as u64).to_be_bytes());
    put(2 * CLUSTER, &[0, 1, 0, 1, 0, 1, 0, 1]);
    image
}
