from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leakhunt.target import native_build
from leakhunt.target.interpreter import Interpreter, own_interpreter
from leakhunt.target.scenario_run import ScenarioOutcome, ScenarioRun, ScenarioSpec

HERE = Path(__file__).parent

RunScenario = Callable[..., ScenarioOutcome]


@pytest.fixture(scope="session")
def own() -> Interpreter:
    return own_interpreter()


@pytest.fixture(scope="session")
def fake_agent(own: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = {"module.c": (HERE / "fake_agent" / "module.c").read_bytes()}
    library = tmp_path_factory.mktemp("agent") / "built" / "_heap.so"
    native_build._build(own, sources, library)
    return library


@pytest.fixture
def run_scenario(tmp_path: Path, own: Interpreter, fake_agent: Path) -> Iterator[RunScenario]:
    """Runs scenario text with the stand-in agent; its folders must be gone afterwards."""
    runs = tmp_path / "runs"
    runs.mkdir()

    def run(text: str, on_progress: Any = None, **options: Any) -> ScenarioOutcome:
        path = tmp_path / "tried.py"
        path.write_text(text)
        values: dict[str, Any] = {
            "cycles": 9, "warmup": 3, "timeout_s": 30.0, "settle_max_s": 10.0, "collect": True,
            "max_pause_ms": None, "birth": True, "show_output": False,
        }  # fmt: skip
        values.update(options)
        spec = ScenarioSpec(scenario=path, **values)
        with ScenarioRun(spec, own, fake_agent, runs) as started:
            outcome = started.wait(on_progress or (lambda _: None))
            for name, file in outcome.path_by_label.items():
                (tmp_path / f"{name}.copy").write_bytes(file.read_bytes())
        return outcome

    yield run
    assert list(runs.iterdir()) == []
