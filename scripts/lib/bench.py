# SPDX-License-Identifier: Apache-2.0
"""Runs one benchmark, prints its results as a table and writes them as JSON with machine, command and date.

What a program prints several times was measured several times: the table shows the median, the least and the greatest, and the
file keeps every figure.
"""
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

name, program, target = sys.argv[1:]
home = pathlib.Path(__file__).resolve().parents[2]
environment = {"LIT_PYTHON": str(home / ".deps" / "python" / "bin" / "python"), **os.environ, "LIT_HOME": str(home)}
command = [sys.executable, program] if program.endswith(".py") else [program]
done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
if done.returncode != 0:
    sys.exit(f"lit: benchmark {name} ended with status {done.returncode}")
measured = {}
for line in done.stdout.splitlines():
    if line.count("\t") == 2:
        what, value, unit = line.split("\t")
        measured.setdefault((what, unit), []).append(float(value))
if not measured:
    sys.exit(f"lit: benchmark {name} printed no result")
results = [{"what": what, "unit": unit, "median": statistics.median(values), "min": min(values), "max": max(values),
            "values": values} for (what, unit), values in measured.items()]
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
    count = len(result["values"])
    spread = f"   {result['min']:.4g} to {result['max']:.4g}, {count} times" if count > 1 else ""
    print(f"  {result['what']:<{width}}  {result['median']:>10.4g} {result['unit']}{spread}")
