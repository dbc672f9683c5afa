"""Files and texts to networks and back: presets, filter files, typed kernels, models, and files of other programs.

Reading order: `load` (the way in) with `file_format` and `reading`, `presets`; `toml_file` (filter files) with
`toml_layers`, `toml_filters` and `toml_weights` (a layer), `toml_tensors` (weights in a file of their own),
`batch_norm` (folded into filters), `toml_input` (input and classes) and `toml_schema` (tables); `kernel_text` (kernels
typed on the command line), `arch` (networks to train), `model` and `model_npz` (trained models).

Files of other programs: `tensor_file` (named tensors; `npy_file`, `safetensors`, `pytorch` and `keras` read them),
`weights` (tensors without a graph) with `filter_order`, `architectures` with `torchvision` (known networks);
`graph_builder` (a graph of operations to layers) for `onnx` and `keras`. `save` (the way out) with `toml_writer`,
`safetensors_writer` and `onnx.writer`.
"""

from cnnfx.formats.load import load_network
from cnnfx.formats.presets import find_presets, preset_names

__all__ = ["find_presets", "load_network", "preset_names"]
