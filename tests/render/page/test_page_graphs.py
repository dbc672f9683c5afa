"""The scripts of a page, run by Node, on networks that are graphs: they compute what Python computes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.input import Input
from cnnfx.nn.layers import ACTIVATIONS, INPUT, Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.receptive_field import receptive_field
from tests.render.page.page_helpers import page_data_of, random_image, run_in_node

JOINS = ("concat", "add", "multiply")


def random_pool(random: np.random.Generator) -> Pool:
    kind = str(random.choice(["max", "mean"]))
    if random.random() < 0.1:
        return Pool(kind, None)
    size = tuple(map(int, random.integers(1, 4, 2)))
    pads = tuple(tuple(int(random.integers(0, side)) for _ in range(2)) for side in size)
    stride = tuple(map(int, random.integers(1, 4, 2)))
    return Pool(kind, size, stride, pads, bool(random.random() < 0.5), kind == "mean" and bool(random.random() < 0.5))


def random_layer(random: np.random.Generator, name: str, shapes: dict[str, tuple[int, int, int]]) -> Layer:
    """Return a layer that reads some of the layers with these shapes."""
    join = str(random.choice(JOINS))
    first = str(random.choice(list(shapes)))
    depth, *size = shapes[first]
    others = [
        other
        for other, (count, *other_size) in shapes.items()
        if other != first and ((join == "concat" and other_size == size) or (join != "concat" and count == depth))
    ]
    if join != "concat":  # maps of 1×1 apply to all positions
        others = [other for other in others if list(shapes[other][1:]) in (size, [1, 1])]
    sources = (first, *(map(str, random.permutation(others)[: random.integers(0, 3)])))
    join = join if len(sources) > 1 else "concat"
    depth = sum(shapes[source][0] for source in sources) if join == "concat" else depth
    conv, count, names = None, depth, ()
    if random.random() < 0.6:
        groups = int(random.choice([g for g in (1, 2, depth) if depth % g == 0]))
        count = groups * int(random.integers(1, 4))
        conv = Conv(
            random.normal(size=(count, depth // groups, *random.integers(1, 4, 2))).astype("f4"),
            random.normal(size=count).astype("f4"),
            stride=int(random.integers(1, 3)),
            padding=str(random.choice(["valid", "same"])),
            groups=groups,
        )
        names = tuple(f"{name}-{index}" for index in range(count))
    combine = ()
    if random.random() < 0.15:
        of = tuple(map(int, random.permutation(count)[: random.integers(1, count + 1)]))
        combine = (
            Combination("mixed", str(random.choice(["norm", "sum", "max"])), of),
            Combination("first", "take", (0,)),
        )
    channels = len(combine) or count
    kind = str(random.choice(list(ACTIVATIONS)))
    slope = {"prelu": tuple(map(float, random.uniform(-1, 1, channels))), "leaky_relu": 0.2}.get(kind)
    response = LocalResponse(int(random.integers(1, 5)), 0.5, 0.75, 1.5) if random.random() < 0.2 else None
    pool = random_pool(random) if random.random() < 0.4 else None
    return Layer(
        conv,
        names,
        combine,
        Activation(kind, slope),
        local_response=response,
        pool=pool,
        name=name,
        sources=sources,
        join=join,
    )


def random_graph(seed: int, layers: int = 6) -> tuple[Network, Image]:
    """Return a network bound to an image's channels, and the image."""
    random = np.random.default_rng(seed)
    image = random_image(random, int(random.integers(1, 4)), *map(int, random.integers(9, 13, 2)))
    shapes = {INPUT: image.shape}
    chosen: list[Layer] = []
    while len(chosen) < layers:
        layer = random_layer(random, f"n{len(chosen)}", shapes)
        with suppress(ValueError):  # the maps are too small
            network = Network((*chosen, layer)).bind(image.channel_names)
            shapes[layer.name] = network.output_shapes(image.shape)[-1]
            chosen.append(layer)
    given = Input()
    if seed % 2:
        count = image.shape[0]
        given = Input(scale=2.0, mean=tuple(random.uniform(0, 1, count)), std=tuple(random.uniform(0.5, 2, count)))
    return Network(tuple(chosen), input=given).bind(image.channel_names), image


@pytest.fixture(scope="module")
def graphs() -> list[tuple[Network, Image]]:
    return [random_graph(seed) for seed in range(60)]


def complete(network: Network) -> Network:
    """Return the network with a last layer that reads all others, so that all are needed."""
    pooled = [
        Layer(pool=Pool("mean", None), name=f"mean of {layer.name}", sources=(layer.name,)) for layer in network.layers
    ]
    last = Layer(name="all", sources=tuple(layer.name for layer in pooled))
    return replace(network, layers=(*network.layers, *pooled, last))


def test_the_random_graphs_have_every_kind_of_layer(graphs):
    layers = [layer for network, _ in graphs for layer in network.layers]
    assert {layer.join for layer in layers if len(layer.sources) > 1} == set(JOINS)
    assert {layer.conv is None for layer in layers} == {True, False}
    assert {layer.activation.kind for layer in layers} == set(ACTIVATIONS)
    assert any(layer.local_response for layer in layers)
    pools = [layer.pool for layer in layers if layer.pool]
    assert any(pool.is_global for pool in pools)
    assert {(pool.kind, pool.ceil, pool.count_padding) for pool in pools} == {
        ("max", False, False), ("max", True, False),
        ("mean", False, False), ("mean", False, True), ("mean", True, False), ("mean", True, True),
    }  # fmt: skip
    broadcasts = 0
    for network, image in graphs:
        shapes = [image.shape, *network.output_shapes(image.shape)]
        for number, layer in enumerate(network.layers, 1):
            read = {shapes[source][1:] for source in network.sources(number)}
            broadcasts += layer.join != "concat" and len(read) > 1
    assert broadcasts


def test_maps_of_graphs_equal_those_of_python(graphs):
    networks = [complete(network).bind(image.channel_names) for network, image in graphs]
    given = [page_data_of(network, image) for network, (_, image) in zip(networks, graphs, strict=True)]
    results = run_in_node(
        """return given.map((data) => {
             const network = readNetwork(data.network), image = readImage(data.image);
             const sizes = layerSizes(network, image).map(({ height, width }) => [height, width]);
             return { sizes, maps: finish(forward(network, image)).map((maps) => Array.from(maps.values)) };
           });""",
        given,
    )
    for network, (_, image), result in zip(networks, graphs, results, strict=True):
        wanted = network.feature_maps(image.floats())
        assert [list(maps.shape[1:]) for maps in wanted] == result["sizes"][1:]
        for maps, values in zip(wanted, result["maps"][1:], strict=True):
            np.testing.assert_allclose(np.ravel(maps), values, rtol=2e-4, atol=2e-5 * float(np.abs(maps).max()) + 1e-6)


def test_each_output_of_a_graph_is_explained_by_its_arithmetic(graphs):
    networks = [complete(network).bind(image.channel_names) for network, image in graphs]
    given = [page_data_of(network, image) for network, (_, image) in zip(networks, graphs, strict=True)]
    results = run_in_node(
        """return given.map((data) => {
             const network = readNetwork(data.network), maps = finish(forward(network, readImage(data.image)));
             return network.layers.map((layer) => {
               const { channels, height, width } = maps[layer.number], found = [];
               for (let channel = 0; channel < channels; channel++) {
                 for (const [row, column] of [[0, 0], [height - 1, width - 1], [height >> 1, width >> 1]]) {
                   const trace = traceOutput(network, maps, layer.number, channel, row, column);
                   const values = (parts) => parts.map(({ value }) => value);
                   const joined = trace.filters.map(({ parts, sum }) => parts && [sum, values(parts)]);
                   found.push([channel, row, column, trace.result, joined]);
                 }
               }
               return found;
             });
           });""",
        given,
    )
    for network, (_, image), layers in zip(networks, graphs, results, strict=True):
        wanted = network.feature_maps(image.floats())
        for layer, maps, found in zip(network.layers, wanted, layers, strict=True):
            tolerance = 1e-4 * float(np.abs(maps).max()) + 1e-6
            for channel, row, column, value, joined in found:
                assert value == pytest.approx(float(maps[channel, row, column]), rel=1e-4, abs=tolerance)
                for total, parts in filter(None, joined):
                    together = {"concat": np.sum, "add": np.sum, "multiply": np.prod}[layer.join](parts)
                    assert total == pytest.approx(float(together), rel=1e-4, abs=1e-4)


def test_the_maps_that_a_channel_of_a_graph_is_computed_from_end_in_its_values_before_pooling(graphs):
    networks = [complete(network).bind(image.channel_names) for network, image in graphs]
    given = [page_data_of(network, image) for network, (_, image) in zip(networks, graphs, strict=True)]
    results = run_in_node(
        """return given.map((data) => {
             const network = readNetwork(data.network), maps = finish(forward(network, readImage(data.image)));
             return network.layers.map((layer) => layer.outputs.map((_, channel) => {
               const found = channelMaps(network, maps, layer.number, channel);
               const { filters, combined, activated, normalized } = found;
               return Array.from(normalized ?? activated ?? combined ?? filters[0].values);
             }));
           });""",
        given,
    )
    for network, (_, image), layers in zip(networks, graphs, results, strict=True):
        unpooled = [replace(layer, pool=None) for layer in network.layers]
        maps = [network.normalize(image.floats()), *network.feature_maps(image.floats())]
        for number, (layer, channels) in enumerate(zip(unpooled, layers, strict=True), 1):
            wanted = layer.forward(layer.join_inputs([maps[source] for source in network.sources(number)]))
            for plane, values in zip(wanted, channels, strict=True):
                np.testing.assert_allclose(
                    np.ravel(plane), values, rtol=2e-4, atol=2e-5 * float(np.abs(wanted).max()) + 1e-6
                )


def positive(network: Network) -> Network:
    """Return the network with positive weights and increasing activations, in which larger pixels give larger maps."""
    layers = []
    for layer in network.layers:
        conv = layer.conv and replace(layer.conv, weights=np.abs(layer.conv.weights) + 0.1, bias=0 * layer.conv.bias)
        layers.append(replace(layer, conv=conv, activation=Activation("relu"), local_response=None))
    return replace(network, layers=tuple(layers), input=Input())


def test_the_receptive_field_of_a_graph_has_the_rows_and_columns_of_all_pixels_that_change_the_output(graphs):
    networks, outputs = [], []
    for network, image in graphs[:30]:
        shape = network.output_shapes(image.shape)[-1]
        networks.append(positive(network))
        outputs.append([[channel, shape[1] // 2, shape[2] // 2] for channel in (0, shape[0] - 1)])
    given = [
        [page_data_of(network, image), output]
        for network, (_, image), output in zip(networks, graphs, outputs, strict=False)
    ]
    results = run_in_node(
        """return given.map(([data, outputs]) => {
             const network = readNetwork(data.network), image = readImage(data.image);
             const sizes = layerSizes(network, image), number = network.layers.length;
             return outputs.map((output) => receptiveField(network, sizes, image.channels, number, ...output)[0]);
           });""",
        given,
    )
    for network, (_, image), output, fields in zip(networks, graphs, outputs, results, strict=False):
        base = np.full(image.shape, 0.01, np.float64)
        images = base + 1e3 * np.eye(base.size).reshape(-1, *image.shape)
        before, after = network.feature_maps(base)[-1], network.feature_maps(images)[-1]
        for (channel, row, column), field in zip(output, fields, strict=True):
            changed = (after[:, channel, row, column] > before[channel, row, column] * 1.001).reshape(image.shape)
            channels, rows, columns = (sorted(set(indexes.tolist())) for indexes in np.nonzero(changed))
            assert (field["channels"], field["rows"], field["columns"]) == (channels, rows, columns)


def test_a_layer_that_is_not_needed_is_not_on_the_page():
    conv = Conv(np.ones((1, 1, 1, 1), "f4"), np.zeros(1, "f4"))
    layers = (
        Layer(conv, ("a",), name="a"),
        Layer(conv, ("b",), name="b", sources=("a",)),
        Layer(conv, ("c",), name="c", sources=("a",)),
    )
    image = Image("image", np.ones((1, 3, 3), np.uint8), ("gray",))
    data = page_data_of(Network(layers), image)
    assert [layer and layer["name"] for layer in data["network"]["layers"]] == ["a", None, "c"]
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              return maps.map((each) => each && each.values.length);"""
    assert run_in_node(body, data) == [9, 9, None, 9]


@pytest.mark.parametrize("value", [0.3, 0.7])
def test_maps_of_graphs_with_rounding_errors_only_are_recognized_as_in_python(value):
    edges = cnnfx.load_network("edges").layers[0]
    layers = (
        replace(edges, name="edges"),
        Layer(name="pooled", pool=Pool("mean", 3, 2, 1, True)),
        Layer(name="sum", sources=("edges", "edges"), join="add", activation=Activation("tanh")),
        Layer(name="product", sources=("edges", "sum"), join="multiply", activation=Activation("hard_swish")),
        Layer(name="both", sources=("sum", "product"), local_response=LocalResponse(3)),
    )
    image = Image("image", np.full((1, 30, 30), value, "f4"), ("gray",), True)
    network = complete(Network(layers)).bind(image.channel_names)
    numbers = range(1, len(layers) + 1)
    wanted = [feature_maps(network, image, image.channel_names, number).signal_ranges for number in numbers]
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              return signalRanges(network, maps.map(channelRanges)).slice(1)
                .map((ranges) => ranges.map(({ low, high }) => [low, high]));"""
    found = run_in_node(body, page_data_of(network, image))
    for ranges, expected in zip(found, wanted, strict=False):
        np.testing.assert_array_equal(np.array(ranges) == 0, np.array(expected) == 0)


def test_half_precision_weights_are_read_bit_for_bit():
    random = np.random.default_rng(1)
    special = [0, -0.0, 1, -2, 65504, 6e-8, -6.1e-5, np.inf, -np.inf]
    halves = np.concatenate([random.normal(size=40000), special]).astype(np.float16)
    conv = Conv(halves.astype("f4").reshape(-1, 1, 1, 1), np.zeros(len(halves), "f4"))
    image = Image("image", np.ones((1, 1, 1), np.uint8), ("gray",))
    network = Network((Layer(conv, tuple(map(str, range(len(halves))))),))
    data = page_data_of(network, image)["network"]["layers"][0]["weights"]
    assert data["type"] == "float16"
    found = run_in_node("return Array.from(new Uint32Array(decode(given).buffer));", data)
    np.testing.assert_array_equal(np.array(found, np.uint32), halves.astype("f4").view(np.uint32))


def test_the_field_of_the_squeezenet_preset_is_that_of_python():
    image = Image("image", np.zeros((3, 99, 120), np.uint8), ("red", "green", "blue"))
    network = cnnfx.load_network("squeezenet").bind(image.channel_names)
    network = network.upto(network.layer_number("fire3"))
    _, height, width = network.output_shapes(image.shape)[-1]
    body = """const network = readNetwork(given[0].network), image = readImage(given[0].image);
              const sizes = layerSizes(network, image), number = network.layers.length;
              return receptiveField(network, sizes, 3, number, ...given[1])[0];"""
    row, column, channel = height // 2, width // 2, 100  # of the filters of 3×3
    found = run_in_node(body, [page_data_of(network, image), [channel, row, column]])
    field = receptive_field(network, image.shape)
    assert found["rows"] == field.rows.indexes(row).tolist()
    assert found["columns"] == field.columns.indexes(column).tolist()


def layout_of(network: Network, image: Image):
    body = "return graphLayout(readNetwork(given.network).layers);"
    return run_in_node(body, page_data_of(network, image))


def test_branches_are_drawn_side_by_side_below_what_they_read():
    conv = Conv(np.ones((1, 1, 1, 1), "f4"), np.zeros(1, "f4"))
    layers = (
        Layer(conv, ("a",), name="stem"),
        Layer(conv, ("a",), name="left"),
        Layer(conv, ("a",), name="right", sources=("stem",)),
        Layer(name="both", sources=("left", "right")),
        Layer(name="skip", sources=("both", "input")),
    )
    image = Image("image", np.ones((1, 3, 3), np.uint8), ("gray",))
    layout = layout_of(Network(layers), image)
    places = {node["number"]: (node["row"], node["x"]) for node in layout["nodes"]}
    assert [row for row, _ in places.values()] == [0, 1, 2, 2, 3, 4]
    assert places[3][1] - places[2][1] == pytest.approx(1)
    skip = next(edge for edge in layout["edges"] if (edge["from"], edge["to"]) == (0, 5))
    assert [point["row"] for point in skip["points"]] == [0, 1, 2, 3, 4]


def test_nodes_and_edges_of_a_drawn_graph_do_not_overlap(graphs):
    for network, (_, image) in zip([complete(network) for network, _ in graphs[:20]], graphs, strict=False):
        layout = layout_of(network.bind(image.channel_names), image)
        rows: dict[int, list[float]] = {}
        for node in layout["nodes"]:
            rows.setdefault(node["row"], []).append(node["x"])
        for places in rows.values():
            assert all(np.diff(sorted(places)) > 0.999)
        for edge in layout["edges"]:
            for point in edge["points"][1:-1]:
                assert all(abs(point["x"] - place) > 0.69 for place in rows[point["row"]])


@pytest.mark.parametrize(
    ("activation", "pool"),
    [
        (Activation("prelu", (0.25, -0.5)), Pool("max", (3, 2), (2, 1), ((1, 0), (0, 1)), ceil=True)),
        (Activation("leaky_relu", 0.3), Pool("mean", 3, 2, 1, count_padding=True)),
        (Activation("hard_swish"), Pool("mean", None)),
        (Activation("softmax"), None),
    ],
    ids=["prelu", "leaky", "global", "softmax"],
)
def test_a_filter_file_that_the_page_writes_has_all_steps_of_the_layer_and_its_input(tmp_path, activation, pool):
    weights = np.random.default_rng(0).normal(size=(2, 3, 3, 3)).astype("f4")
    response = LocalResponse(3, 0.25, 0.5, 2.0)
    layer = Layer(Conv(weights, np.ones(2, "f4")), ("a", "b"), (), activation, local_response=response, pool=pool)
    network = Network((layer,), name="net", input=Input(scale=255.0, mean=(1.0, 2.5, 3.0), std=(0.5, 1.0, 2.0)))
    image = Image("image", np.ones((3, 9, 9), np.uint8), ("red", "green", "blue"))
    path = tmp_path / "copied.toml"
    body = """const network = readNetwork(given.network);
              return filterFile(network, network.layers[0], given.image.channels);"""
    path.write_text(run_in_node(body, page_data_of(network, image)), encoding="utf-8")
    loaded = cnnfx.load_network(path)
    copied = loaded.layers[0]
    assert (copied.activation, copied.pool, copied.local_response) == (activation, pool, response)
    assert (loaded.input.scale, loaded.input.mean, loaded.input.std) == (255.0, (1.0, 2.5, 3.0), (0.5, 1.0, 2.0))
    np.testing.assert_allclose(copied.conv.weights, weights, rtol=1e-6)
