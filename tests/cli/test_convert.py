import pytest

from mrcnn.cli import main
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.weights.file_config import read_file_config
from tests.cli.conftest import TINY
from tests.small_configs import TinyConfig


def test_a_file_is_written_with_class_names_and_config(weights, tmp_path, capsys):
    output = tmp_path / "new" / "pets.h5"
    assert main(["convert", str(weights), str(output), "--classes", "hound,tiger"]) == 0
    found = read_file_config(output)
    assert found.class_names == ["BG", "hound", "tiger"]
    assert found.config.BACKBONE == "resnet18"
    printed = capsys.readouterr().out
    assert "weights loaded" in printed
    assert f"Wrote {output}." in printed
    before, after = MaskRCNN(config=TinyConfig()), MaskRCNN(config=TinyConfig())
    before.load_weights(weights)
    after.load_weights(output)
    pairs = zip(
        before.keras_model.get_weights(), after.keras_model.get_weights(), strict=True
    )
    assert all((one == other).all() for one, other in pairs)


def test_what_cannot_be_converted_is_said(weights, tmp_path, capsys):
    (tmp_path / "page.h5").write_text("<html>login</html>")
    output = tmp_path / "out.h5"
    assert main(["convert", str(tmp_path / "page.h5"), str(output)]) == 1
    assert "HTML page" in capsys.readouterr().err
    assert main(["convert", "nowhere.h5", str(output), *TINY]) == 1
    assert "nowhere.h5" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["convert", str(weights), str(output), "--classes", "hound"])
    assert stop.value.code == 2
    assert not output.exists()
