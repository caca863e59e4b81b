import pytest

from tests.reports.tools import REQUIRE_PREFIX, require

NOWHERE = "a-program-that-nobody-has"


def test_a_missing_program_skips_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRE_PREFIX + "BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"browser needs {NOWHERE}"):
        require("browser", NOWHERE)


def test_a_missing_program_fails_where_the_feature_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_PREFIX + "BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match=f"browser needs {NOWHERE}"):
        require("browser", NOWHERE)


def test_what_is_there_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_PREFIX + "BROWSER", "1")
    require("browser", "sh", modules=("json",))
