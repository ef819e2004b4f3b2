"""An explorer without its kernel says how to have it back."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbconvert import HTMLExporter

from scripts.lab import end_kernels, go, set_theme
from tests.browser.pages import STUDY, opened, shot, until
from widgets.explorers import displayed

CELL = (
    STUDY
    + """
from widgets.explorers.explorer import Explorer

explorer = Explorer(study)
explorer.children = [explorer.status, explorer._undo]
explorer.status.summary = "an explorer, alive"
explorer
"""
)
CRASHING = (
    CELL
    + """
import os
explorer._undo.on_click(lambda _: os.kill(os.getpid(), 9))
explorer
"""
)
LONG = (
    CELL
    + """
import time
import ipywidgets as ipw
from uhscm_core.support.progress import progress_bar


def count():
    for _ in progress_bar("counting", 2000, shown=False, items=range(2000)):
        time.sleep(0.02)


begin = ipw.Button(description="Begin")
begin.on_click(lambda _: explorer._worker.submit("counting to 2,000", count))
explorer.children = [explorer.status, begin]
explorer
"""
)
COUNTING = (
    CELL
    + """
import itertools, threading, time


def count():
    for second in itertools.count():
        explorer.status.summary = f"epoch {second}"
        time.sleep(1)


threading.Thread(target=count, daemon=True).start()
explorer
"""
)
# Sockets that can be cut off: while `cut` is true, no new one reaches the kernel.
SOCKETS = """
const Real = window.WebSocket;
window.sockets = [];
window.WebSocket = class extends Real {
    constructor(url, ...rest) {
        super(window.cut ? String(url).replace('channels', 'nowhere') : url, ...rest);
        window.sockets.push(this);
    }
};
"""
pytestmark = pytest.mark.browser

# Keeps what a page sends.
LISTEN = """() => {
    window.sent = '';
    for (const socket of window.sockets) {
        const send = socket.send.bind(socket);
        socket.send = (data) => {
            window.sent += typeof data === 'string' ? data : new TextDecoder().decode(data);
            send(data);
        };
    }
}"""


def test_a_notebook_opened_again_says_how_to_have_its_explorer_back(browser, lab, saved_study):
    with opened(browser, lab, [CELL], width=1100, height=700) as page:
        again = page.locator(".uhscm-again")
        page.wait_for_selector("text=an explorer, alive")
        page.wait_for_timeout(3500)
        assert again.count() == 1
        assert not again.is_visible()
        page.locator(".jp-NotebookPanel .jp-Cell").first.click()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+s")
        page.wait_for_timeout(2000)
        end_kernels(page, lab.address)
        go(page, page.address)
        page.wait_for_selector("text=model not found")
        again.wait_for(state="visible", timeout=20_000)
        assert "an explorer, alive" in again.inner_text()
        assert "run the cells above and this one again" in again.inner_text()
        assert "everything here can be changed" not in again.inner_text()


def test_a_page_made_of_a_notebook_speaks_to_its_readers(browser):
    again = displayed._PAGE.replace("__STILL__", "<p>81 concepts</p>")
    outputs = [
        nbformat.v4.new_output("display_data", {"text/plain": "an explorer"}),
        nbformat.v4.new_output("display_data", {"text/html": again}),
    ]
    cell = nbformat.v4.new_code_cell("explorer", outputs=outputs)
    made, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    page = browser.new_page(java_script_enabled=False, offline=True)  # it asks others for scripts
    try:
        page.set_content(made, wait_until="domcontentloaded")
        box = page.locator(".uhscm-again")
        assert box.get_by_text("81 concepts").is_visible()
        assert box.locator(".reader").is_visible()
        assert not box.locator(".owner").is_visible()
    finally:
        page.close()


PLACE = """e => {
    const [own, all] = [e, e.closest('.uhscm-explorer')].map((one) => one.getBoundingClientRect());
    return [own.left - all.left, own.top - all.top, own.width];
}"""


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    with opened(browser, lab, [CRASHING], width=1100, height=700) as page:
        yield page


def test_an_explorer_whose_kernel_was_restarted_says_so(page):
    page.wait_for_selector("text=an explorer, alive")
    ended = page.locator(".uhscm-status .ended")
    assert not ended.is_visible()
    button = page.locator(".uhscm-explorer button:has-text('Undo')")
    place = button.evaluate(PLACE)
    page.click(".lm-MenuBar-itemLabel:text-is('Kernel')")
    page.click(".lm-Menu-itemLabel:text-is('Restart Kernel…')")
    page.click(".jp-Dialog button:has-text('Restart')")
    ended.wait_for(state="visible", timeout=20_000)
    assert ended.inner_text() == "The kernel was restarted: run this cell again."
    assert not page.locator(".uhscm-status .sentence").is_visible()
    assert button.evaluate("e => getComputedStyle(e).pointerEvents") == "none"
    assert button.evaluate(PLACE) == place
    page.locator(".jp-NotebookPanel .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.locator(".uhscm-status .sentence").wait_for(timeout=180_000)
    assert not ended.is_visible()


def test_an_explorer_whose_kernel_another_window_restarted_says_so(page, lab):
    page.wait_for_selector("text=an explorer, alive")
    ended = page.locator(".uhscm-status .ended")
    assert not ended.is_visible()
    restart_kernels(page, lab.address)
    page.mouse.move(0, 0)
    page.hover(".uhscm-explorer")
    ended.wait_for(state="visible", timeout=20_000)
    assert ended.inner_text() == "The kernel was restarted: run this cell again."
    page.locator(".jp-NotebookPanel .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.locator(".uhscm-status .sentence").wait_for(timeout=180_000)
    assert not ended.is_visible()


def restart_kernels(page, address):
    kernels = f"{address.partition('/lab/')[0]}/api/kernels"
    token = {"Authorization": "token " + re.findall(r"[?&]token=([^&]+)", address)[0]}
    for kernel in page.request.get(kernels, headers=token).json():
        path = f"{kernels}/{kernel['id']}/restart"
        assert page.request.post(path, headers=token, timeout=60_000).ok


def test_an_explorer_whose_kernel_crashed_says_so(page):
    page.wait_for_selector("text=an explorer, alive")
    page.click(".uhscm-explorer button:has-text('Undo')")
    ended = page.locator(".uhscm-status .ended")
    ended.wait_for(state="visible", timeout=20_000)
    assert ended.inner_text() == "The kernel was restarted: run this cell again."
    assert not page.locator(".uhscm-status .sentence").is_visible()
    page.click(".jp-Dialog button:has-text('Ok')")


def test_what_takes_long_says_how_long_and_is_canceled(browser, lab, saved_study):
    with opened(browser, lab, [LONG], width=1100, height=700) as page:
        cancel = page.locator(".uhscm-status .cancel")
        assert not cancel.is_visible()
        before = page.locator(".uhscm-status").bounding_box()
        page.click("button:has-text('Begin')")
        page.wait_for_function(
            """() => {
                const busy = document.querySelector('.uhscm-status .busy');
                return / of 2,000, about .* left/.test(busy.textContent);
            }"""
        )
        shot(page, "cancel_light")
        set_theme(page, "dark")
        shot(page, "cancel_dark")
        what = page.locator(".uhscm-status .what")
        assert what.evaluate("e => e.scrollWidth <= e.clientWidth")  # it is whole
        assert page.locator(".uhscm-status").bounding_box() == before  # no line moves
        cancel.focus()
        page.wait_for_timeout(1500)  # it keeps the focus while the count changes
        page.keyboard.press("Enter")
        error = page.locator(".uhscm-status .error .message")
        error.wait_for()
        assert error.text_content() == (
            "counting to 2,000 was canceled; what is shown is as it was"
        )
        page.wait_for_function("() => !document.querySelector('.uhscm-status .busy').textContent")
        assert not cancel.is_visible()


def test_a_lost_connection_is_said_until_it_is_back(browser, lab, saved_study):
    with opened(browser, lab, [COUNTING], width=1100, height=700, script=SOCKETS) as page:
        sentence = page.locator(".uhscm-status .sentence")
        away = page.locator(".uhscm-status .away")
        until(page, "epoch 2")
        assert away.inner_text() == ""
        page.evaluate(LISTEN)
        page.mouse.move(0, 0)
        page.hover(".uhscm-explorer")  # a kernel that was restarted elsewhere answers as another
        page.wait_for_function("() => window.sent.includes('kernel_info_request')")
        page.evaluate("window.cut = true; window.sockets.forEach((socket) => socket.close())")
        page.wait_for_selector(".away:has-text('No connection to the kernel since')")
        assert sentence.evaluate("e => getComputedStyle(e).opacity") == "0.5"
        shot(page, "no_connection")
        before = sentence.inner_text()
        page.evaluate("window.cut = false")
        page.wait_for_function("() => !document.querySelector('.uhscm-status .away').textContent")
        page.wait_for_function(
            "before => document.querySelector('.uhscm-status .sentence').textContent !== before",
            arg=before,
        )
