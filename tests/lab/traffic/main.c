// SPDX-License-Identifier: GPL-2.0
#include "traffic.h"

#include <signal.h>
#include <string.h>

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} roles[] = {
		{ "server", server_main },
		{ "client", client_main },
		{ "probe", probe_main },
	};

	/* A peer that goes away is an ordinary event, reported by send(). */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; argc > 1 && i < sizeof(roles) / sizeof(roles[0]); i++)
		if (!strcmp(argv[1], roles[i].name))
			return roles[i].run(argc - 1, argv + 1);
	fprintf(stderr, "usage: traffic server|client|probe [options]; options are at the top of each role's source\n");
	return 2;
}
