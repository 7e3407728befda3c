#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a program under ThreadSanitizer, without the random addresses that its
# runtime of gcc 12 cannot cope with on newer kernels.
#
#   run.sh PROGRAM [ARGUMENT...]
if setarch -R true 2>/dev/null; then
	exec setarch -R "$@"
fi
exec "$@"
