"""The system's Chromium, driven from Python by Playwright, which never fetches one of its own.

The browser is the first of `NAMES` on the search path, or the one that `SER_CHROMIUM` names.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from ser_lib.core.errors import BookError

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (  # no window, no graphics card, and no request of the browser's own
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip


@contextmanager
def chromium(*flags: str) -> Iterator:
    """Give a headless Chromium, a `Browser` of Playwright, for the thread that asks.

    It is closed afterwards. A `BookError` says why there is none.
    """
    if reason := why_not():
        raise BookError(reason)
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        program = _executable()
        try:
            browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
        except Error as error:
            reason = error.message.strip().splitlines()[0]
            raise BookError(f"the browser {program} does not start: {reason}") from error
        with browser:
            yield browser


def why_not() -> str:
    """Return why no browser can be driven and what to install, or "" if one can."""
    for module in ("playwright", "axe_playwright_python"):
        if find_spec(module) is None:
            package = module.replace("_", "-")
            return f"the package {package} is missing: pip install 'ser-lib[browser]'"
    if _executable():
        return ""
    if named := os.environ.get("SER_CHROMIUM"):
        return f"SER_CHROMIUM names {named}, which is no program: name a Chromium, or unset it"
    return (
        f"there is no browser (none of {', '.join(NAMES)}): install Debian's package chromium, "
        "or name a Chromium in SER_CHROMIUM"
    )


def _executable() -> str | None:
    named = os.environ.get("SER_CHROMIUM")
    programs = (shutil.which(name) for name in ([named] if named else NAMES))
    return next(filter(None, programs), None)
