"""How well the deeper presets detect: a table of a thousand random scenes for each kind of pattern.

    python tests/bench/detectors.py                        all presets (some minutes)
    python tests/bench/detectors.py corners lines          these
    python tests/bench/detectors.py --scenes 200 --seed 7  fewer, others

Each scene holds one pattern among clutter and noise; `tests/detectors/scenes.py` says what these are. The columns are
percentages of the scenes:

- placed: the highest peak in the right detector's map lies within 2 pixels of the pattern;
- beats: that peak is higher than any in the maps of the preset's other detectors, over the whole scene;
- rejects: it is higher than the same detector's on an image that holds only other patterns, at the same contrast.

A detector that answers with 0 everywhere has failed all three.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.detectors.drawings import DRAW
from tests.detectors.scenes import kinds, measure


def main():
    parser = argparse.ArgumentParser(description="The detectors of the deeper presets in random scenes.")
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"Some of {', '.join(DRAW)}; all unless given.")
    parser.add_argument("--scenes", type=int, default=1000, help="For each kind of pattern; 1000 unless given.")
    parser.add_argument("--seed", type=int, default=2026)
    arguments = parser.parse_args()
    print(f"{arguments.scenes} scenes for each kind, seed {arguments.seed}; % of the scenes")
    print(f"{'preset':10}{'kind':24}{'placed':>8}{'beats':>8}{'rejects':>8}")
    for preset in arguments.presets or DRAW:
        for kind in kinds(preset):
            score = measure(preset, kind, arguments.scenes, arguments.seed)
            shares = (score.placed, score.beats, score.rejects)
            print(f"{preset:10}{kind:24}" + "".join(f"{100 * n / score.scenes:8.1f}" for n in shares), flush=True)


if __name__ == "__main__":
    main()
