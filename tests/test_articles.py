"""Every claim of the four articles, and ours beyond them: one test each."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from articles import rows
from articles.claims import CLAIMS

pytest.register_assert_rewrite(*(f"articles.{name}" for name in rows.MODULES.values()))
ROWS = rows.load()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.article}-{claim.key}")
def test_claim(claim):
    ROWS[claim.key].function()


def test_claims_and_rows_are_the_same():
    claims = {(f"articles.{rows.MODULES[claim.article]}", claim.key) for claim in CLAIMS}
    assert claims == {(row.module, key) for key, row in ROWS.items()}
    assert len(claims) == len(CLAIMS)


def test_each_row_has_mutations_and_none_is_stale():
    for key, row in ROWS.items():
        assert row.mutations, key
        for mutation in row.mutations:
            text = mutation.path.read_text(encoding="utf-8")
            mutated = mutation.mutated(text)
            assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(text)), mutation


def test_a_mutation_is_made_and_seen():
    tool = Path(__file__).with_name("tools") / "mutate_articles.py"
    done = subprocess.run(
        [sys.executable, tool, "-k", "minus_log_of_one_half"],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.stdout, done.returncode) == ("1 of 1 red\n", 0), done.stderr


def test_verdicts_and_shares(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).with_name("tools"))
    from mutate_articles import said_by, share_of

    def wrong():
        assert 1 + 1 == 3

    assert said_by(wrong) == "red"
    assert said_by(lambda: None) == "green"
    assert said_by(lambda: 1 / 0) == "ZeroDivisionError: division by zero"
    tasks = list(range(23))
    shares = [share_of(tasks, f"{k}/5") for k in range(1, 6)]
    assert sorted(task for share in shares for task in share) == tasks
    with pytest.raises(SystemExit, match="wanted 1/5 to 5/5"):
        share_of(tasks, "0/5")
