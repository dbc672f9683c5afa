"""Write the sample photographs: `python samples/make_photographs.py [folder]`. Needs scikit-image.

They come with scikit-image: `chelsea`, a cat photographed by Stéfan van der Walt (CC0), and `astronaut`, Eileen Collins
photographed by NASA (public domain).
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image
from skimage import data

NAMES = ("chelsea", "astronaut")


def main() -> None:
    """Write the photographs as JPEG files into the folder of this script, or another one."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    for name in NAMES:
        path = (folder if folder.is_dir() else folder.parent) / f"{name}.jpg"
        Image.fromarray(getattr(data, name)()).save(path, quality=92)
        print(path)


if __name__ == "__main__":
    main()
