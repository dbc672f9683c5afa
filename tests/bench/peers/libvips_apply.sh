#!/bin/sh
# The same job with libvips' command line: a fixed gain around mid-gray, four maps, two by two.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
vips colourspace "$1" "$folder/gray.v" b-w
mask() {
    printf '3 3 1 0\n%s\n%s\n%s\n' "$2" "$3" "$4" >"$folder/$1.mat"
    vips conv "$folder/gray.v" "$folder/$1.f.v" "$folder/$1.mat" --precision float
    vips linear "$folder/$1.f.v" "$folder/$1.v" 0.1667 127.5 --uchar
}
mask top '-1 -1 -1' '1 1 1' '0 0 0'
mask left '-1 1 0' '-1 1 0' '-1 1 0'
mask bottom '0 0 0' '1 1 1' '-1 -1 -1'
mask right '0 1 -1' '0 1 -1' '0 1 -1'
vips arrayjoin "$folder/top.v $folder/left.v $folder/bottom.v $folder/right.v" "$2[compression=1]" --across 2
