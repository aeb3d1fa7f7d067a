"""Contract suites: what every implementation of a protocol keeps to."""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{suite}" for suite in ("evaluators", "operators", "portfolios", "trackers"))
)
