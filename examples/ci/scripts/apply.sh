#!/bin/sh
# Applies the plan that a job before this one has saved: exactly this one, or nothing (5: something has moved since; plan again).
set -eu
out=${OUT:-rulekeep-out}
mkdir -p "$out"
rulekeep apply "${1:-$out/plan.json}" --lock-timeout 10m -o text -o "json=$out/applied.json" -o "markdown=$out/applied.md" -o "junit=$out/applied.xml"
