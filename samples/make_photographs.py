"""Write the sample photographs: `python samples/make_photographs.py [folder]`. Needs scikit-image.

They come with scikit-image: `chelsea`, a cat photographed by Stéfan van der Walt (CC0), and `astronaut`, Eileen Collins
photographed by NASA (public domain).
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image
from skimage import data

NAMES = {"chelsea": "chelsea.png", "astronaut": "astronaut.jpg"}
"""The files of the photographs; that of the cat has its exact pixels, since its probabilities are published."""


def main() -> None:
    """Write the photographs into the folder of this script, or another one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, file in NAMES.items():
        Image.fromarray(getattr(data, name)()).save(folder / file, quality=92)
        print(folder / file)


if __name__ == "__main__":
    main()
