"""Files of PyTorch, read without PyTorch.

Reading order: `file` (the way in), `containers` (zip archives and streams), `pickle_reader` (a pickle to plain values),
`tensors` (storages and strides), `state_dict` (the weights among other things).
"""
