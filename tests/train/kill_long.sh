#!/bin/sh
# kill_long.sh - kill.sh at 20 moments a number of threads, in a longer run.
KILLS=20 STEPS=400 exec sh "$(dirname "$0")/kill.sh"
