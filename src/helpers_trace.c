// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints' only users: what is inline in C, as functions for Rust.
 */
#define CREATE_TRACE_POINTS
#include "appex_trace.h"

/* Whether somebody listens: a jump that is patched in. */
bool appex_trace_wanted(void)
{
	return trace_appex_ack_enabled();
}

/* The socket's lock is held. */
void appex_trace_ack(const struct sock *sk, const struct appex_traced *seen)
{
	trace_appex_ack(sk, seen);
}
