"""Scores of the presets with several layers: a table from a thousand random scenes for each kind of pattern.

    python tests/bench/detectors.py                        all presets (some minutes)
    python tests/bench/detectors.py corners lines          only these
    python tests/bench/detectors.py --scenes 200 --seed 7  fewer scenes, another seed

Each scene has one pattern among distractors and noise, as `tests/detectors/scenes.py` describes. The columns are
percentages of the scenes:

- localized: the highest peak in the map of the pattern's detector is within 2 pixels of the pattern;
- highest: that peak is higher than any in the maps of the preset's other detectors;
- specific: it is higher than the highest peak of the same detector on an image of other patterns of the same contrast.

A detector whose map is 0 everywhere fails all three.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.detectors.drawings import DRAW
from tests.detectors.scenes import kinds, measure_detector


def main():
    parser = argparse.ArgumentParser(description="Scores of the presets with several layers in random scenes.")
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"Some of {', '.join(DRAW)}; by default all.")
    parser.add_argument("--scenes", type=int, default=1000, help="For each kind of pattern; by default 1000.")
    parser.add_argument("--seed", type=int, default=2026)
    arguments = parser.parse_args()
    print(f"{arguments.scenes} scenes for each kind, seed {arguments.seed}; percentages of the scenes")
    print(f"{'preset':10}{'kind':24}{'localized':>11}{'highest':>11}{'specific':>11}")
    for preset in arguments.presets or DRAW:
        for kind in kinds(preset):
            score = measure_detector(preset, kind, arguments.scenes, arguments.seed)
            shares = (score.localized, score.highest, score.specific)
            print(f"{preset:10}{kind:24}" + "".join(f"{100 * n / score.scenes:11.1f}" for n in shares), flush=True)


if __name__ == "__main__":
    main()
