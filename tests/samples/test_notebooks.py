import ast
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from mrcnn.cli.demo import ShapesConfig
from tests.samples.notebook_runner import (
    BEGINNING,
    SETTINGS,
    check_picture,
    code_cells,
    read,
    run,
    source_of,
)

SAMPLES = Path(__file__).parent.parent.parent / "samples"
NOTEBOOKS = sorted(SAMPLES.rglob("*.ipynb"))

# Small and short, and whatever the random network finds is taken.
TINY = {"IMAGE_SIDE": 64, "STEPS_PER_EPOCH": 1, "MIN_CONFIDENCE": 0.0}

# Sections whose code shows numbers or nothing.
WITHOUT_PICTURES = {
    BEGINNING,
    "Settings",
    "A config and a network",
    "Weights",
    "Detect",
    "With weights of COCO",
    "The config",
    "The dataset",
    "Train the heads",
    "Train all layers",
    "Images and network",
    "What became of the file",
    "Every weight in numbers",
    "Where to go on",
}

for_each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS]
)


def test_the_notebooks_lie_where_users_look_for_them():
    assert [path.relative_to(SAMPLES).as_posix() for path in NOTEBOOKS] == [
        "demo.ipynb",
        "inspect_data.ipynb",
        "inspect_model.ipynb",
        "inspect_weights.ipynb",
        "shapes/train_shapes.ipynb",
    ]


# --- As they are stored -----------------------------------------------------------


@for_each_notebook
def test_a_notebook_is_a_notebook_of_format_4(path):
    notebook = read(path)
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in notebook["cells"]:
        assert re.fullmatch(r"[\w-]{1,64}", cell["id"])
        expected = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            expected |= {"execution_count", "outputs"}
        assert set(cell) == expected
        assert all(isinstance(line, str) for line in cell["source"])
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)


@for_each_notebook
def test_a_notebook_is_stored_without_outputs(path):
    for cell in code_cells(read(path)):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@for_each_notebook
def test_a_notebook_explains_each_of_its_sections(path):
    cells = read(path)["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert source_of(cells[0]).startswith("# ")
    for cell in cells:
        source = source_of(cell)
        assert source.strip()
        if source.startswith("## ") and source != "## Settings":
            assert len(source.splitlines()) > 2, source


@for_each_notebook
def test_the_settings_stand_in_one_cell_before_all_other_code(path):
    tagged = [
        SETTINGS in cell["metadata"].get("tags", ()) for cell in code_cells(read(path))
    ]
    assert tagged == [True, *[False] * (len(tagged) - 1)]


@for_each_notebook
def test_the_code_keeps_to_public_names(path):
    for cell in code_cells(read(path)):
        for node in ast.walk(ast.parse(source_of(cell))):
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")
            if isinstance(node, ast.ImportFrom):
                assert not any(name.name.startswith("_") for name in node.names)


@for_each_notebook
def test_links_of_the_text_lead_to_files(path):
    text = "\n".join(
        source_of(cell)
        for cell in read(path)["cells"]
        if cell["cell_type"] == "markdown"
    )
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    for link in links:
        assert (path.parent / link).is_file(), link


def test_the_readmes_tell_of_every_notebook():
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"]({path.relative_to(SAMPLES).as_posix()})" in text


def test_the_notebooks_that_need_weights_get_them_by_the_same_cell():
    def training_cell(name):
        (cell,) = [
            source
            for source in map(source_of, code_cells(read(SAMPLES / name)))
            if "model.train" in source
        ]
        return cell

    expected = training_cell("demo.ipynb")
    assert training_cell("inspect_model.ipynb") == expected
    assert training_cell("inspect_weights.ipynb") == expected


# --- As they run ------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """train_shapes.ipynb, run; its weights serve the notebooks that load some."""
    output = tmp_path_factory.mktemp("train_shapes")
    with pytest.MonkeyPatch.context() as monkeypatch:
        return run(
            SAMPLES / "shapes/train_shapes.ipynb",
            monkeypatch,
            OUTPUT=output,
            NUM_TRAIN_IMAGES=8,
            NUM_UNSEEN_IMAGES=4,
            EPOCHS=2,
            IMAGES_PER_STEP=2,
            **TINY,
        )


@pytest.fixture
def weights(trained):
    return trained.names["model"].find_last()


@pytest.fixture
def eager_to_find(monkeypatch):
    """Detections of every class, so that a network that knows nothing finds some."""
    monkeypatch.setattr(ShapesConfig, "DETECTION_PER_CLASS", True)
    monkeypatch.setattr(ShapesConfig, "IMAGES_PER_GPU", 2)


def assert_every_stage_has_its_picture(done):
    missing = {section for section, count in done.pictures.items() if not count}
    assert missing <= WITHOUT_PICTURES


def test_train_shapes_trains_measures_and_draws(trained):
    assert_every_stage_has_its_picture(trained)
    assert len(trained.names["history"]["val_mrcnn_mask_loss"]) == 2
    assert trained.names["model"].find_last().endswith("mask_rcnn_shapes_0002.h5")
    assert 0 <= trained.names["evaluation"].coco.masks["AP"] <= 1


@pytest.mark.slow
def test_demo_trains_if_it_is_given_no_weights(tmp_path, monkeypatch, eager_to_find):
    monkeypatch.chdir(tmp_path)
    done = run(SAMPLES / "demo.ipynb", monkeypatch, EPOCHS=1, **TINY)
    assert_every_stage_has_its_picture(done)
    assert len(done.names["result"]) > 0
    written = {path.name for path in (tmp_path / "notebook_output").iterdir()}
    assert written == {"logs", "found.png", "found.json", "coco_results.json"}
    assert done.names["WEIGHTS"].endswith("mask_rcnn_shapes_0001.h5")


def test_inspect_data_draws_what_training_gets(tmp_path, monkeypatch):
    settings = {"IMAGE_SIDE": 64, "NUM_IMAGES": 8, "OUTPUT": tmp_path}
    done = run(SAMPLES / "inspect_data.ipynb", monkeypatch, **settings)
    assert_every_stage_has_its_picture(done)
    assert done.pictures["The whole dataset"] == 1
    assert done.names["dataset_report"].num_images == 8
    assert (tmp_path / "inspection.png").is_file()


def test_inspect_model_draws_every_stage_of_detection(
    tmp_path, monkeypatch, weights, eager_to_find
):
    settings = {**TINY, "WEIGHTS": weights, "OUTPUT": tmp_path, "NUM_IMAGES": 3}
    done = run(SAMPLES / "inspect_model.ipynb", monkeypatch, **settings)
    assert_every_stage_has_its_picture(done)
    names = done.names
    assert len(names["detections"]) == len(names["result"]) > 0


def test_inspect_weights_shows_them_from_all_sides(tmp_path, monkeypatch, weights):
    settings = {"IMAGE_SIDE": 64, "WEIGHTS": weights, "OUTPUT": tmp_path}
    done = run(SAMPLES / "inspect_weights.ipynb", monkeypatch, **settings)
    assert_every_stage_has_its_picture(done)
    counts = done.names["weight_counts"]
    assert sum(counts.values()) == done.names["model"].keras_model.count_params()
    assert done.names["report"].is_complete


# --- The runner itself ------------------------------------------------------------


def test_a_blank_figure_is_noticed():
    figure, axes = plt.subplots()
    with pytest.raises(AssertionError, match="nothing was drawn"):
        check_picture(figure)
    axes.plot([0, 1], [0, 1])
    check_picture(figure)
    axes.set_axis_off()
    axes.lines[0].set_color("white")
    with pytest.raises(AssertionError, match="blank"):
        check_picture(figure)
    plt.close(figure)


def test_a_setting_that_no_notebook_has_is_refused(monkeypatch):
    with pytest.raises(AssertionError, match="NUM_PICTURES"):
        run(SAMPLES / "inspect_data.ipynb", monkeypatch, NUM_PICTURES=1)
