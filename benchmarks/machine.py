"""What figures were measured on, in words."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.timing import num_cores


def describe() -> str:
    """Processor, memory, versions and allocator of this machine and interpreter."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    lines = [
        f"{num_cores()} cores of {_processor()}, {_memory()}{load}",
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {_version(name)}" for name in ("tensorflow", "keras")),
        f"allocator: {os.environ.get('LD_PRELOAD') or 'the C library'}; "
        f"huge pages: {_huge_pages()}",
    ]
    return "\n".join(lines)


def _processor() -> str:
    wanted = ("model name", "cpu family", "model")
    found = _fields(Path("/proc/cpuinfo"))
    if "model name" not in found:
        return platform.processor() or platform.machine()
    name, *numbers = (f"{found.get(field, '?')}" for field in wanted)
    return f"{name} (family {numbers[0]}, model {numbers[1]})"


def _memory() -> str:
    found = _fields(Path("/proc/meminfo")).get("MemTotal")
    return f"{int(found.split()[0]) / 2**20:.0f} GB" if found else "memory unknown"


def _fields(path: Path) -> dict[str, str]:
    """The first block of "name: value" lines."""
    if not path.exists():
        return {}
    lines = path.read_text().split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _huge_pages() -> str:
    path = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not path.exists():
        return "unknown"
    return path.read_text().partition("[")[2].partition("]")[0]


def _version(name: str) -> str:
    for candidate in (name, f"{name}-cpu"):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return "unknown"
