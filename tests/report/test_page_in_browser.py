"""The page as a browser shows it: filters, keys, narrow windows, names that bite."""

import pytest

from mrcnn.report.reports import write_detection_report, write_evaluation_report
from tests.data.scene_dataset import SceneDataset
from tests.evaluation.drawn import rectangles
from tests.report.browser import BINARY, Browser
from tests.report.pages import GT_BOXES, SHAPE, evaluation_of, mixed_scenes
from tests.scenes import rectangle_scene

pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium is installed")

NAMES = """[...document.querySelectorAll("#gallery .card")].map(
    (card) => card.getAttribute("aria-label").split(".")[0])"""
OPEN = '["viewer", "help"].filter((id) => document.getElementById(id).open)'
COUNT = 'document.getElementById("gallery-count").textContent'
NAME = 'document.getElementById("viewer-name").textContent'
FOCUS = "document.activeElement.dataset.image"
DRAWN = 'document.querySelectorAll("#gallery svg").length'
LOOK = 'document.getElementById("gallery").scrollIntoView({behavior: "instant"});'


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(running):
    yield running
    assert running.errors == []


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    dataset, found = mixed_scenes()
    evaluation = evaluation_of(dataset, found, min_confidence=0.05)
    folder = tmp_path_factory.mktemp("page")
    return write_evaluation_report(folder, evaluation, dataset)


def value(browser, expression):
    return browser.do(f"return {expression};")


def names_at(browser, fragment):
    """The gallery after following a link within the page."""
    return browser.do(f"location.hash = '{fragment}'; await frames(); return {NAMES};")


def test_the_gallery_is_filtered_by_class_kind_and_score(browser, page):
    browser.open(page, "#kind=misplaced")
    assert value(browser, NAMES) == ["scenes 1"]
    pressed = value(
        browser, "document.querySelector('[aria-pressed=true][data-kind]').dataset.kind"
    )
    assert pressed == "misplaced"
    assert names_at(browser, "") == ["scenes 1", "scenes 2", "scenes 0", "scenes 3"]
    # The green instance found with 0.3 counts as missed where scores begin at 0.5.
    assert names_at(browser, "class=green&kind=missed") == ["scenes 0"]
    assert names_at(browser, "class=green&kind=missed&score=0.2") == []
    assert names_at(browser, "class=red&kind=missed") == ["scenes 2"]
    assert names_at(browser, "kind=any&score=0") == ["scenes 1", "scenes 2"]
    assert names_at(browser, "class=green") == ["scenes 1", "scenes 0"]


def test_the_gallery_is_ordered(browser, page):
    browser.open(page)
    assert names_at(browser, "sort=best")[0] == "scenes 3"
    assert names_at(browser, "sort=name")[:2] == ["scenes 0", "scenes 1"]
    assert names_at(browser, "sort=most")[0] == "scenes 1"
    assert value(browser, COUNT) == "4 pictures"


def test_what_matches_nothing_offers_a_way_back(browser, page):
    browser.open(page, "#kind=both")
    assert value(browser, NAMES) == []
    assert "No picture matches" in value(browser, COUNT)
    browser.do("document.querySelector('#gallery-count button').click();")
    assert len(value(browser, NAMES)) == 4


def test_filters_are_kept_in_the_address(browser, page):
    browser.open(page)
    browser.do("""
        document.querySelector('[data-kind=duplicate]').click();
        const select = document.getElementById("filter-class");
        select.value = "red";
        select.dispatchEvent(new Event("change"));
    """)
    assert value(browser, NAMES) == ["scenes 1"]
    assert value(browser, "location.hash") == "#class=red&kind=duplicate"


def test_a_kind_of_errors_leads_to_all_its_pictures(browser, page):
    browser.open(page)
    browser.do("document.querySelector('#errors tbody button').click();")
    assert value(browser, "location.hash") == "#kind=missed&score=0"
    assert value(browser, NAMES) == ["scenes 2"]


def test_pictures_are_drawn_when_they_come_near(browser, page):
    browser.open(page)
    assert value(browser, DRAWN) == 0
    browser.do(f"{LOOK} await frames();")
    assert value(browser, DRAWN) == 8


def test_keys_lead_through_the_pictures(browser, page):
    browser.open(page)
    browser.press("ArrowRight")
    assert value(browser, FOCUS) == "1"
    browser.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert value(browser, FOCUS) == "2"
    browser.press("Enter")
    assert (value(browser, OPEN), value(browser, NAME)) == (["viewer"], "scenes 2")
    assert value(browser, "location.hash") == "#image=2"
    browser.press("ArrowRight")
    assert value(browser, NAME) == "scenes 0"
    browser.press("ArrowLeft", "ArrowLeft", "ArrowLeft")  # past the first to the last
    assert value(browser, NAME) == "scenes 3"
    browser.press("Escape")
    assert (value(browser, OPEN), value(browser, FOCUS)) == ([], "3")


def test_a_key_helps(browser, page):
    browser.open(page, "#image=0")
    browser.press("?")
    assert value(browser, OPEN) == ["viewer", "help"]
    browser.press("ArrowRight")
    assert value(browser, NAME) == "scenes 0"
    browser.press("Escape")
    assert value(browser, OPEN) == ["viewer"]
    browser.press("Escape")
    assert (value(browser, OPEN), value(browser, "location.hash")) == ([], "")


@pytest.mark.parametrize(("key", "part"), [("m", "mask"), ("b", "box"), ("l", "label")])
def test_parts_of_the_drawings_are_switched_off_and_on(browser, page, key, part):
    browser.open(page, "#image=0")
    shown = f"getComputedStyle(document.querySelector('#viewer .{part}')).display"
    assert value(browser, shown) != "none"
    browser.press(key)
    assert value(browser, shown) == "none"
    assert value(browser, "location.hash").endswith("=0")
    browser.press(key)
    assert value(browser, shown) != "none"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_fits_its_window(browser, page, width, dark):
    for fragment in ("", "#image=1"):
        browser.open(page, fragment, width=width, dark=dark)
        browser.do(f"{LOOK} await frames();")
        assert value(browser, "document.documentElement.scrollWidth") <= width
    texts = "document.querySelectorAll('.chart text').length"
    assert value(browser, texts) > 40
    light = value(browser, "getComputedStyle(document.body).color") == "rgb(27, 35, 48)"
    assert light == (not dark)


def test_everything_to_press_and_every_picture_has_a_name(browser, page):
    browser.open(page, "#image=1")
    browser.do(f"{LOOK} await frames();")
    nameless = browser.do("""
        return [...document.querySelectorAll("button, select, input, img, svg")].filter(
          (one) => !(one.textContent.trim() || one.labels?.length || one.alt
            || one.getAttribute("aria-label") || one.ariaHidden)).length;
    """)
    assert nameless == 0


def test_names_that_bite_are_shown_as_they_are(browser, tmp_path):
    nasty = "<script>window.ran = 1</script>\"'&"
    other = "<img src=x onerror=window.ran=1>"
    dataset = SceneDataset([rectangle_scene(SHAPE, GT_BOXES[:1], [1])])
    dataset.class_names = ["BG", nasty, other]
    dataset.image_info[0]["path"] = "/" + nasty.replace("/", "")
    found = [rectangles([(GT_BOXES[0], 2, 0.9)], SHAPE)]
    evaluation = evaluation_of(dataset, found)
    path = write_evaluation_report(tmp_path, evaluation, dataset, title=nasty)
    browser.open(path, "#image=0")
    assert value(browser, "document.title") == nasty
    assert value(browser, "document.querySelector('h1').textContent") == nasty
    assert value(browser, NAME) == nasty.replace("/", "")
    cell = "document.querySelector('#classes tbody th').textContent"
    assert value(browser, cell) == nasty
    browser.press("Escape")
    browser.do("document.querySelectorAll('#classes tbody button')[1].click();")
    assert value(browser, "document.getElementById('filter-class').value") == other
    assert len(value(browser, NAMES)) == 1
    assert value(browser, "window.ran ?? null") is None


def test_nothing_makes_a_page_that_says_so(browser, tmp_path):
    dataset = SceneDataset([])
    path = write_evaluation_report(tmp_path, evaluation_of(dataset, []), dataset)
    browser.open(path)
    browser.press("ArrowRight", "m", "Escape")
    assert value(browser, "document.querySelectorAll('.empty').length") >= 5
    assert value(browser, "document.querySelector('#headline dd').textContent") == "–"


def test_detections_alone_have_the_same_gallery(browser, tmp_path):
    scene = rectangle_scene(SHAPE, GT_BOXES, [1, 2, 2])
    found = [
        rectangles([(GT_BOXES[0], 1, 0.9), (GT_BOXES[1], 2, 0.6)], SHAPE),
        rectangles([(GT_BOXES[2], 2, 0.5)], SHAPE, masks=False),
        rectangles([], SHAPE),
    ]
    path = write_detection_report(
        tmp_path, [scene.image] * 3, found, class_names=["BG", "red", "green"]
    )
    browser.open(path, "#class=green")
    assert value(browser, NAMES) == ["image 0", "image 1"]
    assert names_at(browser, "score=0.55") == ["image 0", "image 1", "image 2"]
    browser.do(f"{LOOK} await frames();")
    instances = "document.querySelectorAll('#gallery .instance').length"
    assert value(browser, instances) == 2
    assert names_at(browser, "sort=unsure")[0] == "image 1"
    browser.do("location.hash = 'image=2'; await frames();")
    told = "document.querySelector('#viewer-body .empty').textContent"
    assert value(browser, told) == "Nothing was detected."


def test_labels_that_would_overlap_wait_until_they_are_pointed_at(browser, tmp_path):
    dataset = SceneDataset([rectangle_scene(SHAPE, [], [])])
    near = [([30, x, 60, x + 30], 1, score) for x, score in ((20, 0.9), (24, 0.8))]
    evaluation = evaluation_of(dataset, [rectangles(near, SHAPE)])
    browser.open(write_evaluation_report(tmp_path, evaluation, dataset), "#image=0")
    hidden = """[...document.querySelectorAll("#viewer .label")].filter(
        (label) => getComputedStyle(label).display === "none").map(
        (label) => label.textContent)"""
    assert value(browser, hidden) == ["red 0.80"]
    browser.do("""
        document.querySelectorAll("#viewer tbody tr")[1].dispatchEvent(
          new MouseEvent("mouseenter"));
    """)
    assert value(browser, hidden) == []
