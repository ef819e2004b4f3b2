"""The hardware: device, threads and memory."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from uhscm_doctor.finding import BAD, WARN, Finding
from uhscm_doctor.jupyter import in_kernel
from uhscm_doctor.packages import explore, in_clone

__all__ = ["device", "memory", "threads"]

_DRIVER = Path("/proc/driver/nvidia/version")
_CGROUP = Path("/sys/fs/cgroup")


def device() -> Iterator[Finding]:
    """Check that the device that ``"auto"`` chooses computes correctly."""
    import torch

    from uhscm_core.support.devices import resolve_device

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chosen = resolve_device("auto")
    hidden = explore("CUDA_VISIBLE_DEVICES= ")
    on_cpu = f"until then run everything on the CPU: {hidden}"
    said = " ".join(str(warning.message).splitlines()[0] for warning in caught)
    if chosen.type == "cpu":
        if not (said or _DRIVER.exists()):
            yield Finding("device", "the CPU")
            return
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs only"
        found = f"the CPU; torch {torch.__version__}, built for {built}, cannot use the NVIDIA GPU"
        fix = "update the GPU's driver, or install a torch built for this driver"
        yield Finding("device", f"{found}. {said}".rstrip(". "), WARN, fix)
        return
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "Apple GPU"
    a = torch.rand(64, 64, generator=torch.Generator().manual_seed(0))
    try:
        right = torch.allclose((a.to(chosen) @ a.to(chosen)).cpu(), a @ a, rtol=1e-2)
    except RuntimeError as error:
        fix = f"update its driver, or install a torch built for it; {on_cpu}"
        said = (str(error).splitlines() or [""])[0]
        yield Finding("device", f"{name} does not compute: {said}", BAD, fix)
        return
    if not right:
        yield Finding("device", f"{name} computes a wrong product", BAD, on_cpu)
        return
    if chosen.type == "cuda":
        free, total = torch.cuda.mem_get_info(chosen)
        name = f"{name}, {free / 2**30:.1f} of {total / 2**30:.0f} GB free"
        if free < 2**30:
            fix = f"stop other programs on it (nvidia-smi), or {hidden}"
            yield Finding("device", name, WARN, fix)
            return
    yield Finding("device", f"{name}; a test product is correct")


def threads() -> Iterator[Finding]:
    """Check how many threads torch uses on how many cores, and how they wait for each other."""
    import torch

    number, cores = torch.get_num_threads(), usable_cores()
    found = f"torch uses {number}, of {cores:g} cores"
    if number > math.ceil(cores):
        fix = f"export OMP_NUM_THREADS={math.ceil(cores)} before JupyterLab starts"
        yield Finding(
            "threads", f"{found}: more threads than cores slow each other down", WARN, fix
        )
        return
    policy = os.environ.get("OMP_WAIT_POLICY", "")
    if in_kernel() and number > 1 and policy.upper() != "PASSIVE":
        fix = "export OMP_WAIT_POLICY=PASSIVE before the server starts"
        if in_clone():
            fix = f"make explore sets it; elsewhere {fix}"
        found = f"{found}; waiting threads spin, which is slow when anything else runs"
        yield Finding("threads", found, WARN, fix)
        return
    yield Finding("threads", found)


def usable_cores() -> float:
    """Return the cores of this process, by its affinity and its container's quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = float(len(os.sched_getaffinity(0)))
    else:
        cores = float(os.cpu_count() or 1)
    words = _read(_CGROUP / "cpu.max").split()
    if len(words) == 2 and words[0] != "max":
        cores = min(cores, int(words[0]) / int(words[1]))
    return cores


def memory() -> Iterator[Finding]:
    """Check the free memory of the machine and of its container."""
    free = free_memory()
    if free is None:
        yield Finding("memory", "unknown on this system; 2 GB of free memory are enough")
        return
    found = f"{free / 2**30:.1f} GB free"
    if free < 2 * 2**30:
        fix = "close other notebooks (Kernel > Shut Down All Kernels); the tour needs about 2 GB"
        yield Finding("memory", found, WARN, fix)
        return
    yield Finding("memory", found)


def free_memory() -> int | None:
    """Return the free memory in bytes, or None if the system does not report it."""
    available = [line.split() for line in _read(Path("/proc/meminfo")).splitlines()]
    bytes_free = [int(words[1]) * 1024 for words in available if words[0] == "MemAvailable:"]
    limit, used = _read(_CGROUP / "memory.max").strip(), _read(_CGROUP / "memory.current").strip()
    if bytes_free and limit.isdigit() and used.isdigit():
        bytes_free.append(int(limit) - int(used))
    return min(bytes_free, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
