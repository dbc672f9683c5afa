#!/bin/sh
# The same job with ImageMagick: half the response around mid-gray, four maps, two by two.
set -e
convert "$1" -colorspace Gray -define convolve:scale=16.6% -define convolve:bias=50% \
    \( -clone 0 -morphology Correlate '3x3: -1,-1,-1 1,1,1 0,0,0' \) \
    \( -clone 0 -morphology Correlate '3x3: -1,1,0 -1,1,0 -1,1,0' \) \
    \( -clone 0 -morphology Correlate '3x3: 0,0,0 1,1,1 -1,-1,-1' \) \
    \( -clone 0 -morphology Correlate '3x3: 0,1,-1 0,1,-1 0,1,-1' \) \
    -delete 0 miff:- | montage miff:- -tile 2x2 -geometry +0+0 -depth 8 "$2"
