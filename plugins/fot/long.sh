#!/bin/sh
# long.sh - the scripted proposer's table over all 20 seeds.
cd "${SPINNEY_BUILDDIR:-.}" && ${MAKE:-make} -s test_scripted && exec ./test_scripted 20
