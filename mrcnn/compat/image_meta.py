"""The image meta under matterport's names.

`compose_image_meta` is the package's own; parsing gives dictionaries here, where the
package has a named tuple.

Shapes: B images, C classes with background.
"""

import numpy as np

from mrcnn.geometry.arrays import Array
from mrcnn.image_meta import compose_image_meta
from mrcnn.image_meta import parse_image_meta as parse_parts

__all__ = ["compose_image_meta", "parse_image_meta", "parse_image_meta_graph"]


def parse_image_meta(meta: Array) -> dict[str, np.ndarray]:
    """The parts of metas [B, 12 + C] by name: float32 `scale`, the rest int32."""
    parts = parse_parts(np.asarray(meta))._asdict()
    dtypes = {"scale": "float32"}
    return {
        name: part.astype(dtypes.get(name, "int32")) for name, part in parts.items()
    }


def parse_image_meta_graph(meta: Array) -> dict[str, Array]:
    """The parts of a tensor [B, 12 + C] by name, in its own dtype."""
    return parse_parts(meta)._asdict()
