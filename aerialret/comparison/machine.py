"""The machine: nothing goes in, its processor, cores and GPUs come out as words."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """As in `AMD EPYC 7B13, 8 cores, no GPU`."""
    return f"{_processor()}, {_cores()}, {_gpus()}"


def _processor() -> str:
    """The model of the CPU as the system names it."""
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown processor"


def _cores() -> str:
    """The cores that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} core{'' if usable == 1 else 's'}"


def _gpus() -> str:
    import torch

    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return " and ".join(names) or "no GPU"
