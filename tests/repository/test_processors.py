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
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "AVX2")
    return seen


@pytest.mark.parametrize(("ci", "passes"), [("", True), ("true", False)])
def test_without_an_emulator_that_is_said_and_fails_in_ci(
    monkeypatch, capsys, commands, ci, passes
):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(processors.shutil, "which", lambda name: None)
    assert processors.main(quick=False) is passes
    assert len(commands) == 5
    assert "No qemu-x86_64, so max is not emulated" in capsys.readouterr().out


def test_the_quick_run_holds_torch_to_the_kernels_of_lesser_processors(commands):
    assert processors.main(quick=True)
    assert [env["PROCESSOR"] for _, env in commands] == ["AVX2", "DEFAULT"]
    for command, env in commands:
        assert any(part.endswith("test_lstm_dtypes.py") for part in command)
        assert {"ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA"} <= env.keys()


def test_all_of_it_adds_two_threads_and_emulated_processors(commands):
    assert processors.main(quick=False)
    told = [(env.get("PROCESSOR"), env["OMP_NUM_THREADS"]) for _, env in commands]
    assert told == [
        *2 * [("AVX2", "1")], *2 * [("DEFAULT", "1")], (None, "2"), ("AVX2", "1"), ("DEFAULT", "1")
    ]  # fmt: skip
    for (command, _), processor in zip(commands[5:], ("max", "Nehalem"), strict=True):
        assert any(f"python=qemu-x86_64 -cpu {processor} " in part for part in command)


def test_a_processor_without_avx_is_not_held_to_more_than_it_has(monkeypatch, commands):
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT")
    assert processors.main(quick=True)
    assert [env["PROCESSOR"] for _, env in commands] == ["DEFAULT"]


def test_other_architectures_are_left_alone(monkeypatch, capsys, commands):
    monkeypatch.setattr(processors.platform, "machine", lambda: "arm64")
    assert processors.main(quick=True)
    assert commands == []
    assert "On arm64" in capsys.readouterr().out


@pytest.mark.parametrize("quick", [True, False])
def test_a_run_that_fails_fails_the_whole(monkeypatch, commands, quick):
    codes = iter([0, 1, 0, 0, 0, 0, 0])
    monkeypatch.setattr(
        processors.subprocess, "run", lambda c, env: subprocess.CompletedProcess(c, next(codes))
    )
    assert not processors.main(quick)


def test_the_chapters_on_other_tasks_run_as_on_lesser_processors(commands):
    assert processors.main(quick=False)
    named = [[part.rpartition("/")[2] for part in command] for command, _ in commands]
    pages = [f"{name}.ipynb" for name in processors.PAGES]
    assert [names[-4:] == pages for names in named] == [False, True, False, True, *3 * [False]]
    assert all(processors.BOOK.joinpath(page).exists() for page in pages)
    assert ["tasks" in names for names in named] == [True, False, True, False, True, False, False]
