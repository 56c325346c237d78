#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench.sh [OPTION…] - measure what the agent costs and write docs/performance.md; see bench.py --help
exec /usr/bin/python3 -B "$(dirname "$0")/bench.py" "$@"
