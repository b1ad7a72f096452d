// SPDX-License-Identifier: GPL-2.0

//! Integer helpers that cannot overflow, wrap or divide by zero.
//!
//! Units used all over the controller: time in microseconds, rates in payload bytes per second, windows in packets of one
//! `mss`, gains in 1/256 ("q8"), fractions such as loss rates in 1/65536 ("q16").

/// One in q8.
pub(super) const Q8: u32 = 256;

/// One in q16.
pub(super) const Q16: u32 = 65_536;

/// `value * numerator / denominator`; zero for a zero denominator, saturating.
pub(super) fn mul_div(value: u64, numerator: u64, denominator: u64) -> u64 {
    value
        .saturating_mul(numerator)
        .checked_div(denominator)
        .unwrap_or(0)
}

/// `value` times a q8 gain.
pub(super) fn gain(value: u64, gain_q8: u32) -> u64 {
    value.saturating_mul(u64::from(gain_q8)) >> 8
}

/// Clips to `u32`.
pub(super) fn low32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Rate of `packets` of `mss` bytes in `interval_us`, bytes per second.
pub(super) fn rate(packets: u32, mss: u32, interval_us: u32) -> u64 {
    // 2^32 packets of 2^16 bytes times 2^20 exceed 64 bits only for intervals that carry terabytes; saturation then yields
    // a rate too low, which is the safe side.
    mul_div(
        u64::from(packets).saturating_mul(u64::from(mss)),
        1_000_000,
        u64::from(interval_us),
    )
}

/// Packets of `mss` bytes that `rate` moves in `span_us`, rounded up.
pub(super) fn packets(rate: u64, span_us: u64, mss: u32) -> u32 {
    let bytes = rate
        .saturating_mul(span_us)
        .checked_div(1_000_000)
        .unwrap_or(0);
    let mss = u64::from(mss.max(1));
    low32(
        bytes
            .saturating_add(mss.saturating_sub(1))
            .checked_div(mss)
            .unwrap_or(0),
    )
}

/// `part / whole` in q16, at most one; zero of nothing is zero.
pub(super) fn share(part: u32, whole: u32) -> u32 {
    low32(mul_div(u64::from(part), u64::from(Q16), u64::from(whole))).min(Q16)
}

/// Milliseconds, which wrap after 49 days.
pub(super) fn ms(now_us: u64) -> u32 {
    // CAST: Wraps.
    (now_us / 1_000) as u32
}

/// `value / (1 - loss)`: what must be sent for `value` to survive a q16 loss rate.
pub(super) fn inflate(value: u64, loss_q16: u32) -> u64 {
    // Loss above 90 % is an outage, not a path to compensate for; the bound keeps the factor at ten.
    let kept = Q16.saturating_sub(loss_q16).max(Q16 / 10);
    mul_div(value, u64::from(Q16), u64::from(kept))
}

/// True if sequence-like counter `a` is at or behind `b`, both wrapping.
pub(super) fn not_after(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) <= u32::MAX / 2
}

/// Moves every slot one place on, the last to the front, as `rotate_right(1)` does, which can panic in general.
pub(super) fn rotate<T: Copy>(slots: &mut [T]) {
    let Some(&last) = slots.last() else { return };
    let mut carried = last;
    for slot in slots {
        carried = core::mem::replace(slot, carried);
    }
}

/// Integer square root, rounded down; the library's has asserts inside.
pub(in crate::model) fn isqrt(value: u64) -> u64 {
    let mut root = 0u64;
    // Half as many bits as the value has, rounded up; the highest that may be set.
    let bits = 64_u32.saturating_sub(value.leading_zeros()).div_ceil(2);
    let mut bit = (1u64 << bits.min(32)) >> 1;
    while bit != 0 {
        let next = root | bit;
        // Never overflows: `next` has at most 32 bits.
        if next.saturating_mul(next) <= value {
            root = next;
        }
        bit >>= 1;
    }
    root
}

/// EWMA of 1/4.
pub(super) fn mix(old: u32, new: u32) -> u32 {
    (old / 4)
        .saturating_mul(3)
        .saturating_add(new / 4)
        .saturating_add((old % 4).max(new % 4))
}

/// Microseconds since a time in milliseconds.
pub(super) fn age_us(then_ms: u32, now_us: u64) -> u64 {
    u64::from(ms(now_us).wrapping_sub(then_ms)).saturating_mul(1_000)
}
