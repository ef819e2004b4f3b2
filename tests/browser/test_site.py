"""The site of `make docs`, opened as files: what takes the place of the worker of its search."""

from __future__ import annotations

import shutil

import pytest

from tests.browser.pages import ROOT

pytestmark = pytest.mark.browser

# As the theme has it: a script that answers messages, and a page that asks before it is there.
WORKER = "addEventListener('message', ({ data }) => postMessage({ twice: 2 * data.number }));"
PAGE = """<!doctype html><meta charset="utf-8"><script src="iframe-worker.js"></script>
<body><script>
  const worker = new Worker(new URL("worker.js", location.href));
  const answers = [];
  worker.addEventListener("message", ({ data }) => answers.push(data.twice));
  worker.postMessage({ number: 1 });
  worker.postMessage({ number: 2 });
</script>"""


def test_a_page_that_is_a_file_gets_the_answers_of_its_worker_in_order(browser, tmp_path):
    shutil.copy(ROOT / "scripts" / "iframe-worker.js", tmp_path)
    (tmp_path / "worker.js").write_text(WORKER)
    (tmp_path / "page.html").write_text(PAGE)
    page = browser.new_page()
    try:
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_function("answers.length === 2")
        page.evaluate("worker.postMessage({ number: 3 })")
        page.wait_for_function("answers.length === 3")
        assert page.evaluate("answers") == [2, 4, 6]
        assert page.locator("iframe").count() == 1
        assert not page.locator("iframe").is_visible()
        assert wrong == []
    finally:
        page.close()


def test_a_page_of_a_server_keeps_the_browser_s_own_workers(browser):
    page = browser.new_page()
    try:
        page.route("http://site.invalid/", lambda route: route.fulfill(body="<!doctype html>"))
        page.goto("http://site.invalid/")
        page.add_script_tag(path=ROOT / "scripts" / "iframe-worker.js")
        assert "[native code]" in page.evaluate("Worker.toString()")
    finally:
        page.close()
