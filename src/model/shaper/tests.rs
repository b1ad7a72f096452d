// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::model::settings::{defaults, pack, Key};
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

const MTU: u32 = 1514;

fn defaults_with(changes: &[(Key, u64)]) -> Orders {
    let value = |key: Key| {
        changes
            .iter()
            .find(|(changed, _)| *changed == key)
            .map(|(_, value)| *value)
            .or_else(|| defaults().find(|(known, _)| *known == key).map(|(_, v)| v))
            .unwrap()
    };
    Orders::read(value)
}

fn plan(changes: &[(Key, u64)]) -> Plan {
    Plan::new(&defaults_with(changes), MTU)
}

/// Bytes that a queue which is never empty sends in a second, with timers `late_ns` late.
fn sent_in_a_second(pace: Pace, bytes: u32, late_ns: u64) -> u64 {
    let start = 10_000_000_000u64;
    let (mut now, mut clock, mut sent) = (start, ticks(start), 0u64);
    loop {
        let (slot, next) = pace.claim(clock, ticks(now), bytes);
        clock = next;
        let opens = pace.opens(&slot, bytes);
        if opens > ticks(now) {
            now = opens.div_ceil(TICKS_PER_NS) + late_ns;
        }
        if now >= start + 1_000_000_000 {
            return sent;
        }
        sent += u64::from(bytes);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn rates_hold_within_a_thousandth_from_one_mbit_to_ten_gbit() {
    for kbps in [1_000u64, 20_000, 333_333, 1_000_000, 10_000_000] {
        for bytes in [60u32, 1514, 9014] {
            for late_ns in [0, 50_000] {
                let plan = plan(&[(Key::WanKbps, kbps)]);
                let pace = plan.pace.unwrap();
                let sent = sent_in_a_second(pace, bytes, late_ns);
                let want = kbps * 125;
                // What may be saved before, and a packet in the air.
                let slack = want / 1000 + 2 * u64::from(bytes) + burst_of(&pace, kbps);
                assert!(
                    sent + want / 1000 + 2 * u64::from(bytes) >= want && sent <= want + slack,
                    "{kbps} kbit/s, {bytes} bytes, {late_ns} ns late: {sent} of {want}"
                );
            }
        }
    }
}

/// Bytes that leave at once after a long time of silence, packets of `bytes`.
fn burst(pace: &Pace, bytes: u32) -> u64 {
    let now = 1_000_000_000_000u64;
    let (mut clock, mut sent) = (0, 0);
    loop {
        let (slot, next) = pace.claim(clock, ticks(now), bytes);
        if pace.opens(&slot, bytes) > ticks(now) {
            return sent;
        }
        clock = next;
        sent += u64::from(bytes);
    }
}

fn burst_of(pace: &Pace, kbps: u64) -> u64 {
    burst(pace, 60).min(kbps * 125)
}

#[test]
fn a_burst_is_as_long_as_configured_and_not_smaller_than_its_minimum() {
    let of = |changes: &[(Key, u64)]| {
        let mut all = vec![(Key::WanKbps, 100_000)];
        all.extend_from_slice(changes);
        burst(&plan(&all).pace.unwrap(), 100)
    };
    // 100 Mbit/s are 12,500 bytes a millisecond.
    assert_eq!(of(&[]), 200_100, "and what begins when nothing is left");
    assert_eq!(of(&[(Key::SmBurstMs, 4)]), 50_100);
    // Off: a packet at a time.
    assert_eq!(of(&[(Key::SmBurstMs, 0)]), 100);
    assert_eq!(of(&[(Key::SmBurstMin, 300_000)]), 300_100);
}

#[test]
fn a_packet_exceeds_what_was_saved_by_the_tolerance_at_most() {
    let of = |tolerance| {
        let changes = [
            (Key::WanKbps, 1_000),
            (Key::SmBurstTolerance, tolerance),
            (Key::SmBurstMin, 16_000),
        ];
        burst(&plan(&changes).pace.unwrap(), 1500) / 1500
    };
    assert_eq!(of(32_768), 11, "the eleventh begins with 1000 bytes left");
    assert_eq!(of(500), 11);
    assert_eq!(of(499), 10);
    assert_eq!(of(0), 10);
    // One that never fits goes when all that can be saved is, and the rest has been waited for.
    let small = Pace::new(1_000, 1_000, 0);
    assert!(sent_in_a_second(small, 1514, 0) > 122_000);
}

#[test]
fn a_slot_used_for_another_packet_is_corrected() {
    let pace = Pace::new(8_000, 1_000, 0);
    let (slot, next) = pace.claim(0, 0, 1514);
    // 8 Mbit/s: a byte a microsecond.
    assert_eq!(next, ticks(1_514_000));
    assert_eq!(pace.settled(next, &slot, 60), ticks(60_000));
    assert_eq!(pace.settled(next, &slot, 0), 0);
    assert_eq!(pace.settled(next, &slot, 3_000), ticks(3_000_000));
    // Whatever happened to the clock meanwhile it does not wrap.
    assert_eq!(pace.settled(5, &slot, 0), 0);
}

#[test]
fn a_clock_moved_at_another_rate_does_not_stop_the_interface() {
    let (slow, fast) = (Pace::new(1, 16_000, 0), Pace::new(20_000, 16_000, 0));
    let now = ticks(50_000_000_000);
    // Twelve seconds ahead.
    let (_, wrong) = slow.claim(now, now, 1514);
    assert_eq!(fast.believed(wrong, now, 4), now);
    assert_eq!(fast.believed(u64::MAX, now, 4), now);
    // That is what four queues take at the rate itself, and what was saved stays.
    let (mut clock, from) = (now, now - ticks(5_000_000));
    for _ in 0..4 {
        clock = slow.claim(clock, now, 1514).1;
    }
    assert_eq!(slow.believed(clock, now, 4), clock);
    assert_eq!(fast.believed(from, now, 4), from);
}

#[test]
fn half_of_the_rate_may_go_ahead() {
    // A byte a microsecond.
    let pace = Pace::new(8_000, 16_000, 0);
    let (lead, start) = (ticks(4_000_000), ticks(1_000_000_000));
    let (mut now, mut clock, mut sent) = (start, 0, 0u64);
    while now < start + ticks(1_000_000_000) {
        if clock <= now + lead {
            clock = pace.borrowed(clock, now, 60);
            sent += 60;
        }
        now += ticks(10_000);
    }
    assert!((500_000..503_000).contains(&sent), "{sent}");
}

#[test]
fn a_slot_is_a_batch_or_a_turn_and_never_less_than_the_packet() {
    let fast = plan(&[(Key::WanKbps, 1_000_000)]);
    assert_eq!(fast.slot_bytes(false, 60, 1_000_000), 62_500);
    assert_eq!(fast.slot_bytes(true, 60, 1_000_000), 12_500);
    assert_eq!(fast.slot_bytes(true, 60, 600), 600);
    assert_eq!(fast.slot_bytes(true, 30_000, 60_000), 30_000);
    let slow = plan(&[(Key::WanKbps, 1_000)]);
    assert_eq!(slow.slot_bytes(true, 60, 60_000), MTU);
    // Packet by packet where nothing may be saved.
    let spaced = plan(&[(Key::WanKbps, 1_000_000), (Key::SmBurstMs, 0)]);
    assert_eq!(spaced.slot_bytes(true, 60, 60_000), 60);
}

#[test]
fn settings_decide_whether_there_is_a_rate_and_which() {
    let rate = |changes: &[(Key, u64)]| plan(changes).pace.map(|pace| pace.rate());
    let of = |kbps| Some(Pace::new(kbps, 0, 0).rate());
    assert_eq!(rate(&[(Key::WanKbps, 5_000)]), of(5_000));
    assert_eq!(rate(&[(Key::WanKbps, 0)]), None);
    assert_eq!(rate(&[(Key::WanKbps, 5_000), (Key::ShaperEnable, 0)]), None);
    assert_eq!(
        rate(&[(Key::WanKbps, 5_000), (Key::SmMinKbps, 8_000)]),
        of(8_000)
    );
    assert_eq!(rate(&[(Key::WanKbps, 0), (Key::SmMinKbps, 8_000)]), None);
    assert!(plan(&[(Key::HostFairEnable, 1)]).host_fair);
}

#[test]
fn packets_are_whole_for_a_millisecond() {
    let whole = |kbps| plan(&[(Key::WanKbps, kbps)]).whole_bytes;
    assert_eq!(whole(1_000), MTU);
    assert_eq!(whole(20_000), 2_500);
    assert_eq!(whole(1_000_000), 125_000);
    assert_eq!(whole(0), u32::MAX);
}

#[test]
fn a_turn_is_a_packet_where_that_is_short() {
    let turn = |kbps| plan(&[(Key::WanKbps, kbps)]).quantum_bytes;
    assert_eq!(turn(0), 16_384);
    assert_eq!(turn(1_000_000), 12_500);
    assert_eq!(turn(20_000), MTU);
    assert_eq!(turn(1_212), MTU);
    assert_eq!(turn(800), 1_000);
    assert_eq!(turn(95), 300);
}

#[test]
fn half_a_millisecond_leaves_at_a_time_where_bursts_are_allowed() {
    let batch = |changes: &[(Key, u64)]| plan(changes).batch_bytes;
    assert_eq!(batch(&[(Key::WanKbps, 1_000_000)]), 62_500);
    assert_eq!(batch(&[(Key::WanKbps, 1_000_000), (Key::SmBurstMs, 0)]), 0);
    assert_eq!(batch(&[(Key::WanKbps, 0)]), 0);
}

#[test]
fn the_queue_limit_goes_from_idle_to_full_with_the_memory() {
    let limits = plan(&[(Key::L2wQLimit, pack(256, 2048))]).limits;
    assert_eq!(limits.packets(0), 2048);
    assert_eq!(limits.packets(16 << 20), 1152);
    assert_eq!(limits.packets(32 << 20), 256);
    assert_eq!(limits.packets(200 << 20), 256);
    let wrong_way = plan(&[(Key::L2wQLimit, pack(9, 3))]).limits;
    assert_eq!(wrong_way.packets(200 << 20), 3);
    let none = plan(&[(Key::L2wQLimit, 0)]).limits;
    assert_eq!(none.packets(0), 1, "0 must not be no network");
    let huge = plan(&[(Key::L2wQLimit, pack(u32::MAX, u32::MAX))]).limits;
    assert_eq!(huge.packets(200 << 20), u32::MAX);
    assert_eq!(huge.packets(256 << 20), 1, "memory is not endless");
}

type Queue = Scheduler<Vec<u32>, Vec<Flow>, Vec<Host>>;

/// A queue with its packets, as the module's wiring has it.
struct Model {
    queue: Queue,
    packets: Vec<VecDeque<u32>>,
}

impl Model {
    fn new(quantum: u32) -> Self {
        let mut queue = Scheduler::new(
            vec![0; FLOWS],
            vec![Flow::default(); FLOWS],
            vec![Host::default(); HOSTS],
        );
        queue.set_quantum(quantum);
        Self {
            queue,
            packets: vec![VecDeque::new(); FLOWS],
        }
    }

    fn push(&mut self, hash: u32, host: u16, bytes: u32) -> u16 {
        let flow = self.queue.place(hash);
        self.packets[usize::from(flow)].push_back(bytes);
        self.queue.joined(flow, host, bytes);
        flow
    }

    fn pop(&mut self) -> Option<(u16, u32)> {
        let chosen = self.queue.choose()?;
        assert_eq!(self.queue.choose(), Some(chosen), "the choice stands");
        let bytes = self.packets[usize::from(chosen.flow)].pop_front().unwrap();
        self.queue.left(chosen.flow, bytes);
        self.queue.sent(chosen.flow, bytes);
        Some((chosen.flow, bytes))
    }
}

/// Spreads small numbers over the whole range.
fn hash(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1) ^ 0x5bd1_e995
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn flows_get_the_same_bytes_whatever_the_size_of_their_packets() {
    let mut model = Model::new(1514);
    let flows: Vec<u16> = [1514u32, 60, 600, 30_000]
        .iter()
        .enumerate()
        .map(|(number, &bytes)| {
            let mut flow = 0;
            for _ in 0..1_500_000 / bytes {
                flow = model.push(hash(number as u32), 0, bytes);
            }
            flow
        })
        .collect();
    let mut sent = vec![0u64; FLOWS];
    for _ in 0..20_000 {
        let (flow, bytes) = model.pop().unwrap();
        sent[usize::from(flow)] += u64::from(bytes);
        if sent[usize::from(flow)] > 1_000_000 {
            break;
        }
    }
    for flow in flows {
        let bytes = sent[usize::from(flow)];
        assert!((950_000..=1_050_000).contains(&bytes), "{bytes}");
    }
}

#[test]
fn hosts_get_the_same_bytes_whatever_the_number_of_their_flows() {
    let mut model = Model::new(1514);
    let mut of_host = vec![0usize; FLOWS];
    for number in 0..10u32 {
        let host = u16::from(number == 9);
        for _ in 0..1000 {
            let flow = model.push(hash(number), host, 1514);
            of_host[usize::from(flow)] = usize::from(host);
        }
    }
    let mut sent = [0u64; 2];
    for _ in 0..1800 {
        let (flow, bytes) = model.pop().unwrap();
        sent[of_host[usize::from(flow)]] += u64::from(bytes);
    }
    // Nine flows' first quanta are sent ahead.
    assert!(sent[0].abs_diff(sent[1]) < 10 * 1514, "{sent:?}");
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn a_sparse_flow_goes_ahead_of_a_hundred_bulk_flows() {
    let mut model = Model::new(1514);
    for number in 0..100 {
        for _ in 0..20 {
            model.push(hash(number), 0, 1514);
        }
    }
    for _ in 0..300 {
        model.pop();
    }
    let sparse = model.push(hash(1_000), 0, 100);
    assert_eq!(model.pop(), Some((sparse, 100)));
    // Sending packet after packet, it is sparse for a quantum and then waits its turn.
    let mut first = 0;
    for _ in 0..100 {
        model.push(hash(2_000), 0, 500);
    }
    let busy = model.queue.place(hash(2_000));
    while model.pop() == Some((busy, 500)) {
        first += 1;
    }
    assert_eq!(first, 4, "a quantum and what exceeds it");
}

#[test]
fn a_flow_that_sends_less_than_its_turn_stays_sparse() {
    let mut model = Model::new(1514);
    for number in 0..50 {
        for _ in 0..100 {
            model.push(hash(number), 0, 1514);
        }
    }
    for _ in 0..100 {
        model.pop();
    }
    // Four packets a round of fifty, 100 bytes each.
    for _ in 0..40 {
        let sparse = model.push(hash(1_000), 0, 100);
        assert_eq!(model.pop(), Some((sparse, 100)));
        for _ in 0..12 {
            model.pop();
        }
    }
}

#[test]
fn a_flow_that_comes_back_again_and_again_does_not_keep_others_from_sending() {
    let mut model = Model::new(1514);
    for _ in 0..100 {
        model.push(hash(1), 0, 1514);
        model.push(hash(2), 0, 1514);
    }
    let mut others = 0;
    for _ in 0..100 {
        // One packet, gone before the next comes.
        let flow = model.push(hash(3), 0, 1400);
        loop {
            let (sent, _) = model.pop().unwrap();
            if sent == flow {
                break;
            }
            others += 1;
        }
        // The interface asks for more before the next one comes.
        model.queue.choose();
    }
    assert!(others >= 60, "{others}");
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn places_are_shared_by_hash_and_taken_over_when_free() {
    let mut model = Model::new(1514);
    let mut places = std::collections::HashSet::new();
    for number in 0..64 {
        places.insert(model.push(hash(number), 0, 100));
    }
    assert_eq!(places.len(), 64, "no two of 64 flows meet");
    assert_eq!(model.queue.place(hash(5)), model.queue.place(hash(5)));
    // More flows than places: they share, and all is sent.
    for number in 0..10_000 {
        model.push(hash(number), 0, 100);
    }
    let mut count = 0;
    while model.pop().is_some() {
        count += 1;
    }
    assert_eq!(count, 10_064);
}

#[test]
fn the_longest_queue_gives_way() {
    let mut model = Model::new(1514);
    let big = model.push(hash(1), 0, 1514);
    for _ in 0..50 {
        model.push(hash(1), 0, 1514);
    }
    let small = model.push(hash(2), 0, 60);
    assert_eq!(model.queue.fattest(small), big);
    assert_eq!(model.queue.fattest(big), big);
}

#[test]
fn the_longest_queue_is_found_again_when_another_was_emptied() {
    let mut model = Model::new(1514);
    for _ in 0..20 {
        model.push(hash(1), 0, 1514);
    }
    let second = model.push(hash(2), 0, 1514);
    for _ in 0..9 {
        model.push(hash(2), 0, 1514);
    }
    let thin = model.push(hash(3), 0, 60);
    // The longest queue is dropped packet by packet.
    let first = model.queue.fattest(thin);
    assert_ne!(first, second);
    while let Some(bytes) = model.packets[usize::from(first)].pop_front() {
        model.queue.left(first, bytes);
    }
    let found = (0..200).filter(|_| model.queue.fattest(thin) == second);
    assert!(found.count() > 130, "it is looked for");
}

#[test]
fn a_flow_without_a_place_is_not_overtaken_by_itself() {
    let mut model = Model::new(1514);
    // Nine flows of one set of eight places: the ninth shares that of the first, which has most to send.
    let hashes: Vec<u32> = (0..9).map(|number| (number << 16) | 8).collect();
    for (&hash, count) in hashes[..8].iter().zip([30, 1, 1, 1, 1, 1, 1, 1]) {
        for _ in 0..count {
            model.push(hash, 0, 1514);
        }
    }
    // Its packets are numbered by their sizes. The other places get free one after the other.
    let mut sent = Vec::new();
    for number in 0..40 {
        model.push(hashes[8], 0, 100 + number);
        sent.extend(model.pop());
    }
    sent.extend(std::iter::from_fn(|| model.pop()));
    let ours: Vec<u32> = sent
        .iter()
        .map(|sent| sent.1)
        .filter(|&bytes| bytes < 1514)
        .collect();
    assert_eq!(ours.len(), 40);
    assert!(ours.is_sorted(), "{ours:?}");
    // With nothing left to be overtaken it gets a place of its own.
    let first = model.push(hashes[0], 0, 60);
    assert_ne!(model.push(hashes[8], 0, 60), first);
}

/// Any order of joining, leaving and sending keeps the books right and loses no flow.
#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn nothing_is_lost_in_any_order() {
    let mut random = 1u32;
    let mut draw = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % below
    };
    for round in 0..20 {
        let mut model = Model::new(300 + round * 400);
        let (mut waiting, mut bytes) = (0u32, 0u32);
        for _ in 0..20_000 {
            match draw(5) {
                0..=1 => {
                    let size = 60 + draw(9_000);
                    model.push(hash(draw(40)), (draw(4)) as u16, size);
                    waiting += 1;
                    bytes += size;
                }
                2 if waiting > 0 => {
                    // A drop from the longest queue.
                    let arriving = model.queue.place(hash(draw(40)));
                    let flow = model.queue.fattest(arriving);
                    if let Some(size) = model.packets[usize::from(flow)].pop_front() {
                        model.queue.left(flow, size);
                        waiting -= 1;
                        bytes -= size;
                    }
                }
                _ => {
                    let popped = model.pop();
                    assert_eq!(popped.is_some(), waiting > 0);
                    if let Some((_, size)) = popped {
                        waiting -= 1;
                        bytes -= size;
                    }
                }
            }
            assert_eq!(
                (model.queue.packets(), model.queue.bytes()),
                (waiting, bytes)
            );
        }
        if round % 2 == 0 {
            model.queue.clear();
            model.packets.iter_mut().for_each(VecDeque::clear);
            assert_eq!(model.pop(), None);
        }
    }
}

const AQM: Aqm = Aqm {
    target_us: 5_000,
    interval_us: 100_000,
    spare_bytes: MTU,
};

/// Signals within `ms` to a flow whose packets all wait `sojourn_us`, one a millisecond.
fn signals(codel: &mut Codel, from_ms: u32, ms: u32, sojourn_us: u32, behind: u32) -> u32 {
    (from_ms..from_ms + ms)
        .map(|at| codel.judge(&AQM, sojourn_us, behind, at.wrapping_mul(1_000)))
        .filter(|&verdict| verdict == Verdict::Signal)
        .count() as u32
}

#[test]
fn a_standing_queue_is_signalled_faster_and_faster() {
    let mut codel = Codel::default();
    assert_eq!(signals(&mut codel, 0, 100, 20_000, 50_000), 0);
    // 100 ms, then 100/sqrt(1), 100/sqrt(2), ...: after the first, 1 + 1/sqrt(2) + ... < n.
    let first = signals(&mut codel, 100, 1_000, 20_000, 50_000);
    assert!((28..=34).contains(&first), "{first}");
    let second = signals(&mut codel, 1_100, 1_000, 20_000, 50_000);
    assert!(second > first + 20, "{second}");
    // A time below the target ends it.
    assert_eq!(signals(&mut codel, 2_100, 1, 1_000, 50_000), 0);
    assert_eq!(signals(&mut codel, 2_101, 100, 20_000, 50_000), 0);
    // A spell that begins soon after goes on at its pace.
    assert!(signals(&mut codel, 2_201, 100, 20_000, 50_000) > 3);
}

#[test]
fn short_queues_and_single_packets_are_left_alone() {
    let mut codel = Codel::default();
    assert_eq!(signals(&mut codel, 0, 2_000, 4_999, 50_000), 0);
    assert_eq!(signals(&mut codel, 0, 2_000, 500_000, MTU), 0);
    // The clock wraps.
    let mut late = Codel::default();
    let from = u32::MAX / 1_000 - 50;
    assert!(signals(&mut late, from, 1_000, 20_000, 50_000) > 10);
}
