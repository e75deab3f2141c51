//! Hints to the processor: memory that is about to be read.
//!
//! Between two visits to a stream everything about it falls out of the caches. Asked for all at once, and some time
//! before it is used, its cache lines come side by side instead of one after another.

/// Bytes that the processor fetches at once.
const LINE: usize = 64;

/// Asks for all of a value. What it points to is not asked for.
#[inline]
pub fn value<T>(of: &T) {
    bytes(std::ptr::from_ref(of).cast(), size_of::<T>());
}

/// Asks for `length` bytes. Any address will do: nothing is read.
#[inline]
pub fn bytes(from: *const u8, length: usize) {
    let skew = from.addr() % LINE;
    for offset in (0..length + skew).step_by(LINE) {
        line(from.wrapping_add(offset));
    }
}

#[cfg(target_arch = "x86_64")]
fn line(at: *const u8) {
    use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
    // SAFETY: a hint never faults, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
fn line(_: *const u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_will_do() {
        value(&[7_u8; 1_000]);
        bytes(std::ptr::null(), 1_000);
        bytes(std::ptr::dangling(), 0);
    }
}
