// SPDX-License-Identifier: MIT
#include <kipc.h>
#include "../harness.h"

int main(int argc, char **argv)
{
	harness_explain = kipc_strerror;
	return harness_main("abi", argc, argv, NULL);
}
