"""The table of protocol coverage is complete and as the files are."""

from benchmarks import protocol


def test_every_rfc_of_the_catalogue_has_a_line() -> None:
    files = {path.stem for path in (protocol.SUITE / "requirements").glob("rfc*.toml")}
    assert set(protocol.DOCUMENTS) == files


def test_each_demand_is_counted_as_tested_or_listed_as_open() -> None:
    tested = set(protocol.named())
    listed = " ".join(protocol.open_requirements(tested))
    for row in filter(protocol.is_demanded, protocol.requirements("rfc3168")):
        assert (row["id"] in tested) is not (f" {row['id'].removeprefix('RFC3168-')} " in f"{listed} ")


def test_the_page_has_a_line_for_each_document() -> None:
    assert all(f"| {name} |" in protocol.page() for name in protocol.DOCUMENTS)


def test_modules_and_tests_that_are_named_exist() -> None:
    missing = []
    for name, document in protocol.DOCUMENTS.items():
        for word in document.engine_tests.replace(",", "").split():
            path = protocol.ROOT / protocol.ENGINE / word
            is_word = not ("/" in word or word in ("engine", "matrix", "linux", "host"))
            if not is_word and not (path.is_dir() or path.with_suffix(".py").exists()):
                missing.append((name, word))
        for word in document.done_in.replace(",", "").split():
            path = protocol.ROOT / "reference_stack" / word
            if "/" in word and not path.with_suffix(".py").exists():
                missing.append((name, word))
    assert missing == []
