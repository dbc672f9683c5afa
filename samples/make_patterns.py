"""Make the pictures of what the filters of SqueezeNet look for: `python samples/make_patterns.py`. Takes minutes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from make_documents import ROOT, run

PICTURES = ROOT / "samples" / "squeezenet"
FILTERS = {
    "fire3": "5,40,77,120",
    "fire5": "9,46,130,200",
    "fire9": "427,270,112,489",
    "classes": "goldfish,Egyptian cat,hummingbird,airliner",
}
"""The filters that are shown of each layer."""


def main() -> None:
    """Maximize the activations of the filters and keep the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for layer, filters in FILTERS.items():
            command = f"cnnfx show-patterns squeezenet --layer {layer} --only '{filters}' --method maximization"
            result = run(f"{command} --columns 4 -o {layer}.jpg", folder)
            if result.returncode:
                sys.exit(f"{command}\n{result.stderr}")
            shutil.copy(folder / f"{layer}.jpg", PICTURES)
            print(PICTURES / f"{layer}.jpg")


if __name__ == "__main__":
    main()
