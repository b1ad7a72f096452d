// SPDX-License-Identifier: GPL-2.0

//! Which test sees what a setting does, or that one which does nothing is kept and told of: for the reference, and for
//! the test that no setting is without one.

/// Settings, and the scripts below `tests` that turn red when they are ignored; or, if nothing is done with them, when
/// that is not said.
pub const SEEN: [(&str, &str); 76] = [
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
    ("byteCacheEnable", "functional/keys.sh"),
    ("dataCompEnable", "functional/keys.sh"),
    ("httpCompEnable", "functional/keys.sh"),
    ("maxTxEffectiveMS", "functional/tuning.sh"),
    ("halfCwndMinSRtt", "functional/tuning.sh"),
    ("halfCwndLossRateShift", "functional/tuning.sh"),
    ("halfCwndLowLimit", "functional/tuning.sh"),
    ("dbcRttThreshMS", "functional/tuning.sh"),
    ("shrinkPacket", "functional/tuning.sh"),
    ("taskSchedDelay", "functional/tuning.sh"),
    ("voipAccEnable", "functional/tuning.sh"),
    ("wanRateAutoDetect", "functional/tuning.sh"),
    ("wanBurstBytes", "functional/tuning.sh"),
    ("wanInBurstBytes", "functional/tuning.sh"),
    ("voipSkipPackets", "functional/tuning.sh"),
    ("hostFairTcpAccSessNum", "functional/tuning.sh"),
    ("hostFairTcpActSessNum", "functional/tuning.sh"),
    ("hostFairUdpSessNum", "functional/tuning.sh"),
    ("lttMaxDelayMS", "functional/tuning.sh"),
    ("displayLevel", "functional/tuning.sh"),
    ("wanState", "functional/tuning.sh"),
    ("rsc", "script/groups/offload.sh"),
    ("gso", "script/groups/offload.sh"),
    ("txCongestObey", "functional/tuning.sh"),
    ("mpoolMaxCache", "functional/tuning.sh"),
    ("udptun", "functional/tuning.sh"),
    ("pcapFilterSplit", "functional/tuning.sh"),
    ("p2pPriorities", "functional/tuning.sh"),
    ("engSysEnable", "functional/tuning.sh"),
    ("pcapEnable", "vm/suite/90-seeing.sh"),
];

/// Settings whose meaning is yet to come: [SHIN] in `Documentation/todo.rst`.
pub const UNSEEN: [&str; 3] = ["advAccEnable", "wanInKbps", "w2lQLimit"];

/// The test that sees a setting.
pub fn test_of(name: &str) -> Option<&'static str> {
    let mut all = SEEN.iter();
    all.find(|(seen, _)| *seen == name).map(|(_, test)| *test)
}
