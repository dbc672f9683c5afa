"""Many images in, files out: the pipeline of one image, its tasks and results, worker processes and Dask clusters."""
