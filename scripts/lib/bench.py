# SPDX-License-Identifier: Apache-2.0
"""Runs one benchmark, prints its results as a table and writes them as JSON with machine, command and date."""
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

name, program, target = sys.argv[1:]
done = subprocess.run([program], stdout=subprocess.PIPE, text=True)
if done.returncode != 0:
    sys.exit(f"lit: benchmark {name} ended with status {done.returncode}")
rows = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 2]
results = [{"what": what, "value": float(value), "unit": unit} for what, value, unit in rows]
if not results:
    sys.exit(f"lit: benchmark {name} printed no result")
with open("/proc/cpuinfo") as lines:
    processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
record = {"name": name, "command": f"scripts/bench {name}", "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
          "machine": {"processor": processor, "cores": len(os.sched_getaffinity(0)), "system": platform.platform()},
          "results": results}
path = pathlib.Path(target)
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps(record, indent=2) + "\n")
width = max(len(result["what"]) for result in results)
print(f"{name} ({processor}, {record['machine']['cores']} cores, {record['date']})")
for result in results:
    print(f"  {result['what']:<{width}}  {result['value']:>12.6g} {result['unit']}")
