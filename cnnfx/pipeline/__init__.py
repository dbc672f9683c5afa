"""Many images: what is done to each (`task`), in this process or in worker processes (`processes`), or on a Dask
cluster (`cluster`). The outcomes come in the order of the tasks."""
