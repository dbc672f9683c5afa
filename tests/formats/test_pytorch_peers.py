"""Files that PyTorch itself writes, read as PyTorch reads them; these tests need PyTorch."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnfx.formats.pytorch.file import PyTorchFile

torch = pytest.importorskip("torch")

STATE_DICTS = 5
"""How many random state dicts are compared; raise it by hand after changes of the readers."""
FLOATS = ("float64", "float32", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
NEW_TYPES = ("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2")
"""Types that are saved as storages of bytes."""
WRAPPERS = (None, None, "state_dict", "model", "net", "my_network")

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch warns about its own formats


def random_tensor(choose: random.Random) -> Any:
    """Return a tensor of a random type, shape and layout: transposed, sliced, expanded, a parameter."""
    shape = [choose.choice((1, 2, 3, 5)) for _ in range(choose.randrange(5))]
    dtype = choose.choice((*FLOATS, *FLOATS, *INTEGERS, *NEW_TYPES, "bool"))
    tensor = (torch.randn(shape) * 50).to(torch.uint8 if dtype in NEW_TYPES else getattr(torch, dtype))
    if dtype in NEW_TYPES:
        tensor = tensor.to(getattr(torch, dtype))
    for _ in range(choose.randrange(4)):
        kind = choose.choice(("permute", "slice", "step", "expand", "empty", "diagonal", "parameter"))
        axis = choose.randrange(tensor.ndim) if tensor.ndim else 0
        if kind == "permute":
            tensor = tensor.permute(choose.sample(range(tensor.ndim), tensor.ndim))
        elif kind == "slice" and tensor.ndim and tensor.shape[axis] > 1:
            tensor = tensor.narrow(axis, 1, tensor.shape[axis] - 1)
        elif kind == "step" and tensor.ndim:
            tensor = tensor[(slice(None),) * axis + (slice(None, None, 2),)]
        elif kind == "expand":
            tensor = tensor.unsqueeze(0).expand(3, *tensor.shape)
        elif kind == "empty" and tensor.ndim and choose.random() < 0.1:
            tensor = tensor.narrow(axis, 0, 0)
        elif kind == "diagonal" and tensor.ndim >= 2:
            tensor = tensor.diagonal(0, 0, 1)
        elif kind == "parameter" and dtype in FLOATS and not isinstance(tensor, torch.nn.Parameter):
            tensor = torch.nn.Parameter(tensor, requires_grad=choose.random() < 0.5)
    return tensor


def random_state_dict(choose: random.Random) -> dict[str, Any]:
    tensors = {f"layer{number}.weight": random_tensor(choose) for number in range(choose.randrange(1, 9))}
    tensors["weights"] = torch.randn(2, 3)  # what is found where the key of the wrapper is not a usual one
    first = next(iter(tensors.values()))
    tensors["tied.weight"] = first
    if first.ndim:
        tensors["view.weight"] = first.detach()[-1:]
    return tensors


def as_array(tensor: Any) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16 or str(tensor.dtype).startswith("torch.float8"):
        tensor = tensor.float()
    return tensor.numpy()


def compare(path: Path, wanted: dict[str, Any]) -> None:
    with PyTorchFile(path) as file:
        assert list(file.names) == list(wanted)
        for name, tensor in wanted.items():
            info, found, array = file.info(name), file.read(name), as_array(tensor)
            assert (info.shape, info.dtype) == (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
            assert info.nbytes == found.nbytes
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("seed", range(STATE_DICTS))
@pytest.mark.parametrize("is_archive", [True, False])
def test_random_state_dicts_are_read_as_pytorch_reads_them(tmp_path: Path, seed: int, is_archive: bool) -> None:
    choose = random.Random(seed)  # noqa: S311 # not for cryptography
    torch.manual_seed(seed)
    tensors, wrapper = random_state_dict(choose), choose.choice(WRAPPERS)
    saved: dict[str, Any] = tensors
    if wrapper:
        saved = {"epoch": 3, "rng_state": torch.get_rng_state(), wrapper: tensors, "loss": [0.5, 0.25], "note": "é"}
    torch.save(saved, tmp_path / "a.pth", _use_new_zipfile_serialization=is_archive)
    compare(tmp_path / "a.pth", tensors)


class Net(torch.nn.Module):
    """A network with tensors of every kind: parameters, buffers, submodules, one used twice, no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, (5, 3), bias=False)
        self.block = torch.nn.Sequential(torch.nn.BatchNorm2d(4), torch.nn.PReLU(4), torch.nn.Conv2d(4, 8, 1, groups=2))
        self.scale = torch.nn.Parameter(torch.randn(3))
        self.sizes = [1, 2]
        self.register_buffer("mean", torch.randn(3))

    def forward(self, x):  # TorchScript reads annotations
        return self.block(self.first(x * self.scale[:, None, None])).relu()


def saved_module(net: Net, path: Path) -> None:
    torch.save(net, path)


def saved_stream(net: Net, path: Path) -> None:
    torch.save(net, path, _use_new_zipfile_serialization=False)


def saved_parallel(net: Net, path: Path) -> None:
    torch.save({"model": torch.nn.DataParallel(net).module, "epoch": 1}, path)


def saved_script(net: Net, path: Path) -> None:
    torch.jit.save(torch.jit.script(net), path)


def saved_trace(net: Net, path: Path) -> None:
    torch.jit.save(torch.jit.trace(net, torch.zeros(1, 3, 16, 16)), path)


@pytest.mark.parametrize("save", [saved_module, saved_stream, saved_parallel, saved_script, saved_trace])
def test_pickled_and_scripted_modules_are_read_by_the_names_of_their_state_dict(
    tmp_path: Path, save: Callable[[Net, Path], None]
) -> None:
    net = Net().eval()
    save(net, tmp_path / "a.pt")
    wanted = net.state_dict()
    with PyTorchFile(tmp_path / "a.pt") as file:
        names = list(file.names)
    assert sorted(names) == sorted(wanted)  # TorchScript has the attributes in an order of its own
    compare(tmp_path / "a.pt", {name: wanted[name] for name in names})


@pytest.mark.parametrize("is_archive", [True, False])
def test_a_training_checkpoint_has_the_tensors_of_its_model(tmp_path: Path, is_archive: bool) -> None:
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(2, 3, 9, 9)).sum().backward()
    optimizer.step()
    saved = {"epoch": 4, "optimizer": optimizer.state_dict(), "model": net.state_dict(), "best": np.float64(0.5)}
    torch.save(saved, tmp_path / "a.pth", _use_new_zipfile_serialization=is_archive)
    compare(tmp_path / "a.pth", net.state_dict())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_every_binary_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    tensors = Net().state_dict()
    for is_archive in (True, False):
        torch.save(tensors, tmp_path / "a.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=is_archive)
        compare(tmp_path / "a.pth", tensors)


def test_a_view_with_a_pending_negation_is_read(tmp_path: Path) -> None:
    negated = torch.conj(torch.tensor([1 + 2j, 3 - 4j])).imag
    assert negated.is_neg()
    torch.save({"w": negated.detach()}, tmp_path / "a.pth")
    compare(tmp_path / "a.pth", {"w": negated.resolve_neg()})


@pytest.mark.networks
@pytest.mark.parametrize("name", ["mobilenet_v2.pth", "pnet.pt", "rnet.pt", "onet.pt"])
def test_networks_on_the_web_are_read_as_pytorch_reads_them(networks_folder: Path, name: str) -> None:
    compare(networks_folder / name, torch.load(networks_folder / name, weights_only=True))
