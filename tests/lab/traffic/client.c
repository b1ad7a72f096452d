// SPDX-License-Identifier: GPL-2.0
/*
 * traffic client -a ADDR [-p PORT] [-o FILE] [-b FIRST_LOCAL_PORT] [-v] MODE...
 *   -m bulk     -d SECONDS [-n FLOWS] [-g STAGGER_MS]   receive on FLOWS connections for SECONDS
 *   -m upload   -d SECONDS [-n FLOWS] [-g STAGGER_MS]   send on them instead
 *   -m download -k COUNT -z BYTES [-g GAP_MS] [-t TIMEOUT_S]   COUNT downloads, each on a new connection
 *
 * Time counts from the first connect(), so connection set-up is part of every result. -v compares every
 * received byte with what the server must have sent. Lines printed:
 *   {"ev":"start","t_us":..}                                           the moment time counts from
 *   {"ev":"flow","port":..,"bytes":..,"bin_us":..,"first":..,"bins":[..]}   one for each long flow; bins as in
 *                                                                      struct receipt, none for uploads
 *   {"ev":"downloads","seconds":[..],"first_byte":[..],"failed":..}    one for all downloads
 */
#include "traffic.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

struct options {
	const char *addr, *mode, *out_path;
	uint16_t port, first_local;
	uint64_t length_us, gap_us, timeout_us, bytes;
	unsigned int flows, count;
	int verify;
};

struct flow {
	pthread_t thread;
	const struct options *o;
	uint16_t local_port;
	uint64_t opens_us, ends_us;
	struct receipt got;
	int failed;
};

static void sleep_until(uint64_t us)
{
	uint64_t now = now_us();

	if (us > now)
		usleep((useconds_t)(us - now));
}

static int ask(const struct options *o, uint16_t local_port, enum request_kind kind)
{
	struct request req = { REQUEST_MAGIC, kind, o->bytes };
	struct sockaddr_storage to, from;
	socklen_t to_len = parse_address(o->addr, o->port, &to);
	socklen_t from_len = parse_address(strchr(o->addr, ':') ? "::" : "0.0.0.0", local_port, &from);
	int one = 1, fd = socket(to.ss_family, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&from, from_len) < 0)
		fail("bind");
	if (connect(fd, (struct sockaddr *)&to, to_len) < 0 || send(fd, &req, sizeof(req), 0) != (ssize_t)sizeof(req)) {
		fprintf(stderr, "traffic: connection from port %u: %s\n", local_port, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static void *receive_flow(void *arg)
{
	struct flow *f = arg;
	int fd;

	sleep_until(f->opens_us);
	fd = ask(f->o, f->local_port, REQUEST_GET);
	f->failed = fd < 0 || receive(fd, &f->got, UINT64_MAX, f->ends_us, f->o->verify) != RECEIVE_DONE;
	return NULL;
}

static void *send_flow(void *arg)
{
	struct flow *f = arg;
	uint64_t sent = 0, now;
	int fd;

	sleep_until(f->opens_us);
	fd = ask(f->o, f->local_port, REQUEST_PUT);
	f->failed = fd < 0;
	while (fd >= 0 && (now = now_us()) < f->ends_us) {
		struct timeval wait = { (time_t)((f->ends_us - now) / 1000000), (suseconds_t)((f->ends_us - now) % 1000000) };
		ssize_t n;

		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
		n = send(fd, pattern_at(sent), CHUNK, 0);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0) {
			f->failed = 1;
			break;
		}
		sent += (uint64_t)n;
	}
	return NULL;
}

static int run_long(struct options *o, FILE *out, int upload)
{
	struct flow *flows = calloc(o->flows, sizeof(*flows));
	uint64_t start = now_us();
	pthread_attr_t attr;
	int failed = 0;

	if (!flows)
		fail("calloc");
	o->bytes = 0;
	pattern_at(0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	for (unsigned int i = 0; i < o->flows; i++) {
		flows[i].o = o;
		flows[i].local_port = (uint16_t)(o->first_local + i);
		flows[i].opens_us = start + i * o->gap_us;
		flows[i].ends_us = start + o->length_us;
		if (pthread_create(&flows[i].thread, &attr, upload ? send_flow : receive_flow, &flows[i]))
			fail("pthread_create");
	}
	fprintf(out, "{\"ev\":\"start\",\"t_us\":%llu}\n", (unsigned long long)start);
	for (unsigned int i = 0; i < o->flows; i++) {
		pthread_join(flows[i].thread, NULL);
		failed |= flows[i].failed;
		fprintf(out, "{\"ev\":\"flow\",\"port\":%u,", flows[i].local_port);
		print_bins(out, &flows[i].got);
		fprintf(out, "}\n");
	}
	if (failed)
		fprintf(stderr, "traffic: a connection failed or ended early\n");
	/* The sockets are still open: exit cuts downloads off, and lets the queued rest of uploads arrive. */
	return failed;
}

/* One download. Returns its time in microseconds, or 0 when it failed or timed out. */
static uint64_t download(const struct options *o, uint16_t local_port, uint64_t *first_byte_us)
{
	uint64_t start = now_us(), took = 0;
	enum receive_end end = RECEIVE_BROKEN;
	struct receipt got = { 0 };
	int fd = ask(o, local_port, REQUEST_GET);

	*first_byte_us = 0;
	if (fd >= 0) {
		end = receive(fd, &got, 1, start + o->timeout_us, o->verify);
		*first_byte_us = now_us() - start;
	}
	if (end == RECEIVE_DONE && got.bytes)
		end = receive(fd, &got, o->bytes, start + o->timeout_us, o->verify);
	if (end == RECEIVE_CORRUPT)
		exit(3);
	if (end == RECEIVE_DONE && got.bytes == o->bytes)
		took = now_us() - start;
	if (fd >= 0)
		close(fd);
	free(got.bins);
	return took;
}

static void print_seconds(FILE *out, const char *name, const uint64_t *us, const uint64_t *took, unsigned int count)
{
	const char *comma = "";

	fprintf(out, ",\"%s\":[", name);
	for (unsigned int i = 0; i < count; i++) {
		if (!took[i])
			continue;
		fprintf(out, "%s%.6f", comma, (double)us[i] / 1e6);
		comma = ",";
	}
	fprintf(out, "]");
}

static int run_downloads(const struct options *o, FILE *out)
{
	uint64_t *took = calloc(o->count, sizeof(*took)), *first = calloc(o->count, sizeof(*first));
	unsigned int failed = 0;

	if (!took || !first)
		fail("calloc");
	fprintf(out, "{\"ev\":\"start\",\"t_us\":%llu}\n", (unsigned long long)now_us());
	for (unsigned int i = 0; i < o->count; i++) {
		took[i] = download(o, (uint16_t)(o->first_local + i % 30000), &first[i]);
		failed += !took[i];
		if (o->gap_us)
			usleep((useconds_t)o->gap_us);
	}
	fprintf(out, "{\"ev\":\"downloads\",\"bytes\":%llu,\"failed\":%u", (unsigned long long)o->bytes, failed);
	print_seconds(out, "seconds", took, took, o->count);
	print_seconds(out, "first_byte", first, took, o->count);
	fprintf(out, "}\n");
	return 0;
}

int client_main(int argc, char **argv)
{
	struct options o = { .port = 5001, .first_local = 20000, .length_us = 10000000, .flows = 1,
			     .count = 1, .timeout_us = 120000000, .bytes = 100000 };
	FILE *out;
	int opt, rc = 2;

	while ((opt = getopt(argc, argv, "a:p:o:b:m:d:n:g:k:z:t:v")) != -1) {
		switch (opt) {
		case 'a': o.addr = optarg; break;
		case 'p': o.port = (uint16_t)atoi(optarg); break;
		case 'o': o.out_path = optarg; break;
		case 'b': o.first_local = (uint16_t)atoi(optarg); break;
		case 'm': o.mode = optarg; break;
		case 'd': o.length_us = (uint64_t)(atof(optarg) * 1e6); break;
		case 'n': o.flows = (unsigned int)atoi(optarg); break;
		case 'g': o.gap_us = (uint64_t)(atof(optarg) * 1e3); break;
		case 'k': o.count = (unsigned int)atoi(optarg); break;
		case 'z': o.bytes = strtoull(optarg, NULL, 10); break;
		case 't': o.timeout_us = (uint64_t)(atof(optarg) * 1e6); break;
		case 'v': o.verify = 1; break;
		default: return 2;
		}
	}
	if (!o.addr || !o.mode || !o.flows || !o.count || !o.bytes)
		return 2;
	out = open_output(o.out_path);
	if (!strcmp(o.mode, "bulk"))
		rc = run_long(&o, out, 0);
	else if (!strcmp(o.mode, "upload"))
		rc = run_long(&o, out, 1);
	else if (!strcmp(o.mode, "download"))
		rc = run_downloads(&o, out);
	return fclose(out) ? 1 : rc;
}
