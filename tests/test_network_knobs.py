"""The network follows what it reads, and nothing else."""

import ast
import inspect

from mrcnn import network, network_anchors, network_layers
from mrcnn.network_knobs import ANCHOR_KNOBS, NETWORK_KNOBS


def config_reads(source):
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "config"
        and node.attr.isupper()
    }


def test_every_knob_that_the_network_reads_is_watched():
    files = (network, network_anchors, network_layers)
    reads = set().union(*(config_reads(inspect.getsource(file)) for file in files))
    assert reads == set(NETWORK_KNOBS)
    assert config_reads(inspect.getsource(network_anchors)) == set(ANCHOR_KNOBS)


def test_every_knob_is_named_once():
    assert len(set(NETWORK_KNOBS)) == len(NETWORK_KNOBS)
    assert set(ANCHOR_KNOBS) < set(NETWORK_KNOBS)
