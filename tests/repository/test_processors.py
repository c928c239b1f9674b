"""``tools.processors``: the commands that it runs, and what it says where nothing is emulated."""

import subprocess

import pytest

from tools import processors


@pytest.fixture
def commands(monkeypatch) -> list[tuple[list[str], dict[str, str]]]:
    """The commands that were run, each with its environment; nothing runs."""
    seen = []

    def note(command, env):
        seen.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(processors.subprocess, "run", note)
    monkeypatch.setattr(processors.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(processors.shutil, "which", lambda name: name)
    return seen


@pytest.mark.parametrize(("ci", "passes"), [("", True), ("true", False)])
def test_without_an_emulator_that_is_said_and_fails_in_ci(
    monkeypatch, capsys, commands, ci, passes
):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(processors.shutil, "which", lambda name: None)
    assert processors.main(quick=True) is passes
    assert commands == []
    assert "No qemu-x86_64 for this machine" in capsys.readouterr().out


def test_workers_are_emulated_and_told_which_processor_to_find(commands):
    assert processors.main(quick=True)
    [(command, env)] = commands
    assert any("python=qemu-x86_64 -cpu max " in part for part in command)
    assert any(part.endswith("test_lstm_dtypes.py") for part in command)
    assert env["EMULATED"] == "AVX2"


def test_all_of_it_is_two_processors_lowered_kernels_and_two_threads(commands):
    assert processors.main(quick=False)
    told = [(env.get("EMULATED"), "ATEN_CPU_CAPABILITY" in env, env["OMP_NUM_THREADS"])
            for _, env in commands]  # fmt: skip
    assert told == [
        ("AVX2", False, "1"), ("DEFAULT", False, "1"), (None, True, "1"), (None, False, "2")
    ]  # fmt: skip


def test_a_run_that_fails_fails_the_whole(monkeypatch, commands):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(processors.subprocess, "run", lambda *args, **options: failed)
    assert not processors.main(quick=True)
    assert not processors.main(quick=False)
