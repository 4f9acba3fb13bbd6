"""The house rules of ARCHITECTURE.md, checked by walking the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mrcnn"
FILES = sorted(PACKAGE.rglob("*.py"))
CODE = [*FILES, *sorted((ROOT / "samples").rglob("*.py"))]

FLOORS = [
    ["geometry", "quiet"],
    ["image_meta", "atomic_file", "keras_first"],
    ["config", "layers", "losses"],
    ["backbones", "heads"],
    ["network", "data", "presets"],
    ["training", "inference", "evaluation", "weights", "drawing"],
    ["report"],
    ["mask_rcnn", "compat"],
    ["model", "utils", "visualize", "parallel_model", "cli"],
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Files that share a room without a folder of their own.
ROOMMATES = {
    "knobs": "config",
    "backbone_names": "config",
    "system_knobs": "config",
    "training_knobs": "config",
    "config_checks": "config",
    "config_rules": "config",
    "structure_rules": "config",
    "network_cache": "mask_rcnn",
    "network_knobs": "mask_rcnn",
    "network_owner": "mask_rcnn",
    "detection_options": "mask_rcnn",
    "training_session": "mask_rcnn",
    "evaluation_session": "mask_rcnn",
    "network_anchors": "network",
    "network_folding": "network",
    "network_initial": "network",
    "network_layers": "network",
    "network_recompute": "network",
    "training_network": "network",
    "__main__": "cli",
}
DOORS_WITHOUT_CODE = ["model", "utils", "visualize"]

# Third parties, and the places that may import them.
HOMES = {
    "tensorflow": ["layers/tensorflow_ops.py", "training/", "data/batches.py"],
    "matplotlib": ["drawing/"],
    "h5py": ["weights/"],
    "cv2": ["geometry/resizing.py", "geometry/outlines.py", "inference/videos.py"],
    "pycocotools": [
        "geometry/masks.py",
        "geometry/mask_coding.py",
        "evaluation/coco.py",
    ],
    "imgaug": ["data/augmentation.py"],
}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return ROOMMATES.get(first, first)


def imported_modules(path: Path) -> list[str]:
    """Absolute names of all modules that a file imports, anywhere in it."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
    return modules


def imported_rooms(path: Path) -> set[str]:
    parts = [module.split(".") for module in imported_modules(path)]
    rooms = [part[1] for part in parts if part[0] == "mrcnn" and len(part) > 1]
    rooms = [ROOMMATES.get(room, room) for room in rooms]
    return {room for room in rooms if not room.startswith("__version")}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_imports_from_its_own_room_or_a_lower_floor(path):
    room = room_of(path)
    if room == "__init__":
        assert not imported_rooms(path)
        return
    assert room in FLOOR_OF, f"{room} has no floor in ARCHITECTURE.md"
    for other in imported_rooms(path) - {room}:
        assert other in FLOOR_OF, f"{name_of(path)} imports unknown mrcnn.{other}"
        message = f"{name_of(path)} (floor {FLOOR_OF[room]}) imports mrcnn.{other}"
        both_doors = {room, other} <= set(FLOORS[-1])
        assert both_doors or FLOOR_OF[other] < FLOOR_OF[room], message


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_third_parties_are_imported_at_home_only(path):
    for module in imported_modules(path):
        homes = HOMES.get(module.split(".")[0])
        if homes is not None:
            assert name_of(path).startswith(tuple(homes)), f"{module} is not at home"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_config_is_read_from_the_assembly_upwards(path):
    room = room_of(path)
    if room in ("config", "__init__") or FLOOR_OF[room] >= FLOOR_OF["network"]:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        reads = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if reads and node.value.id in ("config", "Config"):
            message = f"{name_of(path)}:{node.lineno} reads config.{node.attr}"
            assert not node.attr.isupper(), message


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_over_400_lines_and_no_function_over_60(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = [part for part in node.body if not is_docstring(part)]
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 60, f"{node.name} has {length} lines"


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@pytest.mark.parametrize("door", DOORS_WITHOUT_CODE)
def test_doors_hold_no_code(door):
    path = PACKAGE / f"{door}.py"
    if not path.exists():
        pytest.skip(f"{door} is not built")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.FunctionDef | ast.ClassDef)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/**/__init__.py")), ids=name_of)
def test_the_init_of_a_room_is_its_docstring(path):
    first, *others = ast.parse(path.read_text(encoding="utf-8")).body
    assert is_docstring(first)
    # A door is a name to import from, also where it is a room.
    is_door = room_of(path) in FLOORS[-1]
    assert all(is_door and isinstance(one, ast.ImportFrom) for one in others)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_file_has_its_test_file(path):
    name = name_of(path)
    if path.name in ("__init__.py", "__main__.py") or room_of(path) in FLOORS[-1]:
        return
    mirror = ROOT / "tests" / Path(name).parent / f"test_{path.name}"
    assert mirror.exists(), f"{mirror.relative_to(ROOT)} is missing"


def test_every_module_begins_with_a_docstring():
    for path in CODE:
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), path.name
