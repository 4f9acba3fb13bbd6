import numpy as np
from PIL import Image

from mrcnn.cli import demo, main
from tests.samples.tiny_runs import make_tiny


def test_the_demo_leaves_its_picture(monkeypatch, tmp_path, capsys):
    make_tiny(monkeypatch, demo.ShapesConfig)
    draw = demo.drawn_dataset
    monkeypatch.setattr(demo, "drawn_dataset", lambda _, seed: draw(6, seed))
    assert main(["demo", "--epochs=1", f"--output={tmp_path}"]) == 0
    assert "COCO mask AP" in capsys.readouterr().out
    picture = np.asarray(Image.open(tmp_path / "shapes.png"))
    # Three rows of two pairs of images of 256 pixels, gaps of 8 and 32 between.
    assert picture.shape == (3 * (256 + 16), 2 * (256 + 8 + 256) + 32, 3)
    assert len(list(tmp_path.glob("logs/shapes*/mask_rcnn_shapes_0001.h5"))) == 1
