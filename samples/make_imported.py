"""Make the picture of an imported network in README.md: `python samples/make_imported.py mobilenet_v2.pth`.

The file has torchvision's MobileNetV2, trained on ImageNet: https://download.pytorch.org/models/mobilenet_v2-b0353104.pth
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLES = Path(__file__).resolve().parent


def main() -> None:
    """Apply the first layer of the network to a photograph."""
    options = ["--layer", "features.0", "--only", "top:6", "--columns", "3", "--with-filters"]
    command = [sys.executable, "-m", "cnnfx", "apply", "chelsea.png", "-f", Path(sys.argv[1]).resolve(), *options]
    subprocess.run([*command, "-o", "networks/maps.jpg"], cwd=SAMPLES, check=True)


if __name__ == "__main__":
    main()
