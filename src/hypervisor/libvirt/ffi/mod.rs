//! The only unsafe code of twarga: what `virt` lacks or gets wrong.
//!
//! - `virt`'s `all_domain_stats` leaks every record (357 bytes per domain and call, measured).
//! - Its `Domain::state` ignores failure, its `interface_addresses` leaks the list.
//! - Domain events are not wrapped at all.
//! - Its streams hand libvirt a pointer to a value that moves (`streams`).
//!
//! Every function here borrows a live object of `virt` for the whole call, so its pointer is
//! valid; what libvirt allocates is owned by a guard that frees it on every path; what libvirt
//! calls back is a box that libvirt itself frees, after its last use.

mod streams;

pub(super) use streams::{Arrived, ConsoleStream};

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

/// A result of libvirt's own.
pub(super) type Raw<T> = Result<T, Error>;

/// One domain of a bulk answer; lives as long as the visit.
pub(super) struct Record<'a> {
    pub uuid: Uuid,
    /// libvirt's number of the run; `None` when off.
    pub id: Option<u32>,
    pub name: &'a CStr,
    params: &'a [sys::virTypedParameter],
}

impl Record<'_> {
    /// The numeric statistics, by libvirt's names for them; negative ones mean "unknown" and
    /// are left out.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, u64)> {
        self.params.iter().filter_map(|param| {
            let name = bounded_name(&param.field)?;
            // SAFETY: `type_` says which member of the union libvirt has set.
            let number = unsafe {
                match param.type_ as sys::virTypedParameterType {
                    sys::VIR_TYPED_PARAM_INT => u64::try_from(param.value.i).ok()?,
                    sys::VIR_TYPED_PARAM_UINT => u64::from(param.value.ui),
                    sys::VIR_TYPED_PARAM_LLONG => u64::try_from(param.value.l).ok()?,
                    sys::VIR_TYPED_PARAM_ULLONG => param.value.ul,
                    _ => return None,
                }
            };
            Some((name, number))
        })
    }
}

/// A parameter's name: at most 80 bytes, NUL-terminated, ASCII.
fn bounded_name(field: &[c_char; 80]) -> Option<&str> {
    // SAFETY: `c_char` and `u8` have the same size and alignment, and every bit pattern is valid.
    let bytes: &[u8] = unsafe { &*ptr::from_ref(field).cast::<[u8; 80]>() };
    CStr::from_bytes_until_nul(bytes).ok()?.to_str().ok()
}

/// Statistics of all domains in one call. `stats` and `flags` are libvirt's bit sets.
pub(super) fn all_domain_stats(
    connect: &Connect,
    stats: c_uint,
    flags: c_uint,
    mut visit: impl FnMut(Record<'_>),
) -> Raw<()> {
    struct List(*mut sys::virDomainStatsRecordPtr);
    impl Drop for List {
        fn drop(&mut self) {
            // SAFETY: the list libvirt returned, or null, which it accepts; freed once.
            unsafe { sys::virDomainStatsRecordListFree(self.0) }
        }
    }
    let mut list = List(ptr::null_mut());
    // SAFETY: the connection is alive, the out-pointer valid.
    let count = unsafe { sys::virConnectGetAllDomainStats(connect.as_ptr(), stats, &raw mut list.0, flags) };
    let count = usize::try_from(count).map_err(|_| Error::last_error())?;
    for index in 0..count {
        // SAFETY: libvirt returned `count` valid records; the guard keeps them for this loop. The
        // three accessors read the domain object and call nothing.
        let record = unsafe {
            let record = &**list.0.add(index);
            let mut uuid = [0u8; sys::VIR_UUID_BUFLEN as usize];
            let name = sys::virDomainGetName(record.dom);
            if name.is_null() || sys::virDomainGetUUID(record.dom, uuid.as_mut_ptr()) != 0 {
                return Err(Error::last_error());
            }
            let params = match usize::try_from(record.nparams) {
                Ok(count) if !record.params.is_null() => std::slice::from_raw_parts(record.params, count),
                _ => &[],
            };
            Record {
                uuid: Uuid::from_bytes(uuid),
                // An inactive domain's id is -1.
                id: c_int::try_from(sys::virDomainGetID(record.dom))
                    .ok()
                    .and_then(|id| u32::try_from(id).ok()),
                name: CStr::from_ptr(name),
                params,
            }
        };
        visit(record);
    }
    Ok(())
}

/// A domain's state and reason, in libvirt's numbers.
pub(super) fn state(domain: &Domain) -> Raw<(c_uint, c_int)> {
    let (mut state, mut reason): (c_int, c_int) = (-1, -1);
    // SAFETY: the domain is alive, both out-pointers valid.
    let outcome = unsafe { sys::virDomainGetState(domain.as_ptr(), &raw mut state, &raw mut reason, 0) };
    match (outcome, c_uint::try_from(state)) {
        (0, Ok(state)) => Ok((state, reason)),
        _ => Err(Error::last_error()),
    }
}

/// A guest's addresses from one source, as text.
pub(super) fn interface_addresses(domain: &Domain, source: c_uint) -> Raw<Vec<String>> {
    struct List(*mut sys::virDomainInterfacePtr, usize);
    impl Drop for List {
        fn drop(&mut self) {
            // SAFETY: `self.1` interfaces libvirt allocated, each freed once, then their array.
            unsafe {
                (0..self.1).for_each(|index| sys::virDomainInterfaceFree(*self.0.add(index)));
                libc::free(self.0.cast());
            }
        }
    }
    let mut list = List(ptr::null_mut(), 0);
    // SAFETY: the domain is alive, the out-pointer valid.
    let count = unsafe { sys::virDomainInterfaceAddresses(domain.as_ptr(), &raw mut list.0, source, 0) };
    list.1 = usize::try_from(count).map_err(|_| Error::last_error())?;
    let mut addresses = Vec::new();
    for index in 0..list.1 {
        // SAFETY: libvirt returned that many interfaces, each with `naddrs` addresses whose text
        // is NUL-terminated; the guard keeps them.
        unsafe {
            let interface = &**list.0.add(index);
            for index in 0..interface.naddrs as usize {
                let text = (*interface.addrs.add(index)).addr;
                if !text.is_null() {
                    addresses.push(CStr::from_ptr(text).to_string_lossy().into_owned());
                }
            }
        }
    }
    Ok(addresses)
}

/// Bounds how long libvirt waits for a guest's agent, in seconds.
pub(super) fn limit_agent(domain: &Domain, seconds: c_int) -> Raw<()> {
    // SAFETY: the domain is alive.
    match unsafe { sys::virDomainAgentSetResponseTimeout(domain.as_ptr(), seconds, 0) } {
        0 => Ok(()),
        _ => Err(Error::last_error()),
    }
}

/// Hears of domains, on the event loop's thread. Must not block and must not call libvirt.
pub(super) type OnDomain = Box<dyn Fn(Uuid) + Send + Sync>;

/// A connection that is subscribed to all domains' lifecycle events, until it is dropped.
pub(super) struct Subscribed {
    connect: Connect,
    callback: c_int,
}

impl Subscribed {
    /// Subscribes.
    pub fn new(connect: Connect, on_domain: OnDomain) -> Raw<Self> {
        let opaque = Box::into_raw(Box::new(on_domain)).cast::<c_void>();
        // SAFETY: libvirt wants the callback of this event cast to its generic type and calls it
        // as what `VIR_DOMAIN_EVENT_ID_LIFECYCLE` documents. A null domain means all.
        let callback = unsafe {
            sys::virConnectDomainEventRegisterAny(
                connect.as_ptr(),
                ptr::null_mut(),
                sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE.cast_signed(),
                Some(std::mem::transmute::<Lifecycle, Generic>(on_lifecycle)),
                opaque,
                Some(free_on_domain),
            )
        };
        if callback < 0 {
            // SAFETY: refused, so libvirt has not taken the box.
            unsafe { free_on_domain(opaque) };
            return Err(Error::last_error());
        }
        Ok(Self { connect, callback })
    }

    pub fn connect(&self) -> &Connect {
        &self.connect
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        // libvirt's own reference to the connection goes with the subscription. On a broken one
        // its answer is an error, but its half on this side is gone all the same.
        // SAFETY: the connection is alive, the id is the registered one. libvirt frees the box itself,
        // after a callback that may be running.
        unsafe { sys::virConnectDomainEventDeregisterAny(self.connect.as_ptr(), self.callback) };
    }
}

type Lifecycle =
    unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, c_int, c_int, *mut c_void) -> c_int;
type Generic = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *mut c_void);

unsafe extern "C" fn on_lifecycle(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    _event: c_int,
    _detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    let mut uuid = [0u8; sys::VIR_UUID_BUFLEN as usize];
    // SAFETY: libvirt passes a live domain for the length of the callback, and our box.
    let (outcome, on_domain) = unsafe {
        (
            sys::virDomainGetUUID(domain, uuid.as_mut_ptr()),
            &*opaque.cast::<OnDomain>(),
        )
    };
    if outcome == 0 {
        // A panic must not unwind into C; the next poll makes good what it kept from us.
        let _ = catch_unwind(AssertUnwindSafe(|| on_domain(Uuid::from_bytes(uuid))));
    }
    0
}

unsafe extern "C" fn free_on_domain(opaque: *mut c_void) {
    // SAFETY: made by `Box::into_raw` from this very type; libvirt calls this once.
    drop(unsafe { Box::from_raw(opaque.cast::<OnDomain>()) });
}
