"""The job of `cnnfx apply PHOTO --filters edges -o GRID`, as one would write it with OpenCV."""

import sys

import cv2
import numpy as np

EDGES = {
    "top": [[-1, -1, -1], [1, 1, 1], [0, 0, 0]],
    "left": [[-1, 1, 0]] * 3,
    "bottom": [[0, 0, 0], [1, 1, 1], [-1, -1, -1]],
    "right": [[0, 1, -1]] * 3,
}


def main(photo: str, grid: str) -> None:
    image = cv2.imread(photo, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    tiles = []
    for kernel in EDGES.values():
        response = cv2.filter2D(image, cv2.CV_32F, np.array(kernel, np.float32))[1:-1, 1:-1]
        low, high, _, _ = cv2.minMaxLoc(response)
        scale = 127.5 / max(-low, high, 1e-12)
        tiles.append(cv2.convertScaleAbs(response, alpha=scale, beta=127.5))
    cv2.imwrite(grid, np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])]))


if __name__ == "__main__":
    main(*sys.argv[1:])
