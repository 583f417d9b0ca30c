"""The pages in a real browser: every control does what it says, with Python's numbers."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import special

import tinygrad_xent as tx
from tinygrad_xent.draw.widths import text_width

pytest.importorskip("playwright", reason="the extra browser")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Open HTML from a file; whatever the page complains of, or asks the network for, fails."""
    complaints, pages = [], []

    def open_it(html, address="", **options):
        options.setdefault("viewport", {"width": 1300, "height": 900})
        page = browser.new_page(**options)
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("file:", "about:", "data:"))
                or complaints.append(request.url)
            ),
        )
        path = Path(tmp_path, f"page{len(pages)}.html")
        path.write_text(html, encoding="utf-8")
        page.goto(path.as_uri() + address)
        return page

    yield open_it
    for page in pages:
        page.close()
    assert complaints == []


def network(rows=2):
    rng = np.random.default_rng(0)
    model = tx.nn.MLP([3, 4, 2], rng=0)
    x = tx.Tensor(rng.random((rows, 3)), name="x")
    return model, tx.cross_entropy(model(x), [0, 1][:rows])


def recorded():
    """A step after which every number is much wider than before."""
    w = tx.Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True, name="w")
    b = tx.Tensor(np.arange(20.0), requires_grad=True, name="b")
    optimizer = tx.optim.SGD([w, b], lr=0.012345)
    with tx.record() as tape:
        loss = ((w * -1e-9).sum() + w.sum() + (w * 123456.7).sum()) * b.sum()
        loss.backward()
        optimizer.step()
    return tape


def long_road():
    z = tx.Tensor(np.array([[2.0, 1.0, -0.1]]), requires_grad=True, name="z")
    return z, tx.unfused_cross_entropy(z, [1])


def cell(page, id, row="grad", pane="s0p0"):
    """What the cells of a node read."""
    script = """id => [...document.querySelectorAll(`[id="${id}"] text.cell`)]
        .filter(t => getComputedStyle(t).visibility === "visible").map(t => t.textContent)"""
    return page.evaluate(script, f"{pane}-a_{id}-{row}-cells")


def dash(page, id, row="grad"):
    script = """id => { const d = document.querySelector(`[id="${id}"] .dash`);
        return d !== null && getComputedStyle(d).display !== "none"; }"""
    return page.evaluate(script, f"s0p0-a_{id}-{row}-cells")


def texts(array):
    return [f"{x:.3g}" if x != int(x) else str(int(x)) for x in np.asarray(array).ravel()]


def step(page):
    return page.evaluate("player.step")


def about(page, selector):
    """The text of a part of the explanation, which follows a step with the next frame."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.inner_text(f"#about {selector}")


def test_the_arrow_goes_through_all_steps_to_pythons_numbers(open_page):
    z, loss = long_road()
    player = tx.play(loss)
    page = open_page(player.html)
    for k, moment in enumerate(player.steps):
        assert step(page) == k
        assert page.inner_text("#say") == moment.sentence
        page.keyboard.press("ArrowRight")
    assert step(page) == len(player.steps) - 1
    loss.backward()
    q = special.softmax(z.data)
    assert cell(page, "t0") == texts(q - [[0, 1, 0]]) == texts(z.grad)
    assert cell(page, f"t{len(player.steps[0:0]) + 11}", "value") == texts(loss.item())


def test_every_leaf_of_a_network_ends_with_its_gradient(open_page):
    model, loss = network()
    player = tx.play(loss, names=dict(model.named_parameters()))
    page = open_page(player.html)
    page.keyboard.press("End")
    loss.backward()
    names = page.evaluate("Object.entries(player.panes[0].tensors).map(([id, t]) => [t.n, id])")
    ids = dict(names)
    for name, parameter in model.named_parameters():
        assert cell(page, ids[name]) == texts(parameter.grad)


def test_going_back_ends_where_it_began(open_page):
    _, loss = network()
    page = open_page(tx.play(loss).html)
    state = """[...document.querySelectorAll('svg *')].map(e => (e.getAttribute('class') || "") +
        (e.children.length ? "" : e.textContent)).join() + $("say").innerText"""
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    before = page.evaluate(state)
    page.keyboard.press("End")
    assert page.evaluate(state) != before
    for _ in range(100):
        page.keyboard.press("ArrowLeft")
    assert step(page) == 0
    assert page.evaluate(state) == before


def test_not_computed_is_a_dash_and_not_0(open_page):
    _, loss = long_road()
    page = open_page(tx.play(loss).html)
    assert dash(page, "t0")
    assert dash(page, "t2", "value")
    assert cell(page, "t0") == []
    assert cell(page, "t0", "value") == ["2", "1", "-0.1"]
    page.keyboard.press("End")
    assert not dash(page, "t0")


def test_an_array_too_large_to_list_has_its_dash_and_its_hook(open_page):
    w = tx.Tensor(np.repeat([[-1.0], [1.0]], 300, axis=1), requires_grad=True, name="w")
    w.register_hook(lambda g: g * 0.5)
    loss = (w * w).sum()
    loss.backward()
    page = open_page(tx.play(loss).html, "#at=t0")
    assert dash(page, "t0")
    page.keyboard.press("End")
    assert not dash(page, "t0")
    assert cell(page, "t0")[0].split() == ["min", "-1", "mean", "0", "max", "1"]
    assert "as its hook left it: " in about(page, "p:has-text('gradient, ')")
    page.keyboard.press("ArrowLeft")
    assert cell(page, "t0")[0].split() == ["min", "-2", "mean", "0", "max", "2"]
    assert "before its hook: " in about(page, "p:has-text('gradient, ')")


def test_a_sum_grows_term_by_term(open_page):
    x = tx.Tensor(np.array([3.0, 1.0]), requires_grad=True, name="x")
    player = tx.play((x * x).sum())
    page = open_page(player.html)
    terms = [k for k, moment in enumerate(player.steps) if moment.kind == "acc"]
    seen = []
    for k in terms:
        page.evaluate(f"player.go({k})")
        label = page.text_content('[id="s0p0-a_t0-grad-label"]').strip()
        seen.append((label, cell(page, "t0")))
    assert seen == [("1 of 2 terms", ["3", "1"]), ("2 of 2 terms", ["6", "2"])]
    page.keyboard.press("End")
    assert page.text_content('[id="s0p0-a_t0-grad-label"]').strip() == "∂L/∂x"


def test_by_op_takes_fewer_steps(open_page):
    _, loss = long_road()
    player = tx.play(loss)
    page = open_page(player.html)
    page.select_option("#by", "op")
    page.evaluate("document.activeElement.blur()")
    seen = [0]
    while seen[-1] < len(player.steps) - 1:
        page.keyboard.press("ArrowRight")
        seen.append(step(page))
    assert len(seen) == len({moment.group for moment in player.steps})
    page.keyboard.press("ArrowLeft")
    assert step(page) == seen[-2]


def test_keys(open_page):
    _, loss = long_road()
    player = tx.play(loss)
    page = open_page(player.html)
    seed = next(k for k, moment in enumerate(player.steps) if moment.kind == "seed")
    for key, at in (
        ("End", len(player.steps) - 1),
        ("Home", 0),
        ("b", seed),
        ("ArrowLeft", seed - 1),
    ):
        page.keyboard.press(key)
        assert step(page) == at
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    page.keyboard.press("Escape")
    assert not page.is_visible("#keys")
    page.wait_for_timeout(100)  # a closed dialog says so a moment later
    page.keyboard.press("Space")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    page.keyboard.press("Space")
    assert page.get_attribute("#play", "aria-label") == "Play"


def test_buttons_and_slider(open_page):
    _, loss = long_road()
    page = open_page(tx.play(loss).html)
    last = page.evaluate("player.total - 1")
    page.click("#last")
    assert step(page) == last
    assert page.is_disabled("#next")
    page.click("#previous")
    page.click("#first")
    assert page.is_disabled("#previous")
    page.click("#next")
    assert step(page) == 1
    page.fill("#slider", "7")
    assert step(page) == 7
    wide = page.evaluate("player.panes[0].svg.getBoundingClientRect().width")
    page.click("#in")
    assert page.evaluate("player.panes[0].svg.getBoundingClientRect().width") > wide
    page.click("#fit")
    fits = "player.panes[0].svg.getBoundingClientRect().width <= innerWidth"
    assert page.evaluate(fits)


def test_playing_stops_at_the_end(open_page):
    x = tx.Tensor(3.0, requires_grad=True)
    page = open_page(tx.play(x * x).html)
    page.select_option("#speed", "4")
    page.click("#play")
    for _ in range(80):
        if step(page) == page.evaluate("player.total - 1"):
            break
        page.wait_for_timeout(100)
    assert page.get_attribute("#play", "aria-label") == "Play"


def test_a_link_leads_to_a_step_and_a_part(open_page):
    _, loss = long_road()
    page = open_page(tx.play(loss).html, "#step=9&at=t3")
    assert step(page) == 9
    assert about(page, "h2") == "counts"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash") == "#step=10&at=t3"
    page.keyboard.press("Escape")
    assert page.evaluate("location.hash") == "#step=10"


@pytest.mark.parametrize(
    "address",
    [
        *("#step=1.5", "#at=constructor", "#at=__proto__", "#step=-3", "#scene=7", "#scene=-1"),
        *("#scene=constructor", "#scene=1e99", "#pane=4&at=t0", "#pane=x", "#step=-1e999"),
    ],
)
def test_no_address_breaks_the_page(open_page, address):
    _, loss = long_road()
    page = open_page(tx.play(loss).html, address)
    page.keyboard.press("ArrowRight")
    assert step(page) in (1, 2)


def test_an_address_holds_the_example(open_page):
    html = tx.compare_xent([2.0, 1.0, -0.1], 1).html
    page = open_page(html)
    page.select_option("#preset", label="soft target")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash") == "#step=1&scene=3"
    page.evaluate("player.pick(player.panes[1], 't3')")
    address = page.evaluate("location.hash")
    assert address == "#step=1&scene=3&pane=1&at=t3"
    again = open_page(html, address)
    assert step(again) == 1
    assert again.evaluate("$('preset').selectedOptions[0].textContent") == "soft target"
    assert again.is_visible("#s3")
    assert not again.is_visible("#s0")
    assert again.evaluate("player.picked[0] === player.panes[1]")
    again.evaluate("location.hash = '#step=2'")
    again.wait_for_function("player.step === 2")
    assert again.evaluate("$('preset').value") == "0"
    assert again.is_visible("#s0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", ["player", "exhibit", "movie"])
def test_paper_is_white_and_holds_the_drawing(open_page, make, scheme):
    html = {
        "player": lambda: tx.play(long_road()[1]).html,
        "exhibit": lambda: tx.compare_xent([2.0, 1.0, -0.1], 1).html,
        "movie": lambda: moons()[1].html("moons"),
    }[make]()
    page = open_page(html, viewport={"width": 794, "height": 1000}, color_scheme=scheme)
    page.keyboard.press("End")
    says = page.inner_text("#say")
    page.click("#theme")  # chosen by hand, it is paper all the same
    page.emulate_media(media="print", color_scheme=scheme)
    style = "(selector, key) => getComputedStyle(document.querySelector(selector))[key]"
    for selector in ("body", "#say"):
        back = page.evaluate(f"({style})('{selector}', 'backgroundColor')")
        assert back == "rgb(255, 255, 255)"
    assert page.evaluate(f"({style})('body', 'color')") == "rgb(26, 26, 26)"
    assert not page.is_visible("nav")
    assert not page.is_visible("#theme")
    assert page.inner_text("#say") == says
    assert page.is_visible("#say")
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    for svg in page.query_selector_all(".scene:not([hidden]) .view > svg, .flat .view > svg"):
        box = svg.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 794


@pytest.mark.parametrize("name", ["a/b", "f(x)", "w = 3;", "<b>x</b>", "x, y", "0.weight", "[i]"])
def test_any_name_stays_whole_in_a_formula(open_page, name):
    a = tx.Tensor(np.array([2.0, 3.0]), requires_grad=True, name=name)
    page = open_page(tx.play((a * 4.0).sum()).html)
    page.keyboard.press("End")
    page.focus('[id="s0p0-t0-o0-0-back"]')
    page.keyboard.press("Enter")
    joined = "_".join(name.split())
    below = "all => all.map(f => f.children[1].textContent)"
    assert set(page.eval_on_selector_all(".stages mfrac", below)) == {"∂" + joined, "∂multiply"}
    page.focus('[id="s0p0-t0"]')
    page.keyboard.press("Enter")
    assert page.eval_on_selector_all("#about mfrac", below) == ["∂" + joined]
    assert page.inner_text("#about h2") == name


def test_a_hook_is_a_step_of_its_own(open_page):
    w = tx.Tensor(np.array([1.0, -2.0]), requires_grad=True, name="w")
    w.register_hook(lambda g: g.clip(-1, 1))
    loss = (w * w).sum()
    loss.backward()
    page = open_page(tx.play(loss).html, "#at=t0")
    page.keyboard.press("End")
    assert page.inner_text("#say") == "A hook of w changes ∂L/∂w: [2 -4] becomes [1 -1]."
    assert cell(page, "t0") == ["1", "-1"]
    assert "as its hook left it" in about(page, "p:has-text('gradient, as') >> nth=0")
    says = "– finite differences: not comparable: a hook changed this gradient"
    assert about(page, ".chip") == says
    page.keyboard.press("ArrowLeft")
    assert cell(page, "t0") == ["2", "-4"]
    assert about(page, ".array:has-text('before its hook') table").split() == ["2", "-4"]


def test_numbers_are_written_as_python_writes_them(open_page):
    numbers = [0.0, -0.0, 7.0, -1234.0, 1234.5, 147000.0, 9999.7, 123456.7, 0.00012345, 1.5e-5]
    numbers += [-2.5e-300, 1e100, 0.67123, 99.95, 999.6, 0.09996]
    page = open_page(tx.play(long_road()[1]).html)
    wanted = [f"{int(x)}" if abs(x) < 1e4 and x == int(x) else f"{x:.3g}" for x in numbers]
    assert page.evaluate("all => all.map(digits)", numbers) == wanted


def test_what_is_not_finite_is_not_asked_for(open_page):
    x = tx.Tensor(np.array([0.0, 0.0]), requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        player = tx.play(tx.log(x).sum())
    page = open_page(player.html)
    asked = page.evaluate("""() => {
      const pane = player.panes[0], found = [];
      pane.moments.forEach((moment, at) => {
        if (moment[0] === "vjp" && moment[1].startsWith("t0"))
          for (const k of [0, 1, 2, 3, 4, 5]) found.push(player.quiz.question(pane, moment, k));
      });
      return found;
    }""")
    assert len(asked) == 6
    assert all(q is None or q["right"] == "(2,)" for q in asked)


def test_an_edge_is_explained_in_stages(open_page):
    z = tx.Tensor(np.array([[2.0, 1.0, -0.1]]), requires_grad=True, name="z")
    loss = tx.cross_entropy(z, [1])
    page = open_page(tx.play(loss).html)
    page.keyboard.press("End")
    page.focus('[id="s0p0-t0-o0-0-back"]')
    page.keyboard.press("Enter")
    assert page.locator(".stages b").all_inner_texts() == [
        "symbols",
        "ḡ put in",
        "local derivative put in",
        "result",
    ]
    formulas = page.eval_on_selector_all(".stages math", "all => all.map(m => m.ariaLabel)")
    assert formulas[0] == "∂L/∂z = ḡ (q - p) / N,  ḡ = ∂L/∂L,  p = y0"
    assert formulas[3] == "∂L/∂z = [0.671 -0.753 0.0822]"
    assert page.locator(".stages mfrac").count() >= 4


def test_an_element_of_a_matrix_shows_the_row_and_the_column_that_made_it(open_page):
    a = tx.Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True, name="a")
    b = tx.Tensor(np.array([[5.0, 6.0], [7.0, 8.0]]), requires_grad=True, name="b")
    loss = ((a @ b) * np.array([[1.0, 10.0], [100.0, 1000.0]])).sum()
    page = open_page(tx.play(loss, names={"a": a, "b": b}).html)
    page.keyboard.press("End")
    page.locator('[id="s0p0-o0"]').click()  # matmul: an element of the result
    page.get_by_role("button", name="[1, 0] = ").click()
    marked = "all => all.map(x => [...x.querySelectorAll('.marked')].map(y => y.textContent))"
    assert page.eval_on_selector_all("#about .gridbox", marked) == [["3", "4"], ["5", "7"], ["43"]]
    page.focus('[id="s0p0-t0-o0-0-back"]')  # what goes to a
    page.keyboard.press("Enter")
    page.get_by_role("button", name="what goes to a [1, 0] = ").click()
    # ∂L/∂a[1, 0] = 100 × 5 + 1000 × 6: the second row of ḡ, the first row of b.
    assert "100 × 5 + 1000 × 6 = 6500" in page.inner_text("#about").replace("\n", " ")
    grids = page.eval_on_selector_all("#about .gridbox", marked)
    assert grids == [["6500"], ["100", "1000"], ["5", "6"]]


def test_the_explanation_tells_nothing_in_advance(open_page):
    _, loss = long_road()
    page = open_page(tx.play(loss).html, "#at=t3")
    assert "Its value is not computed yet." in about(page, "p >> nth=2")
    page.focus('[id="s0p0-t2-o2-0-back"]')
    page.keyboard.press("Enter")
    assert page.locator(".stages b").all_inner_texts() == ["symbols"]
    page.keyboard.press("End")
    assert about(page, ".stages").count("\n") > 3
    assert page.locator(".stages b").all_inner_texts()[-1] == "result"


def test_leaving_a_question_closes_it(open_page):
    _, loss = long_road()
    page = open_page(tx.play(loss).html)
    page.click("#predict")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("b")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#quiz")
    page.click("#last")
    assert not page.is_visible("#quiz")
    page.keyboard.press("ArrowLeft")
    assert step(page) == page.evaluate("player.total - 2")


def test_predicting_before_seeing(open_page):
    x = tx.Tensor(np.array([2.0, -3.0]), requires_grad=True, name="x")
    player = tx.play((x * 4.0).sum(), names={"x": x})
    page = open_page(player.html)
    page.click("#predict")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("b")
    page.keyboard.press("ArrowRight")
    at = step(page)
    assert page.is_visible("#quiz")
    page.keyboard.press("ArrowRight")
    assert step(page) == at  # an answer first
    q = page.evaluate("""() => {
        const pane = player.panes[0], k = player.step + 1;
        return player.quiz.question(pane, pane.moments[k], k);
    }""")
    right = q.get("right", q.get("value"))
    if "options" in q:
        page.locator("#quiz .answers").get_by_role("button", name=str(right), exact=True).click()
    else:
        page.fill("#quiz input", str(right))
        page.keyboard.press("Enter")
    assert page.inner_text("#quiz [role=status]").startswith("✓ Yes")
    assert step(page) == at + 1


def test_the_check_chip(open_page):
    _, loss = long_road()
    page = open_page(tx.play(loss).html, "#at=t0")
    about(page, "h2")
    assert page.locator(".chip").count() == 0  # there is nothing to check yet
    page.keyboard.press("End")
    assert about(page, ".chip").startswith("✓ finite differences: approximate")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_button(open_page, scheme):
    _, loss = long_road()
    page = open_page(tx.play(loss).html, color_scheme=scheme)
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert (page.evaluate(brightness) > 128) == (scheme == "light")
    page.click("#theme")
    assert (page.evaluate(brightness) > 128) == (scheme == "dark")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_those_who_want_no_motion(open_page, motion):
    _, loss = long_road()
    page = open_page(tx.play(loss).html, reduced_motion=motion)
    page.keyboard.press("ArrowRight")
    moving = page.evaluate("document.getAnimations().length")
    assert (moving == 0) == (motion == "reduce")


def test_a_narrow_screen_and_touch(open_page):
    _, loss = network()
    size = {"width": 320, "height": 640}
    page = open_page(tx.play(loss).html, viewport=size, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.tap("#next")
    assert step(page) == 1
    page.evaluate("player.go(player.total - 1)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_two_players_on_one_page_do_not_meet(open_page):
    x, y = (tx.Tensor(v, requires_grad=True, name=n) for v, n in ((3.0, "x"), (5.0, "y")))
    frames = [tx.play(t * t)._repr_mimebundle_()["text/html"] for t in (x, y)]
    page = open_page(f"<!DOCTYPE html><title>two</title><body>{''.join(frames)}")
    page.wait_for_timeout(300)
    first, second = page.frames[1:]
    first.click("#last")
    assert first.evaluate("player.step") == 7
    assert second.evaluate("player.step") == 0
    second.click("h1")
    page.keyboard.press("ArrowRight")
    assert (first.evaluate("player.step"), second.evaluate("player.step")) == (7, 1)


def test_without_javascript_the_drawing_is_there(browser, tmp_path):
    _, loss = long_road()
    path = Path(tmp_path, "page.html")
    tx.play(loss).save(path)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert "The picture shows the end" in page.inner_text("#say")
    assert page.is_visible("svg")
    context.close()


def test_names_are_text(open_page):
    name = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    x = tx.Tensor([1.0, 2.0], requires_grad=True, name=name)
    page = open_page(tx.play((x * x).sum()).html)
    page.on("dialog", lambda dialog: pytest.fail("a name ran"))
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    assert about(page, "h2") == name
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", ["player", "network", "exhibit", "movie"])
def test_accessibility(open_page, make, scheme):
    html = {
        "player": lambda: tx.play(long_road()[1]).html,
        "network": lambda: tx.play(network()[1]).html,
        "exhibit": lambda: tx.compare_xent([2.0, 1.0, -0.1], 1).html,
        "movie": lambda: moons()[1].html(),
    }[make]()
    page = open_page(html, color_scheme=scheme, reduced_motion="reduce")
    for key in ("Home", "End"):
        page.keyboard.press(key)
        found = Axe().run(page).response["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"][:90] for n in v["nodes"][:3]]) for v in serious] == []


@pytest.mark.parametrize("make", ["unfused", "network", "exhibit", "update"])
def test_numbers_stay_in_their_boxes(open_page, make):
    html = {
        "unfused": lambda: tx.play(long_road()[1]).html,
        "network": lambda: tx.play(network()[1]).html,
        "exhibit": lambda: tx.compare_xent([2.0, 1.0, -0.1], [0.3, 0.3, 0.4]).html,
        "update": lambda: tx.play(recorded()).html,
    }[make]()
    page = open_page(html)
    outside = """() => {
      const bad = [];
      for (const pane of player.panes) for (const node of pane.svg.querySelectorAll(".tensor")) {
        const box = node.querySelector("rect").getBBox();
        for (const text of node.querySelectorAll("text:not(.dash)")) {
          const t = text.getBBox();
          if (!t.width) continue;
          const right = t.x + t.width, end = box.x + box.width;
          if (t.x < box.x - 1 || right > end + 1) bad.push(text.textContent);
        }
        for (const text of node.querySelectorAll("text.cell")) {
          const frame = text.previousElementSibling, t = text.getBBox();
          if (!frame || frame.tagName !== "rect" || !t.width) continue;
          const b = frame.getBBox();
          if (t.x < b.x - 1 || t.x + t.width > b.x + b.width + 1) bad.push(text.textContent);
        }
      }
      return bad;
    }"""
    for k in range(page.evaluate("player.total")):
        page.evaluate(f"player.go({k})")
        assert page.evaluate(outside) == []


@pytest.mark.parametrize("engine", ["first", "built-in"])
def test_text_is_no_wider_than_the_layout_was_told(open_page, request, engine):
    if engine == "built-in":
        request.getfixturevalue("alone")
    model = tx.nn.MLP([2, 3, 3], rng=0)
    x = tx.Tensor(np.array([[123456.7, -2.5e8], [1.0, 2.0]]), requires_grad=True, name="x")
    loss = tx.cross_entropy(model(x), [0, 2])
    loss.backward()
    svg = tx.make_dot(loss, show_saved=True).pipe(format="svg").decode()
    page = open_page(
        f"<!DOCTYPE html><meta charset=utf-8><title>t</title>{svg[svg.index('<svg') :]}"
    )
    measured = """() => document.fonts.ready.then(
      () => [...document.querySelectorAll("text")].map(t => [t.textContent,
        parseFloat(t.getAttribute("font-size")), t.getAttribute("font-weight") === "bold",
        t.getComputedTextLength()]))"""
    found = page.evaluate(measured)
    assert len(found) > 80
    for text, size, bold, width in found:
        assert width <= 1.02 * text_width(text, size, bold) + 0.5, text


def test_stepping_is_fast_with_300_nodes(open_page):
    y = x = tx.Tensor(np.linspace(0.1, 1, 3), requires_grad=True, name="x")
    for _ in range(29):
        y = tx.tanh(y * 1.01 + x) + 0.1
    player = tx.play(y.sum())
    page = open_page(player.html)
    nodes = page.evaluate("document.querySelectorAll('.node').length")
    assert 270 <= nodes <= 300
    median = page.evaluate("""() => {
      const times = [];
      for (let k = 0; k < player.total; k++) {
        const start = performance.now();
        player.go(k);
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[times.length >> 1];
    }""")
    assert median < 50  # 5 ms is the aim, which the benchmarks measure; here a quiet bound


# --- the exhibit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("z", "p"),
    [
        ([2.0, 1.0, -0.1], [0.0, 1.0, 0.0]),
        ([6.0, -2.0, -1.0], [0.0, 1.0, 0.0]),
        ([1000.0, 0.0, -1000.0], [0.0, 1.0, 0.0]),
        ([0.3, -0.2, 0.7, 5.0], [0.1, 0.2, 0.3, 0.4]),
    ],
)
def test_the_pages_arithmetic_is_pythons(open_page, z, p):
    page = open_page(tx.compare_xent([2.0, 1.0, -0.1], 1).html)
    found = page.evaluate("([z, p]) => xent(z, p)", [z, p])
    logits = tx.Tensor(np.array([z]), requires_grad=True)
    loss = tx.cross_entropy(logits, np.array([p]))
    loss.backward()
    np.testing.assert_allclose(found["q"], special.softmax(z), rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(found["loss"], loss.item(), rtol=1e-14)
    np.testing.assert_allclose(found["gradient"], logits.grad[0], rtol=1e-13, atol=1e-16)


def test_one_cursor_moves_both_roads(open_page):
    page = open_page(tx.compare_xent([2.0, 1.0, -0.1], 1).html)
    page.keyboard.press("End")
    q = special.softmax([2.0, 1.0, -0.1]) - [0, 1, 0]
    assert cell(page, "t0") == cell(page, "t0", pane="s0p1") == texts(q)
    assert page.locator("#s0p1 .bracket").count() == 1
    assert "11 ops are what the one fused op replaces" in page.text_content("#s0p1 .brackettext")


def test_the_long_road_breaks_and_the_fused_one_does_not(open_page):
    page = open_page(tx.compare_xent([2.0, 1.0, -0.1], 1).html)
    page.select_option("#preset", label="z = (1000, 0, -1000)")
    page.click("#last")
    scene = page.evaluate("scenes.indexOf(player.scene)")
    assert cell(page, "t0", pane=f"s{scene}p0") == ["1", "-1", "0"]
    assert cell(page, "t0", pane=f"s{scene}p1") == ["NaN", "NaN", "NaN"]
    assert "Inf" in page.inner_text(".counts")


def test_sliders_move_the_bars(open_page):
    page = open_page(tx.compare_xent([2.0, 1.0, -0.1], 1).html)
    page.get_by_label("logit 0").fill("-3")
    q = special.softmax([-3.0, 1.0, -0.1])
    shown = page.locator(".bar.d span").all_inner_texts()
    assert shown == texts(q - [0, 1, 0])
    assert page.locator("tfoot td").all_inner_texts()[1:] == ["1", "1", "0"]


def test_rows_of_a_batch_can_be_chosen(open_page):
    page = open_page(tx.compare_xent([2.0, 1.0, -0.1], 1).html)
    page.select_option("#preset", label="batch of two")
    page.select_option("#row", "1")
    assert page.locator(".bar.q span").all_inner_texts() == texts(special.softmax([0.0, 1.0, 3.0]))


@pytest.mark.parametrize("row", [0, 1])
def test_a_batch_has_its_n(open_page, row):
    z, y = np.array([[2.0, 1.0, -0.1], [0.0, 1.0, 3.0]]), [1, 2]
    page = open_page(tx.compare_xent(z, y).html)
    page.select_option("#row", str(row))
    q_minus_p = (special.softmax(z, axis=1) - np.eye(3)[y]) / 2
    assert page.locator(".bar.d span").all_inner_texts() == texts(q_minus_p[row])
    assert page.locator(".bars th").all_inner_texts()[4] == "(q − p) / N"
    assert page.locator("tfoot td").all_inner_texts()[1:] == ["1", "1", "0"]
    formulas = page.eval_on_selector_all("#road math", "all => all.map(m => m.ariaLabel)")
    assert page.locator("#road msup").text_content() == "qT"  # of q qᵀ
    assert formulas[-1] == f"∂L/∂z = (q - p) / N = [{' '.join(texts(q_minus_p[row]))}]"
    pull = -np.eye(3)[y][row] / special.softmax(z[row]) / 2
    assert formulas[0] == f"∂L/∂q = -p / (N q) = [{' '.join(texts(pull))}]"
    assert "a mean over N = 2 rows" in page.inner_text("#road")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("End")
    assert cell(page, "t0")[3 * row : 3 * row + 3] == texts(q_minus_p[row])  # as the graph has it


# --- the movie ------------------------------------------------------------------------------------


def moons():
    toy = tx.data.load("moons")
    model = tx.nn.MLP([2, 4, 2], rng=0)
    movie = tx.draw.Movie(model, toy.x[0], int(toy.y[0]), data=toy)
    tx.fit(model, toy, epochs=6, on_epoch=movie.take)
    return model, movie


def test_the_last_frame_of_a_movie_is_the_trained_model(open_page):
    model, movie = moons()
    page = open_page(movie.html("moons"))
    first = page.inner_text("#say")
    page.keyboard.press("End")
    assert page.inner_text("#count") == "epoch 6"
    assert page.inner_text("#say") != first
    weights = dict(model.named_parameters())["0.bias"].data
    ids = [k for k, node in enumerate(movie.names) if node == "0.bias"]
    script = "id => [...document.querySelectorAll(`[id='${id}'] text`)].map(t => t.textContent)"
    assert page.evaluate(script, f"m-a_t{ids[0]}-value-cells") == texts(weights)
    assert page.is_visible("#map")
    page.keyboard.press("Home")
    assert page.inner_text("#say") == first


@pytest.mark.parametrize("scale", [1.0, 12345.678, 1e-7, 147000.0, 1e15])
def test_the_axis_of_a_movie_has_room_for_its_numbers(open_page, scale):
    _, movie = moons()
    for frame in movie.frames:
        frame["losses"] = [loss * scale for loss in frame["losses"]]
    page = open_page(movie.html("moons"))
    lefts = page.eval_on_selector_all(
        ".curve text[text-anchor=end]", "all => all.map(t => t.getBBox().x)"
    )
    assert len(lefts) == 3
    assert min(lefts) >= 0
    x = "document.querySelector('.curve .rule').getBBox().x"
    assert page.evaluate(x) == page.evaluate("movie.x(0)")
