// SPDX-License-Identifier: GPL-2.0

//! Which test sees what a setting does, for the reference and for the test that no obeyed setting is without one.

/// Settings, and the scripts below `tests` that turn red when they are ignored.
pub const SEEN: [(&str, &str); 52] = [
    ("tcpAccEnable", "functional/adopt.sh"),
    ("trackRandomLoss", "functional/paths.sh"),
    ("conservMode", "path/run"),
    ("subnetAccEnable", "functional/which.sh"),
    ("maxTxEnable", "functional/keys.sh"),
    ("logLevel", "functional/keys.sh"),
    ("wanIf", "functional/flows.sh"),
    ("lanIf", "functional/which.sh"),
    ("cmd", "functional/proc.sh"),
    ("stats", "functional/flows.sh"),
    ("flows", "functional/which.sh"),
    ("rules", "functional/rules.sh"),
    ("version", "functional/proc.sh"),
    ("engine", "functional/flows.sh"),
    ("hz", "functional/proc.sh"),
    ("ioctl", "functional/proc.sh"),
    ("byteCacheIoFails", "functional/proc.sh"),
    ("initialCwndWan", "path/run"),
    ("maxCwndWan", "path/run"),
    ("initialCwndLan", "functional/adopt.sh"),
    ("maxAdvWinWan", "functional/which.sh"),
    ("maxAdvWinLan", "functional/which.sh"),
    ("maxTxMinSsThresh", "functional/keys.sh"),
    ("maxAccFlowTxKbps", "functional/rules.sh"),
    ("bypassOverFlows", "functional/which.sh"),
    ("retranWaitListMS", "functional/modes.sh"),
    ("tcpOnly", "functional/flows.sh"),
    ("ultraBoostWin", "functional/modes.sh"),
    ("minSsThresh", "functional/modes.sh"),
    ("tcpFlags", "functional/which.sh"),
    ("flowShortTimeout", "functional/flows.sh"),
    ("ipv4Only", "functional/keys.sh"),
    ("ipv6Only", "functional/keys.sh"),
    ("shortRttMS", "functional/which.sh"),
    ("synRetranMS", "functional/paths.sh"),
    ("lanSegment", "functional/which.sh"),
    ("lanSegmentV6", "functional/which.sh"),
    ("shortRttBypass", "functional/which.sh"),
    ("shaperEnable", "functional/shaper.sh"),
    ("wanKbps", "functional/shaper.sh"),
    ("smMinKbps", "functional/shaper.sh"),
    ("smBurstMS", "functional/shaper.sh"),
    ("smBurstMin", "functional/shaper.sh"),
    ("smBurstTolerance", "functional/shaper.sh"),
    ("l2wQLimit", "functional/shaper.sh"),
    ("hostFairEnable", "functional/shaper.sh"),
    ("advAccEnable", "functional/inbound.sh"),
    ("wanInKbps", "functional/inbound.sh"),
    ("w2lQLimit", "functional/inbound.sh"),
    ("byteCacheEnable", "functional/keys.sh"),
    ("dataCompEnable", "functional/keys.sh"),
    ("httpCompEnable", "functional/keys.sh"),
];

/// Obeyed settings that no test sees yet; [KEYS] in `Documentation/todo.rst`.
pub const UNSEEN: [&str; 4] = [
    "maxTxEffectiveMS",
    "halfCwndMinSRtt",
    "halfCwndLossRateShift",
    "halfCwndLowLimit",
];

/// The test that sees a setting.
pub fn test_of(name: &str) -> Option<&'static str> {
    let mut all = SEEN.iter();
    all.find(|(seen, _)| *seen == name).map(|(_, test)| *test)
}
