"""The job of `cnnfx apply FOLDER --filters edges -o 'OUT/{stem}.png' --jobs N`, as one would write it with OpenCV and
a pool of processes."""

import multiprocessing
import os
import sys

import cv2
from opencv_apply import main as apply


def begin(threads: int) -> None:
    cv2.setNumThreads(threads)


def main(folder: str, out: str, jobs: int) -> None:
    names = sorted(os.listdir(folder))
    work = [(os.path.join(folder, name), os.path.join(out, f"{os.path.splitext(name)[0]}.png")) for name in names]
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    with multiprocessing.Pool(jobs, begin, (threads,)) as pool:
        pool.starmap(apply, work, chunksize=1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
