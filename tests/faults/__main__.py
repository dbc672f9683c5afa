"""Kill every command that writes files many times, at random moments: `python -m tests.faults --kills 200`.

Prints a row for each command and signal: the runs, how many were killed at work, how many had ended before, in how
many Python had not started the program yet, and the faults.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from tests.faults.cases import CASES
from tests.faults.forks import ForkServer
from tests.faults.kills import bench

MOST_RUNS = 3
"""The most runs for each kill that is wanted: some commands end before they are killed."""
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run the kills that the command line asks for, and return 1 if there were faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kills of each signal for each command")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--only", default="", help="a part of the names of commands")
    parser.add_argument("--hangup", action="store_true", help="also send SIGHUP")
    parser.add_argument("--fork", action="store_true", help="fork nine of ten commands from one process: faster")
    given = parser.parse_args()
    signals = (*SIGNALS, signal.SIGHUP) if given.hangup else SIGNALS
    found = 0
    print(f"{'command':24}{'signal':10}{'runs':>6}{'killed':>8}{'done':>6}{'starting':>10}{'faults':>8}")
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as place:
        server = ForkServer() if given.fork else None
        for case in (case for case in CASES if given.only in case.name):
            for number in signals:
                rng, ends, faults = np.random.default_rng([given.seed, number]), Counter[str](), list[str]()
                for count in range(MOST_RUNS * given.kills):
                    if ends["killed"] + ends["starting"] == given.kills:
                        break
                    share = rng.uniform(0, 1.05)
                    place.server = server if count % 10 else None
                    end, wrong = place.kill(case, number, share, group=count % 2 == 1 and number != signal.SIGKILL)
                    ends[end] += 1
                    faults += [f"{share:.3f}: {one}" for one in wrong]
                row = f"{case.name:24}{number.name:10}{ends.total():6}{ends['killed']:8}{ends['done']:6}"
                print(f"{row}{ends['starting']:10}{len(faults):8}", flush=True)
                for one in faults[:5]:
                    print(f"  {one}", flush=True)
                found += len(faults)
        if server is not None:
            server.close()
    print(f"{found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
