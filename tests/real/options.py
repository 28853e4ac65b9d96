"""What `tools/test --real` is told, read in one place for install.py and main.py."""
import argparse
import dataclasses
import os
import pathlib

SOURCES = pathlib.Path(__file__).resolve().parent.parent.parent


class Skip(Exception):
    """What is needed is not there: no failure, but no test either."""


@dataclasses.dataclass(frozen=True)
class Cache:
    """Where everything is installed. Half-installed things have no mark."""

    root: pathlib.Path

    open_webui_version = "0.12.4"

    @property
    def open_webui(self):
        return self.root / f"owui-{self.open_webui_version}"

    @property
    def engine(self):
        return self.root / "engine"

    @property
    def ollama(self):
        return self.root / "ollama/bin/ollama"

    @property
    def llama_server(self):  # where Ollama looks for it too
        return self.root / "ollama/lib/ollama/llama-server"

    @property
    def model(self):
        return self.root / "models/smol.gguf"

    litellm_version = "1.108.7"

    @property
    def litellm(self):
        return self.root / f"litellm-{self.litellm_version}"

    @property
    def logs(self):
        return self.root / "logs"


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def existing(text):
    path = pathlib.Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tools/test --real", add_help=False, allow_abbrev=False,
                                     usage="tools/test --real [OPTION...] (see tools/test --real --help)")
    parser.add_argument("--engine", choices=["ollama", "llama.cpp"])
    parser.add_argument("--slots", type=positive)
    parser.add_argument("--no-host-cache", action="store_true")
    parser.add_argument("--task-server", action="store_true")
    parser.add_argument("--template", type=existing)
    parser.add_argument("--beside-the-ideal", action="store_true")
    parser.add_argument("--profile", type=existing)
    parser.add_argument("--upstreams", action="store_true")
    parser.add_argument("--rounds", type=positive, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--run-folder", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.template and options.engine != "llama.cpp":
        parser.error("--template is llama.cpp's (Ollama's models have one of their own): give --engine llama.cpp too")
    shipped = "task-model.json" if options.task_server else "one-model.json"
    options.profile = options.profile or SOURCES / "config" / shipped
    options.cache = Cache(pathlib.Path(os.environ["TASKLANE_REAL_CACHE"]))
    return options
