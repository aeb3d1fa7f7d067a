"""The lineage of a generation, found where a colleague would look for it: in MLflow's own pages."""

from __future__ import annotations

import shutil

import pytest

api = pytest.importorskip(
    "playwright.sync_api", reason="playwright drives the browser; it is in the dev extra"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 60_000


@pytest.mark.thorough
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_generation_is_found_among_the_artifacts(tmp_path):
    from mlflow import MlflowClient  # takes seconds to import, for a test that is seldom asked for

    from tests.experiments.test_tracking_outage import Server
    from tests.experiments.tracked import Tracked, searched, tracked_run

    events = searched()
    server = Server(tmp_path)
    server.start()
    try:
        run_id = Tracked(server.uri, tracked_run()).track(events)
        experiment = MlflowClient(tracking_uri=server.uri).get_run(run_id).info.experiment_id
        with api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.set_default_timeout(PATIENCE_MS)
            tab.goto(f"{server.uri}/#/experiments/{experiment}/runs/{run_id}/artifacts")
            tab.get_by_text("lineage", exact=True).first.click()
            tab.get_by_text("generation-0000.json").first.click()
            tab.get_by_role("heading", name="lineage/generation-0000.json").or_(
                tab.get_by_text("lineage/generation-0000.json", exact=True)
            ).first.wait_for()
            browser.close()
    finally:
        server.kill()
