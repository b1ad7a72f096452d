// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts the instructions a guest executes, by the address of
 * the block of code they are in:
 *
 *	qemu-system-x86_64 ... -plugin count.so,out=FILE
 *
 * The guest says what to count: a multi-byte no-operation with one of the numbers
 * of mark.h starts a window or ends it. At the end of each window FILE gets a line
 * "window N" and, for every block that ran, "ADDRESS INSTRUCTIONS".
 *
 * Not by processor: without threads QEMU 10.0 takes the processor that has translated
 * a block for the one that executes it. Its inline counters share the mistake.
 *
 * The interface is that of QEMU's TCG plugins, version 4
 * (https://www.qemu.org/docs/master/devel/tcg-plugins.html). Its header is in no
 * Debian package, so the little that is used is declared here.
 *
 * Only for emulation in one thread (-icount implies it): there are no locks.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"

typedef uint64_t qemu_plugin_id_t;
typedef struct {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	union {
		struct {
			int smp_vcpus;
			int max_vcpus;
		} system;
	};
} qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
typedef void (*tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*exec_cb)(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb cb,
					  enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_cb cb,
					    enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t len);

/* What QEMU looks for in the plugin. */
int qemu_plugin_version = 4;
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

/* Blocks of code by address: a whole boot and a test translate some 60,000. */
#define BLOCKS (1u << 19)

static struct block {
	bool used;
	uint64_t address;
	uint64_t executed;
} blocks[BLOCKS];

/*
 * What one translation of a block adds. QEMU translates the same address again and
 * again, now and then only as far as its time slice lasts, and keeps the others.
 */
struct translation {
	struct block *block;
	size_t instructions;
};
static FILE *out;
static unsigned int window;

/* Open addressing; what does not fit is a reason to stop, not to count wrongly. */
static struct block *block_of(uint64_t vaddr)
{
	uint32_t at = (uint32_t)((vaddr * 0x9e3779b97f4a7c15u) >> 45) % BLOCKS;

	for (uint32_t tried = 0; tried < BLOCKS; tried++, at = (at + 1) % BLOCKS) {
		if (!blocks[at].used) {
			blocks[at].used = true;
			blocks[at].address = vaddr;
			return &blocks[at];
		}
		if (blocks[at].address == vaddr)
			return &blocks[at];
	}
	fputs("count: too many blocks\n", stderr);
	exit(1);
}

static void executed(unsigned int vcpu, void *data)
{
	const struct translation *ran = data;

	(void)vcpu;
	ran->block->executed += ran->instructions;
}

static void begin(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	for (struct block *block = blocks; block < blocks + BLOCKS; block++)
		block->executed = 0;
}

static void end(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	fprintf(out, "window %u\n", window++);
	for (struct block *block = blocks; block < blocks + BLOCKS; block++)
		if (block->executed)
			fprintf(out, "%" PRIx64 " %" PRIu64 "\n", block->address, block->executed);
	fflush(out);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static const unsigned char nop[] = { MARK_NOP };
	struct translation *translation = malloc(sizeof(*translation));
	size_t n = qemu_plugin_tb_n_insns(tb);
	unsigned char bytes[8];
	uint32_t number;

	(void)id;
	if (!translation) {
		fputs("count: no memory\n", stderr);
		exit(1);
	}
	/* Never freed: the translation may be in use for as long as the guest runs. */
	translation->block = block_of(qemu_plugin_tb_vaddr(tb));
	translation->instructions = n;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, translation);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) != sizeof(bytes) ||
		    memcmp(bytes, nop, sizeof(nop)))
			continue;
		memcpy(&number, bytes + sizeof(nop), sizeof(number));
		if (number == MARK_BEGIN || number == MARK_END)
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, number == MARK_BEGIN ? begin : end, QEMU_PLUGIN_CB_NO_REGS,
				NULL);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
	if (!out) {
		fputs("count: cannot write out=FILE\n", stderr);
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
