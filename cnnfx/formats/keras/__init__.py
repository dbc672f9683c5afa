"""Files of Keras: models with their configuration, and weights, in HDF5 files.

Reading order: `model` (the way in), `config` (the description of a model), `layers` with `call`, `operations` and
`activations` (each kind of layer), `applications` (inputs that are not in the file); `weights` (the tensors by name),
`hdf5` with `hdf5_headers` and `hdf5_heaps` (untrusted HDF5 files).
"""
